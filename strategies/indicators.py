"""The indicator bundle of one series, and of many at once (section 2 of the rules).

TA-Lib is the definition of EMA, ATR, ADX, RSI and the Bollinger bands. What is not warm yet is NaN, per element
(section 1.7, ruling 16): a value at index j exists from the same bar count on, whatever the length of the history.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from strategies.model import F64, Candles, Indicators
from strategies.ta import ta
from strategies.windows import rank, trailing_median

Index = NDArray[np.intp]

EMA_PERIODS: Final = (5, 9, 13, 20, 21, 50, 100, 200)
EMA_WARMUP: Final = 4  # bars per period before the seed's share is negligible
WILDER: Final = 14
ATR_BARS: Final = 100
RSI_BARS: Final = 100
ADX_BARS: Final = 150
BAND_BARS: Final = 20
BAND_WIDTH_SD: Final = 2.0
RANK_WINDOW: Final = 90
RANK_LEAST: Final = 60
BAND_RANK_BARS: Final = BAND_BARS + RANK_LEAST
VOLUME_BARS: Final = 20


def indicators(candles: Candles, *, tick: float = 0.0, recent: int | None = None) -> Indicators:
    """The bundle, aligned with the candles. An ATR that is zero or below `tick` is absent (section 1.4).

    With `recent` the window statistics (ranks, volume ratio) are only computed for that many newest bars and are NaN
    before: they are the dear part, and a live close reads no others.
    """
    high, low, close = candles.high, candles.low, candles.close
    n = len(candles)
    averages = {f"ema{period}": ema(close, period) for period in EMA_PERIODS}
    atr = true_average(high, low, close, tick)
    upper, lower, width = bands(close)
    first = 0 if recent is None else max(0, n - recent)
    with np.errstate(divide="ignore", invalid="ignore"):
        atr_pct = 100.0 * atr / close
    return Indicators(
        atr=atr,
        **averages,
        adx=_from(ta.ADX(high, low, close, WILDER), ADX_BARS),
        plus_di=_from(ta.PLUS_DI(high, low, close, WILDER), ADX_BARS),
        minus_di=_from(ta.MINUS_DI(high, low, close, WILDER), ADX_BARS),
        rsi=relative_strength(close),
        bb_upper=upper,
        bb_lower=lower,
        bb_width=width,
        bb_rank=_from(rank(width, RANK_WINDOW, RANK_LEAST, first), BAND_RANK_BARS),
        atr_rank=rank(atr_pct, RANK_WINDOW, RANK_LEAST, first),
        vr=volume_ratio(candles.volume, first),
    )


def panel_indicators(
    panel: Sequence[Candles], *, ticks: Sequence[float] | None = None, recent: int | None = None
) -> list[Indicators]:
    """One bundle for each series of a panel, in its order; `ticks` are the price steps of the same series."""
    steps = [0.0] * len(panel) if ticks is None else ticks
    return [indicators(candles, tick=tick, recent=recent) for candles, tick in zip(panel, steps, strict=True)]


def ema(close: F64, period: int) -> F64:
    """Exponential average seeded by the simple one; absent before four periods of bars."""
    return _from(ta.EMA(close, period), EMA_WARMUP * period)


def true_range(high: F64, low: F64, close: F64) -> F64:
    """Range of each bar including the gap from the close before it; the first bar has only its own range."""
    spread: F64 = high - low
    if len(close) > 1:
        before = close[:-1]
        gap = np.maximum(np.abs(high[1:] - before), np.abs(low[1:] - before))
        spread[1:] = np.maximum(spread[1:], gap)
    return spread


def true_average(high: F64, low: F64, close: F64, tick: float = 0.0) -> F64:
    """Wilder's ATR(14) in price units; absent before 100 bars, at zero, and below one tick."""
    atr = _from(ta.ATR(high, low, close, WILDER), ATR_BARS)
    atr[(atr <= 0) | (atr < tick)] = np.nan
    return atr


def relative_strength(close: F64) -> F64:
    """Wilder's RSI(14); a series that has never moved reads 50, since neither side has won anything."""
    rsi = _from(ta.RSI(close, WILDER), RSI_BARS)
    if not len(close):
        return rsi
    unlike = close != close[0]
    still = rsi[: int(unlike.argmax()) if unlike.any() else len(rsi)]
    still[np.isfinite(still)] = 50.0
    return rsi


def bands(close: F64) -> tuple[F64, F64, F64]:
    """Upper and lower Bollinger band (20, 2 population deviations) and their width as a share of the middle.

    Deviations are taken from the first close, so that the running sums lose no digits on a quiet, dear market.
    """
    if not len(close):
        return close.copy(), close.copy(), close.copy()
    base = close[0]
    upper, middle, lower = ta.BBANDS(close - base, BAND_BARS, BAND_WIDTH_SD, BAND_WIDTH_SD)
    width = (upper - lower) / (middle + base)
    return upper + base, lower + base, width


def volume_ratio(volume: F64, first: int = 0) -> F64:
    """Volume over the median of the 20 bars before it (section 2.7); absent where that median is zero."""
    median = trailing_median(volume, VOLUME_BARS, first - 1)
    before = np.full(len(volume), np.nan)
    before[1:] = median[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(before > 0, volume / before, np.nan)


def slope(average: F64, atr: F64, bars: int = 5) -> F64:
    """Drift of an average over `bars` bars, in ATR per bar (section 2.2)."""
    drift = np.full(len(average), np.nan)
    drift[bars:] = average[bars:] - average[:-bars]
    return drift / (bars * atr)


def swings(high: F64, low: F64, k: int) -> tuple[Index, Index]:
    """Indices of swing highs and of swing lows of half-width `k` (section 2.8); index i is known from bar i+k on.

    A swing is strictly beyond the k bars before it and not exceeded by the k bars after it: of a plateau the leftmost
    bar counts, once.
    """
    return peaks(high, k), peaks(-low, k)


def peaks(values: F64, k: int) -> Index:
    """The swing highs alone; of lows, hand in the negated prices."""
    n = len(values)
    if n < 2 * k + 1:
        return np.empty(0, dtype=np.intp)
    middle = values[k : n - k]
    peak = np.ones(len(middle), dtype=np.bool_)
    for j in range(1, k + 1):
        peak &= middle > values[k - j : n - k - j]
        peak &= middle >= values[k + j : n - k + j]
    return np.flatnonzero(peak) + k


def _from(values: F64, bars: int) -> F64:
    """The values with everything before the `bars`-th bar absent, in place."""
    values[: bars - 1] = np.nan
    return values
