"""`perpdeck replay FILE`: what is in it, where it begins, and clear words for files that are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.port.recording import FORMAT, Heard, Opening, Seen, encode
from tests.console.cli.test_contract import perpdeck
from tests.support import console_views as views

START_MS = views.NOW_MS  # 00:07:18
LINES = [
    Opening(FORMAT, START_MS, "sim", "main", ("BTCUSDT",)),
    Seen(START_MS, 0.0, "health", views.health(speed=20.0)),
    Heard(START_MS + 1_000, 50.0, views.notices()[0]),
    Seen(START_MS + 600_000, 30_000.0, "signals", views.signals()),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "session.jsonl"
    path.write_bytes(b"".join(map(encode, LINES)))
    return path


def test_contents_of_a_recording_need_no_terminal(file: Path, tmp_path: Path) -> None:
    for torn in (b"", b'{"type":"Seen","at_ms":17'):
        file.write_bytes(file.read_bytes() + torn)
        done = perpdeck("replay", str(file), "--json", home=tmp_path)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert (told["start_ms"], told["end_ms"], told["venue"]) == (START_MS, START_MS + 600_000, "sim")
        assert told["events"] == {"health": 1, "signals": 1, type(views.notices()[0]).__name__: 1}


@pytest.mark.parametrize(
    ("arguments", "name", "words"),
    [
        ((), "no_terminal", "no terminal"),
        (("--from", "noon"), "usage", "HH:MM"),
        (("--from", "25:00"), "usage", "HH:MM"),
        (("--from", "00:30"), "usage", "runs from 2026-01-01T00:07:18Z to 2026-01-01T00:17:18Z"),
        (("--from", "2025-01-01T00:00"), "usage", "runs from"),
        (("--from", "00:08"), "no_terminal", "no terminal"),
        (("--from", "2026-01-01T00:10:00+00:00"), "no_terminal", "no terminal"),
        (("--speed", "0"), "usage", "speed"),
    ],
)
def test_replay_ends_with_words_for_what_is_wrong(
    file: Path, tmp_path: Path, arguments: tuple[str, ...], name: str, words: str
) -> None:
    # The terminal is asked for last, and --json alone asks for the contents.
    done = perpdeck("replay", str(file), *arguments, home=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_foreign_file_is_named_with_its_line(tmp_path: Path) -> None:
    foreign = tmp_path / "notes.txt"
    foreign.write_text("buy low\nsell high\n")
    done = perpdeck("replay", str(foreign), "--json", home=tmp_path)
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert (error["code"], error["where"]) == ("not_a_recording", f"{foreign}:1")
    missing = perpdeck("replay", str(tmp_path / "nowhere"), "--json", home=tmp_path)
    assert json.loads(missing.stdout)["error"]["where"] == str(tmp_path / "nowhere")
