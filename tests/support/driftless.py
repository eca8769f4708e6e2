"""Bars of a driftless walk with several steps inside each, for base rates; seeded, no market in it."""

from __future__ import annotations

from typing import Literal

import numpy as np

from strategies.model import TIMEFRAME_MS, Candles
from tests.support.analysis import START_MS

Noise = Literal["gaussian", "student", "drifting_volatility"]


def driftless(seed: int, n: int, *, steps: int = 20, noise: Noise = "gaussian", price: float = 100.0) -> Candles:
    """`n` 15m bars of a geometric walk with `steps` moves each; opens equal the close before."""
    rng = np.random.default_rng(seed)
    size = 0.003 / np.sqrt(steps)
    moves = rng.standard_t(3, (n, steps)) / np.sqrt(3) if noise == "student" else rng.standard_normal((n, steps))
    if noise == "drifting_volatility":
        level = np.cumsum(rng.standard_normal(n) * 0.03)
        moves *= np.exp(level - np.linspace(0, level[-1], n)).clip(0.3, 3.0)[:, None]
    path = price * np.exp(np.cumsum((moves * size).ravel())).reshape(n, steps)
    close = path[:, -1]
    open_ = np.concatenate(([price], close[:-1]))
    high = np.maximum(path.max(axis=1), open_)
    low = np.minimum(path.min(axis=1), open_)
    volume = rng.lognormal(5, 0.5, n)
    times = START_MS + TIMEFRAME_MS["15m"] * np.arange(n, dtype=np.int64)
    return Candles("15m", times, open_, high, low, close, volume, volume / 2)
