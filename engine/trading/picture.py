"""Positions as seats see them. `protected` and `stop` are what the exchange's open orders say, not what we intend."""

from __future__ import annotations

from decimal import Decimal

from engine.money import ZERO, plain
from engine.port.views import OwnLevel, PositionRow, PositionsView, TierRow
from engine.trading import client_ids
from engine.trading.booking import open_risk_usdt, open_usdt, result_of
from engine.trading.order import Order
from engine.trading.position_state import Position
from engine.trading.tiers import tier_state
from engine.trading.time_stop import deadline_ms

_NO_TIER = TierRow(None, None, 0.0, "waiting")


def position_row(position: Position, mono_ms: float, liquidation: Decimal | None = None) -> PositionRow:
    """One line of the positions pane and of `positions --json`."""
    plan, instrument = position.plan, position.plan.instrument
    working = position.working_stop
    entered = position.entered.quantity > 0
    result = result_of(position)
    left = open_usdt(position)
    tiers = tuple(
        TierRow(
            r=tier.r,
            price=instrument.text(tier.price) if tier.price is not None else None,
            share=tier.share,
            state=tier_state(position, tier),
        )
        for tier in position.tiers
    )
    return PositionRow(
        id=plan.position_id,
        signal_id=plan.signal_id,
        revision=position.revision,
        symbol=plan.symbol,
        side=plan.direction.word,
        strategy=plan.strategy,
        quantity=plain(position.exposure),
        entry=instrument.text(position.entry_price) if entered else "",
        mark=instrument.text(position.mark) if position.mark is not None else None,
        stop=instrument.text(working.price) if working is not None else None,
        stop_order_id=working.order_id or None if working is not None else None,
        protected=working is not None and (working.close_position or working.quantity >= position.exposure),
        tiers=tiers or (_NO_TIER,) * 3,
        r_now=position.in_r(position.mark) if position.mark is not None and entered else None,
        mfe_r=position.mfe_r,
        mae_r=position.mae_r,
        liquidation=instrument.text(liquidation) if liquidation is not None else None,
        opened_ms=position.opened_ms,
        time_stop_ms=deadline_ms(position),
        realized_r=result.net_r,
        realized_usdt=float(result.net_usdt),
        open_usdt=float(left) if left is not None else None,
        state=position.state,
        naked_ms=max(0.0, mono_ms - position.naked_since) if position.naked_since is not None else 0.0,
        foreign=plan.foreign,
        shadow=plan.shadow,
    )


def positions_view(
    positions: list[Position],
    shadows: list[Position],
    mono_ms: float,
    now_ms: int,
    equity: Decimal,
    risk_pct: float,
    liquidations: dict[str, Decimal],
) -> PositionsView:
    """Real positions first; the open risk in units of the risk of one trade."""
    rows = [position_row(p, mono_ms, liquidations.get(p.plan.symbol)) for p in positions]
    rows += [position_row(p, mono_ms) for p in shadows]
    return PositionsView(
        revision=0,
        as_of_ms=now_ms,
        rows=tuple(rows),
        open_risk_r=open_risk_r(positions, equity, risk_pct),
        why_empty="" if rows else "no positions",
    )


def open_risk_r(positions: list[Position], equity: Decimal, risk_pct: float) -> float:
    """What all stops together still lose, in R of one trade."""
    unit = float(equity) * risk_pct / 100
    at_risk = float(sum((open_risk_usdt(position) for position in positions), ZERO))
    return at_risk / unit if unit > 0 else 0.0


def order_lines(positions: list[Position]) -> list[dict[str, object]]:
    """Open orders in the shape of `orders --json`."""
    return [_order_line(position, order) for position in positions for order in position.orders.values() if order.live]


def own_levels(positions: list[Position], symbol: str) -> tuple[OwnLevel, ...]:
    """Our resting orders on the ladder of one symbol."""
    levels: list[OwnLevel] = []
    for position in positions:
        if position.plan.symbol != symbol:
            continue
        text = position.plan.instrument.text
        if position.entered.quantity:
            levels.append(OwnLevel(text(position.entry_price), "entry"))
        for order in position.orders.values():
            if order.resting and order.price:
                trails = order.leg == client_ids.STOP and order.why == "trail"
                kind = {client_ids.TIER1: "tp1", client_ids.TIER2: "tp2"}.get(order.leg, "stop")
                levels.append(OwnLevel(text(order.price), "trail" if trails else kind))
    return tuple(levels)


def _order_line(position: Position, order: Order) -> dict[str, object]:
    plan = position.plan
    text = plan.instrument.text
    return {
        "client_id": order.client_id,
        "order_id": None if order.conditional else order.order_id or None,
        "algo_id": order.order_id or None if order.conditional else None,
        "symbol": plan.symbol,
        "side": order.side,
        "type": "STOP_MARKET" if order.conditional else ("LIMIT" if order.price else "MARKET"),
        "price": text(order.price) if order.price and not order.conditional else None,
        "trigger_price": text(order.price) if order.conditional else None,
        "quantity": None if order.close_position else plain(order.quantity),
        "reduce_only": order.leg != client_ids.ENTRY and not order.close_position,
        "close_position": order.close_position,
        "state": order.phase.value,
        "signal_id": plan.signal_id,
        "leg": order.leg,
    }
