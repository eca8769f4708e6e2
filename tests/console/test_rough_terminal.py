"""Terminals as they are at two in the morning: nothing crashes, nothing is sent that nobody confirmed, nobody waits.

The real program on a real pseudo-terminal, attached to a scripted desk over the real socket. KEYS and RESIZES say how
many; `make chaos` asks for ten thousand and a thousand.
"""

from __future__ import annotations

import os
import random
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.rough_seat import KEYS, RoughSeat
from tests.support.scripted_desk import ScriptedDesk
from tests.support.terminal import PseudoTerminal

pytestmark = pytest.mark.timeout(1_200)

KEY_COUNT = int(os.environ.get("KEYS", "200"))
RESIZES = int(os.environ.get("RESIZES", "40"))
SEED = int(os.environ.get("SEED", "1"))
SLOW_S = float(os.environ.get("SLOW_S", "3"))
GAP_MOST_MS = 300.0
GUARD_S = 0.3
SAFE = {"RejectSignal", "SnoozeSignal", "Pause", "Undo", "BlockSymbol", "SetSpeed", "Reconcile", "UnblockSymbol"}
GRAVE = {"Flatten", "Kill", "StopEngine"}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[ScriptedDesk]:
    with ScriptedDesk(tmp_path) as desk:
        yield desk


def assert_sound(seat: RoughSeat, desk: ScriptedDesk) -> None:
    """It left by itself, without a traceback, and the engine never missed a beat."""
    said = seat.leave()
    assert "Traceback" not in said
    assert "unexpected" not in said
    assert not list((desk.home / "logs").glob("crash-*"))
    slowest_ms = desk.slowest_beat_ms()
    print(f"engine's slowest beat {slowest_ms:.0f} ms")
    assert slowest_ms < GAP_MOST_MS * _patience()


