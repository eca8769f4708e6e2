"""What the difference between two states of a position is worth telling."""

from __future__ import annotations

from engine.trading import client_ids
from engine.trading.closing import identity
from engine.trading.events import StopMoved, StopPlaced, TierPlaced, TierTaken
from engine.trading.intents import AnyIntent, Tell
from engine.trading.position_state import Position

_TIERS = ((client_ids.TIER1, 1), (client_ids.TIER2, 2))


def announce(before: Position, after: Position, now_ms: int, mono_ms: float) -> list[AnyIntent]:
    """Stops that came to work or moved, targets placed and taken."""
    if before.orders is after.orders and before.tiers is after.tiers:
        return []
    return _stops(before, after, now_ms, mono_ms) + _targets(before, after, now_ms)


def _stops(before: Position, after: Position, now_ms: int, mono_ms: float) -> list[AnyIntent]:
    old, new = before.working_stop, after.working_stop
    if new is None or after.state not in ("open", "closing"):
        return []
    if old is None:
        naked_ms = mono_ms - before.naked_since if before.naked_since is not None else 0.0
        return [Tell(event=StopPlaced(price=new.price, naked_ms=naked_ms, **identity(after, now_ms)))]
    if old.price != new.price:
        return [Tell(event=StopMoved(price=new.price, why=new.why, **identity(after, now_ms)))]
    return []


def _targets(before: Position, after: Position, now_ms: int) -> list[AnyIntent]:
    told: list[AnyIntent] = []
    for leg, number in _TIERS:
        for order in after.legs(leg):
            was = before.orders.get(order.client_id)
            if order.resting and (was is None or not was.resting):
                placed = TierPlaced(tier=number, price=order.price, quantity=order.quantity, **identity(after, now_ms))
                told.append(Tell(event=placed))
        tier = after.tier(leg)
        if tier is None or tier.merged or tier.cancelled or not tier.quantity:
            continue
        if after.taken(leg) >= tier.quantity and not (
            before.tier(leg) is not None and before.taken(leg) >= tier.quantity
        ):
            price = after.tallied(leg).average or tier.price or after.entry_price
            taken = TierTaken(
                tier=number,
                price=price,
                quantity=after.taken(leg),
                r=after.in_r(price),
                **identity(after, now_ms),
            )
            told.append(Tell(event=taken))
    return told
