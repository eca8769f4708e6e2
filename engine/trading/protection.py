"""Keeping a working stop under every position: what to place, what to cancel, when to give up and close.

The exchange takes one closePosition stop per direction (-4130), so a moved stop alternates its form: the new one rests
reduce-only by quantity while the old one still works, then the old one is cancelled. A closePosition stop covers
whatever the position holds, so it is the first choice whenever none is in the way.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from engine.money import ZERO
from engine.trading import client_ids
from engine.trading.closing import exit_failed, identity, start_closing, withdraw
from engine.trading.events import StopFailed
from engine.trading.intents import AnyIntent, AskExchange, PlaceStop, Tell
from engine.trading.order import Order, Phase
from engine.trading.position_state import Position, keep, name_next, pace, paced, prune, stop_reason

_LATE_MOST_MS = 900.0
_CLOSE_AHEAD_MS = 400.0  # the way of the closing order belongs to the time a position may be bare
_SETTLE_MS = 300.0  # a stop that ended by itself: its fills may still be on their way
_RETRY_NAKED_MS = 150.0
_RETRY_COVERED_MS = 5000.0
_ASK_AGAIN_MS = 2000.0

_WOULD_TRIGGER = -2021
_CLOSE_POSITION_EXISTS = -4130
_NOTHING_TO_REDUCE = -2022


def protect(position: Position, now_ms: int, mono_ms: float, fresh_price: bool) -> list[AnyIntent]:
    """The stop orders wanted now. Marks what it names as on its way, so that asking again asks for nothing.

    With a `fresh_price` already through the wanted stop the position closes at once; with an older one the exchange
    is left to say so.
    """
    exposure = position.exposure
    if position.state not in ("open", "closing") or exposure <= 0 or not position.plan.guarded:
        return []
    stops = position.live(client_ids.STOP)
    if any(order.phase is Phase.TRIGGERED for order in stops):
        return _ask_when_slow(position, mono_ms)
    resting = [order for order in stops if order.resting]
    right = [order for order in resting if _is_right(position, order, exposure)]
    if right:
        return withdraw(position, [order for order in resting if order is not right[-1]], mono_ms)
    if any(order.phase is Phase.SENDING for order in stops):
        return []
    if position.state == "closing" and (resting or not exit_failed(position)):
        return []  # on its way out; only where leaving fails too is a stop the other way to end it
    if resting and (position.hold or any(order.phase is Phase.UNKNOWN for order in stops)):
        return []  # covered; a stop whose answer is lost is asked about first
    if is_through(position) and (fresh_price or position.state == "closing"):
        return start_closing(position, stop_reason(position.stop_why), now_ms, mono_ms)
    if paced(position, client_ids.STOP, mono_ms):
        return []
    return [_place(position, exposure, resting)]


def watch_naked(position: Position, now_ms: int, mono_ms: float, age_ms: float = 0.0) -> list[AnyIntent]:
    """Time without a working stop, on the machine's clock; a little before the limit the position closes at market.

    A limit too short for that leaves half of it to the stop. News that comes `age_ms` late has cost that much of the
    limit already, but never the time for one attempt.
    """
    bare = position.state in ("open", "closing") and position.exposure > 0 and position.working_stop is None
    if not bare or not position.plan.guarded:
        position.naked_since = None
        return []
    if position.naked_since is None:
        position.naked_since = mono_ms - min(age_ms, _LATE_MOST_MS)
    naked_ms = mono_ms - position.naked_since
    position.naked_max_ms = max(position.naked_max_ms, naked_ms)
    limit_ms = position.plan.exits.naked_limit_ms
    if position.state != "open" or naked_ms < max(limit_ms - _CLOSE_AHEAD_MS, limit_ms / 2):
        return []
    started = start_closing(position, "naked", now_ms, mono_ms)
    if not started:
        return []
    told = StopFailed(reason="no working stop", naked_ms=naked_ms, **identity(position, now_ms))
    return [Tell(event=told), *started]


def on_declined(position: Position, order: Order, code: int, now_ms: int, mono_ms: float) -> list[AnyIntent]:
    """A stop was refused: what that proves, and what follows."""
    if code == _WOULD_TRIGGER:
        # The price is already through it: a working stop would have closed the position by now.
        pace(position, client_ids.STOP, mono_ms + _RETRY_NAKED_MS)
        return start_closing(position, stop_reason(order.why), now_ms, mono_ms)
    if code == _CLOSE_POSITION_EXISTS:
        _learn_from_twin(position, mono_ms)
        return []
    if code == _NOTHING_TO_REDUCE:
        pace(position, client_ids.STOP, mono_ms + _SETTLE_MS)
        return [AskExchange(why="the exchange finds nothing to protect")]
    wait = _RETRY_NAKED_MS if position.working_stop is None else _RETRY_COVERED_MS
    pace(position, client_ids.STOP, mono_ms + wait)
    return []


def on_ended(position: Position, order: Order, mono_ms: float) -> list[AnyIntent]:
    """A stop ended by itself. Its fills may come after the news, so a moment passes before it is missed."""
    if order.cancel_sent or order.phase is Phase.CANCELED or position.exposure <= 0:
        return []
    pace(position, client_ids.STOP, mono_ms + _SETTLE_MS)
    return [AskExchange(why=f"stop {order.phase.value} with quantity open")]


def is_through(position: Position) -> bool:
    """The price that triggers stops has passed the wanted stop (touching counts)."""
    return position.mark is not None and position.plan.side * (position.mark - float(position.stop)) <= 0


def _is_right(position: Position, order: Order, exposure: Decimal) -> bool:
    fits = order.close_position or order.quantity == exposure
    return fits and order.price == position.stop and not order.cancel_sent


def _place(position: Position, exposure: Decimal, resting: list[Order]) -> PlaceStop:
    """Whole-position form unless one of that form rests already; while naked an unanswered one is no hindrance:

    the exchange takes only one of the two and says so.
    """
    plan = position.plan
    whole = not position.others_stop and not any(order.close_position for order in resting)
    quantity = ZERO if whole else exposure
    name, attempt = name_next(position, client_ids.STOP)
    side = plan.direction.opposite.order_side
    order = Order(
        name, client_ids.STOP, attempt, side, quantity,
        price=position.stop, conditional=True, close_position=whole, why=position.stop_why,
    )  # fmt: skip
    keep(position, order)
    prune(position)
    return PlaceStop(
        client_id=name,
        side=side,
        price=position.stop,
        close_position=whole,
        quantity=quantity,
        working_type=plan.exits.working_type,
    )


def _learn_from_twin(position: Position, mono_ms: float) -> None:
    """-4130: another closePosition stop exists. If the answer to one of ours was lost, that is the one."""
    twins = [order for order in position.live(client_ids.STOP) if order.close_position]
    lost = [order for order in twins if order.phase is Phase.UNKNOWN]
    if lost:
        keep(position, replace(lost[-1], phase=Phase.WORKING))
    elif not twins:
        position.others_stop = True
    else:
        pace(position, client_ids.STOP, mono_ms + _RETRY_NAKED_MS)


def _ask_when_slow(position: Position, mono_ms: float) -> list[AnyIntent]:
    """A triggered stop fills within moments; when it does not, ask."""
    if "trigger" not in position.pace:
        pace(position, "trigger", mono_ms + _ASK_AGAIN_MS)
    if paced(position, "trigger", mono_ms):
        return []
    pace(position, "trigger", mono_ms + _ASK_AGAIN_MS)
    return [AskExchange(why="a triggered stop has not filled")]
