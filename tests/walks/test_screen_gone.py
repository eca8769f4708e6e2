"""A screen that is killed, and a terminal that stops reading, cost the engine nothing."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.support.home import PERPDECK, Home
from tests.support.terminal import PseudoTerminal, Terminal

pytestmark = pytest.mark.walk

STALL_S = 10.0
GAP_MOST_MS = 500.0
EVERY_S = 0.1


class Pulse:
    """The engine's heartbeat, read again and again through its own status."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.ages_ms: list[float] = []
        self.lags_ms: list[float] = []

    def feel(self) -> None:
        status = self._home.json("status")
        self.ages_ms.append(status["heartbeat_age_ms"])
        self.lags_ms.append(status["loop_lag_max_ms_10s"])

    def feel_for(self, seconds: float) -> None:
        """Read it every tenth of a second, as far as starting a command lets us."""
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            next_s = time.monotonic() + EVERY_S
            self.feel()
            time.sleep(max(0.0, next_s - time.monotonic()))

    def assert_steady(self) -> None:
        assert len(self.ages_ms) >= 5
        assert max(self.ages_ms) < GAP_MOST_MS
        assert max(self.lags_ms) < GAP_MOST_MS


@pytest.mark.timeout(180)
def test_engine_keeps_its_beat_when_one_screen_is_killed_and_another_stops_reading(home: Home) -> None:
    with Terminal([*PERPDECK, "demo"], 140, 40, home.environment) as screen:
        screen.wait_for("RUNNING", 40)
        engine = home.engine_pid
        stalled = PseudoTerminal([*PERPDECK, "attach"], 140, 40, {**home.environment, "TERM": "xterm-256color"})
        try:
            home.wait("second seat", lambda: stalled.read(0.05) is not None and home.status()["seats"] == 2, 20)
            pulse = Pulse(home)
            os.kill(screen.pid, signal.SIGKILL)
            home.wait("the killed screen gone", lambda: not screen.running, 5)
            # From here on nobody reads the other screen's terminal.
            pulse.feel_for(STALL_S)
            pulse.assert_steady()
            status = home.status()
            assert (status["pid"], status["state"], status["seats"]) == (engine, "RUNNING", 1)
            print(f"heartbeat at most {max(pulse.ages_ms):.0f} ms, loop at most {max(pulse.lags_ms):.0f} ms late")
            _comes_back(stalled)
        finally:
            stalled.close()
    home.wait("no seat left", lambda: home.status()["seats"] == 0, 10)
    assert home.engine_pid == engine, "a hang-up is nothing to the engine"
    assert home.json("stop")["state"] == "STOPPED"
    home.wait("both processes gone", lambda: not home.pids(), 15)


@pytest.mark.timeout(120)
def test_screen_outlives_its_engine_says_the_way_out_and_goes_on_with_the_next_one(home: Home) -> None:
    with Terminal([*PERPDECK, "demo"], 140, 40, home.environment) as screen:
        screen.wait_for("RUNNING", 40)
        engine = home.engine_pid
        assert engine is not None
        os.kill(engine, signal.SIGKILL)
        screen.wait_for("reconnecting", 10)
        screen.wait_for("engine gone: positions keep their stops; perpdeck run brings it back", 5)
        time.sleep(2.0)
        assert screen.running
        home.start("run", "--venue", "sim", "--headless")
        screen.wait_for("RUNNING", 40)
        screen.wait_for(lambda lines: not any("reconnecting" in line for line in lines), 10)
        screen.press("q")
        home.wait("the screen left", lambda: not screen.running, 10)
    assert home.json("stop")["state"] == "STOPPED"


def _comes_back(stalled: PseudoTerminal) -> None:
    """Read again, the stalled screen paints the desk of now, and `q` leaves it."""
    until_s = time.monotonic() + 15
    stalled.write(b"q")
    said = b""
    while not stalled.ended and time.monotonic() < until_s:
        said += stalled.read(0.2)
    assert stalled.ended, "the screen hangs on after its terminal reads again"
    while more := stalled.read(0.2):
        said += more
    assert b"the engine goes on" in said
