"""How prices fill a trade that is only followed: the shadow of a signal, or a trade of the back-test.

The trade itself is an ordinary position; this module plays the exchange for it. Orders work at once, targets fill at
their price and never better, stops and market orders pay one slippage (rulings 12 and 26). Within a bar: an open
beyond the stop exits at the open, then the stop, then targets by distance; whatever moved, moves from the next bar
on (section 9.4).
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.exchange.orders import Fill, OrderState, OrderStatus
from engine.money import ZERO, decimal
from engine.trading import client_ids
from engine.trading.inputs import AnyInput, BarClosed, CloseAsked, FillSeen, OrderSeen
from engine.trading.intents import AnyIntent, CancelOrder, ExitMarket, PlaceEntry, PlaceStop, PlaceTier, Tell
from engine.trading.order import Order
from engine.trading.plan import PositionPlan
from engine.trading.position import Position, begin, step


class Bar(msgspec.Struct, frozen=True):
    """One closed bar, close time exclusive."""

    open_ms: int
    close_ms: int
    open: float
    high: float
    low: float
    close: float


class PaperTrade(msgspec.Struct):
    """A position with nobody on the other side. `events` collects what the position told."""

    position: Position
    maker_targets: bool = True  # targets pay the maker fee; off: the taker fee, the cautious side
    events: list[Tell] = []

    def over(self) -> bool:
        return self.position.state in ("closed", "abandoned")


def open_paper(plan: PositionPlan, price: float, at_ms: int, maker_targets: bool = True) -> PaperTrade:
    """Enter at `price` plus one slippage."""
    position, intents = begin(plan)
    trade = PaperTrade(position, maker_targets, [])
    _obey(trade, intents, at_ms)
    _fill(trade, position.entry, _slipped(price, plan.side, plan.costs.slippage), at_ms, maker=False)
    return trade


def walk_bar(trade: PaperTrade, bar: Bar) -> None:
    """Carry the trade through one bar."""
    position = trade.position
    side = position.plan.side
    slip = position.plan.costs.slippage
    for order in position.live(client_ids.EXIT):
        _fill(trade, order, _slipped(bar.open, -side, slip), bar.open_ms, maker=False)
    if trade.over():
        return
    stop = trade.position.working_stop
    if stop is not None:
        level = float(stop.price)
        adverse = bar.low if side > 0 else bar.high
        if side * (bar.open - level) <= 0:
            _fill(trade, stop, _slipped(bar.open, -side, slip), bar.open_ms, maker=False)
        elif side * (adverse - level) <= 0:
            _fill(trade, stop, _slipped(level, -side, slip), bar.open_ms, maker=False)
        if trade.over():
            return
    _fill_targets(trade, bar.high if side > 0 else bar.low, bar.open_ms)
    if not trade.over():
        _feed(
            trade,
            BarClosed(now_ms=bar.close_ms, open_ms=bar.open_ms, high=bar.high, low=bar.low, close=bar.close),
            bar.close_ms,
        )


def close_paper(trade: PaperTrade, price: float, at_ms: int, reason: str) -> None:
    """End the trade at `price`, with one slippage."""
    _feed(trade, CloseAsked(now_ms=at_ms, reason=reason), at_ms)
    side = trade.position.plan.side
    for order in trade.position.live(client_ids.EXIT):
        _fill(trade, order, _slipped(price, -side, trade.position.plan.costs.slippage), at_ms, maker=False)


def _fill_targets(trade: PaperTrade, reach: float, at_ms: int) -> None:
    """Fill resting targets the price has touched, nearest first."""
    side = trade.position.plan.side
    for leg in (client_ids.TIER1, client_ids.TIER2):
        for order in trade.position.live(leg):
            if side * (reach - float(order.price)) >= 0:
                _fill(trade, order, order.price, at_ms, maker=trade.maker_targets)


def _feed(trade: PaperTrade, event: AnyInput, now_ms: int) -> None:
    trade.position, intents = step(trade.position, event)
    _obey(trade, intents, now_ms)


def _obey(trade: PaperTrade, intents: list[AnyIntent], now_ms: int) -> None:
    """Orders work and cancels take at once; market exits wait for a price."""
    for intent in intents:
        match intent:
            case Tell():
                trade.events.append(intent)
            case PlaceStop() | PlaceTier() | PlaceEntry() | ExitMarket():
                order = trade.position.orders[intent.client_id]
                _feed(trade, OrderSeen(now_ms=now_ms, order=_state(trade, order, OrderStatus.NEW)), now_ms)
            case CancelOrder(client_id=name):
                order = trade.position.orders[name]
                _feed(trade, OrderSeen(now_ms=now_ms, order=_state(trade, order, OrderStatus.CANCELED)), now_ms)
            case _:
                pass


def _fill(trade: PaperTrade, order: Order, price: Decimal, at_ms: int, maker: bool) -> None:
    position = trade.position
    costs = position.plan.costs
    quantity = position.exposure if order.close_position else order.quantity - order.filled
    if order.leg != client_ids.ENTRY:
        quantity = min(quantity, position.exposure)
    fill = Fill(
        symbol=position.plan.symbol,
        trade_id=len(position.trades) + 1,
        order_id=0,
        client_id=order.client_id,
        side=order.side,
        price=price,
        quantity=quantity,
        at_ms=at_ms,
        fee=price * quantity * (costs.maker if maker else costs.taker),
        fee_asset=position.plan.instrument.quote,
        maker=maker,
    )
    _feed(trade, FillSeen(now_ms=at_ms, fill=fill), at_ms)
    if order.conditional and (latest := trade.position.orders.get(order.client_id)) is not None and latest.live:
        done = _state(trade, latest, OrderStatus.FINISHED)
        _feed(trade, OrderSeen(now_ms=at_ms, order=done), at_ms)


def _state(trade: PaperTrade, order: Order, status: OrderStatus) -> OrderState:
    return OrderState(
        symbol=trade.position.plan.symbol,
        client_id=order.client_id,
        order_id=order.attempt,
        side=order.side,
        type="",
        status=status,
        quantity=order.quantity,
        filled=order.filled,
        conditional=order.conditional,
        price=ZERO if order.conditional else order.price,
        trigger_price=order.price if order.conditional else ZERO,
        close_position=order.close_position,
    )


def _slipped(price: float, direction: int, slippage: Decimal) -> Decimal:
    """A price made worse for a trade in `direction`."""
    return decimal(price) * (1 + direction * slippage)