def _patience() -> float:
    """How much longer a machine may take that has more to do than it has processors."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def assert_confirmed(typed: list[tuple[float, str]], desk: ScriptedDesk) -> None:
    """Each risky command has an Enter of its own behind it, and the key that asked for it well before that."""
    risky = [one for one in desk.commands() if one["type"] not in SAFE]
    assert not [one for one in risky if one["type"] in GRAVE]
    enters = [at_s for at_s, keys in typed if "\r" in keys]
    for one in risky:
        before = [at_s for at_s in enters if at_s <= one["at_s"]]
        assert before, f"nobody pressed Enter before {one}"
        enters.remove(before[-1])
        assert any(at_s <= before[-1] - GUARD_S for at_s, _ in typed), f"confirmed before it could be read: {one}"
    print(f"{len(desk.commands())} commands, {len(risky)} of them risky, each confirmed")


def monkey(desk: ScriptedDesk, size: tuple[int, int], count: int, keys: tuple[str, ...]) -> list[tuple[float, str]]:
    """So many keys; a monkey that finds the way out is brought back. Answers what was typed and when."""
    left, typed, visits = count, list[tuple[float, str]](), 0
    while left > 0:
        with RoughSeat(desk, *size) as seat:
            desk.forgive()
            left -= seat.monkey(left, SEED + visits, keys)
            if not seat.ended:
                seat.quiet()
            assert_sound(seat, desk)
        typed, visits = typed + seat.typed, visits + 1
    print(f"{count} keys in {visits} visits")
    return typed


def test_monkey_crashes_nothing_and_sends_nothing_unconfirmed(desk: ScriptedDesk) -> None:
    assert_confirmed(monkey(desk, (140, 40), KEY_COUNT, KEYS), desk)


def test_monkey_without_enter_sends_nothing_risky(desk: ScriptedDesk) -> None:
    monkey(desk, (100, 30), KEY_COUNT // 2, tuple(key for key in KEYS if key != "\r"))
    assert {one["type"] for one in desk.commands()} <= SAFE


def test_terminal_resized_at_random_shows_the_whole_desk_again(desk: ScriptedDesk) -> None:
    dice = random.Random(SEED)
    with RoughSeat(desk, 140, 40) as seat:
        desk.forgive()
        for _ in range(RESIZES):
            seat.resize(dice.randint(1, 260), dice.randint(1, 90))
            if dice.random() < 0.3:
                seat.type(dice.choice(KEYS[:40]))
            time.sleep(dice.choice((0.0, 0.005, 0.02, 0.06)))
        seat.type("\x1b")
        time.sleep(GUARD_S)
        seat.type("\x1b")
        seat.resize(140, 40)
        seat.quiet()
        deadline = time.monotonic() + 10
        while "RUNNING" not in seat.screen().splitlines()[0]:
            assert time.monotonic() < deadline, seat.screen()
            time.sleep(0.1)
        assert_sound(seat, desk)
    assert_confirmed(seat.typed, desk)


def test_reader_at_9600_baud_is_served_slowly_and_costs_the_engine_nothing(desk: ScriptedDesk) -> None:
    with RoughSeat(desk) as seat:
        desk.forgive()
        seat.rate = 960.0
        until_s = time.monotonic() + SLOW_S
        while time.monotonic() < until_s:
            seat.type("j")
            time.sleep(0.25)
        seat.rate = float("inf")
        mark = len(seat.said)
        seat.quiet()
        seat.until(b"RUNNING"[:3], 10, mark)
        assert_sound(seat, desk)


def test_reader_that_stalls_gets_the_desk_of_now_when_it_is_back(desk: ScriptedDesk) -> None:
    with RoughSeat(desk) as seat:
        desk.forgive()
        seat.rate = 0.0
        time.sleep(SLOW_S)
        seat.type("5")
        seat.rate = float("inf")
        seat.quiet()
        time.sleep(0.5)
        assert re.search(r"┌ Positions", seat.screen())
        assert_sound(seat, desk)


def test_hang_up_ends_the_screen_and_not_the_engine(desk: ScriptedDesk) -> None:
    with RoughSeat(desk) as seat:
        seat.type("a")
        seat.hang_up()
        assert seat.ended
    with RoughSeat(desk) as again:
        assert_sound(again, desk)
    assert desk.commands() == []


def test_terminal_that_goes_without_a_word_ends_the_screen_and_not_the_engine(desk: ScriptedDesk) -> None:
    """Nobody sent SIGHUP, or it was ignored: under nohup, in a container, behind a lost multiplexer."""
    command = ["sh", "-c", 'trap "" HUP; exec "$0" -m console attach', sys.executable]
    terminal = PseudoTerminal(command, 140, 40, desk.environment)
    said, deadline = b"", time.monotonic() + 20
    while b"RUNNING" not in said:
        assert time.monotonic() < deadline, said[-2_000:]
        said += terminal.read(0.2)
    os.close(terminal.master)
    deadline = time.monotonic() + 10
    while not terminal.ended and time.monotonic() < deadline:
        time.sleep(0.05)
    if not terminal.ended:
        os.kill(terminal.pid, signal.SIGKILL)
        pytest.fail("it goes on without a terminal")
    with RoughSeat(desk) as again:
        assert_sound(again, desk)


def test_suspended_screen_is_painted_whole_when_it_goes_on(desk: ScriptedDesk) -> None:
    with RoughSeat(desk) as seat:
        desk.forgive()
        for _ in range(3):
            seat.signal(signal.SIGTSTP)
            deadline = time.monotonic() + 10
            while seat.state() != "T":
                assert time.monotonic() < deadline, "it does not stop"
                time.sleep(0.02)
            mark = len(seat.said)
            seat.signal(signal.SIGCONT)
            seat.until(b"RUNNING", 10, mark)
        time.sleep(0.3)
        assert "┌ Book BTCUSDT" in seat.screen()
        assert_sound(seat, desk)
