"""`doctor` and `explain` as a program sees them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console.cli import main


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str]:
    code = main(list(argv))
    return code, capsys.readouterr().out


def test_doctor_gives_one_json_value_with_a_line_for_each_thing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out = run(capsys, "doctor", "--home", str(tmp_path / "new"), "--json")
    value = json.loads(out)
    assert code == (0 if value["ok"] else 1)
    names = [one["name"] for one in value["findings"]]
    assert {"disk", "instance", "trading store", "history store", "terminal", "locale"} <= set(names)
    assert all(one["mend"] for one in value["findings"] if one["mark"] in ("bad", "warn"))
    assert not (tmp_path / "new" / "paper").exists()  # looking changes nothing


def test_a_damaged_database_is_red_and_says_the_way_out(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "paper"
    folder.mkdir()
    (folder / "trading.sqlite").write_bytes(b"this is no database" * 100)
    code, out = run(capsys, "doctor", "--home", str(tmp_path), "--json")
    (store,) = [one for one in json.loads(out)["findings"] if one["name"] == "trading store"]
    assert code == 1
    assert (store["mark"], bool(store["mend"])) == ("bad", True)


def test_an_exchange_that_cannot_be_reached_ends_with_nine(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text(
        "venue: testnet\nvenues:\n  testnet: {rest: 'http://127.0.0.1:9'}\nexchange: {read_attempts: 1}\n"
    )
    code, out = run(capsys, "doctor", "--online", "--home", str(tmp_path), "--json")
    assert code == 9
    (endpoint,) = [one for one in json.loads(out)["findings"] if one["name"] == "endpoint"]
    assert endpoint["mark"] == "bad"


def test_the_canary_goes_with_online_only(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["doctor", "--canary", "--home", str(tmp_path)]) == 2


def test_explain_says_what_has_happened_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "explain", "-1007", "--json")
    assert code == 0
    assert json.loads(out)["effect"] == "unknown"
    code, out = run(capsys, "explain", "SpreadTooWide")
    assert code == 0
    assert "to do:" in out
    assert run(capsys, "explain", "whatever")[0] == 2
