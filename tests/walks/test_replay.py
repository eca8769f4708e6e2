"""A recorded session in a real terminal: it plays, is held, jumps, sends nothing, and leaves nothing running."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.port.recording import FORMAT, Line, Opening, Seen, encode
from tests.support import console_views as views
from tests.support.home import PERPDECK, clean_environment
from tests.support.terminal import Terminal

pytestmark = pytest.mark.walk
START_MS = views.NOW_MS  # 00:07:18
LENGTH_MS = 600_000


def write_session(file: Path) -> None:
    """Ten minutes in which nothing moves but time."""
    lines: list[Line] = [Opening(FORMAT, START_MS, "paper", "main", ("BTCUSDT",))]
    lines += [Seen(START_MS, 0.0, topic, view) for topic, view in views.desk().items()]
    lines.append(Seen(START_MS + LENGTH_MS, float(LENGTH_MS), "health", views.health(START_MS + LENGTH_MS)))
    file.write_bytes(b"".join(map(encode, lines)))


def test_a_session_is_seen_again(tmp_path: Path) -> None:
    file = tmp_path / "session.jsonl"
    write_session(file)
    command = [*PERPDECK, "replay", str(file), "--from", "00:10"]
    with Terminal(command, 140, 40, clean_environment(tmp_path / "home")) as screen:
        screen.wait_for(r"REPLAY · session.jsonl · paper · 00:10:\d\d · speed 1x", 20)
        screen.wait_for(r"BTCUSDT +L AP", 5)
        screen.press("Space")
        screen.wait_for("held", 5)
        screen.press(".")
        screen.wait_for(r"paper · 00:11:\d\d · held", 5)
        screen.press(",")
        screen.wait_for(r"paper · 00:10:\d\d · held", 5)
        screen.press("p")
        screen.wait_for("a recording: nothing can be sent", 5)
        screen.press("q")
        screen.wait_for(lambda _lines: not screen.running, 10)
    assert not (tmp_path / "home" / "engine.lock").exists()
