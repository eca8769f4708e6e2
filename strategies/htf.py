"""What the higher timeframes say: the last bar that had closed, and on which side of its average it stands.

A higher bar joins by its close time, never by its open (1.6); "EMA200" of a higher frame is the longest of 200, 100
and 50 that has warmed up (1.7).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from strategies.absent import at
from strategies.model import TIMEFRAME_MS, Indicators, MarketSnapshot, Sign

LONGEST_FIRST: Final = (200, 100, 50)


def last_closed(snapshot: MarketSnapshot, tf: str, t_ms: int) -> int:
    """Index of the last bar of `tf` that had closed by `t_ms`, -1 when there is none."""
    candles = snapshot.bars.get(tf)
    if candles is None or tf not in snapshot.ind:
        return -1
    return int(np.searchsorted(candles.open_time, t_ms - TIMEFRAME_MS[tf], side="right")) - 1


def longest_average(ind: Indicators, index: int) -> tuple[int, float] | None:
    """The longest of EMA200, 100, 50 that is not absent at a bar, with its period."""
    for period in LONGEST_FIRST:
        value = at(getattr(ind, f"ema{period}"), index)
        if value is not None:
            return period, value
    return None


def beyond_ema50(snapshot: MarketSnapshot, tf: str, side: Sign, t_ms: int) -> bool | None:
    """Whether the last closed bar of `tf` closed beyond its EMA50 on the trade side; None where absent."""
    index = last_closed(snapshot, tf, t_ms)
    level = at(snapshot.ind[tf].ema50, index) if index >= 0 else None
    return None if level is None else side * (float(snapshot.bars[tf].close[index]) - level) > 0


def beyond_longest(snapshot: MarketSnapshot, tf: str, side: Sign, t_ms: int) -> bool | None:
    """The same against the longest average that has warmed up."""
    index = last_closed(snapshot, tf, t_ms)
    average = longest_average(snapshot.ind[tf], index) if index >= 0 else None
    return None if average is None else side * (float(snapshot.bars[tf].close[index]) - average[1]) > 0


def both_beyond_longest(snapshot: MarketSnapshot, side: Sign) -> bool | None:
    """1h and 4h together; absent as soon as one of them is."""
    answers = [beyond_longest(snapshot, tf, side, snapshot.t_ms) for tf in ("1h", "4h")]
    return None if None in answers else all(answers)
