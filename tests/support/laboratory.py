"""Small recorded folders and price paths for the tests of the laboratory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.research.prices import PricePath
from strategies.model import Candles
from tests.support.series import walk

BAR = 900_000
T0 = 1_767_225_600_000  # 2026-01-01 00:00 UTC


def path(*bars: tuple[float, float, float, float], start_ms: int = T0, bar_ms: int = BAR) -> PricePath:
    """A path of (open, high, low, close) bars."""
    opens = [start_ms + k * bar_ms for k in range(len(bars))]
    columns = [list(map(float, column)) for column in zip(*bars, strict=True)]
    return PricePath(opens, [at + bar_ms for at in opens], *columns)


def write_candles(file: Path, candles: Candles, **columns: Any) -> Path:
    """A Parquet file as recorders write it; `columns` replace some, or remove them with None."""
    import pyarrow as pa
    from pyarrow import parquet

    n = len(candles)
    taker = pa.array(candles.taker_buy, mask=np.isnan(candles.taker_buy))
    table = {
        "open_time": candles.open_time, "open": candles.open, "high": candles.high, "low": candles.low,
        "close": candles.close, "volume": candles.volume, "quote_volume": np.full(n, 1.0),
        "trades": np.full(n, 5, dtype=np.int64), "taker_buy_volume": taker, "taker_buy_quote_volume": np.full(n, 1.0),
    } | columns  # fmt: skip
    file.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table({name: column for name, column in table.items() if column is not None}), file)
    return file


def folder_of(where: Path, symbols: Sequence[str] = ("AAAUSDT", "BTCUSDT"), bars: int = 6000) -> Path:
    """A folder of random walks, one a symbol."""
    for seed, symbol in enumerate(symbols):
        write_candles(where / f"{symbol}.parquet", walk(seed + 3, bars, price=400.0, step=40.0))
    return where
