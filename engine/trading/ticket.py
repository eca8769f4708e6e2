"""The what-if of an approval: what it would pay, risk and leave, at this moment. Sends nothing."""

from __future__ import annotations

from decimal import Decimal

from engine.money import ZERO, Side, decimal, plain
from engine.port.views import Ticket
from engine.trading.plan import PositionPlan
from engine.trading.quotes import Quote
from engine.trading.risk import Account, ApprovedPlan, Refusals
from engine.trading.tiers import lay_tiers
from strategies.model import Family, Regime, RegimeState, Signal


def make_ticket(answer: ApprovedPlan | Refusals, quote: Quote, account: Account) -> Ticket | None:
    """The ticket of an answer of `risk`; None when it could not even be priced."""
    plan, sizing, walked = answer.plan, answer.sizing, answer.walk
    if plan is None or sizing is None or walked is None:
        return None
    side, instrument = plan.direction, plan.instrument
    entry, stop, quantity = walked.average, plan.stop, sizing.quantity
    r0 = abs(entry - stop)
    unit = r0 * quantity
    mid = quote.mid or float(entry)
    slippage = side * (entry - decimal(mid))
    funding = funding_usdt(plan, quote, quantity * entry)
    margin = sizing.notional / plan.leverage
    liquidation = answer.liquidation
    refusals = answer.reasons if isinstance(answer, Refusals) else ()
    targets: list[tuple[str, str, float]] = []
    if quantity > 0 and side * (entry - stop) > 0:
        for tier in lay_tiers(quantity, entry, stop, plan.exits, instrument, side):
            if tier.price is not None and tier.quantity:
                targets.append((instrument.text(tier.price), plain(tier.quantity), tier.r or 0.0))
    return Ticket(
        quantity=plain(quantity),
        entry=instrument.text(entry),
        stop=instrument.text(stop),
        targets=tuple(targets),
        risk_usdt=float(sizing.risk_usdt),
        risk_pct=float(sizing.risk_usdt / account.equity) * 100 if account.equity > 0 else 0.0,
        notional=float(sizing.notional),
        slippage_bps=walked.slippage_bps(mid),
        slippage_r=float(slippage / r0) if r0 else 0.0,
        fees_r=answer.cost_r or 0.0,
        funding_r=float(funding / unit) if funding is not None and unit else None,
        liquidation=instrument.text(liquidation) if liquidation else None,
        liquidation_beyond_stop_pct=_beyond_pct(stop, liquidation, side),
        margin_left=float(account.available - margin),
        worst_case_usdt=float(sizing.risk_usdt + max(ZERO, funding or ZERO)),
        reward_risk=answer.reward_r or 0.0,
        refusals=tuple(f"{refusal.name}: {refusal.detail}" for refusal in refusals),
    )


def funding_usdt(plan: PositionPlan, quote: Quote, notional: Decimal) -> Decimal | None:
    """What funding would cost until the first time stop at the running rate; negative is received, None unknown."""
    if quote.funding_rate is None or not quote.next_funding_ms:
        return None
    bar_ms = plan.exits.bar_ms
    ends_ms = plan.planned_ms // bar_ms * bar_ms + plan.exits.time_stop_bars * bar_ms
    if ends_ms < quote.next_funding_ms:
        return ZERO
    times = 1 + (ends_ms - quote.next_funding_ms) // quote.funding_interval_ms
    return plan.side * notional * decimal(quote.funding_rate) * times


def preview_signal(
    symbol: str,
    side: Side,
    stop: Decimal,
    price: float,
    atr: float | None,
    targets: tuple[float, ...],
    now_ms: int,
) -> Signal:
    """A proposal by hand, to be priced like any other. Without an ATR its own stop distance stands for one."""
    r = abs(price - float(stop))
    multiples = tuple(side * (target - price) / r if r else 0.0 for target in targets)
    first = multiples[0] if multiples else 1.0
    second = multiples[1] if len(multiples) > 1 else max(2.0, first)
    return Signal(
        id=f"preview-{symbol}-{now_ms}",
        symbol=symbol,
        side=1 if side is Side.LONG else -1,
        strategy="preview",
        variant="",
        family=Family.BREAKOUT,
        timeframe="15m",
        bar_time_ms=now_ms,
        ref_close=price,
        stop=float(stop),
        stop_source="structural",
        tp_r=(first, second),
        tp2_price=None,
        atr=atr if atr is not None and atr > 0 else max(r, 1e-12),
        regime=Regime(RegimeState.UNDECIDED, 0, 0.0),
        score=0.0,
        components=(),
        modifiers=(),
    )


def _beyond_pct(stop: Decimal, liquidation: Decimal | None, side: Side) -> float | None:
    """How far liquidation lies beyond the stop, in percent of the stop."""
    if liquidation is None:
        return None
    return float(side * (stop - liquidation) / stop) * 100 if stop else None
