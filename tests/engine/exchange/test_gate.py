"""What a refusal closes, for whom, and when it opens again."""

from __future__ import annotations

import pytest

from engine.exchange import gate as g
from engine.exchange.gate import Gate, GateState
from engine.exchange.limits import Lane, Pool

MINUTE = 60_000
NOW = 29_921_760 * MINUTE + 23_000
WEIGHT, ORDERS = (Pool.WEIGHT,), (Pool.ORDERS_10S, Pool.ORDERS_1M)


def test_429_is_no_ban_and_cools_as_long_as_the_exchange_says() -> None:
    gate = g.on_too_many(Gate(), Pool.WEIGHT, 37_000, NOW)
    assert gate.state(NOW) is GateState.COOLING
    assert g.opens_ms(gate, WEIGHT, Lane.TRADING, NOW) == NOW + 37_000
    assert g.opens_ms(gate, ORDERS, Lane.TRADING, NOW) == NOW + 37_000
    assert g.opens_ms(gate, WEIGHT, Lane.BACKGROUND, NOW) == NOW + 37_000 + MINUTE
    assert gate.state(NOW + 37_000) is GateState.OPEN


@pytest.mark.parametrize(
    ("pool", "opens"),
    [(Pool.WEIGHT, (NOW // MINUTE + 1) * MINUTE), (Pool.ORDERS_10S, (NOW // 10_000 + 1) * 10_000)],
)
def test_429_without_a_time_waits_for_the_next_window(pool: Pool, opens: int) -> None:
    gate = g.on_too_many(Gate(), pool, None, NOW)
    assert g.opens_ms(gate, (pool,), Lane.TRADING, NOW) == opens


def test_too_many_orders_stops_orders_and_nothing_else() -> None:
    gate = g.on_too_many(Gate(), Pool.ORDERS_10S, 5_000, NOW)
    assert g.opens_ms(gate, ORDERS, Lane.TRADING, NOW) == NOW + 5_000
    assert g.opens_ms(gate, WEIGHT, Lane.TRADING, NOW) <= NOW
    assert gate.state(NOW) is GateState.OPEN


def test_the_fourth_refusal_in_ten_minutes_sends_the_background_away_for_a_quarter_of_an_hour() -> None:
    gate = Gate()
    for step in range(4):
        at = NOW + step * MINUTE
        gate = g.on_too_many(gate, Pool.WEIGHT, 1_000, at)
        away = g.opens_ms(gate, WEIGHT, Lane.BACKGROUND, at) - at
        assert away == (15 * MINUTE if step == 3 else 61_000)
    assert g.opens_ms(gate, WEIGHT, Lane.LIVE, NOW + 3 * MINUTE) == NOW + 3 * MINUTE + 1_000


@pytest.mark.parametrize(
    ("message", "retry_after_ms", "until"),
    [
        (f"Way too many requests; IP banned until {NOW + 97_000}. Please use the websocket", 120_000, NOW + 97_000),
        ("Way too many requests", 120_000, NOW + 120_000),
        (f"IP banned until {NOW - 5}.", 120_000, NOW + 120_000),
        ("Way too many requests", None, NOW + 2 * MINUTE),
    ],
)
def test_a_ban_lasts_until_the_time_the_exchange_named(message: str, retry_after_ms: int | None, until: int) -> None:
    gate = g.on_banned(Gate(), message, retry_after_ms, NOW)
    assert gate.state(NOW) is GateState.BANNED
    for lane in Lane:
        assert g.opens_ms(gate, ORDERS, lane, NOW) == until
    assert not g.probe_due(gate, until - 1)
    assert g.probe_due(gate, until)


def test_a_ban_that_is_over_on_paper_still_lets_nobody_through_before_the_ping() -> None:
    gate = g.on_banned(Gate(), "", 1_000, NOW)
    assert gate.state(NOW + 5_000) is GateState.BANNED
    assert g.opens_ms(gate, WEIGHT, Lane.TRADING, NOW + 5_000) > NOW + 5_000


def test_guessed_bans_double_up_to_three_days() -> None:
    gate, at, spans = Gate(), NOW, []
    for _ in range(14):
        gate = g.on_banned(gate, "", None, at)
        spans.append(gate.until_ms - at)
        at = gate.until_ms
    assert spans[:3] == [2 * MINUTE, 4 * MINUTE, 8 * MINUTE]
    assert spans[-1] == 72 * 60 * MINUTE


def test_after_the_ping_everything_runs_at_half_speed_for_five_minutes() -> None:
    gate = g.on_probe_passed(g.on_probing(g.on_banned(Gate(), "", 1_000, NOW)), NOW + 1_000)
    assert gate.state(NOW + 1_000) is GateState.OPEN
    assert (gate.share(NOW + 2_000), gate.share(NOW + 1_000 + 5 * MINUTE)) == (0.5, 1.0)


def test_a_lost_ping_proves_nothing_and_is_repeated() -> None:
    gate = g.on_probe_lost(g.on_probing(g.on_banned(Gate(), "", 1_000, NOW)), NOW + 1_000)
    assert gate.state(NOW + 1_000) is GateState.BANNED
    assert g.probe_due(gate, NOW + 1_000 + g.PROBE_RETRY_MS)


def test_the_firewall_costs_five_minutes_then_fifteen_then_a_person() -> None:
    gate, at, spans = Gate(), NOW, []
    for _ in range(3):
        gate = g.on_blocked(gate, at)
        assert gate.state(at) is GateState.BLOCKED
        spans.append(gate.until_ms - at)
        at = min(gate.until_ms, at + 16 * MINUTE)
    assert spans[:2] == [5 * MINUTE, 15 * MINUTE]
    assert gate.until_ms == g.UNTIL_OPERATOR
    assert g.unblock(gate).state(at) is GateState.OPEN


def test_a_block_within_a_ban_does_not_shorten_it() -> None:
    gate = g.on_blocked(g.on_banned(Gate(), "", 60 * MINUTE, NOW), NOW + 1)
    assert gate.state(NOW + 10 * MINUTE) is GateState.BANNED


def test_a_remembered_ban_is_in_force_again() -> None:
    gate = g.restore_ban(Gate(), NOW + MINUTE)
    assert g.opens_ms(gate, WEIGHT, Lane.TRADING, NOW) == NOW + MINUTE
