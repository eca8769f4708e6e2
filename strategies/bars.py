"""What one or two candles look like, and what many of them span (sections 2.1, 2.6, 2.7 and 2.15 of the rules).

Predicates answer for every bar of the series at once; a bar without range satisfies none of them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from strategies.indicators import true_range
from strategies.model import F64, I64, Candles, Sign
from strategies.side import adverse, favour
from strategies.ta import ta
from strategies.windows import trailing_median

Mask = NDArray[np.bool_]

MEDIAN_RANGE_BARS: Final[dict[str, int]] = {"15m": 30, "1h": 50, "4h": 50, "1d": 50}
HOUR_MS: Final = 3_600_000
TAIL_BODIES: Final = 2.0
TAIL_SHARE: Final = 0.6
NOSE_SHARE: Final = 0.25
CLOSE_SHARE: Final = 0.4
BODY_COVER: Final = 0.8


def pin_bar(candles: Candles, side: Sign) -> Mask:
    """A long tail on the adverse side, hardly any on the other, the close near the favourable end."""
    c, o = candles.close, candles.open
    span = candles.high - candles.low
    body = np.abs(c - o)
    ends = np.maximum(side * o, side * c), np.minimum(side * o, side * c)
    tail = ends[1] - side * adverse(candles, side)
    nose = side * favour(candles, side) - ends[0]
    near = side * (favour(candles, side) - c) <= CLOSE_SHARE * span
    shape = (tail >= TAIL_BODIES * body) & (tail >= TAIL_SHARE * span) & (nose <= NOSE_SHARE * span)
    return shape & near & (span > 0)


def engulfing(candles: Candles, side: Sign, tick: float) -> Mask:
    """A body of the trade colour that covers the opposite one before it, within a tick: opens equal closes here."""
    o, c = side * candles.open, side * candles.close
    out = np.zeros(len(candles), dtype=np.bool_)
    body, before = c[1:] - o[1:], o[:-1] - c[:-1]
    covers = (o[1:] <= c[:-1] + tick) & (c[1:] >= o[:-1] - tick)
    out[1:] = (body > 0) & (before > 0) & covers & (body >= BODY_COVER * before)
    return out


def inside(candles: Candles) -> Mask:
    """Bars within the range of the one before."""
    h, low = candles.high, candles.low
    out = np.zeros(len(candles), dtype=np.bool_)
    out[1:] = (h[1:] <= h[:-1]) & (low[1:] >= low[:-1]) & (h[1:] > low[1:])
    return out


def fakey(candles: Candles, side: Sign) -> Mask:
    """After an inside bar, a break of the mother bar against the side that closes back inside it."""
    out = np.zeros(len(candles), dtype=np.bool_)
    c, extreme = candles.close[2:], side * adverse(candles, side)
    breaks = extreme[2:] < extreme[:-2]
    back = (c >= candles.low[:-2]) & (c <= candles.high[:-2])
    out[2:] = inside(candles)[1:-1] & breaks & back & (candles.high[2:] > candles.low[2:])
    return out


def two_bar_reversal(candles: Candles, side: Sign) -> Mask:
    """A close beyond the favourable extreme of the bar before."""
    out = np.zeros(len(candles), dtype=np.bool_)
    beyond = side * (candles.close[1:] - favour(candles, side)[:-1]) > 0
    out[1:] = beyond & (candles.high[1:] > candles.low[1:])
    return out


def donchian(candles: Candles, bars: int, *, display: bool = False) -> tuple[F64, F64]:
    """Upper and lower channel of the `bars` bars before each one; with `display`, ending at the bar itself.

    A breakout is tested against the channel before the bar, which a close could otherwise never exceed.
    """
    if bars == 1:
        upper, lower = candles.high, candles.low
    else:
        upper, lower = ta.MAX(candles.high, bars), ta.MIN(candles.low, bars)
    if display:
        return upper, lower
    return _later(upper), _later(lower)


def median_range(candles: Candles, bars: int | None = None, first: int = 0) -> F64:
    """Median true range of the last bars, 30 on 15m and 50 above, gaps included (section 2.1)."""
    ranges = true_range(candles.high, candles.low, candles.close)
    return trailing_median(ranges, bars or MEDIAN_RANGE_BARS.get(candles.tf, 50), first)


def hour_factor(open_ms: I64) -> F64:
    """Factor on volume thresholds by the UTC hour a bar opens in: nights trade less."""
    hour = open_ms // HOUR_MS % 24
    return np.where(hour < 8, 0.6, np.where(hour < 20, 1.0, 0.8))


def hour_factor_at(open_ms: int) -> float:
    """The same for one bar."""
    hour = open_ms // HOUR_MS % 24
    return 0.6 if hour < 8 else 1.0 if hour < 20 else 0.8


def volume_ok(vr: F64, open_ms: I64, threshold: float) -> Mask:
    """Volume ratio at or above a threshold scaled by the hour; an absent ratio is not ok."""
    return vr >= threshold * hour_factor(open_ms)


def _later(values: F64) -> F64:
    out = np.full(len(values), np.nan)
    out[1:] = values[:-1]
    return out
