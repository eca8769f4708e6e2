"""The worked example of Action Price, bar by bar, and ways to bend it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from strategies.model import Indicators, MarketSnapshot
from tests.support.analysis import Bar, candles, indicators, snapshot

CONFIRM = 30
HOURS = 20
BASE: Bar = (99.30, 99.45, 98.80, 99.00)
INITIATOR: Bar = (99.60, 100.70, 99.30, 100.70)
CONFIRMATION: Bar = (100.70, 100.80, 100.10, 100.45)


def worked_example(
    *,
    initiator: Bar = INITIATOR,
    confirmation: Bar = CONFIRMATION,
    after: Sequence[Bar] = (),
    ema200: float = 100.00,
    **fields: object,
) -> MarketSnapshot:
    """Section 6.5: long, +8 STANDARD. `after` appends bars with the same averages."""
    bars = [BASE] * (CONFIRM - 1) + [initiator, confirmation, *after]
    bars[CONFIRM - 4] = (99.80, 100.05, 99.20, 99.30)  # the one touch of the average in the window
    c = candles(bars)
    hours = candles([BASE] * HOURS, tf="1h", start_ms=int(c.open_time[0]) - 12 * 3_600_000)
    days = candles([(100.0, 101.0, 99.0, 100.5)] * 20, tf="4h", start_ms=int(c.open_time[0]) - 80 * 3_600_000)
    ind: dict[str, Indicators] = {
        "15m": averages(len(bars), ema200),
        "1h": indicators(HOURS, ema20=100.10, atr=2.0, adx=25.0, atr_rank=50.0, bb_rank=50.0),
        "4h": indicators(20, ema200=99.0, ema100=99.0, ema50=99.0),
    }
    return snapshot({"15m": c, "1h": hours, "4h": days}, ind, **fields)


def averages(n: int, ema200: float = 100.0) -> Indicators:
    """Averages of the example: a compressed fan before the initiator, EMA200 drifting 0.05 in ten bars."""
    flat = {"ema5": 100.34, "ema9": 100.22, "ema13": 100.15, "ema21": 100.08}
    arrays: dict[str, np.ndarray] = {name: np.full(n, value) for name, value in flat.items()}
    before = CONFIRM - 2
    for name, value in {"ema5": 99.50, "ema9": 99.45, "ema13": 99.40, "ema21": 99.30}.items():
        arrays[name][: before + 1] = value
    arrays["ema200"] = np.full(n, ema200)
    arrays["ema200"][: CONFIRM - 9] = ema200 - 0.05
    return indicators(n, atr=1.0, vr=1.0, **arrays)
