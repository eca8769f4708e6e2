"""Candle series for analysis tests: walks on a coarse binary grid (so that mirrors are exact), recorded ones, folds."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from strategies.model import TIMEFRAME_MS, Candles

START_MS = 1_767_225_600_000  # 2026-01-01 00:00 UTC
TICK = 1 / 64
RECORDED = Path(__file__).parents[3] / "shared" / "data"

seeds = st.integers(0, 2**32 - 1)


def walk(
    seed: int, n: int, *, tf: str = "15m", price: float = 100.0, step: float = 12.0, start_ms: int = START_MS
) -> Candles:
    """A random walk of `n` valid bars in multiples of TICK: gaps, flat bars without volume and plateaus included."""
    rng = np.random.default_rng(seed)
    close = np.round(price / TICK + np.cumsum(np.rint(rng.standard_normal(n) * step)))
    gap = np.where(rng.random(n) < 0.2, np.rint(rng.standard_normal(n) * step / 3), 0.0)
    open_ = np.concatenate(([close[0]], close[:-1])) + gap
    high = np.maximum(open_, close) + rng.integers(0, int(step) + 1, n)
    low = np.minimum(open_, close) - rng.integers(0, int(step) + 1, n)
    volume = np.rint(rng.lognormal(5, 0.7, n))
    flat = rng.random(n) < 0.03
    open_, high, low = (np.where(flat, close, values) for values in (open_, high, low))
    volume = np.where(flat, 0.0, volume)
    taker = np.rint(volume * rng.random(n))
    lift = max(0.0, price / TICK / 10 - float(low.min()))  # prices stay above zero
    prices = [(values + np.ceil(lift)) * TICK for values in (open_, high, low, close)]
    times = start_ms + TIMEFRAME_MS[tf] * np.arange(n, dtype=np.int64)
    return Candles(tf, times, *prices, volume, taker)


def scaled(c: Candles, price: float, volume: float = 1.0) -> Candles:
    """The same market quoted in another unit."""
    prices = [values * price for values in (c.open, c.high, c.low, c.close)]
    return Candles(c.tf, c.open_time, *prices, c.volume * volume, c.taker_buy * volume)


def folded(c: Candles, tf: str) -> Candles:
    """Higher bars, of those that have all their parts."""
    size = TIMEFRAME_MS[tf]
    if not len(c):
        return Candles(tf, *(getattr(c, name) for name in Candles.__struct_fields__ if name != "tf"))
    period = c.open_time // size
    starts = np.flatnonzero(np.diff(period, prepend=-1))
    counts = np.diff(np.append(starts, len(c)))
    whole = counts == size // c.tf_ms
    last = starts + counts - 1
    return Candles(
        tf, (period[starts] * size)[whole], c.open[starts][whole], np.maximum.reduceat(c.high, starts)[whole],
        np.minimum.reduceat(c.low, starts)[whole], c.close[last][whole],
        np.add.reduceat(c.volume, starts)[whole], np.add.reduceat(c.taker_buy, starts)[whole],
    )  # fmt: skip


@cache
def recorded(path: str, tf: str = "15m") -> Candles:
    """A recorded series by its path below the data folder; the test is skipped where the recordings are not at hand."""
    file = RECORDED / path
    if not file.exists():
        pytest.skip(f"recorded candles {path} are not at hand")
    parquet = pytest.importorskip("pyarrow.parquet", reason="reading recordings needs the research extra")
    names = ["open_time", "open", "high", "low", "close", "volume", "taker_buy_volume"]
    table = parquet.read_table(file, columns=names)
    columns = [table.column(name).to_numpy() for name in names]
    return Candles(tf, columns[0].astype(np.int64), *(column.astype(np.float64) for column in columns[1:]))
