from __future__ import annotations

from config.schema import StoreSettings
from engine.store.history_queries import HistoryQueries
from engine.store.history_rows import CandleRow, TradeRow
from engine.store.history_writer import HistoryWriter
from engine.store.queries import TradingQueries
from engine.store.retention import DAY_MS, prune_history, prune_messages, prune_metrics
from engine.store.rows import MetricRow, OutboxRow
from tests.support.stored import opened

NOW = 400 * DAY_MS


def bar(tf: str, age_days: int) -> CandleRow:
    return CandleRow("BTCUSDT", tf, NOW - age_days * DAY_MS, 1.0, 2.0, 0.5, 1.5, 1.0)


async def test_old_bars_and_tape_go_and_longer_frames_stay(history_url: str) -> None:
    async with opened(history_url, "history") as (journal, reader):
        writer = HistoryWriter(journal)
        ages = {"15m": (1, 270, 271), "1m": (1, 14, 15), "4h": (1, 399)}
        await writer.put_candles([bar(tf, age) for tf, days in ages.items() for age in days])
        await writer.insert_trades([TradeRow("BTCUSDT", n, NOW - n * DAY_MS, 1.0, 1.0, False) for n in (1, 2, 3)])
        assert await prune_history(writer, StoreSettings(), NOW) == {"15m": 1, "1m": 1, "trades": 1}
        spans = await HistoryQueries(reader).spans()
        assert {span.tf: span.bars for span in spans} == {"15m": 2, "1m": 2, "4h": 2}


async def test_old_measurements_go(trading_url: str) -> None:
    async with opened(trading_url) as (journal, reader):
        await journal.commit(*(MetricRow(at_ms=NOW - days * DAY_MS, kind="cycle", value=1.0) for days in (1, 30, 31)))
        assert await prune_metrics(journal, NOW) == 1
        assert len(await TradingQueries(reader).metrics("cycle")) == 2


async def test_messages_sent_long_ago_go_and_unsent_ones_stay(trading_url: str) -> None:
    async with opened(trading_url) as (journal, reader):
        sent_days = {"old": 15, "young": 13, "waiting": None}
        await journal.commit(*(
            OutboxRow(dedupe_key=key, chat="1", body="{}", sent_ms=None if days is None else NOW - days * DAY_MS)
            for key, days in sent_days.items()
        ))  # fmt: skip
        assert await prune_messages(journal, NOW) == 1
        queries = TradingQueries(reader)
        assert [await queries.outbox_message(key) is not None for key in sent_days] == [False, True, True]
