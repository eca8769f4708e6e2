"""History without an engine: the store of bars and every way to fill it, opened for one command.

The same loader, archive and repair as in the engine, so that a command and a start bring the same bars.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from config import Settings
from config.schema import Secrets
from engine.bus import Bus
from engine.clock import SystemClock
from engine.embedded import running_exchange
from engine.exchange.archive_files import ArchiveFiles
from engine.exchange.client import ExchangeClient
from engine.exchange.instance import instance_name
from engine.exchange.limits import Lane
from engine.exchange.transport import AiohttpTransport
from engine.exchange.venue import Venue, venue_for
from engine.log import open_logs
from engine.market.archive import Archive
from engine.market.candles import CandlePanels
from engine.market.fetch import BarFetcher
from engine.market.forecast import LoadForecast
from engine.market.history import Failed, HistoryLoader, LoadResult
from engine.market.universe import Universe, choose, load_order
from engine.money import Instrument
from engine.store.database import Database
from engine.store.history_queries import HistoryQueries
from engine.store.history_writer import HistoryWriter
from engine.store.journal import Journal
from engine.store.migrate import migrate
from engine.store.places import database_urls, newest_instance
from engine.store.reader import Reader


class DataRoom:
    """Open it with `opened`; without `online` nothing is asked of anybody."""

    def __init__(self, settings: Settings, venue: Venue, url: str) -> None:
        database = Database(url, "history")
        self.settings = settings
        self.venue = venue
        self.clock = SystemClock()
        self.journal = Journal(database, self.clock)
        self.writer = HistoryWriter(self.journal)
        self.reader = Reader(database)
        self.queries = HistoryQueries(self.reader)
        self._bus = Bus()
        self._download = AiohttpTransport(settings.exchange.connect_timeout_s, proxied=not venue.loopback)
        self.archive = Archive(ArchiveFiles(venue.archive, self._download, self.clock)) if venue.archive else None
        self.client = ExchangeClient(venue, Secrets(), settings.exchange, self.clock, random.Random())
        self.fetcher = BarFetcher(self.clock, self._bus, self.client.market, self.writer)
        self._panels = CandlePanels()
        self.loader = HistoryLoader(
            settings.history, self.clock, self.fetcher, self.journal, self.queries, self._panels, self.archive
        )
        self.instruments: dict[str, Instrument] = {}

    async def go_online(self) -> None:
        """Follow the exchange's clock and read its trading rules. Raises ExchangeError or BadPayload."""
        await self.client.start()
        self.instruments = dict((await self.client.market.exchange_info(Lane.BACKGROUND)).instruments)

    async def universe(self) -> list[str]:
        """All watched symbols in the order they would be loaded."""
        volume = {one.symbol: one.quote_volume for one in await self.client.market.ticker_24h(Lane.BACKGROUND)}
        chosen = choose(self.settings.universe, self.instruments, volume, (), Universe(), self.clock.now_ms())
        return load_order(chosen, ())

    def listed_ms(self, symbol: str) -> int:
        instrument = self.instruments.get(symbol)
        return 0 if instrument is None else instrument.onboard_ms

    async def forecast(self, symbols: Sequence[str]) -> LoadForecast:
        """What pulling these symbols will cost."""
        weights = await self.loader.weights(symbols, self.listed_ms)
        return LoadForecast(len(symbols), sum(weights.values()), self.client.ledger.ceiling(Lane.BACKGROUND))

    async def pull(self, symbols: Sequence[str], told: Callable[[str, LoadResult], None]) -> dict[str, LoadResult]:
        """Bring these symbols up to date, several side by side; `told` hears of each. Raises StoreError."""
        results: dict[str, LoadResult] = {}
        waiting = iter(symbols)

        async def work() -> None:
            for symbol in waiting:
                result = await self.loader.load(symbol, self.listed_ms(symbol))
                self._panels.forget(symbol)
                results[symbol] = result
                told(symbol, result)

        async with asyncio.TaskGroup() as group:
            for _ in range(self.settings.history.parallel):
                group.create_task(work())
        return {symbol: results.get(symbol, Failed("not reached")) for symbol in symbols}

    async def close(self) -> None:
        await self._download.close()
        await self.client.close()
        await self.reader.close()


@asynccontextmanager
async def opened(settings: Settings, home: Path, days: int | None = None) -> AsyncIterator[DataRoom]:
    """The history of the configured venue; `days` of every timeframe instead of the settings. Raises StoreError."""
    if days is not None:
        history = msgspec.structs.replace(
            settings.history, days_15m=days, days_1h=days, days_4h=days, days_1d=max(days, settings.history.days_1d)
        )
        settings = msgspec.structs.replace(settings, history=history)
    embedded = running_exchange(home) if settings.venue == "sim" and not settings.sim.url else None
    venue = venue_for(settings, sim_url=embedded.rest if embedded else "")
    instance = newest_instance(settings, home)
    if settings.venue == "sim" and settings.sim.url:
        transport = AiohttpTransport(settings.exchange.connect_timeout_s, proxied=not venue.loopback)
        try:
            instance = await instance_name(venue.rest, transport, home / "sim")
        finally:
            await transport.close()
    url = database_urls(settings, home, instance)["history"]
    migrate(url, "history")
    async with AsyncExitStack() as stack:
        room = DataRoom(settings, venue, url)
        # Not among the engine's: two processes would rotate one file.
        stack.callback(open_logs(home / "logs" / "data", settings.log.level, settings.log.keep_days, room.clock))
        await room.journal.open()
        stack.push_async_callback(room.journal.close)
        stack.push_async_callback(room.close)
        writing = asyncio.create_task(room.journal.run())
        stack.push_async_callback(_ended, writing)
        yield room
        await room.journal.flush()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
