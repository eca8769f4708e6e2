"""Drills are listed, refused by name, and their scores kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console.cli import main
from console.drills import Score, keep, read
from engine.sim.faults import KINDS
from engine.trading.executor import JOURNAL_POINTS


def test_every_kind_of_trouble_and_every_point_of_a_crash_is_a_drill(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drill", "list", "--json"]) == 0
    assert {row["name"] for row in json.loads(capsys.readouterr().out)} == {
        *KINDS, *(f"crash:{point}" for point in JOURNAL_POINTS)
    }  # fmt: skip


def test_unknown_drill_is_refused_before_anything_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drill", "run", "earthquake", "--headless", "--json", "--home", str(tmp_path)]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "unknown_drill"
    assert not (tmp_path / "exchange.json").exists()


def test_newest_score_of_each_drill_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = Score("adl", False, 3000.0, 0, True, 0, -5.0, 1, 1, 60.0)
    keep(tmp_path, first)
    keep(tmp_path, Score("banned", True, 10.0, 0, True, 0, 1.0, 1, 1, 60.0))
    keep(tmp_path, Score("adl", True, 20.0, 0, True, 0, -5.0, 1, 1, 60.0))
    assert {one.drill: one.passed for one in read(tmp_path)} == {"adl": True, "banned": True}
    assert main(["drill", "score", "--json", "--home", str(tmp_path)]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2


def test_no_drill_yet_is_an_empty_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drill", "score", "--json", "--home", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out) == []
