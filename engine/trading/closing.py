"""Leaving a position, whole or in part, without tripping over our own resting orders.

A reduce-only market order beside resting reduce-only targets may be refused for what they would do together (-4118),
or knock them out. So the targets are cancelled first, the market order follows with what is really left, and the stop
rests until the exchange says flat.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypedDict

from engine.money import ZERO
from engine.trading import client_ids
from engine.trading.events import ClosingStarted
from engine.trading.intents import AnyIntent, AskExchange, CancelOrder, ExitMarket, Tell
from engine.trading.order import Order, Phase, cancelling
from engine.trading.position_state import Position, keep, name_next, pace, paced

CANCEL: Final = "cancel"  # the pace of cancels, beside those of the legs

ASKED: Final = frozenset({"manual", "flatten"})  # closes a person asked for

_HURRY_AFTER_MS = 1000.0  # a cancel nobody answers holds up the exit no longer than this
_RETRY_MS = 250.0
_RETRY_MOST_MS = 5000.0
_RETRY_BARE_MS = 500.0  # without a stop underneath there is no time to be polite
_ASK_AGAIN_MS = 1000.0
_NOTHING_TO_REDUCE = -2022


class Identity(TypedDict):
    """Who a position's event is about."""

    at_ms: int
    position_id: str
    signal_id: str
    symbol: str


def start_closing(position: Position, reason: str, now_ms: int, mono_ms: float) -> list[AnyIntent]:
    """From now on everything is done to be flat; asked again, nothing changes.

    A position nobody here opened is closed only when a person asks.
    """
    if position.state != "open" or (position.plan.foreign and reason not in ASKED):
        return []
    position.state = "closing"
    position.close_reason = reason
    position.closing_mono = mono_ms
    position.reduce_to = None
    return [Tell(event=ClosingStarted(reason=reason, **identity(position, now_ms)))]


def leave(position: Position, mono_ms: float) -> list[AnyIntent]:
    """The next steps of a close or a partial close: cancel targets, then sell what is to go."""
    exposure = position.exposure
    if position.state == "closing":
        target = ZERO
    elif position.state == "open" and position.reduce_to is not None:
        target = position.reduce_to
        if exposure <= target:
            position.reduce_to, position.relay = None, True
            return []
    else:
        return []
    if exposure <= 0:
        return []
    targets = position.live(client_ids.TIER1, client_ids.TIER2)
    intents = withdraw(position, targets, mono_ms)
    hurried = mono_ms - position.closing_mono > _HURRY_AFTER_MS
    if (targets and not hurried) or _on_its_way(position) or paced(position, client_ids.EXIT, mono_ms):
        return intents
    intents.append(_exit(position, exposure - target))
    return intents


def on_lost(position: Position, mono_ms: float) -> None:
    """The answer to an exit is lost. It is asked about; a bare position does not wait for the proof of its absence."""
    pace(position, client_ids.EXIT, mono_ms + _RETRY_MS * 2)


def on_declined(position: Position, code: int, mono_ms: float) -> list[AnyIntent]:
    """An exit was refused: ask what there is to exit, or try again a little later each time."""
    if code == _NOTHING_TO_REDUCE:
        for leg in (client_ids.EXIT, client_ids.STOP):  # most likely flat: trying on would only blur the answer
            pace(position, leg, mono_ms + _ASK_AGAIN_MS)
        return [AskExchange(why="the exchange finds nothing to reduce")]
    count = position.declines.get(client_ids.EXIT, 0) + 1
    position.declines = {**position.declines, client_ids.EXIT: count}
    most_ms = _RETRY_MOST_MS if position.working_stop is not None else _RETRY_BARE_MS
    pace(position, client_ids.EXIT, mono_ms + min(most_ms, _RETRY_MS * 2 ** min(count - 1, 6)))
    return []


def exit_failed(position: Position) -> bool:
    """A try to leave was refused, or nobody knows what became of it."""
    lost = any(order.phase is Phase.UNKNOWN for order in position.live(client_ids.EXIT))
    return lost or bool(position.declines.get(client_ids.EXIT))


def clear_leftovers(position: Position, mono_ms: float) -> list[AnyIntent]:
    """Cancel what still rests after the end; reduce-only stops by quantity survive a flat position."""
    if position.state not in ("closed", "abandoned"):
        return []
    return withdraw(position, list(position.orders.values()), mono_ms)


def withdraw(position: Position, orders: list[Order], mono_ms: float) -> list[AnyIntent]:
    """Cancel those of `orders` that rest and are not being cancelled."""
    if paced(position, CANCEL, mono_ms):
        return []
    intents: list[AnyIntent] = []
    for order in orders:
        if order.resting and not order.cancel_sent:
            keep(position, cancelling(order))
            intents.append(CancelOrder(client_id=order.client_id, conditional=order.conditional))
    return intents


def on_cancel_failed(position: Position, mono_ms: float) -> None:
    """A cancel did not take; the next one waits a little."""
    pace(position, CANCEL, mono_ms + _RETRY_MS)


def identity(position: Position, now_ms: int) -> Identity:
    """The common fields of a position's events."""
    plan = position.plan
    return Identity(at_ms=now_ms, position_id=plan.position_id, signal_id=plan.signal_id, symbol=plan.symbol)


def _on_its_way(position: Position) -> bool:
    """Whether an exit is out that has to be waited for.

    One whose answer is lost may or may not arrive. Under a working stop there is time to find out. Without one a
    second goes out: reduce-only, it cannot do more than close, and is refused when the first has closed already.
    """
    bare = position.state == "closing" and position.working_stop is None
    return any(not (bare and order.phase is Phase.UNKNOWN) for order in position.live(client_ids.EXIT))


def _exit(position: Position, quantity: Decimal) -> ExitMarket:
    plan = position.plan
    most = plan.instrument.market_max_qty
    if most > 0:
        quantity = min(quantity, most)
    name, attempt = name_next(position, client_ids.EXIT)
    side = plan.direction.opposite.order_side
    why = position.close_reason or "manual"
    keep(position, Order(name, client_ids.EXIT, attempt, side, quantity, why=why))
    return ExitMarket(client_id=name, side=side, quantity=quantity, reason=why)
