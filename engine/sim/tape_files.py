"""Candles of the user's own: Parquet files `SYMBOL.parquet` in a directory or its `15m/`, minutes in its `1m/`.

Recordings that share enough time are cut to begin together, so that what happened at once is played at once.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.sim.minutes import Minutes
from engine.sim.path import BAR_MS
from engine.sim.tape import Recording, recording_of

REQUIRED = ("open_time", "open", "high", "low", "close", "volume")
OPTIONAL = ("quote_volume", "taker_buy_volume")
_SYMBOL = re.compile(r"^[^\W_]+(_\d{6})?$")
SECONDS_BELOW = 10_000_000_000
ENOUGH_BARS = 3_400


class BadData(Exception):
    """A data file that cannot be played; names the file and what is wrong."""

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(file, reason)
        self.file, self.reason = file, reason

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


def read_recordings(folder: Path) -> dict[str, Recording]:
    """Every recording of a directory by symbol. Raises BadData."""
    where = folder / "15m" if (folder / "15m").is_dir() else folder
    files = sorted(file for file in where.glob("*.parquet") if _SYMBOL.match(file.stem))
    if not files:
        raise BadData(folder, "no SYMBOL.parquet file found")
    found = {file.stem: _read(file) for file in files}
    for symbol, (start, recording) in found.items():
        finer = folder / "1m" / f"{symbol}.parquet"
        if finer.is_file():
            times, columns = _table(finer)
            minutes = Minutes.placed(times, columns, start, len(recording))
            found[symbol] = (start, replace(recording, minutes=minutes))
    return _begun_together(found)


def _begun_together(found: dict[str, tuple[int, Recording]]) -> dict[str, Recording]:
    begin = max(start for start, _ in found.values())
    skips = {symbol: (begin - start) // BAR_MS for symbol, (start, _) in found.items()}
    if min(len(recording) - skips[symbol] for symbol, (_, recording) in found.items()) < ENOUGH_BARS:
        return {symbol: recording for symbol, (_, recording) in found.items()}
    return {symbol: recording.since(skips[symbol]) for symbol, (_, recording) in found.items()}


def _read(file: Path) -> tuple[int, Recording]:
    times, columns = _table(file)
    return int(times[0]), _without_bad_bars(_filled(columns, times))


def _table(file: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Open times and columns of one file, checked."""
    try:
        import pyarrow  # noqa: PLC0415 - an extra, and heavy
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise BadData(file, "reading Parquet needs pyarrow: pip install 'perpdeck[research]'") from error
    try:
        table = parquet.read_table(file)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise BadData(file, f"not a Parquet file: {error}") from error
    for name in REQUIRED:
        if name not in table.column_names:
            raise BadData(file, f"column {name!r} is missing")
    if table.num_rows == 0:
        raise BadData(file, "no rows")
    columns = {name: _column(file, table, name) for name in REQUIRED}
    for name in OPTIONAL:
        if name in table.column_names and table[name].null_count == 0:
            columns[name] = _column(file, table, name)
    times = columns.pop("open_time").astype(np.int64)
    if times[0] < SECONDS_BELOW:
        raise BadData(file, "column 'open_time' is in seconds, expected milliseconds")
    if (np.diff(times) <= 0).any():
        row = int(np.flatnonzero(np.diff(times) <= 0)[0]) + 1
        raise BadData(file, f"row {row}: times are not strictly increasing")
    return times, columns


def _column(file: Path, table: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(table[name].to_numpy(), dtype=np.int64 if name == "open_time" else np.float64)
    except (ValueError, TypeError) as error:
        raise BadData(file, f"column {name!r} holds no numbers") from error


def _filled(columns: dict[str, np.ndarray], times: np.ndarray) -> Recording:
    """A gap is played as bars without trades at the last close."""
    at = (times - times[0]) // BAR_MS
    length = int(at[-1]) + 1
    source = np.maximum.accumulate(np.where(np.isin(np.arange(length), at), np.arange(length), 0))
    index = np.searchsorted(at, source)
    missing = ~np.isin(np.arange(length), at)
    full = {name: column[index].copy() for name, column in columns.items()}
    for name in ("open", "high", "low"):
        full[name][missing] = full["close"][missing]
    for name in ("volume", *OPTIONAL):
        if name in full:
            full[name][missing] = 0.0
    return recording_of(full)


def _without_bad_bars(recording: Recording) -> Recording:
    """A bar that contradicts itself is pulled straight, so that a walk through it exists."""
    low = np.minimum.reduce([recording.open, recording.high, recording.low, recording.close])
    high = np.maximum.reduce([recording.open, recording.high, recording.low, recording.close])
    volume = np.maximum(np.nan_to_num(recording.volume), 0.0)
    return Recording(
        recording.open, high, low, recording.close, volume, recording.quote_volume, recording.taker_buy_volume
    )
