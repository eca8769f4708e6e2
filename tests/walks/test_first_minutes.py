"""The first five minutes, as a person has them: a desk, a signal, a decision, a position that is protected."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from tests.support.home import PERPDECK, Home
from tests.support.terminal import Terminal, save_frame

pytestmark = pytest.mark.walk

GUARD_S = 0.5  # a ticket is deaf for 300 ms from the moment it stands on the screen
SCREENS = Path(__file__).parents[2] / "docs" / "screens"


def keep(screen: Terminal, name: str) -> None:
    """Keep this frame for the documentation when asked to."""
    if os.environ.get("UPDATE_SCREENS") == "1":
        save_frame(SCREENS / f"{name}.txt", screen.frame())


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("columns", "rows", "speed"), [(140, 40, ()), (80, 24, ("--speed", "60"))])
def test_a_signal_is_decided_by_two_keys_and_carried_to_a_tier_or_its_stop(
    home: Home, columns: int, rows: int, speed: tuple[str, ...]
) -> None:
    size = f"{columns}x{rows}"
    with Terminal([*PERPDECK, "demo", *speed], columns, rows, home.environment) as screen:
        painted_s = screen.wait_for("APPROVE", 20)
        waited_s = screen.wait_for(r"[1-9] waiting", 60)
        screen.wait_for("HELD|held", 5)
        keep(screen, f"tour-{size}")
        screen.press("Escape")
        screen.wait_for(lambda frame: not any("1 of 6" in line for line in frame), 5)
        screen.wait_for(lambda frame: not re.search("HELD|held", "\n".join(frame)), 5)
        keep(screen, f"signal-{size}")
        screen.press("x")
        screen.wait_for(r"┌ Why \w+USDT", 5)
        screen.press("Enter")
        screen.wait_for(r"(?m)^ Why \w+USDT", 5)
        screen.wait_for("confirm_depth", 5)
        keep(screen, f"why-{size}")
        screen.press("Escape")
        screen.wait_for(r"┌ Why \w+USDT", 5)
        screen.press("3")
        screen.wait_for(r"[1-9] waiting", 5)
        position = _approve(screen, home, size)
        took_s = _carry(screen, home, position["id"])
        keep(screen, f"taken-{size}")
        _leave_and_return(screen, home, columns, rows)
    print(f"{size}: painted {painted_s:.1f} s, signal {waited_s:.1f} s, tier or stop {took_s:.1f} s")
    assert painted_s <= 5.0 * _patience()
    assert took_s <= 180.0


def _patience() -> float:
    """How much longer a machine may take that has more to do than it has processors."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def _approve(screen: Terminal, home: Home, size: str) -> dict[str, object]:
    """Two keys: the ticket, and after its guard Enter. Keys typed ahead do nothing."""
    screen.press("a", "Enter")
    screen.wait_for("Ticket", 5)
    assert home.json("positions") == [], "an Enter typed ahead of the ticket approved"
    screen.wait_for(r"worst\s+-\d", 10)
    guarded_until_s = time.monotonic() + GUARD_S
    while time.monotonic() < guarded_until_s:
        assert screen.shows("Ticket"), "the ticket went away by itself"
    keep(screen, f"ticket-{size}")
    screen.press("Enter")
    screen.wait_for(lambda frame: not any("─ Ticket" in line for line in frame), 10)
    if size == "80x24":
        screen.press("5")
    screen.wait_for(r"stop [\d.]+.* rests", 15)
    screen.wait_for(r"[○●]30", 10)
    keep(screen, f"position-{size}")
    (position,) = home.json("positions")
    assert position["protected"]
    assert [tier["share"] for tier in position["tiers"]] == pytest.approx([0.3, 0.4, 0.3], abs=0.005)
    return position


def _carry(screen: Terminal, home: Home, position_id: object) -> float:
    """Quicken the market until the first tier or the stop was reached; seconds since the start."""
    for _ in range(4):
        screen.press("+")
        time.sleep(0.1)  # a person's finger: each press doubles what the screen knows of the speed

    def reached() -> bool:
        rows = [row for row in home.json("positions") if row["id"] == position_id]
        return not rows or rows[0]["tiers"][0]["state"] == "filled"

    home.wait("first tier or stop", reached, 150)
    return time.monotonic() - screen.started_s


def _leave_and_return(screen: Terminal, home: Home, columns: int, rows: int) -> None:
    """`q` leaves the screen and not the engine; `attach` returns, in plain glyphs if need be; `stop` ends both."""
    screen.press("q")
    screen.wait_for(r"the engine goes on", 10)
    status = home.status()
    assert status["state"] == "RUNNING"
    pids = home.pids()
    assert len(pids) == 2, "engine and exchange outlive the screen"
    plain = {**home.environment, "LC_ALL": "C"}
    with Terminal([*PERPDECK, "attach"], columns, rows, plain, tmux=False) as again:
        again.wait_for(r"APPROVE \| RUNNING", 20)
        again.wait_for(r"(?m)^\+ \w+", 10)
        assert again.text().isascii(), sorted({sign for sign in again.text() if not sign.isascii()})
        again.press("q")
        again.wait_for(r"the engine goes on", 10)
    stopped = home.json("stop")
    assert stopped["state"] == "STOPPED"
    assert re.match("stopping", stopped["text"])
    home.wait("both processes gone", lambda: not home.pids(), 15)
    assert home.run("status", "--json").returncode == 3
