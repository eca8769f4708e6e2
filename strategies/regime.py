"""The state of the market on 4h closes, with hysteresis, and what each strategy is worth in it (section 3).

The whole history is decided at once. Memory matters only while ADX is between the two thresholds, so the fold over
previous states is two forward fills and needs no loop; any prefix of the history gives the same answers.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from strategies.absent import at
from strategies.indicators import slope
from strategies.model import F64, Bias, Candles, Indicators, Regime, RegimeState, Sign, StrategyId
from strategies.params import AtLeastOne, NotNegative, Params, Positive

Mask = NDArray[np.bool_]
Codes = NDArray[np.int8]
Index = NDArray[np.intp]


class RegimeParams(Params, frozen=True):
    """ADX thresholds, ranks in percent, slopes in ATR per bar, spans in 4h bars."""

    adx_trend: Positive = 25.0
    adx_range: Positive = 20.0
    bb_rank_squeeze: NotNegative = 25.0
    squeeze_min_bars: AtLeastOne = 12
    bb_rank_quiet: NotNegative = 30.0
    atr_rank_quiet: NotNegative = 40.0
    flat_slope: NotNegative = 0.05
    slope_bars: AtLeastOne = 5
    late_trend_atr: NotNegative = 1.8
    least_bars: AtLeastOne = 200


DEFAULTS: Final = RegimeParams()

STATES: Final = (
    RegimeState.UNDECIDED,
    RegimeState.TREND,
    RegimeState.SQUEEZE,
    RegimeState.RANGE,
    RegimeState.CHOP,
)
UNDECIDED, TREND, SQUEEZE, RANGE, CHOP = range(len(STATES))
LONGEST_FIRST: Final = (200, 100, 50)


class RegimeSeries(msgspec.Struct, frozen=True, eq=False):
    """The state after each bar, with the inputs that decided it; codes index `STATES`."""

    close: F64
    ind: Indicators
    code: Codes
    direction: Codes
    confidence: F64
    slope20: F64
    slope50: F64
    squeeze_bars: Index
    known: Mask

    def at(self, index: int) -> Regime:
        """The regime that holds from the close of bar `index` on."""
        if index < 0 or index >= len(self.code):
            return Regime(RegimeState.UNDECIDED, 0, 0.0, reason="absent:bars")
        ind, known = self.ind, bool(self.known[index])
        bias, reason = bias_at(self.close, ind, index)
        return Regime(
            state=STATES[self.code[index]],
            direction=int(self.direction[index]),
            confidence=float(self.confidence[index]),
            adx=at(ind.adx, index),
            plus_di=at(ind.plus_di, index),
            minus_di=at(ind.minus_di, index),
            slope20=at(self.slope20, index),
            slope50=at(self.slope50, index),
            bb_rank=at(ind.bb_rank, index),
            atr_rank=at(ind.atr_rank, index),
            squeeze_bars=int(self.squeeze_bars[index]),
            bias=bias,
            htf_period=htf_average(ind, index)[0],
            reason=reason if known else "absent:4h",
        )


def regime_series(candles: Candles, ind: Indicators, params: RegimeParams = DEFAULTS) -> RegimeSeries:
    """The regime after every 4h bar of a history."""
    slope20 = slope(ind.ema20, ind.atr, params.slope_bars)
    slope50 = slope(ind.ema50, ind.atr, params.slope_bars)
    inputs = (ind.adx, ind.plus_di, ind.minus_di, ind.bb_rank, ind.atr_rank, slope20, slope50)
    known = np.logical_and.reduce([np.isfinite(values) for values in inputs])
    known[: params.least_bars - 1] = False
    squeeze_bars = _run_length(ind.bb_rank < params.bb_rank_squeeze)
    code, origin = _decide(ind, known, squeeze_bars, slope20, slope50, params)
    direction = np.where(code == TREND, np.sign(ind.plus_di - ind.minus_di), 0.0).astype(np.int8)
    confidence = _confidence(ind, code, direction, squeeze_bars, params)
    carried = np.arange(len(code)) - origin
    faded = np.where(code == TREND, confidence, confidence[origin] * 0.5**carried)
    return RegimeSeries(candles.close, ind, code, direction, faded, slope20, slope50, squeeze_bars, known)


def regime_at(candles: Candles, ind: Indicators, params: RegimeParams = DEFAULTS) -> Regime:
    """The regime that holds after the newest 4h bar."""
    if not len(candles):
        return Regime(RegimeState.UNDECIDED, 0, 0.0, reason="absent:bars")
    return regime_series(candles, ind, params).at(len(candles) - 1)


def _decide(
    ind: Indicators, known: Mask, squeeze_bars: Index, slope20: F64, slope50: F64, params: RegimeParams
) -> tuple[Codes, Index]:
    """State codes, and for each bar the one that its state was decided on (itself, or an earlier one it carries)."""
    strong, weak = ind.adx >= params.adx_trend, ind.adx < params.adx_range
    squeezed = squeeze_bars >= params.squeeze_min_bars
    flat = (np.abs(slope20) < params.flat_slope) & (np.abs(slope50) < params.flat_slope)
    fresh = np.select(
        [~known, strong, squeezed, weak & flat, weak], [UNDECIDED, TREND, SQUEEZE, RANGE, CHOP], UNDECIDED
    ).astype(np.int8)
    between = known & ~strong & ~weak
    outside = _last(~between)  # a trend lasts through the band between the thresholds, squeezed or not
    decided = _last(~between | squeezed)
    in_trend = (outside >= 0) & (fresh[outside] == TREND)
    origin = np.where(in_trend, outside, np.where(decided >= 0, decided, np.arange(len(fresh))))
    return fresh[origin], origin


def _confidence(ind: Indicators, code: Codes, direction: Codes, squeeze_bars: Index, params: RegimeParams) -> F64:
    """How sure a freshly decided state is, 0 to 1."""
    fan = (direction * (ind.ema20 - ind.ema50) > 0) & (direction * (ind.ema50 - ind.ema200) > 0)
    quiet = (ind.bb_rank < params.bb_rank_quiet) | (ind.atr_rank < params.atr_rank_quiet)
    trend = np.minimum(1.0, ind.adx / 40.0 + 0.2 * fan)
    squeeze = np.minimum(1.0, squeeze_bars / (2.0 * params.squeeze_min_bars))
    ranging = np.minimum(1.0, 1.0 - ind.adx / 25.0 + 0.2 * quiet)
    cases = [code == TREND, code == SQUEEZE, code == RANGE, code == CHOP]
    return np.select(cases, [trend, squeeze, ranging, 1.0 - ind.adx / 25.0], 0.0)


def _run_length(mask: Mask) -> Index:
    """How many bars in a row, ending at each, satisfy the mask."""
    index = np.arange(len(mask))
    return index - np.maximum.accumulate(np.where(mask, -1, index))


def _last(mask: Mask) -> Index:
    """Index of the last bar up to each one that satisfies the mask, -1 before there is any."""
    return np.maximum.accumulate(np.where(mask, np.arange(len(mask)), -1)) if len(mask) else np.arange(0)


def htf_average(ind: Indicators, index: int) -> tuple[int | None, float | None]:
    """Period and value of the longest of EMA200, 100 and 50 that is warm at a bar (section 1.7)."""
    for period in LONGEST_FIRST:
        value = at(getattr(ind, f"ema{period}"), index)
        if value is not None:
            return period, value
    return None, None


def bias_at(close: F64, ind: Indicators, index: int) -> tuple[Bias, str]:
    """Where the close stands to EMA50 and EMA200, and why it is neutral when an average is absent."""
    now, fast, slow = at(close, index), at(ind.ema50, index), at(ind.ema200, index)
    if now is None or fast is None or slow is None:
        return Bias.NEUTRAL, "absent:ema200"
    if now > fast > slow:
        return Bias.BULLISH, ""
    return (Bias.BEARISH, "") if now < fast < slow else (Bias.NEUTRAL, "")


def late_trend(
    candles: Candles, ind: Indicators, index: int, side: Sign, params: RegimeParams = DEFAULTS
) -> bool | None:
    """Whether the close has run further from EMA20 in the trade direction than a trend usually does."""
    close, mean, atr = at(candles.close, index), at(ind.ema20, index), at(ind.atr, index)
    if close is None or mean is None or atr is None:
        return None
    return side * (close - mean) / atr > params.late_trend_atr


Weights = dict[RegimeState, float]


def _row(
    trend: float | None = None, squeeze: float | None = None, ranging: float | None = None, chop: float | None = None
) -> Weights:
    cells = zip(STATES[1:], (trend, squeeze, ranging, chop), strict=True)
    return {state: weight for state, weight in cells if weight is not None}


WEIGHTS: Final[dict[tuple[StrategyId, str], Weights]] = {
    (StrategyId.LIQUIDITY_SWEEP, "fade"): _row(0.9, 1.0, 1.3, 1.0),
    (StrategyId.LIQUIDITY_SWEEP, "continuation"): _row(0.9, 1.0),
    (StrategyId.BREAK_RETEST, "retest"): _row(1.5, 1.2, 0.8),
    (StrategyId.ORDER_FLOW, "reclaim"): _row(1.0, 1.5, 1.0),
    (StrategyId.ORDER_FLOW, "acceptance"): _row(1.0, 1.5, 1.0),
    (StrategyId.PULLBACK, "pullback"): _row(1.3, 0.9),
    (StrategyId.VALUE_AREA, "rejection"): _row(0.8, 1.0, 1.5, 1.0),
    (StrategyId.VALUE_AREA, "acceptance"): _row(1.0, 1.0),
    (StrategyId.ATR_MOMENTUM, "breakout"): _row(1.0),
    (StrategyId.ATR_MOMENTUM, "micro_pullback"): _row(1.0),
}
"""Score weight by strategy variant and regime; a missing cell is not evaluated (section 3.4)."""


def weight_of(strategy: StrategyId, variant: str, state: RegimeState) -> float | None:
    """The cell of the matrix; None where the variant is not evaluated in that regime."""
    return WEIGHTS[strategy, variant].get(state)
