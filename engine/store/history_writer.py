"""Bulk lane of the history database: bars by the thousand, straight through the driver.

A bar that is already stored with the same values is left alone; one that changed is overwritten and its revision
raised, because a closed bar that changes is an event worth telling.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection

from engine.store.history_queries import symbols_stored
from engine.store.history_rows import CandleRow, TradeRow
from engine.store.journal import Journal

_COLUMNS = CandleRow._fields
_VALUES = ("open", "high", "low", "close", "volume")
_REFRESHED = _COLUMNS[3:]


class Upserted(NamedTuple):
    """What an upsert did; `revised` are closed bars whose values changed: open time to largest change of a price, %."""

    written: int
    revised: dict[int, float]


class HistoryWriter:
    """Writes bars, tape and retention through the journal of the history database."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def upsert_candles(self, symbol: str, tf: str, candles: Sequence[CandleRow]) -> Upserted:
        """Store bars of one series in one transaction, by (symbol, tf, open time). Raises StoreError."""
        if not candles:
            return Upserted(0, {})
        return await self._journal.transact(lambda connection: _upsert_candles(connection, symbol, tf, candles))

    async def put_candles(self, candles: Sequence[CandleRow]) -> None:
        """Store bars of many series in one transaction, by key; who owns the bars already knows what was revised."""
        if candles:
            await self._journal.transact(lambda connection: _write_candles(connection, candles))

    async def insert_trades(self, trades: Sequence[TradeRow]) -> None:
        """Store prints of the tape; known ones are left alone. Raises StoreError."""
        if trades:
            await self._journal.transact(lambda connection: _insert_trades(connection, trades))

    async def prune_candles(self, tf: str, before_ms: int) -> int:
        """Drop bars of a timeframe that opened before `before_ms`; returns how many.

        Symbol by symbol, each in a transaction of its own: closes that wait to be written get their turn in between.
        """
        dropped = 0
        for symbol in await self._journal.transact(symbols_stored):
            dropped += await self._journal.transact(
                lambda connection, symbol=symbol: _rowcount(  # type: ignore[misc]
                    connection,
                    "DELETE FROM candles WHERE symbol = {} AND tf = {} AND open_time < {}",
                    (symbol, tf, before_ms),
                )
            )
        return dropped

    async def prune_trades(self, before_ms: int) -> int:
        """Drop prints older than `before_ms`; returns how many."""
        return await self._journal.transact(
            lambda connection: _rowcount(connection, "DELETE FROM trades WHERE at_ms < {}", (before_ms,))
        )


def _upsert_candles(connection: Connection, symbol: str, tf: str, candles: Sequence[CandleRow]) -> Upserted:
    times = [bar[2] for bar in candles]
    mark = _mark(connection)
    known = connection.exec_driver_sql(
        f"SELECT open_time, {', '.join(_VALUES)} FROM candles "
        f"WHERE symbol = {mark} AND tf = {mark} AND open_time BETWEEN {mark} AND {mark}",
        (symbol, tf, min(times), max(times)),
    )
    stored = {found[0]: tuple(found[1:]) for found in known}
    revised = {
        bar.open_time: max(abs(new / old - 1.0) for old, new in zip(before[:4], bar[3:7], strict=True)) * 100.0
        for bar in (candles if stored else ())
        if (before := stored.get(bar.open_time, bar[3:8])) != tuple(bar[3:8])
    }
    _write_candles(connection, candles)
    return Upserted(len(candles), revised)


def _write_candles(connection: Connection, candles: Sequence[CandleRow]) -> None:
    connection.exec_driver_sql(_upsert_sql(_mark(connection)), _storable(candles))


def _upsert_sql(mark: str) -> str:
    # Columns a source did not record never erase what another source knew.
    kept = {
        name: f"COALESCE(excluded.{name}, candles.{name})" if name not in _VALUES else f"excluded.{name}"
        for name in _REFRESHED
    }
    changed = " OR ".join(f"candles.{name} <> excluded.{name}" for name in _VALUES)
    updates = ", ".join(f"{name} = {expression}" for name, expression in kept.items())
    return (
        f"INSERT INTO candles ({', '.join(_COLUMNS)}, revision) VALUES ({', '.join([mark] * len(_COLUMNS))}, 0) "
        f"ON CONFLICT (symbol, tf, open_time) DO UPDATE SET {updates}, "
        f"revision = candles.revision + CASE WHEN {changed} THEN 1 ELSE 0 END"
    )


def _insert_trades(connection: Connection, trades: Sequence[TradeRow]) -> None:
    mark = _mark(connection)
    connection.exec_driver_sql(
        f"INSERT INTO trades ({', '.join(TradeRow._fields)}) VALUES ({', '.join([mark] * len(TradeRow._fields))}) "
        "ON CONFLICT (symbol, trade_id) DO NOTHING",
        [tuple(trade) for trade in trades],
    )


def _rowcount(connection: Connection, sql: str, values: tuple[Any, ...]) -> int:
    mark = _mark(connection)
    return connection.exec_driver_sql(sql.format(*[mark] * len(values)), values).rowcount


def _mark(connection: Connection) -> str:
    return "%s" if connection.dialect.name == "postgresql" else "?"


def _storable(candles: Sequence[CandleRow]) -> Sequence[tuple[Any, ...]]:
    """The same bars with nothing where a number is none. Most pages have all of them, which one sum shows."""
    numbers = cast("Iterable[float]", chain.from_iterable(bar[3:] for bar in candles))
    try:
        whole = math.isfinite(sum(numbers))
    except TypeError:  # a column without a value
        whole = False
    return candles if whole else [_finite(bar) for bar in candles]


def _finite(bar: CandleRow) -> tuple[Any, ...]:
    return tuple(None if isinstance(value, float) and not math.isfinite(value) else value for value in bar)
