"""One order's life, plain or conditional, as a value that only moves forward.

What is known about an order comes from answers, queries and two kinds of events, late, twice and out of order. Each
piece of news is joined into the order by rank, so the end is the same whatever the order of arrival. An order we
believe absent or declined is overruled when the exchange shows it; a finished one is never revived.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from engine.exchange.orders import OrderState, OrderStatus


class Phase(StrEnum):
    """Where an order stands."""

    SENDING = "sending"  # its intent is written, no answer yet
    UNKNOWN = "unknown"  # the answer is lost; being asked about
    ABSENT = "absent"  # proved not placed
    DECLINED = "declined"  # proved refused
    WORKING = "working"
    PARTIAL = "partial"
    TRIGGERED = "triggered"  # conditional: its plain order is on its way or in the book
    FILLED = "filled"
    FINISHED = "finished"  # conditional: the plain order it spawned is done
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"  # conditional: refused at its trigger


# (rank, weight): a higher rank is later in life; among equal ranks the heavier word wins.
_ORDINAL: dict[Phase, tuple[int, int]] = {
    Phase.SENDING: (0, 0),
    Phase.UNKNOWN: (0, 1),
    Phase.ABSENT: (1, 0),
    Phase.DECLINED: (1, 1),
    Phase.WORKING: (2, 0),
    Phase.PARTIAL: (3, 0),
    Phase.TRIGGERED: (4, 0),
    Phase.REJECTED: (5, 0),
    Phase.EXPIRED: (5, 1),
    Phase.CANCELED: (5, 2),
    Phase.FINISHED: (5, 3),
    Phase.FILLED: (5, 4),
}

_PLAIN: dict[OrderStatus, Phase] = {
    OrderStatus.NEW: Phase.WORKING,
    OrderStatus.PARTIALLY_FILLED: Phase.PARTIAL,
    OrderStatus.FILLED: Phase.FILLED,
    OrderStatus.CANCELED: Phase.CANCELED,
    OrderStatus.EXPIRED: Phase.EXPIRED,
    OrderStatus.REJECTED: Phase.REJECTED,
    OrderStatus.TRIGGERING: Phase.TRIGGERED,
    OrderStatus.TRIGGERED: Phase.TRIGGERED,
    OrderStatus.FINISHED: Phase.FINISHED,
}


class Order(msgspec.Struct, frozen=True):
    """One of a position's orders: what was asked for and what is known of it."""

    client_id: str
    leg: str
    attempt: int
    side: str
    quantity: Decimal  # zero for a closePosition stop: it takes what there is
    price: Decimal = Decimal(0)  # limit or trigger price; zero for market
    conditional: bool = False
    close_position: bool = False
    phase: Phase = Phase.SENDING
    filled: Decimal = Decimal(0)
    order_id: int = 0  # algo id for a conditional order
    plain_id: int = 0  # of the plain order a conditional one spawned; executions name this one
    cancel_sent: bool = False
    why: str = ""  # what a stop protects or an exit answers: initial, breakeven, trail, time_stop ...
    reason: str = ""  # what the exchange said when it refused or ended it

    @property
    def live(self) -> bool:
        """It rests on the exchange, or may."""
        return self.phase in _LIVE

    @property
    def resting(self) -> bool:
        """The exchange has shown it and has not ended it."""
        return self.phase in _RESTING

    @property
    def over(self) -> bool:
        """Nothing more will come of it."""
        return not self.live


_LIVE = frozenset({Phase.SENDING, Phase.UNKNOWN, Phase.WORKING, Phase.PARTIAL, Phase.TRIGGERED})
_RESTING = frozenset({Phase.WORKING, Phase.PARTIAL, Phase.TRIGGERED})
_UNANSWERED = frozenset({Phase.SENDING, Phase.UNKNOWN})


def advance(order: Order, seen: OrderState) -> Order:
    """Join what the exchange says; older and repeated news change nothing.

    A conditional order that triggered appears a second time, as the plain order of the same client id; both tell of
    one life. A status word the exchange did not document leaves the order as it is.
    """
    phase = _phase_of(order, seen)
    if phase is None or _ORDINAL[phase] < _ORDINAL[order.phase]:
        phase = order.phase
    filled = max(order.filled, seen.filled)
    order_id, plain_id = order.order_id, order.plain_id
    if order.conditional and not seen.conditional:
        plain_id = plain_id or seen.order_id
    else:
        order_id = order_id or seen.order_id
        plain_id = plain_id or seen.actual_order_id or 0
    reason = max(order.reason, seen.reason)
    return replace(order, phase=phase, filled=filled, order_id=order_id, plain_id=plain_id, reason=reason)


def filled_to(order: Order, quantity: Decimal) -> Order:
    """Fills seen on the account stream prove a filled quantity before the order's own state does."""
    if quantity <= order.filled:
        return order
    phase = order.phase
    if not order.conditional and order.quantity and quantity >= order.quantity:
        phase = Phase.FILLED
    elif order.conditional:
        phase = max(phase, Phase.TRIGGERED, key=_ORDINAL.__getitem__)
    else:
        phase = max(phase, Phase.PARTIAL, key=_ORDINAL.__getitem__)
    return replace(order, filled=quantity, phase=phase)


def lost(order: Order) -> Order:
    """The answer to its placement did not come."""
    return replace(order, phase=Phase.UNKNOWN) if order.phase is Phase.SENDING else order


def missing(order: Order) -> Order:
    """The exchange proved that it never arrived."""
    return replace(order, phase=Phase.ABSENT) if order.phase in _UNANSWERED else order


def declined(order: Order, reason: str) -> Order:
    """The exchange proved that it said no."""
    if order.phase in _UNANSWERED:
        return replace(order, phase=Phase.DECLINED, reason=reason)
    return order


def cancelling(order: Order) -> Order:
    return replace(order, cancel_sent=True)


def cancel_failed(order: Order) -> Order:
    """The cancel did not take; it may be tried again while the order lives."""
    return replace(order, cancel_sent=False) if order.cancel_sent else order


def gone(order: Order) -> Order:
    """The exchange no longer lists it and cannot say what became of it."""
    if _ORDINAL[order.phase] >= _ORDINAL[Phase.REJECTED]:
        return order
    return replace(order, phase=Phase.CANCELED, reason=order.reason or "not listed any more")


def _phase_of(order: Order, seen: OrderState) -> Phase | None:
    phase = _PLAIN.get(seen.status)
    if order.conditional and not seen.conditional and phase in (Phase.WORKING, Phase.PARTIAL):
        return Phase.TRIGGERED
    return phase
