"""Strategies of one's own in the laboratory's commands: by file, by name, by default, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from console.cli import main
from tests.support.laboratory import folder_of

pytest.importorskip("pyarrow", reason="reading Parquet needs the research extra")

MINE = """
from engine.user import Proposal

NAME = "mine"
PARAMS = {"stop": 0.015}
TIMEFRAME = "1h"

def evaluate(snapshot):
    close = float(snapshot.frame("1h").close.iloc[-1])
    return Proposal("short", stop=close * (1 + PARAMS["stop"]), score=3.5)
"""
PLAIN = ("--workers", "1", "--no-minutes", "--draws", "0")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("own"), ("AAAUSDT",), bars=2000)


def call(capsys: pytest.CaptureFixture[str], home: Path, *args: str) -> tuple[int, Any, str]:
    code = main([*args, "--json", "--home", str(home)])
    said = capsys.readouterr()
    return code, json.loads(said.out), said.err


def desk_with(home: Path, text: str = MINE) -> None:
    (home / "mine.py").write_text(text)
    (home / "settings.yaml").write_text("user_strategies: [mine.py]\n")


def test_a_file_is_measured_without_any_settings(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "thought.py"
    file.write_text(MINE)
    asked = ("backtest", "--data", str(folder), *PLAIN, "--strategy", str(file))
    code, row, _ = call(capsys, tmp_path, *asked)
    assert code == 0
    assert list(row["by_strategy"]) == ["mine"]
    assert row["by_strategy"]["mine"]["trades"] == row["trades"] > 5
    code, both, _ = call(capsys, tmp_path, *asked, "--strategy", "break_retest")
    assert code == 0
    assert list(both["by_strategy"]) == ["break_retest", "mine"]


def test_one_in_the_settings_is_measured_by_its_name_and_with_all(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk_with(tmp_path)
    code, alone, _ = call(capsys, tmp_path, "backtest", "--data", str(folder), *PLAIN, "--strategy", "mine")
    assert code == 0
    assert list(alone["by_strategy"]) == ["mine"]
    code, every, _ = call(capsys, tmp_path, "backtest", "--data", str(folder), *PLAIN)
    assert code == 0
    assert len(every["by_strategy"]) == 8
    assert every["by_strategy"]["mine"]["trades"] > 0
    code, house, _ = call(capsys, tmp_path, "backtest", "--data", str(folder), *PLAIN, "--strategy", "break_retest")
    assert code == 0
    assert list(house["by_strategy"]) == ["break_retest"]


def test_a_file_of_the_settings_that_does_not_load_is_told_and_left_out(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk_with(tmp_path, MINE + "\ndef broken(\n")
    code, row, said = call(capsys, tmp_path, "backtest", "--data", str(folder), *PLAIN)
    assert code == 0
    assert "mine" not in row["by_strategy"]
    assert "left out mine.py:12: SyntaxError" in said


@pytest.mark.parametrize(
    ("text", "asked", "name", "told"),
    [
        (MINE, "theirs", "usage", "no strategy 'theirs'"),
        (MINE.replace('"1h"\n', '"7m"\n'), "FILE", "bad_strategy", "TIMEFRAME must be one of 15m, 1h, 4h, 1d"),
        (MINE.replace('"mine"', '"pullback"'), "FILE", "bad_strategy", "NAME pullback is taken"),
        (MINE.replace("0.015}", "[]}"), "FILE", "bad_strategy", "PARAMS must be a dict of words to numbers"),
        (None, "FILE", "bad_strategy", "mine.py: FileNotFoundError"),
    ],
)
def test_what_cannot_be_asked_ends_with_2_and_says_why(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, asked: str, name: str, told: str
) -> None:
    file = tmp_path / "mine.py"
    if text is not None:
        desk_with(tmp_path, text)
    wanted = str(file) if asked == "FILE" else asked
    code, value, _ = call(capsys, tmp_path, "backtest", "--data", str(folder), *PLAIN, "--strategy", wanted)
    assert code == 2
    assert value["error"]["code"] == name
    assert told in value["error"]["message"]


def test_every_tool_of_the_laboratory_takes_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk_with(tmp_path)
    grid = tmp_path / "grid.yaml"
    grid.write_text("parameters: {exits.trail_atr: [2.0, 3.0], own.mine.stop: [0.015, 0.012]}\n")
    shared = ("--data", str(folder), "--workers", "1", "--strategy", "mine")
    code, value, _ = call(capsys, tmp_path, "validate", "lookahead", *shared, "--cuts", "1")
    assert (code, value["ok"]) == (0, True)
    assert value["compared"]["signal"] > 0
    code, value, _ = call(capsys, tmp_path, "sweep", str(grid), *shared)
    assert code == 0
    by_stop = {cell["cell"]["own.mine.stop"]: cell["fingerprint"] for cell in value["cells"] if cell["trades"]}
    assert len(set(by_stop.values())) == 2, "another stop is another result"
    code, near, _ = call(capsys, tmp_path, "backtest", *shared, "--draws", "0", "--set", "own.mine.stop=0.012")
    assert (code, near["by_strategy"]["mine"]["trades"] > 0) == (0, True)
    code, value, _ = call(capsys, tmp_path, "backtest", *shared, "--set", "own.mine.stopp=0.02")
    assert (code, value["error"]["code"]) == (2, "usage")
    assert "has no parameter 'stopp', it has stop" in value["error"]["message"]
    code, value, _ = call(capsys, tmp_path, "validate", "significance", *shared, "--sets", "10")
    assert code == 0
