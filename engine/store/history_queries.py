"""Reads of the history database: series as arrays, what is there and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, func, select

from engine.store.history_rows import CandleColumns, GapRow, TradeRow
from engine.store.history_tables import Candles, Trades
from engine.store.reader import Reader
from engine.store.statements import read, table_of


class SeriesSpan(NamedTuple):
    """How much of one series is stored."""

    symbol: str
    tf: str
    first_ms: int
    last_ms: int
    bars: int


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
        statement = (
            select(Candles.open_time)
            .where(Candles.symbol == symbol, Candles.tf == tf, Candles.open_time >= since_ms)
            .order_by(Candles.open_time)
        )
        return await self._reader.run(
            lambda connection: np.fromiter(connection.execute(statement).scalars(), dtype=np.int64)
        )

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


def _candles(
    connection: Connection, symbol: str, tf: str, since_ms: int, until_ms: int | None, newest: int | None
) -> CandleColumns:
    columns: list[Any] = [getattr(Candles, name) for name in CandleColumns._fields]
    statement = select(*columns).where(Candles.symbol == symbol, Candles.tf == tf, Candles.open_time >= since_ms)
    if until_ms is not None:
        statement = statement.where(Candles.open_time < until_ms)
    statement = statement.order_by(Candles.open_time.desc())
    if newest is not None:
        statement = statement.limit(newest)
    found = connection.execute(statement).all()[::-1]
    times = np.array([bar[0] for bar in found], dtype=np.int64)
    values = np.array([bar[1:] for bar in found], dtype=np.float64).reshape(len(found), len(columns) - 1)
    return CandleColumns(times, *(np.ascontiguousarray(values[:, i]) for i in range(len(columns) - 1)))
