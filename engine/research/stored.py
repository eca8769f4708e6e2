"""The candles of the desk as data for the laboratory: written out as Parquet, so that every tool reads one kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.research.data import DataFault, Tape
from engine.store.history_queries import HistoryQueries
from engine.store.history_rows import CandleColumns
from strategies.model import Candles


async def stored_tapes(queries: HistoryQueries, symbols: tuple[str, ...] = ()) -> dict[str, Tape]:
    """The 15m bars of these symbols, or of all that have some. Raises StoreError."""
    names = symbols or tuple(await queries.symbols())
    found: dict[str, Tape] = {}
    for symbol in names:
        columns = await queries.candles(symbol, "15m")
        if len(columns.open_time):
            found[symbol] = Tape(symbol, _candles(columns))
    return found


def write_folder(folder: Path, tapes: dict[str, Tape]) -> Path:
    """One file a symbol below `15m/`; what was there before is replaced. Raises DataFault without pyarrow."""
    try:
        import pyarrow  # noqa: PLC0415 - an extra, and heavy
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise DataFault(folder, "writing Parquet needs pyarrow: pip install 'perpdeck[research]'") from error
    where = folder / "15m"
    where.mkdir(parents=True, exist_ok=True)
    for old in where.glob("*.parquet"):
        old.unlink()
    for symbol, tape in tapes.items():
        bars = tape.bars
        taker = pyarrow.array(bars.taker_buy, mask=np.isnan(bars.taker_buy))
        columns = {name: getattr(bars, name) for name in ("open_time", "open", "high", "low", "close", "volume")}
        parquet.write_table(pyarrow.table({**columns, "taker_buy_volume": taker}), where / f"{symbol}.parquet")
    return folder


def _candles(columns: CandleColumns) -> Candles:
    return Candles(
        "15m", columns.open_time, columns.open, columns.high, columns.low, columns.close, columns.volume,
        columns.taker_buy,
    )  # fmt: skip
