"""The six recorded weeks of eight perpetuals that ship with the desk, and panels filled with them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from engine.market.bars import FIELDS, Bar
from engine.market.candles import CAPACITY, CandlePanels
from engine.store.history_rows import CandleColumns
from strategies.model import TIMEFRAME_MS, Candles
from tests.support.series import folded

PACK = Path(__file__).parents[2] / "engine" / "sim" / "data" / "candles_15m.npz"
SYMBOLS = ("BNBUSDT", "BTCUSDT", "DOTUSDT", "ETHUSDT", "LINKUSDT", "POLUSDT", "SOLUSDT", "SUIUSDT")
M15 = TIMEFRAME_MS["15m"]


@cache
def bundled(symbol: str) -> Candles:
    """15m candles; taker volume is NaN where the recording has none."""
    pack = np.load(PACK)
    n = len(pack[f"{symbol}.close"])
    times = int(pack[f"{symbol}.open_time"][0]) + M15 * np.arange(n, dtype=np.int64)
    taker = pack.get(f"{symbol}.taker_buy_volume", np.full(n, np.nan))
    columns = (pack[f"{symbol}.{name}"].astype(np.float64) for name in ("open", "high", "low", "close", "volume"))
    return Candles("15m", times, *columns, taker.astype(np.float64))


def fill(panels: CandlePanels, symbol: str, quarters: Candles) -> None:
    """Load all timeframes of a symbol as the desk would: folded out of its 15m bars, newest kept."""
    for tf, capacity in CAPACITY.items():
        candles = folded(quarters, tf) if tf != "15m" else quarters
        panels.load(symbol, tf, columns_of(candles.slice(max(0, len(candles) - capacity), len(candles))))


def bar_of(candles: Candles, index: int) -> Bar:
    values = (float(getattr(candles, name)[index]) for name in FIELDS)
    return Bar(int(candles.open_time[index]), *values)


def columns_of(candles: Candles) -> CandleColumns:
    return CandleColumns(
        candles.open_time, candles.open, candles.high, candles.low, candles.close, candles.volume,
        np.full(len(candles), np.nan), candles.taker_buy,
    )  # fmt: skip
