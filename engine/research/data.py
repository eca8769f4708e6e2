"""Recorded candles for the laboratory: a folder of Parquet files, checked before anything is computed.

Files are `SYMBOL.parquet`, in the folder or below `15m/`; 1m bars, where there are some, below `1m/`. A bar that
breaks the rules of a bar is left out and named; a file whose columns, types or times are wrong is an error.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from engine.errors import DataError
from engine.market.bars import Bar, fault, valid_mask
from strategies.model import F64, I64, Candles

NUMBERS: Final = ("open", "high", "low", "close", "volume")
TAKER: Final = "taker_buy_volume"
SECONDS_BELOW: Final = 10_000_000_000  # a date in seconds; in milliseconds it would be April 1970
NAMED: Final = 20  # bad bars of one file that are named one by one
_SYMBOL: Final = re.compile(r"^[A-Z0-9]+(_\d{6})?$")


class DataFault(DataError):
    """A data file that cannot be used; names the file and the column or row."""

    def __init__(self, file: Path, what: str) -> None:
        super().__init__(file, what)
        self.file, self.what = file, what

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


class Tape(msgspec.Struct, frozen=True, eq=False):
    """One symbol as recorded: 15m bars, 1m bars where there are some, and what was left out."""

    symbol: str
    bars: Candles
    minutes: Candles | None = None
    dropped: int = 0
    faults: tuple[str, ...] = ()


class FundingRates(msgspec.Struct, frozen=True, eq=False):
    """Settlements of one symbol, oldest first; rates as fractions of notional."""

    at_ms: I64
    rate: F64


def files_of(folder: Path) -> dict[str, Path]:
    """The 15m file of every symbol of a folder. Raises DataFault."""
    where = folder / "15m" if (folder / "15m").is_dir() else folder
    files = {file.stem: file for file in sorted(where.glob("*.parquet")) if _SYMBOL.match(file.stem)}
    if not files:
        raise DataFault(folder, "no SYMBOL.parquet file found")
    return files


def read_tape(folder: Path, symbol: str, to_ms: int | None = None, minutes: bool = True) -> Tape:
    """All bars of a symbol that opened before `to_ms`. Raises DataFault."""
    bars, dropped, faults = _read(files_of(folder)[symbol], "15m", to_ms)
    finer = folder / "1m" / f"{symbol}.parquet"
    fine: Candles | None = None
    if minutes and finer.is_file():
        fine, more, named = _read(finer, "1m", to_ms)
        dropped, faults = dropped + more, faults + named
    return Tape(symbol, bars, fine, dropped, faults)


def read_funding(file: Path) -> dict[str, FundingRates]:
    """Recorded settlements by symbol. Raises DataFault."""
    table = _table(file, ("symbol", "funding_time", "funding_rate"))
    names = np.array(table.column("symbol").to_pylist())
    times, rates = _integers(file, table, "funding_time"), _floats(file, table, "funding_rate")
    if len(times) and times.min() < SECONDS_BELOW:
        raise DataFault(file, f"funding_time of row {int(times.argmin())} is not in milliseconds")
    known = np.isfinite(rates)
    found: dict[str, FundingRates] = {}
    for symbol in sorted(set(names.tolist())):
        rows = np.flatnonzero((names == symbol) & known)
        rows = rows[np.argsort(times[rows], kind="stable")]
        found[symbol] = FundingRates(times[rows], rates[rows])
    return found


def _read(file: Path, tf: str, to_ms: int | None) -> tuple[Candles, int, tuple[str, ...]]:
    table = _table(file, ("open_time", *NUMBERS))
    times = _integers(file, table, "open_time")
    _check_times(file, times)
    columns = [_floats(file, table, name) for name in NUMBERS]
    taker = _floats(file, table, TAKER) if TAKER in table.column_names else np.full(len(times), np.nan)
    values = np.stack((*columns, taker))
    valid = valid_mask(tf, times, values)
    wrong = np.flatnonzero(~valid)
    named = tuple(_named(file, tf, int(times[row]), values[:, row], int(row)) for row in wrong[:NAMED])
    if len(wrong) > NAMED:
        named += (f"{file.name}: {len(wrong) - NAMED} more bars are not valid",)
    keep = valid if to_ms is None else valid & (times < to_ms)
    if not valid.any():
        raise DataFault(file, f"no valid rows; the first: {named[0]}")
    kept: list[F64] = [np.ascontiguousarray(column[keep]) for column in values]
    return Candles(tf, times[keep], *kept), len(wrong), named


def _table(file: Path, needed: tuple[str, ...]) -> Any:
    try:
        import pyarrow  # noqa: PLC0415 - an extra, and heavy
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise DataFault(file, "reading Parquet needs pyarrow: pip install 'perpdeck[research]'") from error
    try:
        names = parquet.read_schema(file).names
        for name in needed:
            if name not in names:
                raise DataFault(file, f"column {name!r} is missing")
        table = parquet.read_table(file, columns=[*needed, *([TAKER] if TAKER in names else [])], use_threads=False)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataFault(file, f"not a Parquet file: {error}") from error
    if table.num_rows == 0:
        raise DataFault(file, "no rows")
    return table


def _integers(file: Path, table: Any, name: str) -> I64:
    from pyarrow import types  # noqa: PLC0415

    column = table.column(name)
    if not types.is_integer(column.type):
        raise DataFault(file, f"column {name!r} is {column.type}, whole milliseconds needed")
    if column.null_count:
        raise DataFault(file, f"column {name!r} has {column.null_count} empty rows")
    return np.asarray(column.to_numpy(), dtype=np.int64)


def _floats(file: Path, table: Any, name: str) -> F64:
    from pyarrow import types  # noqa: PLC0415

    column = table.column(name)
    if types.is_null(column.type):
        return np.full(table.num_rows, np.nan)
    if not (types.is_floating(column.type) or types.is_integer(column.type)):
        raise DataFault(file, f"column {name!r} is {column.type}, numbers needed")
    return np.asarray(column.to_numpy(), dtype=np.float64)


def _check_times(file: Path, times: I64) -> None:
    if times[0] < SECONDS_BELOW:
        raise DataFault(file, f"open_time of row 0 is {times[0]}: seconds instead of milliseconds")
    steps = np.diff(times)
    if len(steps) and steps.min() <= 0:
        row = int(np.flatnonzero(steps <= 0)[0]) + 1
        what = "repeats" if times[row] == times[row - 1] else "is earlier than"
        raise DataFault(file, f"open_time of row {row} {what} the one before it")


def _named(file: Path, tf: str, open_ms: int, column: F64, row: int) -> str:
    what = fault(tf, Bar.of_column(open_ms, column))
    return f"{file.name}: row {row} (open_time {open_ms}): {what or 'its columns disagree'}"
