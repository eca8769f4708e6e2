"""Settings: every problem at its place, every value with its origin, nothing lost on bad input."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import pytest

from config import ConfigError, Problem, SecretExposed, Settings, default_text, fingerprint, load
from config.document import read_yaml
from config.validate import build, schema_keys


def problems_of(tmp_path: Path, text: str, **environment: str) -> list[Problem]:
    file = tmp_path / "s.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(home=tmp_path, files=(file,), environment=environment)
    return [dataclasses.replace(problem, file=Path(problem.file).name) for problem in caught.value.problems]


def test_default_file_names_every_key_with_its_default_and_nothing_else() -> None:
    written = {key: placed.value for key, placed in read_yaml(default_text(), "default.yaml").leaves.items()}
    schema = {key: msgspec.to_builtins(default) for key, _, default in schema_keys(Settings)}
    assert {key: list(v) if isinstance(v, tuple) else v for key, v in schema.items()} == written


def test_every_line_of_the_default_file_that_sets_something_can_be_explained() -> None:
    text = default_text()
    assert read_yaml(text, "default.yaml").problems == []
    assert build(Settings, read_yaml(text, "default.yaml").leaves)[0] == Settings()


@pytest.mark.parametrize(
    ("text", "line", "column", "key", "message"),
    [
        ("risk:\n  risk_pct: -1\n", 2, 3, "risk.risk_pct", "expected a number above 0 and at most 100, was -1"),
        ("risk:\n  max_opne: 3\n", 2, 3, "risk.max_opne", "unknown key; nearest is risk.max_open"),
        ("venue: prod\n", 1, 1, "venue", "expected one of sim, paper, testnet, live, was 'prod'"),
        ("a: 1\nmode: auto\nmode: signals\n", 3, 1, "mode", "duplicate key; first at line 2"),
        ("risk: 3\n", 1, 1, "risk", "expected a mapping of settings"),
        ("- 1\n", 1, 1, "", "expected a mapping of settings"),
        ("console: {bell: 1}\n", 1, 11, "console.bell", "expected true or false, was 1"),
        ("risk: {max_open: true}\n", 1, 8, "risk.max_open", "expected a whole number 1 or more, was True"),
        ("risk: {risk_pct: 2, max_open_risk_pct: 1}\n", 1, 8, "risk.risk_pct", "one trade would exceed"),
        (
            "venue: live\nstrategies: {measures: {flow: {estimate: close_location}}}\n",
            2,
            32,
            "strategies.measures.flow.estimate",
            "is for research",
        ),
        ("exits: {tp1_share: 0.7}\n", 0, 0, "exits.tp2_share", "a runner must be left"),
    ],
)
def test_problem_is_reported_at_its_place(
    tmp_path: Path, text: str, line: int, column: int, key: str, message: str
) -> None:
    found = problems_of(tmp_path, text)
    match = [p for p in found if p.key == key and message in p.message]
    assert match, found
    if line:
        assert (match[0].line, match[0].column) == (line, column)


def test_all_problems_come_in_one_pass_and_name_their_source(tmp_path: Path) -> None:
    found = problems_of(tmp_path, "venue: x\nrisk:\n  risk_pct: 0\n", PERPDECK__SIM__SPEED="0", PERPDECK__FOO="1")
    assert {(p.file, p.key) for p in found} == {
        ("s.yaml", "venue"), ("s.yaml", "risk.risk_pct"), ("PERPDECK__SIM__SPEED", "sim.speed"),
        ("PERPDECK__FOO", "foo"),
    }  # fmt: skip


def test_broken_yaml_names_line_and_column(tmp_path: Path) -> None:
    (found,) = problems_of(tmp_path, "risk: {a: 1\nvenue: sim\n")
    assert found.line == 2
    assert "not YAML" in found.message


def test_missing_file_is_a_problem_not_a_traceback(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read"):
        load(home=tmp_path, files=(tmp_path / "none.yaml",))


def test_flags_win_over_environment_over_profile_over_file_over_default(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(
        "sim: {seed: 1, speed: 2, balance: 3}\nrisk: {max_open: 4}\n"
        "profiles:\n  fast:\n    sim: {seed: 11, speed: 12}\n"
    )
    loaded = load(
        home=tmp_path,
        files=(file,),
        profile="fast",
        environment={"PERPDECK__SIM__SEED": "21"},
        flags={"sim.speed": 32.0},
    )
    sim = loaded.settings.sim
    assert (sim.seed, sim.speed, sim.balance, loaded.settings.risk.max_open) == (21, 32.0, 3.0, 4)
    assert loaded.origin["sim.seed"].place == "PERPDECK__SIM__SEED"
    assert loaded.origin["sim.balance"].line == 1


def test_later_file_wins_key_by_key(tmp_path: Path) -> None:
    one, two = tmp_path / "1.yaml", tmp_path / "2.yaml"
    one.write_text("sim: {seed: 1, speed: 2}\n")
    two.write_text("sim: {seed: 5}\n")
    sim = load(home=tmp_path, files=(one, two)).settings.sim
    assert (sim.seed, sim.speed) == (5, 2.0)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null\n"])
def test_empty_file_overrides_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(text)
    assert load(home=tmp_path, files=(file,)).settings == Settings()


def test_settings_yaml_in_home_is_read_without_being_named(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("account: {name: desk7}\n")
    assert load(home=tmp_path).settings.account.name == "desk7"


def test_unknown_profile_lists_the_known_ones(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("profiles: {night: {mode: signals}}\n")
    with pytest.raises(ConfigError, match="unknown profile; known: night"):
        load(home=tmp_path, files=(file,), profile="day")


def test_key_remaps_are_an_open_mapping(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("console: {keys: {approve: y, reject: n}}\n")
    assert load(home=tmp_path, files=(file,)).settings.console.keys == {"approve": "y", "reject": "n"}


def test_settings_survive_dump_and_load() -> None:
    settings = Settings(venue="sim", mode="auto")
    again = msgspec.convert(msgspec.to_builtins(settings), Settings)
    assert again == settings
    assert fingerprint(again) == fingerprint(settings) != fingerprint(Settings())


def test_secrets_come_from_an_owner_only_dotenv_and_are_masked(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("PERPDECK_API_KEY=key-of-the-test\nPERPDECK__MODE=auto\n")
    env.chmod(0o600)
    loaded = load(home=tmp_path)
    assert loaded.secrets.api_key == "key-of-the-test"
    assert loaded.settings.mode == "auto"
    assert "key-of-the-test" not in repr(loaded)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_dotenv_that_others_can_read_is_refused_with_the_way_out(tmp_path: Path, mode: int) -> None:
    env = tmp_path / ".env"
    env.write_text("PERPDECK_API_KEY=x\n")
    env.chmod(mode)
    with pytest.raises(SecretExposed, match="chmod 600"):
        load(home=tmp_path)
