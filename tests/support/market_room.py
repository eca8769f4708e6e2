"""The market rooms on virtual time over a real store and a fake exchange of bars."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from config.schema import HistorySettings
from engine.bus import Bus
from engine.clock import InlineExecutor, VirtualClock, run_virtual
from engine.market.candles import CandlePanels
from engine.market.coordinator import SymbolLoadCoordinator
from engine.market.fetch import BarFetcher
from engine.market.history import HistoryLoader
from engine.store.database import Database
from engine.store.history_queries import HistoryQueries
from engine.store.history_writer import HistoryWriter
from engine.store.journal import Journal
from engine.store.migrate import migrate
from engine.store.reader import Reader
from tests.support.bars import DAY, T0
from tests.support.klines import FakeBudget, FakeKlines

SMALL = HistorySettings(days_15m=2, days_1h=3, days_4h=5, days_1d=6)


class Room:
    """Everything a test of history needs, opened."""

    def __init__(self, clock: VirtualClock, url: str, settings: HistorySettings, listed_ms: int) -> None:
        inline = InlineExecutor()
        database = Database(url, "history", durable=False)
        self.clock = clock
        self.settings = settings
        self.bus = Bus()
        self.told: list[Any] = []
        self.bus.subscribe(object, self.told.append)
        self.exchange = FakeKlines(clock, listed_ms)
        self.budget = FakeBudget()
        self.journal = Journal(database, clock, inline)
        self.reader = Reader(database, inline)
        self.queries = HistoryQueries(self.reader)
        self.writer = HistoryWriter(self.journal)
        self.fetcher = BarFetcher(clock, self.bus, self.exchange, self.writer)
        self.panels = CandlePanels()
        self.coordinator = SymbolLoadCoordinator(clock.mono_ms)
        self.loader = self.make_loader()

    def make_loader(self, archive: Any = None) -> HistoryLoader:
        return HistoryLoader(self.settings, self.clock, self.fetcher, self.journal, self.queries, self.panels, archive)

    def events(self, kind: type) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]


def play(
    act: Callable[[Room], Awaitable[None]],
    now_ms: int = T0 + 60_000,
    url: str | None = None,
    settings: HistorySettings = SMALL,
    listed_ms: int = T0 - 400 * DAY,
) -> None:
    """Run `act` on virtual time that starts at `now_ms`; a given store is used again."""

    async def main(clock: VirtualClock, where: str) -> None:
        room = Room(clock, where, settings, listed_ms)
        await room.journal.open()
        try:
            await act(room)
        finally:
            await room.reader.close()
            await room.journal.close()

    with tempfile.TemporaryDirectory() as home:
        where = url or str(Path(home) / "history.db")
        migrate(where, "history")
        run_virtual(lambda clock: main(clock, where), now_ms)
