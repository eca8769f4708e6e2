from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.refill import Budget, lookback_ms, next_refill, split

MIN = 60_000
HOUR = 60 * MIN
LONG_AGO = -10 * HOUR


@pytest.mark.parametrize(
    ("now", "when", "due"),
    [
        (10 * HOUR + 7 * MIN, 10 * HOUR + 18 * MIN, ("15m",)),
        (10 * HOUR + 18 * MIN - 1, 10 * HOUR + 18 * MIN, ("15m",)),
        (10 * HOUR + 18 * MIN, 10 * HOUR + 33 * MIN, ("15m",)),
        (10 * HOUR + 50 * MIN, 11 * HOUR + 3 * MIN, ("15m", "1h")),
        (11 * HOUR + 50 * MIN, 12 * HOUR + 3 * MIN, ("15m", "1h", "4h")),
        (23 * HOUR + 59 * MIN, 24 * HOUR + 3 * MIN, ("15m", "1h", "4h", "1d")),
    ],
)
def test_holes_are_looked_for_three_minutes_after_the_quarter(now: int, when: int, due: tuple[str, ...]) -> None:
    assert next_refill(now, LONG_AGO) == (when, due)


def test_not_within_a_quarter_hour_of_the_start() -> None:
    start = 10 * HOUR + 10 * MIN
    assert next_refill(start, start)[0] == 10 * HOUR + 33 * MIN


@pytest.mark.parametrize(("tf", "minutes"), [("15m", 120), ("1h", 180), ("4h", 720), ("1d", 4320)])
def test_the_look_back_holds_at_least_three_bars(tf: str, minutes: int) -> None:
    assert lookback_ms(tf, 120) == minutes * MIN


def budget(used: int) -> Budget:
    return Budget(used, 1320, 2400)


@pytest.mark.parametrize(
    ("used", "cost", "batches"),
    [(430, 200, [200]), (430, 1500, [890, 610]), (760, 20, []), (430, 890, [890]), (0, 2700, [1320, 1320, 60])],
)
def test_what_fits_the_minute_goes_now_and_the_rest_minute_by_minute(used: int, cost: int, batches: list[int]) -> None:
    split_up = split([(1, 1)] * cost, budget(used))
    assert [sum(batch) for batch in split_up] == batches


@pytest.mark.parametrize(("used", "idle"), [(0, True), (719, True), (720, False), (2400, False)])
def test_refilling_begins_only_while_little_is_used(used: int, idle: bool) -> None:
    assert budget(used).idle is idle


def test_refilling_needs_some_room() -> None:
    assert not Budget(100, 149, 2400).idle
    assert Budget(100, 150, 2400).idle


@pytest.mark.parametrize(("used", "spent"), [(1320, False), (1321, True)])
def test_a_minute_is_spent_above_its_share(used: int, spent: bool) -> None:
    assert budget(used).spent is spent


@given(st.lists(st.integers(1, 60), max_size=80), st.integers(0, 719))
def test_no_batch_exceeds_its_minute_and_nothing_is_lost(costs: list[int], used: int) -> None:
    batches = split([(cost, cost) for cost in costs], budget(used))
    assert [cost for batch in batches for cost in batch] == costs
    first_room = budget(used).capacity
    sums = [sum(batch) for batch in batches]
    if sums and sums[0] > first_room:
        pytest.fail("the first batch exceeds this minute")
    assert all(total <= 1320 for total in sums)


def test_an_item_dearer_than_a_minute_goes_alone() -> None:
    assert split([("a", 10), ("b", 5000), ("c", 10)], budget(700)) == [["a"], ["b"], ["c"]]


def test_what_does_not_fit_this_minute_waits_for_the_next() -> None:
    assert split([("b", 700)], budget(700)) == [[], ["b"]]
    assert split([], budget(0)) == []
