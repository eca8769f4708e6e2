"""Budgets hold for any sequence of requests, answers and minutes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.limits import (
    Granted,
    Lane,
    Pool,
    Ticket,
    WaitUntil,
    Window,
    forecast,
    pace,
    reserve,
    reserve_all,
    roll,
    settle,
)

MINUTE = 60_000
NOW = 1_000 * MINUTE + 5_000
CEILING = {Lane.TRADING: 2280, Lane.INTERACTIVE: 1920, Lane.LIVE: 1680, Lane.BACKGROUND: 1320}


def window(local: int = 0, header: int = 0, flying: int = 0) -> Window:
    opened = {1: flying} if flying else {}
    return Window(2400, index=1_000, local_sent=local, header_max=header, open=opened, next_number=2)


@pytest.mark.parametrize(
    ("local", "header", "flying", "used", "lane", "weight", "after"),
    [
        (300, 420, 30, 450, Lane.BACKGROUND, 10, 460),
        (1310, 1305, 10, 1315, Lane.BACKGROUND, 10, None),
        (1310, 1305, 10, 1315, Lane.TRADING, 5, 1320),
        (1200, 900, 0, 1200, Lane.BACKGROUND, 0, 1200),
    ],
)
def test_the_higher_of_our_count_and_the_exchanges_decides(
    local: int, header: int, flying: int, used: int, lane: Lane, weight: int, after: int | None
) -> None:
    before = window(local, header, flying)
    assert before.used == used
    state, answer = reserve(before, weight, lane, NOW, CEILING[lane])
    if after is None:
        assert answer == WaitUntil(1_001 * MINUTE)
        assert state.used == used
    else:
        assert isinstance(answer, Granted)
        assert state.used == after


def test_a_lower_header_never_takes_back_what_was_sent() -> None:
    state, answer = reserve(window(1190), 10, Lane.TRADING, NOW, 2280)
    assert isinstance(answer, Granted)
    state = settle(state, answer.ticket, 900, NOW)
    assert (state.used, state.in_flight) == (1200, 0)


def test_a_higher_header_counts_others_on_the_same_address() -> None:
    state, answer = reserve(window(100), 10, Lane.TRADING, NOW, 2280)
    assert isinstance(answer, Granted)
    assert settle(state, answer.ticket, 700, NOW).used == 700


def test_a_new_minute_begins_with_what_is_still_on_the_wire() -> None:
    state, answer = reserve(window(800, 900), 40, Lane.TRADING, NOW, 2280)
    assert isinstance(answer, Granted)
    state = roll(state, 1_001 * MINUTE)
    assert (state.local_sent, state.in_flight, state.used) == (40, 40, 40)
    # Its answer carries the use of the old minute, which says nothing about the new one.
    state = settle(state, answer.ticket, 2100, 1_001 * MINUTE + 20)
    assert (state.in_flight, state.used) == (0, 40)


@pytest.mark.parametrize(
    ("after_turn_ms", "header", "used"),
    [
        (20, 1_328, 8),  # the exchange was still in the minute before: 1,320 and our 8
        (20, 12, 12),  # it was not; somebody else sent 4
        (5_000, 1_328, 1_328),  # far from the turn it is others on the same address
    ],
)
def test_a_header_at_the_turn_may_still_be_of_the_minute_before(after_turn_ms: int, header: int, used: int) -> None:
    now = 1_001 * MINUTE + after_turn_ms
    state, answer = reserve(roll(window(1_300, 1_320), now), 8, Lane.BACKGROUND, now, CEILING[Lane.BACKGROUND])
    assert isinstance(answer, Granted)
    assert settle(state, answer.ticket, header, now + 30).used == used


def test_a_clock_set_back_a_little_does_not_open_a_window_that_is_over() -> None:
    assert roll(window(500), 999 * MINUTE) == window(500)


def test_another_clock_takes_over_what_was_used_and_ends_the_window_in_its_own_time() -> None:
    state = roll(window(500, 700), 10 * MINUTE)
    assert (state.used, state.resets_ms()) == (700, 11 * MINUTE)
    assert roll(state, 11 * MINUTE).used == 0


def test_a_request_nobody_could_ever_send_is_a_bug() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        reserve(window(), 2401, Lane.TRADING, NOW)


def test_an_order_takes_from_both_order_windows_or_from_none() -> None:
    windows = {Pool.ORDERS_10S: Window(300, 10_000), Pool.ORDERS_1M: Window(1200)}
    ceilings = {Pool.ORDERS_10S: 2, Pool.ORDERS_1M: 960}
    costs = {Pool.ORDERS_10S: 1, Pool.ORDERS_1M: 1}
    for _ in range(2):
        windows, answer = reserve_all(windows, costs, "entry", NOW, ceilings)
        assert not isinstance(answer, WaitUntil)
    windows, answer = reserve_all(windows, costs, "entry", NOW, ceilings)
    assert answer == WaitUntil((NOW // 10_000 + 1) * 10_000)
    assert (windows[Pool.ORDERS_10S].used, windows[Pool.ORDERS_1M].used) == (2, 2)
    # Exits have a reserve where entries have none left.
    _, answer = reserve_all(windows, costs, "exit", NOW, {Pool.ORDERS_10S: 3, Pool.ORDERS_1M: 1140})
    assert not isinstance(answer, WaitUntil)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("ask"), st.sampled_from(list(Lane)), st.integers(1, 200)),
            st.tuples(st.just("answer"), st.integers(0, 20), st.one_of(st.none(), st.integers(0, 2400))),
            st.tuples(st.just("wait"), st.integers(0, 90_000), st.none()),
        ),
        max_size=120,
    )
)
def test_no_sequence_ever_exceeds_the_budget_of_a_window(steps: list[tuple[Any, ...]]) -> None:
    state, now = roll(Window(2400), NOW), NOW
    flying: list[Ticket] = []
    sent: dict[int, int] = {}
    for step in steps:
        match step:
            case ("ask", lane, weight):
                used = roll(state, now).used
                state, answer = reserve(state, weight, lane, now, CEILING[lane])
                if isinstance(answer, Granted):
                    flying.append(answer.ticket)
                    sent[now // MINUTE] = sent.get(now // MINUTE, 0) + weight
                    assert used + weight <= CEILING[lane]
                else:
                    assert answer.at_ms > now
                    assert used + weight > CEILING[lane]
            case ("answer", index, header) if flying:
                before = roll(state, now).used
                ticket = flying.pop(index % len(flying))
                state = settle(state, ticket, header, now)
                # An answer raises what is known or leaves it; only in a foreign window may it say nothing.
                assert state.used >= min(before, state.local_sent)
            case ("wait", ms, _):
                now += ms
                state = roll(state, now)
        assert state.in_flight == sum(ticket.cost for ticket in flying)
        assert state.used >= sent.get(now // MINUTE, 0)
        assert sent.get(now // MINUTE, 0) <= 2280


@pytest.mark.parametrize(
    ("weights", "used", "ceiling", "fits", "minutes_later"),
    [
        ([2] * 100, 430, 1320, 200, 0),
        ([1] * 1500, 430, 1320, 890, 1),
        ([], 100, 1320, 0, 0),
        ([52] * 200, 0, 1320, 1300, 7),
    ],
)
def test_forecast_of_a_batch(weights: list[int], used: int, ceiling: int, fits: int, minutes_later: int) -> None:
    plan = forecast(weights, window(used), ceiling, NOW)
    assert plan.fits_now == fits
    assert plan.done_ms == (NOW if minutes_later == 0 else (1_000 + minutes_later) * MINUTE)


def test_the_forecast_of_a_warm_up_of_200_symbols_is_about_eight_minutes() -> None:
    plan = forecast([52] * 200, window(), 1320, NOW)
    assert plan.weight == 10_400
    assert plan.minutes == pytest.approx(7.88, abs=0.01)


def test_a_forecast_refuses_a_request_that_never_fits() -> None:
    with pytest.raises(ValueError, match="never fits"):
        forecast([1400], window(), 1320, NOW)


def test_pace_projects_the_use_to_the_end_of_the_window() -> None:
    assert pace(window(400), 1_000 * MINUTE + 30_000) == 800
