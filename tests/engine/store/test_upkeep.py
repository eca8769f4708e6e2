from __future__ import annotations

import asyncio
from pathlib import Path

from config.schema import StoreSettings
from engine.clock import InlineExecutor, VirtualClock, run_virtual
from engine.store.database import Database
from engine.store.history_queries import HistoryQueries
from engine.store.history_rows import CandleRow
from engine.store.history_writer import HistoryWriter
from engine.store.journal import Journal
from engine.store.migrate import migrate
from engine.store.reader import Reader
from engine.store.retention import DAY_MS
from engine.store.upkeep import AFTER_MIDNIGHT_MS, Upkeep

NOW = 20_000 * DAY_MS + DAY_MS // 2


def test_each_day_shortly_after_midnight_what_became_too_old_goes(tmp_path: Path) -> None:
    urls = {which: str(tmp_path / f"{which}.db") for which in ("trading", "history")}
    migrate(urls["trading"], "trading")
    migrate(urls["history"], "history")

    async def main(clock: VirtualClock) -> None:
        inline = InlineExecutor()
        trading = Journal(Database(urls["trading"], "trading", durable=False), clock, inline)
        history = Journal(Database(urls["history"], "history", durable=False), clock, inline)
        reader = Reader(Database(urls["history"], "history"), inline)
        await trading.open()
        await history.open()
        writer, settings = HistoryWriter(history), StoreSettings(retain_15m_days=10)
        midnight_ms = (NOW // DAY_MS + 1) * DAY_MS
        # Ten days old tomorrow, and the day after; of two symbols.
        opens = [midnight_ms - 10 * DAY_MS + n * DAY_MS for n in (0, 1)]
        await writer.put_candles([
            CandleRow(symbol, "15m", at, 1.0, 2.0, 0.5, 1.5, 1.0) for symbol in ("BTCUSDT", "ADAUSDT") for at in opens
        ])  # fmt: skip
        running = asyncio.create_task(Upkeep(settings, clock, writer, trading).run())
        queries = HistoryQueries(reader)
        left = []
        for at_ms in (
            midnight_ms,
            midnight_ms + AFTER_MIDNIGHT_MS + 1000,
            midnight_ms + DAY_MS + 2 * AFTER_MIDNIGHT_MS,
        ):
            await clock.sleep_until(at_ms)
            left.append(sum(span.bars for span in await queries.spans()))
        assert left == [4, 2, 0]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await reader.close()
        await history.close()
        await trading.close()

    run_virtual(main, NOW)
