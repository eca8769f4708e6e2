"""How an input changes what is known of a position, before anything is decided."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from engine.exchange.orders import Fill, OrderState
from engine.money import decimal
from engine.trading import client_ids, closing, protection, targets
from engine.trading.booking import fee_in_quote
from engine.trading.closing import identity, start_closing
from engine.trading.events import OrderRefused, QuantityDiffered
from engine.trading.inputs import (
    AnyInput,
    BarClosed,
    CancelFailed,
    CloseAsked,
    FillSeen,
    FlatSeen,
    FundingPaid,
    HoldSet,
    OrderDeclined,
    OrderGone,
    OrderLost,
    OrderMissing,
    OrderSeen,
    PriceMoved,
    QuantitySeen,
    StopAsked,
    StretchMissed,
    Ticked,
)
from engine.trading.intents import AnyIntent, AskExchange, PlaceEntry, Tell
from engine.trading.order import Order, Phase, advance, cancel_failed, declined, filled_to, gone, lost, missing
from engine.trading.position_state import Position, Tally, keep, name_next, recount

_ENTRY_ATTEMPTS = 2
_ENTRY_DRIFT_R = 0.25
_MANUAL = "manual"
_OUTSIDE = (_MANUAL, "adl", "settlement", "liquidation")  # tallies of fills that no order of ours brought


def note(position: Position, event: AnyInput) -> list[AnyIntent]:
    """Join one input into `position`, which is the caller's own copy; returns what follows from it at once."""
    orders, tallies = position.orders, position.tallies
    intents = _note(position, event)
    if position.orders is not orders or position.tallies is not tallies:
        recount(position)
    return intents


def _note(position: Position, event: AnyInput) -> list[AnyIntent]:
    match event:
        case OrderSeen(order=seen):
            return _note_order(position, seen, event.mono_ms)
        case FillSeen(fill=fill):
            return _note_fill(position, fill)
        case OrderDeclined():
            return _note_declined(position, event)
        case OrderLost(client_id=name):
            if (order := position.orders.get(name)) is not None:
                keep(position, lost(order))
                if order.leg == client_ids.EXIT:
                    closing.on_lost(position, event.mono_ms)
        case OrderMissing(client_id=name):
            return _note_missing(position, name, event.now_ms)
        case OrderGone(client_id=name):
            if (order := position.orders.get(name)) is not None and order.live:
                keep(position, gone(order))
                if order.leg in (client_ids.TIER1, client_ids.TIER2):
                    targets.on_ended(position, position.orders[name], event.mono_ms)
        case CancelFailed(client_id=name):
            if (order := position.orders.get(name)) is not None:
                keep(position, cancel_failed(order))
                closing.on_cancel_failed(position, event.mono_ms)
        case PriceMoved() | BarClosed():
            note_price(position, event)
        case StretchMissed(low=low, high=high, open_ms=open_ms):
            if position.state in ("open", "closing") and open_ms >= position.opened_ms:
                excursion(position, low, high, open_ms)
        case FundingPaid(amount=amount, id=key):
            if key not in position.fundings:
                position.fundings = position.fundings | {key}
                position.funding += amount
        case CloseAsked():
            return _note_close(position, event)
        case StopAsked(price=price):
            if position.state in ("open", "entering"):
                position.stop, position.stop_why = price, "manual"
        case HoldSet(on=on):
            position.hold = on
        case FlatSeen(price=price):
            _note_flat(position, price)
        case QuantitySeen(quantity=quantity):
            return _note_quantity(position, quantity, event.now_ms)
        case Ticked():
            pass
    return []


def _note_order(position: Position, seen: OrderState, mono_ms: float) -> list[AnyIntent]:
    name = client_ids.parse(seen.client_id)
    before = position.orders.get(seen.client_id)
    if before is None:
        if name is None or name.key != position.plan.key:
            return []
        if name.attempt <= position.attempts.get(name.leg, 0):
            return []  # one we have pruned: old news
        position.attempts = {**position.attempts, name.leg: name.attempt}
        before = Order(
            seen.client_id, name.leg, name.attempt, seen.side, seen.quantity,
            price=seen.trigger_price if seen.conditional else seen.price,
            conditional=seen.conditional, close_position=seen.close_position,
        )  # fmt: skip
    after = advance(before, seen)
    keep(position, after)
    if before.over or after.live:
        return []
    if after.leg == client_ids.STOP:
        return protection.on_ended(position, after, mono_ms)
    if after.leg in (client_ids.TIER1, client_ids.TIER2):
        targets.on_ended(position, after, mono_ms)
    return []


def _note_fill(position: Position, fill: Fill) -> list[AnyIntent]:
    plan = position.plan
    if fill.trade_id in position.trades:
        return []
    name = client_ids.parse(fill.client_id)
    if fill.client_id in position.orders or (name is not None and name.key == plan.key):
        key = fill.client_id
    elif fill.side == plan.direction.order_side:
        return [AskExchange(why="somebody added to the position")]
    else:
        key = client_ids.forced_reason(fill.client_id) or _MANUAL
        position.relay = True
    told = _tell_outside(position, key, fill)
    position.trades = position.trades | {fill.trade_id}
    tally = position.tallies.get(key, Tally()).add(fill, fee_in_quote(fill, plan))
    position.tallies = {**position.tallies, key: tally}
    if (order := position.orders.get(key)) is not None:
        keep(position, filled_to(order, tally.quantity))
    recount(position)
    if name is not None and name.leg == client_ids.ENTRY:
        position.opened_ms = min(position.opened_ms or fill.at_ms, fill.at_ms)
    excursion(position, float(fill.price), float(fill.price), fill.at_ms)
    return told


