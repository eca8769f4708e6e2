"""One position's life as a pure function: `step(position, event) -> (position, intents)`.

Live trading, shadows and the back-test run this same function. It is level-triggered: each input is first noted, then
the wanted orders are compared with those on their way, so a repeated or late input asks for nothing twice. Sums of
fills decide what is open; words of the exchange only move orders forward.
"""

from __future__ import annotations

import copy
from decimal import Decimal

from engine.trading import client_ids, closing, protection, targets, trailing
from engine.trading.announce import announce
from engine.trading.inputs import AnyInput, BarClosed, FillSeen, OrderSeen, PriceMoved, Ticked
from engine.trading.intake import note, note_price, place_entry
from engine.trading.intents import AnyIntent
from engine.trading.order import Order, filled_to
from engine.trading.plan import PositionPlan
from engine.trading.position_state import Position, Tally, keep, name_next, recount
from engine.trading.progress import advance_stage, conclude
from engine.trading.steady import steady_until_ms

__all__ = ["Position", "adopt_foreign", "begin", "step"]


def begin(plan: PositionPlan) -> tuple[Position, list[AnyIntent]]:
    """A position that is about to be entered, and the order that enters it."""
    position = Position(plan=plan, stop=plan.stop)
    return position, [place_entry(position)]


def adopt_foreign(plan: PositionPlan, quantity: Decimal, entry_price: Decimal, now_ms: int) -> Position:
    """A position found on the exchange that nobody here opened: shown and protected, never traded."""
    position = Position(plan=plan, stop=plan.stop, state="open", opened_ms=now_ms)
    name, attempt = name_next(position, client_ids.ENTRY)
    entry = Order(name, client_ids.ENTRY, attempt, plan.direction.order_side, quantity)
    keep(position, filled_to(entry, quantity))
    position.tallies = {name: Tally(quantity, quantity * entry_price, first_ms=now_ms, last_ms=now_ms)}
    position.best = position.worst = float(entry_price)
    recount(position)
    return position


def step(position: Position, event: AnyInput) -> tuple[Position, list[AnyIntent]]:
    """Note what happened, then say what is wanted. The given position is left as it was."""
    after = copy.copy(position)
    if event.now_ms < position.steady_until_ms and isinstance(event, PriceMoved | BarClosed | Ticked):
        if not isinstance(event, Ticked):
            note_price(after, event)
        return after, []
    now_ms, mono_ms = event.now_ms, event.mono_ms
    intents = note(after, event)
    intents += advance_stage(after, event)
    if after.state == "open" and not after.hold:
        trailing.tighten(after, _trail_due(after, event))
    fresh = isinstance(event, PriceMoved | BarClosed)
    late_ms = event.age_ms if isinstance(event, OrderSeen | FillSeen) else 0.0
    intents += protection.watch_naked(after, now_ms, mono_ms, late_ms)
    intents += closing.leave(after, mono_ms)
    intents += protection.protect(after, now_ms, mono_ms, fresh)
    if after.state == "closing" and position.state != "closing":
        intents += closing.leave(after, mono_ms)
    intents += targets.tend_targets(after, mono_ms)
    intents += conclude(after, now_ms, mono_ms)
    intents += closing.clear_leftovers(after, mono_ms)
    intents += announce(position, after, now_ms, mono_ms)
    if after.pace:
        after.pace = {leg: until for leg, until in after.pace.items() if until > mono_ms}
    if _differs(position, after):
        after.revision = position.revision + 1
    after.steady_until_ms = 0 if intents else steady_until_ms(after, now_ms)
    return after, intents


def _trail_due(position: Position, event: AnyInput) -> bool:
    if isinstance(event, BarClosed):
        return True
    return isinstance(event, PriceMoved) and trailing.minute_closed(position, event.now_ms)


def _differs(before: Position, after: Position) -> bool:
    """Something a person acts on has changed; prices alone have not."""
    return (
        before.orders is not after.orders
        or before.tallies is not after.tallies
        or (before.state, before.stage, before.stop, before.hold, before.adjusted)
        != (after.state, after.stage, after.stop, after.hold, after.adjusted)
    )
