"""Whether the shape of a trade still holds at the price it would really get (sections 6.5, 9.1, 9.2 of the rules)."""

from __future__ import annotations

from decimal import Decimal

from config.schema import ApprovalSettings, RiskSettings
from engine.money import Side
from engine.trading.plan import ExitPlan
from engine.trading.refusals import RiskRefusal
from engine.trading.tiers import second_target_r
from strategies.model import Signal, StrategyId

_MIN_R_ATR = 0.5
_MAX_R_ATR = 3.0
_MAX_R_SHARE = {"15m": 0.05, "4h": 0.08}
_MAX_R_SHARE_ACTION_PRICE = 0.10
_MIN_R_SPREADS = 8.0
_ACTION_PRICE_DRIFT_R = 0.25
_RELATIVE = 1e-9  # of price: what tick rounding and division may leave behind


def geometry_refusals(
    signal: Signal, entry: Decimal, stop: Decimal, spread: float, cost_r: float, settings: RiskSettings
) -> list[RiskRefusal]:
    """Width of the stop from the expected fill. Action Price has limits of its own (ruling 1)."""
    r = signal.side * float(entry - stop)
    if r <= 0:
        return [RiskRefusal("StopBeyondEntry", f"stop {stop} is not behind the expected fill {entry:.8g}")]
    found: list[RiskRefusal] = []
    slack = _RELATIVE * float(entry)
    if r > _MAX_R_ATR * signal.atr + slack:
        found.append(RiskRefusal("StopTooWide", f"stop {r / signal.atr:.2f} > {_MAX_R_ATR:g} ATR"))
    share = r / float(entry)
    if signal.strategy == StrategyId.ACTION_PRICE:
        if share >= _MAX_R_SHARE_ACTION_PRICE:
            found.append(RiskRefusal("StopTooFar", f"stop {share:.1%} >= {_MAX_R_SHARE_ACTION_PRICE:.0%} of price"))
    else:
        most = _MAX_R_SHARE.get(signal.timeframe, _MAX_R_SHARE["15m"])
        if r < _MIN_R_ATR * signal.atr - slack:
            found.append(RiskRefusal("StopTooTight", f"stop {r / signal.atr:.2f} < {_MIN_R_ATR:g} ATR"))
        if share > most:
            found.append(RiskRefusal("StopTooFar", f"stop {share:.1%} > {most:.0%} of price"))
        if r < _MIN_R_SPREADS * spread:
            found.append(RiskRefusal("StopInsideSpread", f"stop {r / spread:.1f} < {_MIN_R_SPREADS:g} spreads"))
    if 0 < settings.max_cost_r < cost_r:
        found.append(RiskRefusal("CostTooHigh", f"round trip {cost_r:.2f} R > {settings.max_cost_r:g} R"))
    return found


def drift_limits_r(signal: Signal, settings: ApprovalSettings) -> tuple[float, float]:
    """How many planned R the price may have run ahead, and fallen back, since the close that made the signal."""
    if signal.strategy == StrategyId.ACTION_PRICE:
        nearest = min(_ACTION_PRICE_DRIFT_R, settings.max_drift_r_favour)
        return nearest, nearest
    return settings.max_drift_r_favour, settings.max_drift_r_against


def drift_r(signal: Signal, entry: float, stop: float) -> float | None:
    """How many planned R an entry lies ahead of the close that made the signal; negative is back."""
    r = abs(signal.ref_close - stop)
    return signal.side * (entry - signal.ref_close) / r if r else None


def drift_refusal(
    signal: Signal, entry: Decimal, stop: Decimal, max_drift_bps: float | None, settings: ApprovalSettings
) -> RiskRefusal | None:
    """How far the expected fill has moved from the close that made the signal.

    Action Price: at most a quarter of the planned R either way (6.5). Others: 0.25 R in the trade's direction
    (chasing), 0.5 R against it (the setup is gone).
    """
    moved = signal.side * (float(entry) - signal.ref_close)
    r = abs(signal.ref_close - float(stop))
    slack = _RELATIVE * float(entry)
    if max_drift_bps is not None and abs(moved) / signal.ref_close * 1e4 > max_drift_bps:
        return RiskRefusal("PriceMoved", f"moved {abs(moved) / signal.ref_close * 1e4:.1f} bp > {max_drift_bps:g} bp")
    favour, against = drift_limits_r(signal, settings)
    if moved > favour * r + slack:
        return RiskRefusal("PriceMoved", f"price ran {moved / r:.2f} R ahead > {favour:g} R")
    if -moved > against * r + slack:
        return RiskRefusal("PriceMoved", f"price fell {-moved / r:.2f} R back > {against:g} R")
    return None


def reward_r(exits: ExitPlan, entry: Decimal, stop: Decimal, side: Side) -> float:
    """R of the furthest fixed target from the expected fill."""
    if side * (entry - stop) <= 0:
        return 0.0
    return second_target_r(entry, stop, exits, side) or exits.tp1_r