def _tell_outside(position: Position, key: str, fill: Fill) -> list[AnyIntent]:
    """Word of the first part that somebody else closes, the exchange included; the whole is told as the end."""
    ours, left = position.exposure, position.exposure - fill.quantity
    if key not in _OUTSIDE or key in position.tallies or position.state != "open" or left <= 0:
        return []
    return [Tell(event=QuantityDiffered(ours=ours, exchange=left, **identity(position, fill.at_ms)))]


def _note_declined(position: Position, event: OrderDeclined) -> list[AnyIntent]:
    order = position.orders.get(event.client_id)
    if order is None or not order.live or order.resting:
        return []
    keep(position, declined(order, event.message))
    refused = OrderRefused(
        client_id=event.client_id, code=event.code, reason=event.message, **identity(position, event.now_ms)
    )
    intents: list[AnyIntent] = [Tell(event=refused)]
    if order.leg == client_ids.STOP:
        intents += protection.on_declined(position, order, event.code, event.now_ms, event.mono_ms)
    elif order.leg == client_ids.EXIT:
        intents += closing.on_declined(position, event.code, event.mono_ms)
    elif order.leg in (client_ids.TIER1, client_ids.TIER2):
        intents += targets.on_declined(position, order, event.code, event.mono_ms)
    return intents


def _note_missing(position: Position, name: str, now_ms: int) -> list[AnyIntent]:
    order = position.orders.get(name)
    if order is None:
        return []
    keep(position, missing(order))
    after = position.orders[name]
    if after.leg != client_ids.ENTRY or after.phase is not Phase.ABSENT or position.state != "entering":
        return []
    plan = position.plan
    r = abs(float(plan.expected_entry - plan.stop))
    drifted = position.mark is not None and abs(position.mark - float(plan.expected_entry)) > _ENTRY_DRIFT_R * r
    if after.attempt >= _ENTRY_ATTEMPTS or now_ms >= plan.expires_ms or drifted or position.close_reason:
        return []
    return [place_entry(position)]


def note_price(position: Position, event: PriceMoved | BarClosed) -> None:
    """Keep the price that triggers stops, and the excursions."""
    if isinstance(event, BarClosed):
        position.mark, position.walked_ms = event.close, event.now_ms
        low, high, at_ms = event.low, event.high, event.open_ms
    else:
        by_last = position.plan.exits.working_type == "CONTRACT_PRICE" and event.last is not None
        position.mark = low = high = event.last if by_last and event.last is not None else event.mark
        at_ms = event.now_ms
    if position.state in ("open", "closing"):
        excursion(position, low, high, at_ms)


def _note_close(position: Position, event: CloseAsked) -> list[AnyIntent]:
    if position.state == "entering":
        position.close_reason = event.reason
        return []
    if position.state != "open":
        return []
    exposure = position.exposure
    instrument = position.plan.instrument
    part = instrument.qty(exposure * decimal(event.pct) / 100)
    if event.pct >= 100 or exposure - part < instrument.min_qty:
        return start_closing(position, event.reason, event.now_ms, event.mono_ms)
    if part > 0:
        position.reduce_to = exposure - part
        position.closing_mono = event.mono_ms
    return []


def _note_flat(position: Position, price: Decimal) -> None:
    """Nothing is left and no more fills will come: what they do not explain has vanished at `price`."""
    if position.state not in ("open", "closing", "entering"):
        return
    for order in list(position.orders.values()):
        seen = position.tallies.get(order.client_id, Tally()).quantity
        if order.filled != seen:
            keep(position, replace(order, filled=seen))
    recount(position)
    if (left := position.exposure) > 0:
        position.vanished += left
        position.vanished_price = price
        position.close_reason = position.close_reason or "vanished"
        recount(position)


def _note_quantity(position: Position, quantity: Decimal, now_ms: int) -> list[AnyIntent]:
    ours = position.exposure
    if quantity == ours:
        return []
    position.adjusted += quantity - ours
    position.relay = True
    recount(position)
    told = QuantityDiffered(ours=ours, exchange=quantity, **identity(position, now_ms))
    return [Tell(event=told)]


def excursion(position: Position, low: float, high: float, at_ms: int) -> None:
    """Keep the best and the worst price since the entry."""
    if not position.entered.quantity:
        return
    best, worst = (high, low) if position.plan.side > 0 else (low, high)
    side = position.plan.side
    if position.best is None or side * (best - position.best) > 0:
        position.best, position.best_ms = best, at_ms
    if position.worst is None or side * (worst - position.worst) < 0:
        position.worst, position.worst_ms = worst, at_ms


def place_entry(position: Position) -> PlaceEntry:
    """Name the next attempt at the entry and mark it as on its way."""
    plan = position.plan
    name, attempt = name_next(position, client_ids.ENTRY)
    side = plan.direction.order_side
    keep(position, Order(name, client_ids.ENTRY, attempt, side, plan.quantity))
    return PlaceEntry(client_id=name, side=side, quantity=plan.quantity)
