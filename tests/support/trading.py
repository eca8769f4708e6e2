"""Builders of instruments, plans, signals and account facts for the tests of trading."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from engine.exchange.orders import Fill, OrderState, OrderStatus
from engine.money import Instrument
from engine.trading.client_ids import signal_key
from engine.trading.order import Order
from engine.trading.plan import Costs, ExitPlan, PositionPlan
from strategies.model import Family, Mode, Regime, RegimeState, Signal

BAR = 900_000
T0 = 1_767_225_600_000  # 2026-01-01 00:00 UTC, a 15m boundary
FREE = Costs(taker=Decimal(0), maker=Decimal(0), slippage=Decimal(0))


def make_instrument(symbol: str = "BTCUSDT", **changes: Any) -> Instrument:
    values: dict[str, Any] = {
        "symbol": symbol,
        "tick": Decimal("0.1"),
        "step": Decimal("0.001"),
        "min_qty": Decimal("0.001"),
        "max_qty": Decimal(1000),
        "market_step": Decimal("0.001"),
        "market_min_qty": Decimal("0.001"),
        "market_max_qty": Decimal(120),
        "min_notional": Decimal(5),
        "min_price": Decimal("0.1"),
        "max_price": Decimal(1_000_000),
        "price_up": Decimal("1.05"),
        "price_down": Decimal("0.95"),
    }
    values.update({key: Decimal(str(value)) if key != "status" else value for key, value in changes.items()})
    return Instrument(**values)


def make_plan(
    side: int = 1,
    quantity: str = "1",
    stop: str = "98",
    *,
    instrument: Instrument | None = None,
    costs: Costs = FREE,
    signal_id: str = "sig1",
    expected: str = "100",
    foreign: bool = False,
    expires_ms: int = T0 + 2 * BAR,
    **exits: Any,
) -> PositionPlan:
    exits.setdefault("atr", 1.5)
    exits.setdefault("bar_ms", BAR)
    exits.setdefault("breakeven", "entry")
    used = instrument or make_instrument()
    return PositionPlan(
        position_id=signal_id,
        signal_id=signal_id,
        key=signal_key(signal_id),
        prefix="pd",
        symbol=used.symbol,
        side=side,
        strategy="action_price",
        instrument=used,
        quantity=Decimal(quantity),
        stop=Decimal(stop),
        ref_close=float(expected),
        exits=ExitPlan(**exits),
        costs=costs,
        planned_ms=T0,
        expected_entry=Decimal(expected),
        risk_usdt=Decimal(100),
        foreign=foreign,
        expires_ms=expires_ms,
    )


def make_signal(**changes: Any) -> Signal:
    values: dict[str, Any] = {
        "id": "sig1",
        "symbol": "BTCUSDT",
        "side": 1,
        "strategy": "action_price",
        "variant": "standard",
        "family": Family.CROSS,
        "timeframe": "15m",
        "bar_time_ms": T0,
        "ref_close": 100.0,
        "stop": 98.0,
        "stop_source": "initiator",
        "tp_r": (1.0, 2.0),
        "tp2_price": None,
        "atr": 1.5,
        "regime": Regime(RegimeState.TREND, 1, 0.7),
        "score": 7.0,
        "components": (),
        "modifiers": (),
        "mode": Mode.STANDARD,
    }
    values.update(changes)
    return Signal(**values)


def seen(order: Order, status: OrderStatus, *, filled: str | None = None, **changes: Any) -> OrderState:
    """What the exchange would say about one of a position's orders."""
    values: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "client_id": order.client_id,
        "order_id": 1000 + order.attempt,
        "side": order.side,
        "type": "STOP_MARKET" if order.conditional else ("LIMIT" if order.price else "MARKET"),
        "status": status,
        "quantity": order.quantity,
        "filled": Decimal(filled) if filled is not None else order.filled,
        "conditional": order.conditional,
        "price": Decimal(0) if order.conditional else order.price,
        "trigger_price": order.price if order.conditional else Decimal(0),
        "close_position": order.close_position,
    }
    values.update(changes)
    return OrderState(**values)


def fill(order: Order | None, trade_id: int, price: str, quantity: str, **changes: Any) -> Fill:
    values: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "trade_id": trade_id,
        "order_id": 1000,
        "client_id": order.client_id if order is not None else "web_abc",
        "side": order.side if order is not None else "SELL",
        "price": Decimal(price),
        "quantity": Decimal(quantity),
        "at_ms": T0 + trade_id,
    }
    values.update(changes)
    return Fill(**values)
