from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from config.schema import UniverseSettings
from engine.bus import Bus
from engine.clock import InlineExecutor, VirtualClock, run_virtual
from engine.errors import Transient
from engine.exchange.instruments import ExchangeInfo
from engine.exchange.limits import Lane
from engine.exchange.market_api import Ticker24h
from engine.market.coordinator import Place, SymbolLoadCoordinator
from engine.market.events import UniverseChanged
from engine.market.listings import Listings
from engine.store.database import Database
from engine.store.journal import Journal
from engine.store.migrate import migrate
from engine.store.queries import TradingQueries
from engine.store.reader import Reader
from tests.support.listed import instrument


class Exchange:
    def __init__(self, *symbols: str) -> None:
        self.symbols = set(symbols)
        self.error: Exception | None = None

    async def exchange_info(self, lane: Lane) -> ExchangeInfo:
        if self.error:
            raise self.error
        return ExchangeInfo({symbol: instrument(symbol, onboard_ms=7) for symbol in self.symbols}, {})

    async def ticker_24h(self, lane: Lane) -> list[Ticker24h]:
        return [Ticker24h(symbol, 1.0, 1.0, 1.0, 1.0, 1.0, 2e7) for symbol in self.symbols]


class Desk:
    def __init__(self, clock: VirtualClock, url: str, exchange: Exchange) -> None:
        inline = InlineExecutor()
        database = Database(url, "trading", durable=False)
        self.clock = clock
        self.exchange = exchange
        self.bus = Bus()
        self.told: list[UniverseChanged] = []
        self.bus.subscribe(UniverseChanged, self.told.append)
        self.coordinator = SymbolLoadCoordinator(clock.mono_ms)
        self.journal = Journal(database, clock, inline)
        self.reader = Reader(database, inline)
        self.held: set[str] = set()
        self.listings = Listings(
            UniverseSettings(), clock, self.bus, exchange, self.coordinator, self.journal, lambda: self.held
        )


def play(tmp_path: Path, act: object, *symbols: str) -> None:
    url = str(tmp_path / "desk.db")
    migrate(url, "trading")

    async def main(clock: VirtualClock) -> None:
        desk = Desk(clock, url, Exchange(*symbols))
        await desk.journal.open()
        await act(desk)  # type: ignore[operator]
        await desk.reader.close()
        await desk.journal.close()

    run_virtual(main, 1_700_000_000_000)


def test_the_first_refresh_queues_everybody_and_remembers_them(tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        change = await desk.listings.refresh()
        assert change.added == ("AUSDT", "BTCUSDT")
        assert desk.told == [change]
        assert await desk.coordinator.take() == "BTCUSDT"
        assert desk.listings.listed_ms("AUSDT") == 7
        assert desk.listings.listed_ms("NONE") == 0
        await desk.journal.flush()
        stored = await TradingQueries(desk.reader).symbols()
        assert [(row.symbol, row.state, row.volume_24h) for row in stored] == [
            ("AUSDT", "candidate", 2e7),
            ("BTCUSDT", "candidate", 2e7),
        ]

    play(tmp_path, act, "AUSDT", "BTCUSDT")


def test_a_delisted_symbol_goes_and_one_with_an_open_trade_stays(tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        await desk.listings.refresh()
        desk.held = {"AUSDT"}
        desk.exchange.symbols = {"BTCUSDT", "AUSDT", "NEWUSDT"}
        change = await desk.listings.refresh()
        assert (change.added, change.removed) == (("NEWUSDT",), ("BUSDT",))
        assert desk.coordinator.place("BUSDT") is None
        assert desk.coordinator.place("NEWUSDT") is Place.PENDING
        assert "AUSDT" in desk.listings.universe.members

    play(tmp_path, act, "AUSDT", "BUSDT", "BTCUSDT")


def test_failed_symbols_are_tried_again_at_each_refresh(tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        await desk.listings.refresh()
        symbol = await desk.coordinator.take()
        assert symbol is not None
        desk.coordinator.fail(symbol, "timeout")
        await desk.listings.refresh()
        assert desk.coordinator.place(symbol) is Place.PENDING

    play(tmp_path, act, "BTCUSDT")


def test_a_failed_refresh_changes_nothing_and_the_next_hour_tries_again(tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        await desk.listings.refresh()
        running = asyncio.create_task(desk.listings.run())
        desk.exchange.error = Transient("timeout")
        desk.exchange.symbols = {"BTCUSDT", "NEWUSDT"}
        await desk.clock.sleep(3_601)
        assert desk.listings.universe.members == ("BTCUSDT",)
        with pytest.raises(Transient):
            await desk.listings.refresh()
        desk.exchange.error = None
        await desk.clock.sleep(3_600)
        assert set(desk.listings.universe.members) == {"BTCUSDT", "NEWUSDT"}
        running.cancel()

    play(tmp_path, act, "BTCUSDT")
