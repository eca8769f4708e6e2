"""What the features of one close cost: 600 symbols, four timeframes, one core. Prints, asserts nothing.

Run as `python -m tests.bench.bench_features [symbols]`. Ratios are against pandas-ta-classic measuring the same
indicators one series at a time; wall times depend on the machine, the ratios hardly do.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import perf_counter

import numpy as np

from strategies.anchor import sticky_anchors
from strategies.flow import delta_ratio
from strategies.indicators import indicators, panel_indicators
from strategies.model import Candles
from strategies.regime import regime_at, regime_series
from strategies.value import profiles
from strategies.vwap import daily_vwap
from strategies.zones.build import ZoneContext, build
from strategies.zones.v2 import build_v2
from tests.bench.table import note
from tests.support.series import TICK, folded, walk

BARS = {"15m": 2000, "1h": 1000, "4h": 900, "1d": 365}
RECENT = {"15m": 64, "1h": 64, "4h": 900, "1d": 64}


def fastest(work: Callable[[], object], rounds: int = 3) -> float:
    """Seconds of the best of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        start = perf_counter()
        work()
        best = min(best, perf_counter() - start)
    return best


def one_close(panels: dict[str, list[Candles]]) -> None:
    """All timeframes close at once, as at midnight; a plain 15m close does a quarter of it or less."""
    for tf, panel in panels.items():
        found = panel_indicators(panel, recent=RECENT[tf])
        if tf == "4h":
            for candles, ind in zip(panel, found, strict=True):
                regime_at(candles, ind)


def reference(candles: Candles) -> float:
    """The same bundle from pandas-ta-classic, seconds for one series; NaN where it is not installed."""
    try:
        import pandas as pd
        import pandas_ta_classic as ta
    except ImportError:
        return float("nan")
    high, low, close, volume = (pd.Series(x) for x in (candles.high, candles.low, candles.close, candles.volume))

    def measure() -> None:
        for period in (5, 9, 13, 20, 21, 50, 100, 200):
            ta.ema(close, period)
        atr = ta.atr(high, low, close, 14)
        ta.adx(high, low, close, 14)
        ta.rsi(close, 14)
        bands = ta.bbands(close, 20, 2)
        for x in (bands.iloc[:, 3], 100 * atr / close):
            x.rolling(90, min_periods=60).rank(pct=True)
        volume / volume.shift(1).rolling(20).median()

    return fastest(measure)


def main() -> None:
    """Measure and print."""
    symbols = int(sys.argv[1]) if len(sys.argv) > 1 else 600
    panels = {tf: [walk(i, n, tf=tf) for i in range(symbols)] for tf, n in BARS.items()}
    for tf, panel in panels.items():
        live = fastest(lambda panel=panel, tf=tf: panel_indicators(panel, recent=RECENT[tf]))
        whole = fastest(lambda panel=panel: panel_indicators(panel), 1)
        theirs = reference(panel[0])
        print(
            f"{tf:>4} {BARS[tf]:5} bars x {symbols}: {live:6.3f} s live, {whole:6.3f} s whole history, "
            f"{live / symbols * 1e6:6.0f} µs a series, pandas-ta-classic {theirs * 1e6:7.0f} µs = "
            f"{theirs / (live / symbols):4.1f}x (whole {theirs / (whole / symbols):4.1f}x)"
        )
    note(
        "features of all symbols at one close",
        fastest(lambda: one_close(panels)),
        unit=" s",
        detail=f"{symbols} symbols",
    )
    first = panels["15m"][0]
    frames = {"15m": first} | {tf: folded(first, tf) for tf in ("1h", "4h", "1d")}
    ind = {tf: indicators(c) for tf, c in frames.items()}
    hour = panels["1h"][0]
    four = panels["4h"][0]
    four_ind = indicators(four)
    ctx = ZoneContext("A", first.last_close_ms, frames, ind, TICK)
    for name, work in {
        "regime of 900 4h bars": lambda: regime_series(four, four_ind),
        "daily VWAP of 2,000 bars": lambda: daily_vwap(first),
        "delta ratio of 2,000 bars": lambda: delta_ratio(first, 5),
        "both volume profiles": lambda: profiles(first, TICK),
        "sticky anchor of 1,000 1h bars": lambda: sticky_anchors(hour),
        "zones v2": lambda: build_v2("A", first, ind["15m"].atr),
        "zones v3, all timeframes": lambda: build(ctx),
    }.items():
        print(f"{name:32} {fastest(work, 10) * 1e3:7.3f} ms")
    long = walk(1, 100_000)
    print(f"indicators of 100,000 bars       {fastest(lambda: indicators(long)) * 1e3:7.1f} ms")
    four_years = walk(2, 100_000, tf="4h")
    long_ind = indicators(four_years)
    print(f"regime of 100,000 bars           {fastest(lambda: regime_series(four_years, long_ind)) * 1e3:7.1f} ms")
    assert np.isfinite(long_ind.adx[-1])


if __name__ == "__main__":
    main()
