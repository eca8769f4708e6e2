"""We against the exchange, as a table: what differs, and what is to be done about each difference.

    local                       exchange                    action
    intent without outcome      found / not found           adopt its state / mark never placed
    order working               filled, cancelled, expired  apply what is missing
    position                    none                        close the trade from the account's fills
    none                        position                    adopt it as foreign, protect it
    quantity                    another quantity            trust the exchange, note it
    position without stop       -                           place the stop now (its own machine does)
    none                        our resting exit order      cancel it

Pure: the driver fetches the picture and carries the answers out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from engine.exchange.orders import Fill, OrderState, PositionState
from engine.money import ZERO, plain
from engine.trading import client_ids
from engine.trading.order import Order, Phase
from engine.trading.position_state import Position

_HELD = ("entering", "open", "closing")


class Picture(msgspec.Struct, frozen=True):
    """What the exchange says: every open position, every resting order of both kinds."""

    positions: tuple[PositionState, ...]
    orders: tuple[OrderState, ...]

    def quantity(self, symbol: str) -> Decimal:
        """Signed."""
        return sum((row.quantity for row in self.positions if row.symbol == symbol), ZERO)


class Difference(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One line of the comparison; the four words are what the screen shows."""

    symbol: str
    local: str
    exchange: str
    action: str

    def row(self) -> dict[str, str]:
        return {
            "symbol": self.symbol,
            "local": self.local,
            "exchange": self.exchange,
            "action": self.action,
        }


class OrderUnlisted(Difference, frozen=True, kw_only=True, tag=True):
    """We think it rests, or do not know; the exchange does not list it: ask what became of it."""

    position_id: str
    client_id: str
    conditional: bool
    unanswered: bool


class OrderListed(Difference, frozen=True, kw_only=True, tag=True):
    """The exchange lists an order of a position further on than we think."""

    position_id: str
    order: OrderState


class PositionVanished(Difference, frozen=True, kw_only=True, tag=True):
    """We hold it, the exchange does not."""

    position_id: str


class QuantityDiffers(Difference, frozen=True, kw_only=True, tag=True):
    position_id: str
    quantity: Decimal  # unsigned, as the exchange has it
    flipped: bool  # it even points the other way


class PositionForeign(Difference, frozen=True, kw_only=True, tag=True):
    """The exchange holds it, we do not."""

    state: PositionState


class OrderOrphaned(Difference, frozen=True, kw_only=True, tag=True):
    """One of our exit orders rests where there is nothing to exit."""

    order: OrderState


AnyDifference = OrderUnlisted | OrderListed | PositionVanished | QuantityDiffers | PositionForeign | OrderOrphaned


def compare(
    positions: Sequence[Position], picture: Picture, prefix: str, busy: Iterable[str] = ()
) -> list[AnyDifference]:
    """All differences, in the order in which they are to be mended.

    `busy` names positions that changed while the picture was taken; they are left for the next look.
    """
    skip = set(busy)
    settled = [position for position in positions if position.plan.position_id not in skip]
    listed = {order.client_id: order for order in picture.orders}
    found: list[AnyDifference] = []
    for position in settled:
        found += _orders(position, listed)
    for position in settled:
        if (difference := _quantity(position, picture)) is not None:
            found.append(difference)
    held = {position.plan.symbol for position in positions if position.state in _HELD}
    for state in picture.positions:
        if state.quantity and state.symbol not in held:
            found.append(
                PositionForeign(
                    symbol=state.symbol,
                    local="none",
                    exchange=f"{plain(state.quantity)} @ {plain(state.entry_price)}",
                    action="adopt and protect",
                    state=state,
                )
            )
    known = {name for position in positions for name in position.orders}
    for order in picture.orders:
        if order.client_id not in known and _orphaned(order, picture, prefix):
            found.append(
                OrderOrphaned(
                    symbol=order.symbol,
                    local="none",
                    exchange=f"{order.client_id} {order.side} {order.type}",
                    action="cancel",
                    order=order,
                )
            )
    return found


def named_fills(position: Position, fills: Iterable[Fill]) -> list[Fill]:
    """Fills of a position with their client ids: histories name orders by number only."""
    names: Mapping[int, str] = {
        number: order.client_id
        for order in position.orders.values()
        for number in (order.order_id if not order.conditional else 0, order.plain_id)
        if number
    }
    since_ms = position.opened_ms or position.plan.planned_ms
    named: list[Fill] = []
    for fill in fills:
        name = fill.client_id or names.get(fill.order_id, "")
        ours = client_ids.parse(name)
        if ours is not None and ours.key != position.plan.key:
            continue
        if not name and fill.at_ms < since_ms:
            continue  # before this position: an earlier trade of the symbol
        named.append(msgspec.structs.replace(fill, client_id=name))
    return named


def _orders(position: Position, listed: Mapping[str, OrderState]) -> list[AnyDifference]:
    found: list[AnyDifference] = []
    # Stops first: while the entry of a recovered position is being learned, its protection is known already.
    for order in sorted(position.orders.values(), key=_stops_first):
        if not order.live and order.phase is not Phase.ABSENT:
            continue
        state = listed.get(order.client_id)
        if state is not None:
            if not order.resting or state.filled > order.filled or not order.order_id:
                found.append(
                    OrderListed(
                        symbol=position.plan.symbol,
                        local=_words(order),
                        exchange=f"{state.client_id} {state.status.value}",
                        action="adopt its state",
                        position_id=position.plan.position_id,
                        order=state,
                    )
                )
        elif order.live and order.phase is not Phase.SENDING:  # one being sent is the executor's
            found.append(
                OrderUnlisted(
                    symbol=position.plan.symbol,
                    local=_words(order),
                    exchange="not listed",
                    action="ask what became of it",
                    position_id=position.plan.position_id,
                    client_id=order.client_id,
                    conditional=order.conditional,
                    unanswered=not order.resting,
                )
            )
    return found


def _quantity(position: Position, picture: Picture) -> AnyDifference | None:
    plan = position.plan
    if position.state not in _HELD:
        return None
    ours = position.exposure
    theirs = picture.quantity(plan.symbol) * plan.side
    if ours == theirs or (position.state == "entering" and any(order.live for order in position.orders.values())):
        return None
    local, exchange = plain(ours * plan.side), plain(theirs * plan.side)
    if theirs == 0:
        return PositionVanished(
            symbol=plan.symbol,
            local=local,
            exchange="none",
            action="close from the account's fills",
            position_id=plan.position_id,
        )
    return QuantityDiffers(
        symbol=plan.symbol,
        local=local,
        exchange=exchange,
        action="take over the exchange's quantity",
        position_id=plan.position_id,
        quantity=max(ZERO, theirs),
        flipped=theirs < 0,
    )


def _orphaned(order: OrderState, picture: Picture, prefix: str) -> bool:
    name = client_ids.parse(order.client_id)
    if name is None or name.prefix != prefix or not (order.reduce_only or order.close_position):
        return False
    held = picture.quantity(order.symbol)
    if not held:
        return True
    return (held > 0) == (order.side == "BUY")  # it would add to what is there, not reduce it


def _stops_first(order: Order) -> tuple[bool, int]:
    return order.leg != client_ids.STOP, order.attempt


def _words(order: Order) -> str:
    return f"{order.client_id} {order.phase.value}"
