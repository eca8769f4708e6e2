"""What a position has earned: tier by tier, net of fees and funding, in money and in R (section 9.3 of the rules)."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.exchange.orders import Fill
from engine.money import ZERO
from engine.trading import client_ids
from engine.trading.plan import PositionPlan
from engine.trading.position_state import Position, leg_of, stop_reason


class Result(msgspec.Struct, frozen=True):
    """The account of one trade so far; at its end the final one."""

    gross_usdt: Decimal
    fees_usdt: Decimal
    funding_usdt: Decimal
    net_usdt: Decimal
    gross_r: float
    costs_r: float
    net_r: float
    by_leg: dict[str, float]  # leg -> gross R it brought
    exit_price: Decimal  # average over all exits


def fee_in_quote(fill: Fill, plan: PositionPlan) -> Decimal:
    """The fee in the quote asset; one paid in another asset is estimated from the plan's rates."""
    if not fill.fee or fill.fee_asset == plan.instrument.quote:
        return fill.fee
    rate = plan.costs.maker if fill.maker else plan.costs.taker
    return fill.price * fill.quantity * rate


def result_of(position: Position) -> Result:
    """Sum what has been realised: `sum(share * s*(exit - entry)/R0) - costs/R0`, on actual fills."""
    side = position.plan.side
    entry = position.entry_price
    entered = position.entered
    unit = Decimal(repr(position.r0)) * entered.quantity  # money of one R
    gross, by_leg = ZERO, dict[str, float]()
    for key, tally in position.tallies.items():
        if (leg := leg_of(key)) == client_ids.ENTRY:
            continue
        profit = side * (tally.value - entry * tally.quantity)
        gross += profit
        by_leg[leg] = by_leg.get(leg, 0.0) + _ratio(profit, unit)
    if position.vanished:
        profit = side * (position.vanished_price - entry) * position.vanished
        gross += profit
        by_leg["vanished"] = _ratio(profit, unit)
    fees = sum((tally.fees for tally in position.tallies.values()), ZERO)
    net = gross - fees + position.funding
    return Result(
        gross_usdt=gross,
        fees_usdt=fees,
        funding_usdt=position.funding,
        net_usdt=net,
        gross_r=_ratio(gross, unit),
        costs_r=_ratio(fees - position.funding, unit),
        net_r=_ratio(net, unit),
        by_leg=by_leg,
        exit_price=position.exited.average or position.vanished_price,
    )


def open_usdt(position: Position) -> Decimal | None:
    """Open result of what is left at the mark, after the fee of leaving; None while no mark is known."""
    if position.mark is None or not position.entered.quantity:
        return None
    mark = Decimal(repr(position.mark))
    exposure = position.exposure
    return position.plan.side * (mark - position.entry_price) * exposure - mark * exposure * position.plan.costs.taker


def open_risk_usdt(position: Position) -> Decimal:
    """What the present stop would still lose from the entry; zero when it locks in a profit.

    A position that is only being entered risks its whole plan.
    """
    if position.state == "entering":
        return position.plan.risk_usdt
    if position.state not in ("open", "closing") or not position.entered.quantity:
        return ZERO
    working = position.working_stop
    stop = working.price if working is not None else position.stop
    return max(ZERO, position.plan.side * (position.entry_price - stop) * position.exposure)


def exit_reason(position: Position) -> str:
    """Why the trade ended: by the fill that took out the last of it."""
    last: tuple[int, int, str] = (-1, -1, "")
    for key, tally in position.tallies.items():
        if leg_of(key) != client_ids.ENTRY:
            last = max(last, (tally.last_ms, tally.last_trade, key))
    key = last[2]
    if position.vanished or not key:
        return position.close_reason or "vanished"
    name = client_ids.parse(key)
    if name is None:
        return key
    if name.leg in (client_ids.TIER1, client_ids.TIER2):
        return "tp1" if name.leg == client_ids.TIER1 else "tp2"
    order = position.orders.get(key)
    why = order.why if order is not None else ""
    if name.leg == client_ids.STOP:
        return stop_reason(why)
    return why or position.close_reason or "exit"


def cooldown_bars(reason: str) -> int:
    """Bars a strategy stays away from symbol and side after an exit: 8 after a stop-out, 4 after any other (9.8)."""
    return 8 if reason in ("stop", "liquidation", "naked") else 4


def excursion_bars(position: Position) -> dict[str, int | None]:
    """Bars of the strategy's timeframe from the entry bar (1) to the marks of the trade; None: not reached."""
    bar_ms = position.plan.exits.bar_ms
    first = position.opened_ms // bar_ms

    def bars(at_ms: int) -> int | None:
        return at_ms // bar_ms - first + 1 if at_ms and position.opened_ms else None

    return {
        "bars_to_mfe": bars(position.best_ms),
        "bars_to_mae": bars(position.worst_ms),
        "bars_to_tp1": bars(position.tp1_ms),
        "bars_to_exit": bars(position.closed_ms),
    }


def _ratio(money: Decimal, unit: Decimal) -> float:
    return float(money / unit) if unit > 0 else 0.0
