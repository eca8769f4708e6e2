"""How long what can be fetched or measured again is kept. Everything about money is kept for good."""

from __future__ import annotations

from sqlalchemy import Connection, delete

from config.schema import StoreSettings
from engine.store.history_writer import HistoryWriter
from engine.store.journal import Journal
from engine.store.rows import MetricRow, OutboxRow
from engine.store.statements import table_of

DAY_MS = 86_400_000
TAPE_DAYS = 2
METRIC_DAYS = 30
MESSAGE_DAYS = 14


async def prune_history(writer: HistoryWriter, settings: StoreSettings, now_ms: int) -> dict[str, int]:
    """Drop old 15m and 1m bars and old tape; returns how much of each. Raises StoreError."""
    return {
        "15m": await writer.prune_candles("15m", now_ms - settings.retain_15m_days * DAY_MS),
        "1m": await writer.prune_candles("1m", now_ms - settings.retain_1m_days * DAY_MS),
        "trades": await writer.prune_trades(now_ms - TAPE_DAYS * DAY_MS),
    }


async def prune_metrics(journal: Journal, now_ms: int) -> int:
    """Drop old measurements; returns how many. Raises StoreError."""
    table = table_of(MetricRow)
    statement = delete(table).where(table.c.at_ms < now_ms - METRIC_DAYS * DAY_MS)

    def work(connection: Connection) -> int:
        return connection.execute(statement).rowcount

    return await journal.transact(work)


async def prune_messages(journal: Journal, now_ms: int) -> int:
    """Drop messages that were sent long ago; unsent ones stay however old. Returns how many. Raises StoreError."""
    table = table_of(OutboxRow)
    statement = delete(table).where(table.c.sent_ms < now_ms - MESSAGE_DAYS * DAY_MS)

    def work(connection: Connection) -> int:
        return connection.execute(statement).rowcount

    return await journal.transact(work)
