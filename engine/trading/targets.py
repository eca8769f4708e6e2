"""The resting targets: placed once the stop works, laid again when somebody changed the quantity."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from engine.trading import client_ids
from engine.trading.closing import withdraw
from engine.trading.intents import AnyIntent, AskExchange, PlaceTier
from engine.trading.order import Order, Phase
from engine.trading.position_state import RUNNER, Position, Tier, keep, name_next, pace, paced
from engine.trading.tiers import relay_tiers

_LEGS = (client_ids.TIER1, client_ids.TIER2)
_RETRY_MS = 2000.0
_NOTHING_TO_REDUCE = -2022


def tend_targets(position: Position, mono_ms: float) -> list[AnyIntent]:
    """Cancel targets that no longer fit, then place the missing ones."""
    if position.state != "open" or position.hold or position.reduce_to is not None or position.plan.foreign:
        return []
    if not position.entry_over or position.exposure <= 0:
        return []
    plan = position.plan
    if position.relay:
        cancels = _relay(position, mono_ms)
        if position.relay:
            return cancels
    if position.working_stop is None:
        return []  # protection first
    intents: list[AnyIntent] = []
    for leg in _LEGS:
        tier = position.tier(leg)
        if tier is None or tier.merged or tier.cancelled or tier.price is None:
            continue
        missing = min(tier.quantity - position.taken(leg), position.exposure)
        if missing <= 0 or position.live(leg) or paced(position, leg, mono_ms):
            continue
        name, attempt = name_next(position, leg)
        side = plan.direction.opposite.order_side
        keep(position, Order(name, leg, attempt, side, missing, price=tier.price))
        intents.append(PlaceTier(client_id=name, side=side, price=tier.price, quantity=missing))
    return intents


def on_declined(position: Position, order: Order, code: int, mono_ms: float) -> list[AnyIntent]:
    """A target was refused; it is tried again, and by then fills at once if the price has passed it."""
    pace(position, order.leg, mono_ms + _RETRY_MS)
    if code == _NOTHING_TO_REDUCE:
        return [AskExchange(why="the exchange finds nothing to reduce")]
    return []


def on_ended(position: Position, order: Order, mono_ms: float) -> None:
    """A target left the book without being filled.

    Taken off by a person it stays off and its share joins the runner; knocked out by the exchange it is placed again.
    """
    if position.state != "open" or order.cancel_sent or position.filled(order) >= order.quantity:
        return
    if order.phase is Phase.CANCELED:
        left = order.quantity - position.filled(order)
        position.tiers = tuple(_without(position, tier, order.leg, left) for tier in position.tiers)
    else:
        pace(position, order.leg, mono_ms + _RETRY_MS / 4)


def _without(position: Position, tier: Tier, leg: str, left: Decimal) -> Tier:
    if tier.leg == leg:
        return replace(tier, quantity=position.taken(leg), cancelled=True)
    if tier.leg == RUNNER:
        return replace(tier, quantity=tier.quantity + left, merged=False)
    return tier


def _relay(position: Position, mono_ms: float) -> list[AnyIntent]:
    if live := position.live(*_LEGS):
        return withdraw(position, live, mono_ms)
    position.tiers = relay_tiers(position)
    position.relay = False
    return []
