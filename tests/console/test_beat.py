"""The beat: it keeps the link's budget, spares a dear screen, and never fills a terminal that hangs."""

from __future__ import annotations

import io

import pytest

from console.beat import BUDGET_KIB_S, Governor, Metered, Reading, rate_hz


def run(governor: Governor, bytes_per_paint: float, seconds: float, paint_ms: float = 2.0) -> float:
    """Bytes a second over the last half of a run in which each beat writes so much."""
    at_s, written, marks = 0.0, 0, []
    while at_s < seconds:
        written += int(bytes_per_paint)
        governor.read(Reading(at_s, written, paint_ms=paint_ms))
        marks.append((at_s, written))
        at_s += governor.pause_s
    half = next(mark for mark in marks if mark[0] >= seconds / 2)
    return (marks[-1][1] - half[1]) / 1_024 / (marks[-1][0] - half[0])


@pytest.mark.parametrize("link", ["fast", "slow"])
@pytest.mark.parametrize("size", [200, 1_000, 2_500, 5_000])
def test_budget_is_kept_for_any_size_of_paint(link: str, size: int) -> None:
    assert run(Governor(link), size, 120) <= BUDGET_KIB_S[link]


def test_small_paints_run_at_full_rate() -> None:
    governor = Governor("fast")
    run(governor, 50, 20)
    assert governor.pause_s == pytest.approx(0.1)


def test_painting_that_is_dear_halves_the_rate() -> None:
    governor = Governor("fast")
    governor.read(Reading(0.0, 0))
    before = governor.pause_s
    governor.read(Reading(0.1, 10, paint_ms=25.0))
    assert governor.pause_s == pytest.approx(before * 2)


def test_auto_turns_slow_when_writes_take_long_and_fast_again_when_calm() -> None:
    governor = Governor("auto")
    governor.read(Reading(0.0, 0))
    assert governor.read(Reading(1.0, 100, write_ms=300.0))
    assert governor.link == "slow"
    changes = [governor.read(Reading(1.0 + i, 100 + i)) for i in range(1, 40)]
    assert changes.count(True) == 1
    assert governor.link == "fast"


@pytest.mark.parametrize("link", ["fast", "slow"])
def test_a_chosen_class_stays(link: str) -> None:
    governor = Governor(link)
    governor.read(Reading(0.0, 0))
    assert not governor.read(Reading(1.0, 100, write_ms=900.0, hanging_ms=900.0))
    assert governor.link == link


def test_nothing_is_painted_into_a_terminal_that_stopped_reading() -> None:
    governor = Governor("auto")
    assert governor.may_paint(0.0)
    assert not governor.may_paint(2_000.0)


def test_slow_links_watch_less() -> None:
    assert rate_hz("book", "slow") < rate_hz("book", "fast")
    assert rate_hz("signals", "slow") >= 4.0


def test_meter_counts_bytes_and_times_writes() -> None:
    now = iter([1.0, 1.25, 2.0, 2.0])
    target = io.StringIO()
    meter = Metered(target, lambda: next(now))
    meter.write("▓▓ab")
    meter.flush()
    assert meter.written == len("▓▓ab".encode())
    assert meter.take_slowest_ms() == pytest.approx(250.0)
    assert meter.take_slowest_ms() == 0.0
    assert target.getvalue() == "▓▓ab"


def test_meter_knows_since_when_a_write_hangs() -> None:
    clock = [10.0]

    class Stuck(io.StringIO):
        def write(self, text: str) -> int:
            clock[0] = 13.0
            seen.append(meter.hanging_ms())
            return len(text)

    seen: list[float] = []
    meter = Metered(Stuck(), lambda: clock[0])
    meter.write("x")
    assert seen == [pytest.approx(3_000.0)]
    assert meter.hanging_ms() == 0.0
