"""Budgets at their edges: the last unit, the first and the last moment of a window, clocks that are set back."""

from __future__ import annotations

import pytest

from engine.exchange.limits import (
    TURN_MS,
    Granted,
    Lane,
    Ticket,
    WaitUntil,
    Window,
    forecast,
    pace,
    reserve,
    roll,
    settle,
)

MINUTE = 60_000
TURN = 1_000 * MINUTE


def window(local: int = 0, header: int = 0, **changes: int) -> Window:
    return Window(2400, index=1_000, local_sent=local, header_max=header, **changes)


def granted(state: Window, cost: int, now_ms: int = TURN) -> tuple[Window, Ticket]:
    after, answer = reserve(state, cost, Lane.TRADING, now_ms)
    assert isinstance(answer, Granted)
    return after, answer.ticket


def test_the_whole_window_may_be_used_and_not_one_more() -> None:
    state, _ = granted(window(), 2400)
    assert reserve(state, 1, Lane.TRADING, TURN)[1] == WaitUntil(TURN + MINUTE)
    with pytest.raises(ValueError, match="a cost of -1 does not fit a window of 2400"):
        reserve(window(), -1, Lane.TRADING, TURN)


def test_a_lanes_use_is_counted_in_its_window_only() -> None:
    state, _ = granted(window(), 40)
    state, _ = granted(state, 2)
    assert state.by_lane == {Lane.TRADING: 42}
    assert roll(state, TURN + MINUTE).by_lane == {}
    assert roll(state, TURN + MINUTE).in_flight == 42


def test_tickets_on_the_wire_are_told_apart() -> None:
    state = window()
    tickets = []
    for cost in (1, 2, 3, 4):
        state, ticket = granted(state, cost)
        tickets.append(ticket)
    for ticket in tickets:
        state = settle(state, ticket, None, TURN)
        tickets_left = sum(other.cost for other in tickets if other.number > ticket.number)
        assert state.in_flight == tickets_left


@pytest.mark.parametrize(("late_ms", "at_turn"), [(0, True), (TURN_MS - 1, True), (TURN_MS, False), (30_000, False)])
def test_a_window_is_at_its_turn_for_one_second(late_ms: int, at_turn: bool) -> None:
    assert granted(window(), 1, TURN + late_ms)[1].at_turn is at_turn


@pytest.mark.parametrize(
    ("before", "header", "believed"),
    [
        (500, 499, True),
        (500, 500, False),  # goes on exactly where the minute before ended
        (500, 501, False),
        (1, 1, False),
        (0, 500, True),  # nothing was used before: there is nothing it could go on from
    ],
)
def test_a_header_at_the_turn_is_believed_unless_it_goes_on_from_the_minute_before(
    before: int, header: int, believed: bool
) -> None:
    state, ticket = granted(window(header_before=before), 1)
    assert settle(state, ticket, header, TURN + 50).header_max == (header if believed else 0)


def test_what_was_used_two_minutes_ago_is_not_the_minute_before() -> None:
    idle = roll(window(header=500), TURN + 2 * MINUTE)
    assert (idle.header_before, roll(window(header=500), TURN + MINUTE).header_before) == (0, 500)
    state, ticket = granted(idle, 1, TURN + 2 * MINUTE)
    assert settle(state, ticket, 700, TURN + 2 * MINUTE + 50).used == 700  # others on the same address


def test_a_clock_set_back_by_one_window_waits_and_by_two_is_another_clock() -> None:
    state = window(500)
    assert roll(state, TURN - 1) is state
    assert roll(state, TURN - MINUTE - 1).index == 998
    assert roll(state, TURN - MINUTE - 1).used == 500


def test_a_request_of_just_the_ceiling_fits_and_waits_for_a_fresh_window() -> None:
    assert forecast([1320], window(), 1320, TURN).done_ms == TURN
    assert forecast([1320], window(1), 1320, TURN).done_ms == TURN + MINUTE


@pytest.mark.parametrize("used", [1320, 1400])
def test_a_full_window_has_room_for_nothing(used: int) -> None:
    plan = forecast([1, 1], window(used), 1320, TURN)
    assert (plan.weight, plan.fits_now, plan.done_ms) == (2, 0, TURN + MINUTE)


def test_the_first_moments_are_no_measure_of_the_pace() -> None:
    # Before a twentieth of the window has passed, the pace is as if it had.
    assert [pace(window(100), TURN + late_ms) for late_ms in (0, 1, 3_000, 6_000)] == [2_000, 2_000, 2_000, 1_000]
