"""Where the stop should be: breakeven, locked profit, trail. Every answer is only ever tightened to (section 9.3)."""

from __future__ import annotations

from decimal import Decimal

from engine.money import ONE, decimal
from engine.trading import client_ids
from engine.trading.position_state import Position

_MINUTE_MS = 60_000


def breakeven_price(position: Position) -> Decimal:
    """The stop after TP1, rounded toward the market, never beyond TP1 (ruling 14)."""
    plan, side = position.plan, position.plan.direction
    entry = position.entry_price
    if plan.exits.breakeven == "entry":
        raw = entry
    elif plan.exits.breakeven == "half_r":
        raw = entry + side * decimal(position.r0) / 2
    else:
        raw = entry * (ONE + side * plan.costs.round_trip)
    price = plan.instrument.tighter_stop(raw, side)
    first = position.tier(client_ids.TIER1)
    if first is not None and first.price is not None and side * (price - first.price) > 0:
        return first.price
    return price


def trail_price(position: Position) -> Decimal | None:
    """`peak - s * 1.2 * ATR` at entry; None before trailing has begun."""
    if position.peak is None:
        return None
    plan = position.plan
    raw = position.peak - plan.side * plan.exits.trail_atr * plan.exits.atr
    return plan.instrument.tighter_stop(raw, plan.direction) if raw > 0 else None


def trails(position: Position) -> bool:
    """The runner trails after TP2, or after TP1 when there is no second target."""
    second = position.tier(client_ids.TIER2)
    if second is None:
        return False
    return position.stage >= 2 or (position.stage >= 1 and second.cancelled and second.price is None)


def tighten(position: Position, trail_now: bool) -> None:
    """Move the wanted stop to the tightest the stage allows; never back.

    `trail_now`: the peak's stop is taken over at the close of a minute (live) or of a bar (back-test) only.
    """
    if position.stage >= 1:
        _tighten_to(position, breakeven_price(position), "breakeven")
    first = position.tier(client_ids.TIER1)
    if position.stage >= 2 and first is not None and first.price is not None:
        _tighten_to(position, first.price, "tp1_lock")
    if trail_now and trails(position) and (price := trail_price(position)) is not None:
        _tighten_to(position, price, "trail")


def raise_peak(position: Position, price: float, now_ms: int) -> None:
    """Keep the best price since trailing began."""
    if not trails(position):
        return
    side = position.plan.side
    if position.peak is None or side * (price - position.peak) > 0:
        position.peak = price
    position.trail_minute = position.trail_minute or now_ms // _MINUTE_MS


def minute_closed(position: Position, now_ms: int) -> bool:
    """Whether a minute ended since the trail was last moved; remembers that it was."""
    minute = now_ms // _MINUTE_MS
    if position.trail_minute and minute > position.trail_minute:
        position.trail_minute = minute
        return True
    return False


def _tighten_to(position: Position, price: Decimal, why: str) -> None:
    if position.plan.side * (price - position.stop) > 0:
        position.stop = price
        position.stop_why = why
