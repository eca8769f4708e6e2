"""Volume-weighted average price with its deviation bands, by day, session or anchor (section 2.10 of the rules).

Sums run over prices as distances from the first bar of their stretch, so that the variance keeps its digits. Where
nothing has traded since the anchor the value is absent, not the price.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from strategies.model import F64, I64, TIMEFRAME_MS, Candles, Sign
from strategies.params import NotNegative, Params

DAY_MS: Final = 86_400_000
SESSION_STARTS_MS: Final = tuple(int(hours * 3_600_000) for hours in (0, 8, 13.5, 20))
SESSIONS: Final = ("ASIA", "EUROPE", "US", "LATE")


class Vwap(msgspec.Struct, frozen=True, eq=False):
    """The average and its deviation after each bar, in price units; NaN where absent."""

    value: F64
    deviation: F64

    def band(self, count: float) -> F64:
        """The average plus `count` deviations."""
        return self.value + count * self.deviation


class ConfluenceParams(Params, frozen=True):
    """How near a close must be to an average, in median true ranges, and how far behind it, in ticks."""

    near_ranges: NotNegative = 1.0
    slack_ticks: NotNegative = 1.0


DEFAULTS: Final = ConfluenceParams()


def daily_vwap(candles: Candles) -> Vwap:
    """Anchored at the first bar of each UTC day; for bars up to one hour."""
    return _by_period(candles, candles.open_time // DAY_MS, TIMEFRAME_MS["1h"])


def session_vwap(candles: Candles) -> Vwap:
    """Anchored at the first bar of each session (00:00, 08:00, 13:30, 20:00 UTC); for bars up to half an hour."""
    return _by_period(candles, session_of(candles.open_time), TIMEFRAME_MS["1h"] // 2)


def session_of(open_ms: I64) -> I64:
    """Running number of the session a time lies in, four to a day in the order of `SESSIONS`."""
    day, within = np.divmod(open_ms, DAY_MS)
    return 4 * day + np.searchsorted(SESSION_STARTS_MS, within, side="right") - 1


def anchored_vwap(candles: Candles, anchor: int) -> Vwap:
    """From bar `anchor` on; NaN before it."""
    if not 0 <= anchor < len(candles):
        raise ValueError(f"anchor {anchor} is outside of {len(candles)} bars")
    tail = _accumulate(candles.slice(anchor, len(candles)), np.zeros(len(candles) - anchor, dtype=np.intp))
    before = np.full(anchor, np.nan)
    return Vwap(np.concatenate((before, tail.value)), np.concatenate((before, tail.deviation)))


def confluent(
    close: float,
    level: float | None,
    median_range: float | None,
    side: Sign,
    tick: float,
    params: ConfluenceParams = DEFAULTS,
) -> bool | None:
    """Whether price rests on an average that lies behind it or at it in the trade direction; None where absent.

    All kinds of VWAP together count once: combine them with `any`.
    """
    if level is None or median_range is None:
        return None
    distance = close - level
    return abs(distance) <= params.near_ranges * median_range and side * distance >= -params.slack_ticks * tick


def _by_period(candles: Candles, period: I64, longest_ms: int) -> Vwap:
    if candles.tf_ms > longest_ms:
        raise ValueError(f"bars of {candles.tf} are too long for this average")
    starts = np.ones(len(period), dtype=np.bool_)
    starts[1:] = period[1:] != period[:-1]
    first = np.maximum.accumulate(np.where(starts, np.arange(len(period)), 0)) if len(period) else np.arange(0)
    return _accumulate(candles, first)


def _accumulate(candles: Candles, first: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Vwap:
    """Sums of each stretch; `first` is the index of the bar each one starts at."""
    typical = (candles.high + candles.low + candles.close) / 3.0
    base = typical[first]
    shifted, volume = typical - base, candles.volume
    weight, moment, square = (_running(x, first) for x in (volume, volume * shifted, volume * shifted**2))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(weight > 0, moment / weight, np.nan)
        variance = np.where(weight > 0, square / weight, np.nan) - mean**2
    return Vwap(base + mean, np.sqrt(np.maximum(variance, 0.0)))


def _running(values: F64, first: np.ndarray[tuple[int], np.dtype[np.intp]]) -> F64:
    """Sum of each stretch up to and including each bar."""
    total = np.cumsum(values)
    return total - (total - values)[first]
