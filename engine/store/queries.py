"""Reads of the trading database: what recovery, screens and reports ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, func, or_, select

from engine.store import rows
from engine.store.audit import first_broken
from engine.store.reader import Reader
from engine.store.statements import read, table_of

R = TypeVar("R", bound=rows.Row)


class TradingQueries:
    """Frozen rows out of the trading database, oldest first unless said otherwise. Everything raises StoreError."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    # -- recovery -----------------------------------------------------------------------------------------------------

    async def intents(self, states: Sequence[str] = ("pending", "unknown")) -> list[rows.IntentRow]:
        """Intents in the given states: by default those nobody knows the outcome of."""
        c = table_of(rows.IntentRow).c
        return await self._all(rows.IntentRow, c.state.in_(states), order_by=[c.created_ms, c.client_id])

    async def intent(self, client_id: str) -> rows.IntentRow | None:
        return await self._one(rows.IntentRow, table_of(rows.IntentRow).c.client_id == client_id)

    async def open_positions(self) -> list[rows.PositionRow]:
        """Positions that are not closed."""
        c = table_of(rows.PositionRow).c
        return await self._all(rows.PositionRow, c.closed_ms.is_(None), order_by=[c.opened_ms, c.position_id])

    async def position(self, position_id: str) -> rows.PositionRow | None:
        return await self._one(rows.PositionRow, table_of(rows.PositionRow).c.position_id == position_id)

    async def positions(self, signal_id: str) -> list[rows.PositionRow]:
        c = table_of(rows.PositionRow).c
        return await self._all(rows.PositionRow, c.signal_id == signal_id, order_by=[c.opened_ms])

    async def order(self, client_id: str) -> rows.OrderRow | None:
        return await self._one(rows.OrderRow, table_of(rows.OrderRow).c.client_id == client_id)

    async def orders(self, states: Sequence[str] = (), signal_id: str | None = None) -> list[rows.OrderRow]:
        """Orders in the given states and of the given signal; all of them without either."""
        c = table_of(rows.OrderRow).c
        where: list[ColumnElement[bool]] = [c.state.in_(states)] if states else []
        if signal_id is not None:
            where.append(c.signal_id == signal_id)
        return await self._all(rows.OrderRow, *where, order_by=[c.created_ms, c.client_id])

    async def fills(self, signal_id: str | None = None, since_ms: int = 0) -> list[rows.FillRow]:
        c = table_of(rows.FillRow).c
        where: list[ColumnElement[bool]] = [c.at_ms >= since_ms]
        if signal_id is not None:
            where.append(c.signal_id == signal_id)
        return await self._all(rows.FillRow, *where, order_by=[c.at_ms, c.trade_id])

    async def cooldowns(self, after_ms: int = 0) -> list[rows.CooldownRow]:
        """Cooldowns that end after `after_ms`."""
        c = table_of(rows.CooldownRow).c
        return await self._all(rows.CooldownRow, c.until_ms > after_ms, order_by=[c.until_ms])

    async def blocks(self, at_ms: int = 0) -> list[rows.BlockRow]:
        """Blocks that hold at `at_ms`."""
        c = table_of(rows.BlockRow).c
        return await self._all(
            rows.BlockRow, or_(c.until_ms == 0, c.until_ms > at_ms), order_by=[c.created_ms, c.block_id]
        )

    async def processed_bars(self, consumer: str | None = None) -> list[rows.ProcessedBarRow]:
        c = table_of(rows.ProcessedBarRow).c
        where = [] if consumer is None else [c.consumer == consumer]
        return await self._all(rows.ProcessedBarRow, *where, order_by=[c.consumer, c.symbol, c.tf])

    async def kv(self, key: str) -> rows.KvRow | None:
        return await self._one(rows.KvRow, table_of(rows.KvRow).c.key == key)

    async def kvs(self, prefix: str = "") -> list[rows.KvRow]:
        c = table_of(rows.KvRow).c
        return await self._all(rows.KvRow, c.key.startswith(prefix, autoescape=True), order_by=[c.key])

    # -- signals and trades -------------------------------------------------------------------------------------------

    async def signal(self, signal_id: str) -> rows.SignalRow | None:
        return await self._one(rows.SignalRow, table_of(rows.SignalRow).c.signal_id == signal_id)

    async def signals(
        self,
        statuses: Sequence[str] = (),
        symbol: str | None = None,
        strategy_id: str | None = None,
        since_ms: int = 0,
        limit: int | None = None,
    ) -> list[rows.SignalRow]:
        """Signals decided since `since_ms` that fit, newest first."""
        c = table_of(rows.SignalRow).c
        where = [c.decided_ms >= since_ms, *_when(c.symbol, symbol), *_when(c.strategy_id, strategy_id)]
        if statuses:
            where.append(c.status.in_(statuses))
        order = [c.decided_ms.desc(), c.signal_id]
        return await self._all(rows.SignalRow, *where, order_by=order, limit=limit)

    async def closed(
        self,
        since_ms: int = 0,
        strategy_id: str | None = None,
        taken: bool | None = None,
        epoch: int | None = None,
        limit: int | None = None,
    ) -> list[rows.SignalRow]:
        """Closed trades, newest first; `taken` picks real ones or shadows."""
        c = table_of(rows.SignalRow).c
        where = [
            c.status == "closed",
            c.closed_ms >= since_ms,
            *_when(c.strategy_id, strategy_id),
            *_when(c.taken, taken),
            *_when(c.epoch, epoch),
        ]
        order = [c.closed_ms.desc(), c.signal_id]
        return await self._all(rows.SignalRow, *where, order_by=order, limit=limit)

    async def signal_events(self, signal_id: str) -> list[rows.SignalEventRow]:
        c = table_of(rows.SignalEventRow).c
        return await self._all(rows.SignalEventRow, c.signal_id == signal_id, order_by=[c.at_ms, c.id])

    async def steps(self, kind: str, since_ms: int) -> list[rows.SignalEventRow]:
        """Steps of one kind in the lives of all signals, oldest first."""
        c = table_of(rows.SignalEventRow).c
        return await self._all(rows.SignalEventRow, c.kind == kind, c.at_ms >= since_ms, order_by=[c.at_ms, c.id])

    async def action_price(self, since_ms: int = 0) -> list[tuple[rows.ActionPriceRow, rows.SignalRow]]:
        """Action Price scores with their signals, oldest first."""
        signals = {s.signal_id: s for s in await self.signals(strategy_id="action_price", since_ms=since_ms)}
        scored = await self._all(rows.ActionPriceRow)
        found = [(score, signals[score.signal_id]) for score in scored if score.signal_id in signals]
        return sorted(found, key=lambda pair: (pair[1].decided_ms, pair[1].signal_id))

    # -- market -------------------------------------------------------------------------------------------------------

    async def symbols(self) -> list[rows.SymbolRow]:
        return await self._all(rows.SymbolRow, order_by=[table_of(rows.SymbolRow).c.symbol])

    async def zones(self, symbol: str | None = None) -> list[rows.ZoneRow]:
        c = table_of(rows.ZoneRow).c
        return await self._all(rows.ZoneRow, *_when(c.symbol, symbol), order_by=[c.symbol, c.low, c.zone_id])

    async def market_states(self, symbol: str, tf: str, since_ms: int = 0) -> list[rows.MarketStateRow]:
        c = table_of(rows.MarketStateRow).c
        where = (c.symbol == symbol, c.tf == tf, c.at_ms >= since_ms)
        return await self._all(rows.MarketStateRow, *where, order_by=[c.at_ms])

    # -- operating ----------------------------------------------------------------------------------------------------

    async def notices(self, after: int = 0, limit: int | None = None) -> list[rows.NoticeRow]:
        """Notices numbered above `after`."""
        c = table_of(rows.NoticeRow).c
        return await self._all(rows.NoticeRow, c.seq > after, order_by=[c.seq], limit=limit)

    async def last_notices(self, count: int) -> list[rows.NoticeRow]:
        """The newest `count` notices, oldest first."""
        c = table_of(rows.NoticeRow).c
        return (await self._all(rows.NoticeRow, order_by=[c.seq.desc()], limit=count))[::-1]

    async def last_notice_seq(self) -> int:
        """Number of the newest notice; 0 when there is none."""
        c = table_of(rows.NoticeRow).c
        return await self._reader.run(lambda connection: connection.execute(select(func.max(c.seq))).scalar() or 0)

    async def incidents(self, since_ms: int = 0, kind: str | None = None) -> list[rows.IncidentRow]:
        c = table_of(rows.IncidentRow).c
        where = (c.at_ms >= since_ms, *_when(c.kind, kind))
        return await self._all(rows.IncidentRow, *where, order_by=[c.at_ms, c.id])

    async def operator_log(self, since_ms: int = 0, limit: int | None = None) -> list[rows.OperatorLogRow]:
        """What people did, oldest first; with `limit` the newest of it."""
        c = table_of(rows.OperatorLogRow).c
        found = await self._all(rows.OperatorLogRow, c.at_ms >= since_ms, order_by=[c.id.desc()], limit=limit)
        return found[::-1]

    async def broken_link(self) -> rows.OperatorLogRow | None:
        """The first row of the operator log that was tampered with or follows a removed one; None: the chain holds."""
        return first_broken(await self._all(rows.OperatorLogRow, order_by=[table_of(rows.OperatorLogRow).c.id]))

    async def outbox(
        self, due_ms: int, limit: int = 20, shut: Sequence[tuple[str, int, str]] = ()
    ) -> list[rows.OutboxRow]:
        """Unsent messages due by `due_ms`: urgent first, then in the order they were written.

        `shut` leaves out what is below a priority in a chat, except one key: (chat, priority, key).
        """
        table = table_of(rows.OutboxRow)
        where = [table.c.sent_ms.is_(None), table.c.next_ms <= due_ms]
        where += [
            or_(table.c.chat != chat, table.c.priority >= below, table.c.dedupe_key == but) for chat, below, but in shut
        ]
        order = [table.c.priority.desc(), table.c.id]
        return await self._all(rows.OutboxRow, *where, order_by=order, limit=limit)

    async def outbox_message(self, key: str) -> rows.OutboxRow | None:
        """A message by its dedupe key, sent or not."""
        return await self._one(rows.OutboxRow, table_of(rows.OutboxRow).c.dedupe_key == key)

    async def metrics(self, kind: str, since_ms: int = 0) -> list[rows.MetricRow]:
        c = table_of(rows.MetricRow).c
        return await self._all(rows.MetricRow, c.kind == kind, c.at_ms >= since_ms, order_by=[c.at_ms, c.id])

    async def epoch(self) -> int:
        """The present epoch of statistics; 1 before any reset."""
        c = table_of(rows.EpochRow).c
        return await self._reader.run(lambda connection: connection.execute(select(func.max(c.epoch))).scalar() or 1)

    async def _one(self, row_type: type[R], *where: ColumnElement[bool]) -> R | None:
        found = await self._all(row_type, *where, limit=1)
        return found[0] if found else None

    async def _all(
        self,
        row_type: type[R],
        *where: ColumnElement[bool],
        order_by: Sequence[ColumnElement[Any]] = (),
        limit: int | None = None,
    ) -> list[R]:
        return await self._reader.run(
            lambda connection: read(connection, row_type, *where, order_by=order_by, limit=limit)
        )


def _when(column: ColumnElement[Any], value: object) -> list[ColumnElement[bool]]:
    return [] if value is None else [column == value]
