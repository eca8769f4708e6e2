"""Positions found on the exchange that nobody here opened: shown, protected if allowed, never traded."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from engine.exchange.orders import OrderState, PositionState
from engine.money import Instrument, Side
from engine.trading import client_ids
from engine.trading.order import Order, advance
from engine.trading.plan import Costs, ExitPlan, PositionPlan
from engine.trading.position import adopt_foreign
from engine.trading.position_state import Position, keep

_STOP_SHARE = Decimal("0.05")  # of price: the widest stop section 9.1 of the rules admits
_FAR_MS = 10_000 * 86_400_000
_BAR_MS = 900_000


def adopt(
    state: PositionState,
    orders: Iterable[OrderState],
    instrument: Instrument,
    prefix: str,
    now_ms: int,
    protect: bool,
) -> Position:
    """A position to be kept. A stop its owner placed is respected; without one ours goes under it, if allowed."""
    side = Side.LONG if state.quantity > 0 else Side.SHORT
    theirs = [order for order in orders if order.symbol == state.symbol and _is_stop(order, side)]
    best = max(theirs, key=lambda order: order.trigger_price * side, default=None)
    stop = best.trigger_price if best is not None else _wide_stop(state, instrument, side)
    position_id = f"foreign-{state.symbol}-{now_ms}"
    plan = PositionPlan(
        position_id=position_id,
        signal_id="",
        key=client_ids.signal_key(position_id),
        prefix=prefix,
        symbol=state.symbol,
        side=int(side),
        strategy="foreign",
        instrument=instrument,
        quantity=abs(state.quantity),
        stop=stop,
        ref_close=float(state.entry_price),
        exits=ExitPlan(atr=0.0, bar_ms=_BAR_MS, absolute_ms=_FAR_MS),
        costs=Costs(),
        planned_ms=now_ms,
        expected_entry=state.entry_price,
        foreign=True,
        guarded=protect or best is not None,
    )
    position = adopt_foreign(plan, abs(state.quantity), state.entry_price, now_ms)
    if best is not None:
        order = Order(
            best.client_id, client_ids.STOP, 1, best.side, best.quantity,
            price=best.trigger_price, conditional=True, close_position=best.close_position, why="owner",
        )  # fmt: skip
        keep(position, advance(order, best))
    return position


def _is_stop(order: OrderState, side: Side) -> bool:
    closes = order.side == side.opposite.order_side and (order.close_position or order.reduce_only)
    return order.conditional and closes and order.type.startswith("STOP")


def _wide_stop(state: PositionState, instrument: Instrument, side: Side) -> Decimal:
    """From the worse of entry and mark, so that it does not strike at once."""
    mark = state.mark_price or state.entry_price
    worse = min(state.entry_price, mark) if side is Side.LONG else max(state.entry_price, mark)
    return instrument.stop_price(worse * (1 - side * _STOP_SHARE), side)
