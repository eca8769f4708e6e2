"""From a score to a plan: grade, stop and targets, and the tests of the real fill (6.3, 6.5).

Action Price keeps its own limits; the stop rules of the six strategies do not apply to it (ruling 1).
"""

from __future__ import annotations

from strategies.action_price.params import ActionPriceParams
from strategies.model import Mode, Sign


def mode_of(score: float, params: ActionPriceParams) -> Mode:
    """Grade of a raw score, before any downgrade."""
    if score >= params.standard_score:
        return Mode.STANDARD
    return Mode.SCALP if score >= params.scalp_score else Mode.SKIP


def stop_of(extreme: float, atr: float, side: Sign, params: ActionPriceParams) -> float:
    """Stop behind the initiator's adverse extreme, padded by a share of the initiator's ATR."""
    return extreme - side * params.stop_pad_atr * atr


def targets_of(mode: Mode, params: ActionPriceParams) -> tuple[float, float]:
    """Tiers one and two in R of the actual fill."""
    return params.tp1_r, params.tp2_standard_r if mode is Mode.STANDARD else params.tp2_scalp_r


def width_fault(entry: float, stop: float, atr_initiator: float, side: Sign, params: ActionPriceParams) -> str:
    """Why a stop may not serve this entry, or an empty string; to be asked again with the real fill."""
    risk = side * (entry - stop)
    if risk <= 0:
        return f"stop {stop:g} is not behind entry {entry:g}"
    if risk > params.max_stop_atr * atr_initiator:
        return f"stop is {risk / atr_initiator:.2f} ATR away, at most {params.max_stop_atr:g}"
    if 100 * risk / entry >= params.max_sl_percent:
        return f"stop is {100 * risk / entry:.2f} % away, less than {params.max_sl_percent:g} needed"
    return ""


def deviation_fault(entry: float, ref_close: float, stop: float, params: ActionPriceParams) -> str:
    """Why an expected fill, slippage included, is too far from the reference close, or an empty string (ruling 6)."""
    deviation, allowed = abs(entry - ref_close), params.max_deviation * abs(ref_close - stop)
    if deviation > allowed:
        return f"fill {entry:g} is {deviation:g} from {ref_close:g}, at most {allowed:g}"
    return ""
