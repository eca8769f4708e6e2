"""A ticket changed by hand against the real desk: the engine prices it anew, and that is what is traded."""

from __future__ import annotations

import re
import time

import pytest

from tests.support.home import PERPDECK, Home
from tests.support.terminal import Terminal

pytestmark = pytest.mark.walk

SIZE = r"size\s+([\d.]+)  notional"
GUARD_S = 0.4  # a ticket is deaf for 300 ms from the moment it stands on the screen, or changed


@pytest.mark.timeout(180)
def test_half_the_risk_is_half_the_size_and_is_what_gets_traded(home: Home) -> None:
    with Terminal([*PERPDECK, "demo"], 140, 40, home.environment) as screen:
        screen.wait_for(r"[1-9] waiting", 90)
        screen.press("Escape")
        screen.wait_for(lambda frame: not any("1 of 6" in line for line in frame), 5)
        screen.press("Space")  # the clock holds while this is read
        screen.wait_for("held", 10)
        screen.press("e")
        screen.wait_for(SIZE, 10)
        whole = _quantity(screen)
        _wait_out_the_guard(screen)
        screen.press("0", ".", "2", "5")
        screen.wait_for("Enter preview", 5)
        screen.press("Enter")
        screen.wait_for(r"risk\s+2\d\.\d\d USDT", 10)
        half = _quantity(screen)
        assert half == pytest.approx(whole / 2, rel=0.15)  # the price went on until the clock was held
        screen.wait_for("Enter approve", 5)
        _wait_out_the_guard(screen)
        screen.press("Enter")
        screen.wait_for(lambda frame: not any("─ Ticket" in line for line in frame), 10)
        screen.press("Space")
        screen.wait_for(r"stop [\d.]+.* rests", 20)
        (position,) = home.json("positions")
        assert float(position["quantity"]) == pytest.approx(half, rel=0.05)
        assert position["protected"]
        screen.press("q")
    home.json("stop")


def _quantity(screen: Terminal) -> float:
    found = re.search(SIZE, screen.text())
    assert found, screen.text()
    return float(found[1])


def _wait_out_the_guard(screen: Terminal) -> None:
    until_s = time.monotonic() + GUARD_S
    while time.monotonic() < until_s:
        assert screen.shows("─ Ticket"), "the ticket went away by itself"
