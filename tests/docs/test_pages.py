"""What the pages say is there: commands, settings, links, make targets, tables, examples."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from config import load
from console.actions import TABLE
from console.cli import perpdeck
from console.cli.invocation import Invocation
from console.keymap import shown
from engine.sim.faults import KINDS
from engine.trading.crash import CRASH_POINTS
from engine.trading.user_strategies import load_user_strategies
from tests.support.make_docs import MADE, renewed

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
DRILLS = {*KINDS, *(f"crash:{point}" for point in CRASH_POINTS)}


def blocks(text: str, *kinds: str) -> Iterator[str]:
    """Contents of fenced blocks of these kinds."""
    for kind, body in re.findall(r"^```([^\n]*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if kind in kinds:
            yield body


def commands(text: str) -> Iterator[str]:
    """Every whole `perpdeck` command of a page: lines of blocks, indented lines, and inline code."""
    text = re.sub(r" \\\n +", " ", text)  # a command goes on in the next line
    for body in blocks(text, "", "sh newcomer", "sh"):
        for line in body.splitlines():
            words = line.split("  ")[0].split(" #")[0].split(" > ")[0].removesuffix(" &").strip()
            if words.startswith(("perpdeck ", "podman run", "podman exec")):
                yield words[words.index("perpdeck ") :].removeprefix("perpdeck perpdeck").strip()
    yield from (line.strip() for line in re.findall(r"^    (perpdeck .*)$", text, re.MULTILINE))
    yield from re.findall(r"`(perpdeck [^`]+)`", text)


def parse(command: str) -> None:
    """Let the command line read a command without doing it. Raises click.UsageError."""
    words = shlex.split(re.sub(r"\[[^\]]*\]|…", "", command))[1:]
    if words and words[0] in ("/state", "perpdeck"):
        words = words[1:]
    context, current = click.Context(perpdeck, info_name="perpdeck", obj=Invocation()), perpdeck
    with context.scope(cleanup=False):
        while isinstance(current, click.Group) and words:
            _, found, words = current.resolve_command(context, words)
            assert found is not None
            current = found  # type: ignore[assignment]
        if not isinstance(current, click.Group):
            current.make_context("perpdeck", [_real(word) for word in words], parent=context)


def _real(word: str) -> str:
    """A word in capitals stands for something; numbers stand for themselves."""
    return {"DIR": "/tmp", "DATA/klines/um": "/tmp", "DATA/klines/um/15m": "/tmp", "N": "1"}.get(word, word)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_is_understood(page: Path) -> None:
    wrong = []
    for command in commands(page.read_text(encoding="utf-8")):
        try:
            parse(command)
        except click.UsageError as error:
            missing = isinstance(error, click.MissingParameter) or "does not exist" in error.message
            if not missing:  # a command may be named without what it works on
                wrong.append(f"{command}: {error.message}")
    assert wrong == []


def test_check_would_find_a_command_that_is_not() -> None:
    for command in ("perpdeck nosuch", "perpdeck status --nosuch", "perpdeck demo --mode nosuch"):
        with pytest.raises(click.UsageError):
            parse(command)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not link.startswith("http") and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_yaml_example_is_taken_by_the_settings(page: Path, tmp_path: Path) -> None:
    for body in blocks(page.read_text(encoding="utf-8"), "yaml"):
        (tmp_path / "settings.yaml").write_text(body)
        load(home=tmp_path, files=(), environment={}, working_dir=tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_named_setting_drill_target_and_file_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    defaults = yaml.safe_load((ROOT / "config" / "default.yaml").read_text())
    dotted = re.findall(r"`((?:" + "|".join(defaults) + r")\.[a-z_0-9.]+)(?::[^`]*)?`", text)
    assert [name for name in dotted if not _known(defaults, name) and not name.endswith((".py", ".yaml"))] == []
    targets = re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text()
    assert [name for name in targets if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []
    files = re.findall(r"`((?:console|engine|strategies|config|tests|docs|deploy)/[\w/.-]+)`", text)
    assert [name for name in files if not (ROOT / name).exists()] == []
    drills = re.findall(r"perpdeck drill run (\S+)", text)
    assert [name for name in drills if name.strip("`") not in DRILLS] == []


def _known(settings: object, name: str) -> bool:
    for part in name.split("."):
        if not isinstance(settings, dict) or part not in settings:
            return False
        settings = settings[part]
    return True


def test_drills_named_for_the_trader_are_drills() -> None:
    text = (ROOT / "docs" / "trader.md").read_text()
    (named,) = re.findall(r"before money is at stake: (.*?)\.\n", text, re.DOTALL)
    found = re.findall(r"`([^`]+)`", named)
    assert len(found) >= 5
    assert set(found) <= DRILLS


def test_example_strategy_loads_and_is_the_one_that_is_printed() -> None:
    file = ROOT / "docs" / "examples" / "ema_pullback.py"
    loaded, broken = load_user_strategies([file])
    assert [one.name for one in loaded] == ["ema_pullback"]
    assert broken == []
    (printed,) = blocks((ROOT / "docs" / "strategies.md").read_text(), "python")
    whole = " ".join(file.read_text().split())
    pieces = [line.strip() for line in printed.splitlines() if line.strip() not in ("", "...")]
    assert [line for line in pieces if " ".join(line.split()) not in whole] == []


def test_tables_made_from_the_program_are_current() -> None:
    found = {name for page in PAGES for name in MADE if f"<!-- {name} -->" in page.read_text(encoding="utf-8")}
    assert found == set(MADE)
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert renewed(text) == text, f"{page.name}: run python -m tests.support.make_docs"


def test_screens_are_those_of_the_walk_that_draws_them() -> None:
    walk = (ROOT / "tests" / "walks" / "test_first_minutes.py").read_text()
    drawn = set(re.findall(r'keep\(screen, f"([a-z]+)-', walk))
    kept = {file.stem for file in (ROOT / "docs" / "screens").glob("*.txt")}
    assert kept == {f"{name}-{size}" for name in drawn for size in ("140x40", "80x24")}


def titles(text: str) -> set[str]:
    """First words of what stands in the frames of a screen."""
    return set(re.findall(r"[┌╭][─ ]+([A-Z][a-z]+)", text))


@pytest.mark.parametrize("screen", sorted((ROOT / "docs" / "screens").glob("*.txt")), ids=lambda file: file.stem)
def test_screen_shows_panes_and_keys_the_program_has(screen: Path) -> None:
    drawn = [file.read_text(encoding="utf-8") for file in (ROOT / "tests" / "console" / "frames").glob("*.txt")]
    text = screen.read_text(encoding="utf-8")
    assert titles(text) <= {*(title for one in drawn for title in titles(one)), "Ticket"}
    hints = {f"{shown(action.key_list[0])} {action.label}" for action in TABLE}
    last = [part.strip() for part in text.splitlines()[-1].split("  ") if part.strip()]
    if any(part in hints for part in last):
        assert [part for part in last if part not in hints] == []
