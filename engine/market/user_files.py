"""Bars out of the user's own files: Parquet or CSV with the columns the exchange's archive has.

A file that is wrong as a whole (columns, types, order, unit of time) is refused with its name and the column or row;
a single bar that breaks the rules of bars is left out and named.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from engine.errors import DataError
from engine.market.archive import YEAR_2001_MS, YEAR_2286_MS
from engine.market.bars import NAN, Bar, fault

NEEDED = ("open_time", "open", "high", "low", "close", "volume")
OPTIONAL = ("quote_volume", "trades", "taker_buy_volume", "taker_buy_quote_volume")
ALSO_CALLED = {"count": "trades"}
# Archive files of early years have no header; their columns always stand in this order.
BARE = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "trades",
    "taker_buy_volume", "taker_buy_quote_volume",
)  # fmt: skip
NAMED = 20
_NAME = re.compile(r"^(?P<symbol>[A-Z0-9]+)(?:-(?P<tf>1m|15m|1h|4h|1d)(?:-.*)?)?$")


class BadFile(DataError):
    """A data file that cannot be used; `place` is the column or row."""

    def __init__(self, file: Path, place: str, what: str) -> None:
        super().__init__(file, place, what)
        self.file, self.place, self.what = file, place, what

    def __str__(self) -> str:
        return f"{self.file}: {self.place}: {self.what}" if self.place else f"{self.file}: {self.what}"


class NeedsExtra(DataError):
    """A library that is not installed; carries the extra that brings it."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(what, extra)
        self.what, self.extra = what, extra

    def __str__(self) -> str:
        return f"{self.what} needs pyarrow: pip install 'perpdeck[{self.extra}]'"


class UserBars(NamedTuple):
    """The good bars of a file, oldest first, and what was wrong with the others."""

    bars: list[Bar]
    dropped: int
    faults: tuple[str, ...]


def named(file: Path) -> tuple[str, str]:
    """Symbol and timeframe of a file's name, `BTCUSDT.parquet` or `BTCUSDT-1m-2026-11.csv`; empty where it has none."""
    found = _NAME.match(file.stem)
    return (found["symbol"], found["tf"] or "") if found else ("", "")


def read_bars(file: Path, tf: str) -> UserBars:
    """All bars of a file. Raises BadFile or NeedsExtra; OSError where it cannot be read."""
    columns = _parquet(file) if file.suffix == ".parquet" else _csv(file)
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise BadFile(file, f"column {missing[0]}", f"is missing; there are {', '.join(columns)}")
    times = _times(file, columns["open_time"])
    if not times:
        raise BadFile(file, "", "has no rows")
    numbers = {name: _floats(file, name, columns[name]) for name in NEEDED[1:]}
    rest = {name: _floats(file, name, columns[name]) if name in columns else [NAN] * len(times) for name in OPTIONAL}
    good: list[Bar] = []
    faults: list[str] = []
    for i, at in enumerate(times):
        trades = rest["trades"][i]
        opened, high, low, close, volume = (numbers[name][i] for name in NEEDED[1:])
        bar = Bar(
            at, opened, high, low, close, volume, rest["taker_buy_volume"][i], rest["quote_volume"][i],
            None if math.isnan(trades) else int(trades), rest["taker_buy_quote_volume"][i],
        )  # fmt: skip
        what = fault(tf, bar)
        if what is None:
            good.append(bar)
        else:
            faults.append(f"row {i + 1}, bar of {at}: {what}")
    if not good:
        raise BadFile(file, "", f"has no valid {tf} bar; {faults[0]}")
    return UserBars(good, len(faults), tuple(faults[:NAMED]))


def _times(file: Path, values: Sequence[Any]) -> list[int]:
    times: list[int] = []
    for i, value in enumerate(values):
        try:
            at = int(value)
        except (TypeError, ValueError) as error:
            raise BadFile(file, f"column open_time, row {i + 1}", f"{value!r} is not a whole number") from error
        if not YEAR_2001_MS <= at < YEAR_2286_MS:
            raise BadFile(file, f"column open_time, row {i + 1}", f"{at} is not a time in milliseconds")
        if times and at <= times[-1]:
            what = "is there twice" if at == times[-1] else "is older than the row before"
            raise BadFile(file, f"row {i + 1}", f"open_time {at} {what}")
        times.append(at)
    return times


def _floats(file: Path, name: str, values: Iterable[Any]) -> list[float]:
    found: list[float] = []
    for i, value in enumerate(values):
        try:
            found.append(NAN if value is None or value == "" else float(value))
        except (TypeError, ValueError) as error:
            raise BadFile(file, f"column {name}, row {i + 1}", f"{value!r} is not a number") from error
    return found


def _csv(file: Path) -> Mapping[str, Sequence[Any]]:
    try:
        with open(file, encoding="utf-8", newline="") as lines:
            rows = [row for row in csv.reader(lines) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadFile(file, "", f"is not a CSV file: {error}") from error
    if not rows:
        raise BadFile(file, "", "has no rows")
    bare = rows[0][0].strip().lstrip("-").isdigit()
    head = list(BARE) if bare else [ALSO_CALLED.get(name.strip(), name.strip()) for name in rows.pop(0)]
    for i, row in enumerate(rows):
        if len(row) < min(len(head), len(NEEDED)):
            raise BadFile(file, f"row {i + 1}", f"has {len(row)} fields, {len(head)} are needed")
    width = min((len(row) for row in rows), default=len(head))
    return {name: [row[at] for row in rows] for at, name in enumerate(head[:width])}


def _parquet(file: Path) -> Mapping[str, Sequence[Any]]:
    try:
        import pyarrow  # noqa: PLC0415 - an extra
        import pyarrow.parquet  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise NeedsExtra("a Parquet file", "research") from error
    try:
        table = pyarrow.parquet.read_table(file)
    except pyarrow.ArrowException as error:
        raise BadFile(file, "", f"is not a Parquet file: {str(error).splitlines()[0]}") from error
    names = [ALSO_CALLED.get(name, name) for name in table.column_names]
    for name in NEEDED[1:]:
        if name in names and not _numeric(pyarrow, table.column(names.index(name)).type):
            raise BadFile(file, f"column {name}", f"is {table.column(names.index(name)).type}, not a number")
    if "open_time" in names and not pyarrow.types.is_integer(table.column(names.index("open_time")).type):
        kind = table.column(names.index("open_time")).type
        raise BadFile(file, "column open_time", f"is {kind}, whole milliseconds are needed")
    return {name: table.column(i).to_pylist() for i, name in enumerate(names)}


def _numeric(pyarrow: Any, kind: Any) -> bool:
    return bool(pyarrow.types.is_floating(kind) or pyarrow.types.is_integer(kind))
