"""The last gate before money: a plan the desk may send, or every reason against it with its numbers.

Pure: the same picture gives the same answer. Only this module can make an `ApprovedPlan`, and only that opens a
position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from decimal import Decimal

import msgspec

from config.schema import ApprovalSettings, ExitSettings, RiskSettings
from engine.errors import InvariantBroken
from engine.exchange.orders import Bracket
from engine.money import ZERO, Instrument, Side, decimal, plain
from engine.trading.geometry import drift_refusal, geometry_refusals, reward_r
from engine.trading.liquidation import liquidation_price, most_notional, stop_share, usable_leverage
from engine.trading.losses import loss_share
from engine.trading.plan import Costs, PositionPlan, plan_of
from engine.trading.quotes import Quote, Walk, walk
from engine.trading.refusals import RiskRefusal
from engine.trading.sizing import Sizing, size
from strategies.model import Mode, Signal

_SEAL = object()
_MAJORS = frozenset({"BTCUSDT", "ETHUSDT"})
_PERCENT = Decimal(100)


@dataclass(frozen=True)
class ApprovedPlan:
    """Permission to open one position. Cannot be made elsewhere."""

    plan: PositionPlan
    sizing: Sizing
    walk: Walk
    liquidation: Decimal | None
    cost_r: float
    reward_r: float
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise InvariantBroken("an approved plan was made outside of risk")


@dataclass(frozen=True)
class Refusals:
    """Why not; `reasons` is never empty. What was computed on the way is kept for the ticket."""

    reasons: tuple[RiskRefusal, ...]
    plan: PositionPlan | None = None
    sizing: Sizing | None = None
    walk: Walk | None = None
    liquidation: Decimal | None = None
    cost_r: float | None = None
    reward_r: float | None = None

    def __str__(self) -> str:
        return "; ".join(refusal.detail for refusal in self.reasons)


class Rules(msgspec.Struct, frozen=True):
    """The settings risk reads. `thin_data` admits signals short of inputs (never live, section 7.2)."""

    risk: RiskSettings = RiskSettings()
    approval: ApprovalSettings = ApprovalSettings()
    exits: ExitSettings = ExitSettings()
    thin_data: bool = False
    prefix: str = "pd"


class Account(msgspec.Struct, frozen=True):
    """Margin and rates at the moment. Without an account `equity` is the paper equity of the settings."""

    equity: Decimal
    wallet: Decimal
    available: Decimal
    maintenance: Decimal = ZERO
    unrealized: Decimal = ZERO
    brackets: tuple[Bracket, ...] = ()
    maker: Decimal | None = None
    taker: Decimal | None = None


class OpenTrade(msgspec.Struct, frozen=True):
    """An open position, or one being entered, as the limits count it."""

    symbol: str
    side: int
    risk_usdt: Decimal


class Portfolio(msgspec.Struct, frozen=True):
    """Everything the account already carries."""

    trades: tuple[OpenTrade, ...] = ()
    day_usdt: Decimal = ZERO
    week_usdt: Decimal = ZERO
    open_usdt: Decimal = ZERO

    @property
    def risk_usdt(self) -> Decimal:
        return sum((trade.risk_usdt for trade in self.trades), ZERO)


class Edits(msgspec.Struct, frozen=True):
    """What a person changed on the ticket."""

    risk_pct: float | None = None
    stop: Decimal | None = None
    max_drift_bps: float | None = None


def risk_share(signal: Signal, settings: RiskSettings) -> Decimal:
    """Share of the equity a signal may stake: less for SCALP and where inputs were thin (9.6)."""
    small = signal.mode is Mode.SCALP or "thin_data" in signal.flags
    return decimal(settings.scalp_risk_pct if small else settings.risk_pct) / _PERCENT


def check(
    signal: Signal,
    instrument: Instrument,
    quote: Quote,
    account: Account,
    portfolio: Portfolio,
    costs: Costs,
    rules: Rules,
    now_ms: int,
    *,
    edits: Edits | None = None,
    expires_ms: int = 0,
) -> ApprovedPlan | Refusals:
    """Re-price a signal against the live book, size it, and hold it against every limit (9.1, 9.2, 9.6, 9.7)."""
    edits = edits or Edits()
    side = Side(signal.side)
    if (early := _cannot_price(signal, instrument, quote, account, rules)) is not None:
        return Refusals((early,))
    share = risk_share(signal, rules.risk)
    found: list[RiskRefusal] = []
    if edits.risk_pct is not None:
        asked = decimal(edits.risk_pct) / _PERCENT
        if not 0 < asked <= share:
            found.append(_no("RiskAbovePolicy", f"risk {edits.risk_pct:g} % > {float(share * 100):g} %"))
        share = min(max(asked, ZERO), share)
    stop = instrument.stop_price(edits.stop if edits.stop is not None else signal.stop, side)
    entry = decimal((quote.asks if side is Side.LONG else quote.bids)[0][0])
    most_leverage = decimal(rules.risk.max_leverage)
    sizing = size(account.equity, share, entry, stop, costs, instrument, most_leverage)
    walked = walk(quote, side, sizing.quantity) or Walk(entry, entry, ZERO)
    if sizing.quantity:  # the walked price is the one that counts
        sizing = size(account.equity, share, walked.average, stop, costs, instrument, most_leverage)
        walked = walk(quote, side, sizing.quantity) or walked
    entry = walked.average
    plan = plan_of(
        signal, instrument, rules.exits, costs,
        quantity=sizing.quantity, stop=stop, planned_ms=now_ms, prefix=rules.prefix,
        expected_entry=entry, risk_usdt=sizing.risk_usdt, expires_ms=expires_ms,
        leverage=usable_leverage(account.brackets, rules.risk.exchange_leverage),
    )  # fmt: skip
    others = portfolio.open_usdt
    liquidation = liquidation_price(
        signal.side, sizing.quantity, entry, account.wallet, account.brackets, account.maintenance, min(ZERO, others)
    )
    r = abs(entry - stop)
    cost_r = float((costs.taker * (entry + stop)) / r) if r else float("inf")
    reward = reward_r(plan.exits, entry, stop, side)

    found += geometry_refusals(signal, entry, stop, quote.spread or 0.0, cost_r, rules.risk)
    if (drift := drift_refusal(signal, entry, stop, edits.max_drift_bps, rules.approval)) is not None:
        found.append(drift)
    spread_bps = quote.spread_bps or 0.0
    if spread_bps > rules.risk.max_spread_bps:
        found.append(_no("SpreadTooWide", f"spread {spread_bps:.1f} bp > {rules.risk.max_spread_bps:g} bp"))
    if reward < rules.approval.min_reward_risk:
        found.append(_no("RewardTooSmall", f"reward/risk {reward:.2f} < {rules.approval.min_reward_risk:g}"))
    found += _size_refusals(sizing, walked, plan, account, liquidation, rules.risk)
    found += _portfolio_refusals(signal, sizing, account, portfolio, rules.risk)
    if found:
        return Refusals(tuple(found), plan, sizing, walked, liquidation, cost_r, reward)
    return ApprovedPlan(plan, sizing, walked, liquidation, cost_r, reward, seal=_SEAL)


def _cannot_price(
    signal: Signal, instrument: Instrument, quote: Quote, account: Account, rules: Rules
) -> RiskRefusal | None:
    if instrument.status != "TRADING":
        return _no("SymbolNotTrading", f"{instrument.symbol} is {instrument.status}")
    if not quote.synced or not quote.bids or not quote.asks:
        return _no("BookNotSynced", f"book of {quote.symbol}: {quote.reason or 'not synced'}")
    if account.equity <= 0:
        return _no("NoEquity", f"equity is {plain(account.equity)}")
    if "thin_data" in signal.flags and not rules.thin_data:
        return _no("ThinData", "more than half of volume, flow, open interest and book are absent")
    return None


def _size_refusals(
    sizing: Sizing,
    walked: Walk,
    plan: PositionPlan,
    account: Account,
    liquidation: Decimal | None,
    settings: RiskSettings,
) -> list[RiskRefusal]:
    found: list[RiskRefusal] = []
    entry, instrument, leverage = walked.average, plan.instrument, plan.leverage
    least = max(instrument.min_qty, instrument.market_min_qty, instrument.step, instrument.market_step)
    quantity, notional = sizing.quantity, sizing.quantity * entry
    if quantity < least:
        found.append(_no("QuantityTooSmall", f"quantity {plain(quantity)} < {plain(least)}"))
    elif notional < instrument.min_notional:
        found.append(_no("NotionalTooSmall", f"notional {notional:.2f} < {plain(instrument.min_notional)}"))
    if walked.filled < quantity:
        found.append(_no("BookTooThin", f"the book shows {plain(walked.filled)} of {plain(quantity)}"))
    margin = notional / leverage
    if margin > account.available:
        found.append(_no("MarginShort", f"margin {margin:.2f} > available {account.available:.2f}"))
    most = most_notional(account.brackets, leverage)
    if most is not None and notional > most:
        found.append(_no("AboveBracket", f"notional {notional:.0f} > {plain(most)} at {leverage}x"))
    share = stop_share(entry, plan.stop, liquidation)
    limit = settings.max_stop_share_of_liquidation
    if share > limit:
        found.append(_no("StopNearLiquidation", f"stop at {share:.0%} of the way to liquidation > {limit:.0%}"))
    return found


def _portfolio_refusals(
    signal: Signal, sizing: Sizing, account: Account, portfolio: Portfolio, settings: RiskSettings
) -> list[RiskRefusal]:
    found: list[RiskRefusal] = []
    trades = portfolio.trades
    if any(trade.symbol == signal.symbol for trade in trades):
        found.append(_no("PositionOpen", f"a position on {signal.symbol} is open"))
    if len(trades) >= settings.max_open:
        found.append(_no("TooManyOpen", f"{len(trades)} positions open, limit {settings.max_open}"))
    same = _same_side(trades, signal.side)
    if signal.symbol not in _MAJORS and same >= settings.max_same_side:
        word = Side(signal.side).word
        found.append(_no("TooManySameSide", f"{same} {word} outside BTC/ETH, limit {settings.max_same_side}"))
    after = (portfolio.risk_usdt + sizing.risk_usdt) / account.equity * _PERCENT
    if after > decimal(settings.max_open_risk_pct):
        found.append(_no("OpenRiskTooHigh", f"open risk {after:.2f} % > {settings.max_open_risk_pct:g} %"))
    day = loss_share(portfolio.day_usdt, portfolio.open_usdt, account.equity) * _PERCENT
    if day >= decimal(settings.max_daily_loss_pct):
        found.append(_no("DailyLossReached", f"loss today {day:.2f} % >= {settings.max_daily_loss_pct:g} %"))
    week = loss_share(portfolio.week_usdt, portfolio.open_usdt, account.equity) * _PERCENT
    if week >= decimal(settings.max_weekly_loss_pct):
        found.append(_no("WeeklyLossReached", f"loss this week {week:.2f} % >= {settings.max_weekly_loss_pct:g} %"))
    return found


def _same_side(trades: Sequence[OpenTrade], side: int) -> int:
    return sum(1 for trade in trades if trade.side == side and trade.symbol not in _MAJORS)


def _no(name: str, detail: str) -> RiskRefusal:
    return RiskRefusal(name, detail)
