"""Reads of the history database: series as arrays, what is there and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, bindparam, func, select

from engine.store.history_rows import CandleColumns, GapRow, TradeRow
from engine.store.history_tables import Candles, Trades
from engine.store.reader import Reader
from engine.store.statements import read, table_of
from strategies.model import TIMEFRAME_MS


class SeriesSpan(NamedTuple):
    """How much of one series is stored."""

    symbol: str
    tf: str
    first_ms: int
    last_ms: int
    bars: int


class Outline(NamedTuple):
    """Open times of the stored bars by timeframe, sorted, and the known holes of one symbol."""

    times: dict[str, NDArray[np.int64]]
    gaps: list[GapRow]


class HistoryQueries:
    """Bars, holes and tape. Everything raises StoreError."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def candles(
        self, symbol: str, tf: str, since_ms: int = 0, until_ms: int | None = None, newest: int | None = None
    ) -> CandleColumns:
        """Stored bars that opened in [since, until), oldest first; with `newest` at most that many, the newest."""
        return await self._reader.run(lambda found: _candles(found, symbol, tf, since_ms, until_ms, newest))

    async def open_times(self, symbol: str, tf: str, since_ms: int = 0) -> NDArray[np.int64]:
        """Open times of the stored bars, sorted."""
        return await self._reader.run(lambda connection: _open_times(connection, symbol, tf, since_ms))

    async def outline(self, symbol: str, timeframes: Iterable[str]) -> Outline:
        """What is stored of a symbol and what is known of its holes, in one look."""
        c = table_of(GapRow).c

        def work(connection: Connection) -> Outline:
            times = {tf: _open_times(connection, symbol, tf, 0) for tf in timeframes}
            return Outline(times, read(connection, GapRow, c.symbol == symbol))

        return await self._reader.run(work)

    async def newest_of(self, symbol: str, counts: Mapping[str, int]) -> dict[str, CandleColumns]:
        """The newest bars of a symbol, at most so many of each timeframe, oldest first."""
        return await self._reader.run(
            lambda found: {tf: _candles(found, symbol, tf, 0, None, count) for tf, count in counts.items()}
        )

    async def symbols(self) -> list[str]:
        """Symbols with at least one stored bar, sorted."""
        return await self._reader.run(symbols_stored)

    async def spans(self) -> list[SeriesSpan]:
        """Every stored series with its first and last bar."""
        statement = (
            select(Candles.symbol, Candles.tf, func.min(Candles.open_time), func.max(Candles.open_time), func.count())
            .group_by(Candles.symbol, Candles.tf)
            .order_by(Candles.symbol, Candles.tf)
        )
        return await self._reader.run(
            lambda connection: [SeriesSpan(*found) for found in connection.execute(statement)]
        )

    async def ends(self, symbols: Iterable[str], tf: str) -> dict[str, tuple[int, int]]:
        """Open times of the oldest and the newest stored bar of each of these symbols that has one."""
        here = (Candles.symbol == bindparam("symbol"), Candles.tf == tf)
        # One end at a time is a step down the index; both at once would be a walk over all bars.
        oldest, newest = (select(end(Candles.open_time)).where(*here) for end in (func.min, func.max))

        def work(connection: Connection) -> dict[str, tuple[int, int]]:
            found: dict[str, tuple[int, int]] = {}
            for symbol in symbols:
                named = {"symbol": symbol}
                first = connection.execute(oldest, named).scalar()
                if first is not None:
                    found[symbol] = (first, connection.execute(newest, named).scalar_one())
            return found

        return await self._reader.run(work)

    async def last_open(self, symbol: str, tf: str) -> int | None:
        """Open time of the newest stored bar."""
        statement = select(func.max(Candles.open_time)).where(Candles.symbol == symbol, Candles.tf == tf)
        return await self._reader.run(lambda connection: connection.execute(statement).scalar())

    async def gaps(self, states: Sequence[str] = (), symbol: str | None = None, tf: str | None = None) -> list[GapRow]:
        """Known holes that fit, newest first."""
        c = table_of(GapRow).c
        where: list[ColumnElement[bool]] = [c.state.in_(states)] if states else []
        where += [column == value for column, value in ((c.symbol, symbol), (c.tf, tf)) if value is not None]
        order = [c.from_ms.desc(), c.symbol, c.tf]
        return await self._reader.run(lambda connection: read(connection, GapRow, *where, order_by=order))

    async def trades(self, symbol: str, since_ms: int = 0) -> list[TradeRow]:
        """Stored prints, in their order."""
        columns = [getattr(Trades, name) for name in TradeRow._fields]
        statement = (
            select(*columns)
            .where(Trades.symbol == symbol, Trades.at_ms >= since_ms)
            .order_by(Trades.at_ms, Trades.trade_id)
        )
        return await self._reader.run(lambda connection: [TradeRow(*found) for found in connection.execute(statement)])


def symbols_stored(connection: Connection) -> list[str]:
    """Symbols with bars: from one to the next by the key, because looking at every bar would take seconds."""
    found: list[str] = []
    at = connection.execute(select(func.min(Candles.symbol))).scalar()
    while at is not None:
        found.append(at)
        at = connection.execute(select(func.min(Candles.symbol)).where(Candles.symbol > at)).scalar()
    return found


def _open_times(connection: Connection, symbol: str, tf: str, since_ms: int) -> NDArray[np.int64]:
    """A series without a hole is known by its ends and its count; only one with holes is read bar by bar.

    Straight through the driver: a restart asks this thousands of times, and building the statement costs more.
    """
    mark, step = _mark(connection), TIMEFRAME_MS[tf]
    here = f"FROM candles WHERE symbol = {mark} AND tf = {mark} AND open_time >= {mark}"
    ends = f"count(*), min(open_time), max(open_time), max(open_time - open_time / {step} * {step})"
    count, first, last, off = connection.exec_driver_sql(f"SELECT {ends} {here}", (symbol, tf, since_ms)).one()
    if count == 0:
        return np.empty(0, dtype=np.int64)
    if off == 0 and last - first == (count - 1) * step:
        return np.arange(first, last + 1, step, dtype=np.int64)
    found = connection.exec_driver_sql(f"SELECT open_time {here} ORDER BY open_time", (symbol, tf, since_ms))
    return np.fromiter(found.scalars(), dtype=np.int64)


def _mark(connection: Connection) -> str:
    """How the driver marks a value in a statement."""
    return "%s" if connection.dialect.name == "postgresql" else "?"


def _candles(
    connection: Connection, symbol: str, tf: str, since_ms: int, until_ms: int | None, newest: int | None
) -> CandleColumns:
    """Straight through the driver: a row object for each bar would cost more than reading it."""
    mark = _mark(connection)
    where, values = f"symbol = {mark} AND tf = {mark} AND open_time >= {mark}", [symbol, tf, since_ms]
    if until_ms is not None:
        where, values = f"{where} AND open_time < {mark}", [*values, until_ms]
    limit = "" if newest is None else f" LIMIT {int(newest)}"
    done = connection.exec_driver_sql(
        f"SELECT {', '.join(CandleColumns._fields)} FROM candles WHERE {where} ORDER BY open_time DESC{limit}",
        tuple(values),
    )
    assert done.cursor is not None
    found = np.array(done.cursor.fetchall(), dtype=np.float64).reshape(-1, len(CandleColumns._fields))[::-1]
    done.close()
    # Milliseconds of our age are whole numbers that a double holds exactly.
    times = found[:, 0].astype(np.int64)
    return CandleColumns(times, *(np.ascontiguousarray(found[:, i]) for i in range(1, found.shape[1])))
