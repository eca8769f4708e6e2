from __future__ import annotations

import asyncio
import random

import pytest

from config.schema import ExchangeSettings
from engine.clock import VirtualClock
from engine.errors import DataError, Transient
from engine.exchange.ledger import Ledger
from engine.exchange.limits import Lane, Pool
from engine.exchange.wire_market import Kline
from engine.market.coordinator import Place
from engine.market.events import SymbolFailed, SymbolLoaded
from engine.market.fetch import BarFetcher
from engine.market.loading import Loading
from engine.market.pages import page_weight
from tests.support.bars import M15, T0
from tests.support.klines import FakeKlines
from tests.support.market_room import Room, play

SYMBOLS = [f"S{n:02}" for n in range(24)]


def loading(room: Room, parallel: int = 4) -> Loading:
    return Loading(parallel, room.clock, room.bus, room.coordinator, room.loader, room.budget)


async def until_complete(room: Room) -> None:
    while not room.coordinator.is_complete():
        await room.clock.sleep(0.05)


async def drive(room: Room, desk: Loading, analyse: object = None) -> list[str]:
    """Run both sides until everything is active or failed; returns the symbols in the order they were analysed."""
    seen: list[str] = []

    async def note(symbol: str) -> None:
        seen.append(symbol)

    tasks = [
        asyncio.create_task(desk.run_analyser(analyse or note)),  # type: ignore[arg-type]
        asyncio.create_task(desk.run_loader()),
    ]
    await until_complete(room)
    room.coordinator.shutdown()
    await asyncio.gather(*tasks)
    return seen


def test_symbols_are_loaded_four_at_a_time_and_analysed_once_each() -> None:
    async def act(room: Room) -> None:
        desk = loading(room)
        room.coordinator.add(SYMBOLS)
        seen = await drive(room, desk)
        assert sorted(seen) == SYMBOLS
        assert seen[:4] == SYMBOLS[:4]
        assert room.exchange.most_at_once == 4
        assert room.coordinator.members(Place.ACTIVE) == SYMBOLS
        assert {event.symbol: event.complete for event in room.events(SymbolLoaded)} == dict.fromkeys(SYMBOLS, True)

    play(act)


def test_a_failing_symbol_fails_alone_and_can_be_retried() -> None:
    async def act(room: Room) -> None:
        trouble = True
        room.exchange.fail = lambda symbol, _tf: Transient("reset") if trouble and symbol == "S01" else None
        desk = loading(room)
        room.coordinator.add(SYMBOLS[:3])
        tasks = [asyncio.create_task(desk.run_analyser(_nothing)), asyncio.create_task(desk.run_loader())]
        await until_complete(room)
        assert room.coordinator.members(Place.FAILED) == ["S01"]
        assert [(event.symbol, event.reason) for event in room.events(SymbolFailed)] == [("S01", "reset")]
        trouble = False
        assert room.coordinator.add(["S01"]) == ["S01"]
        await until_complete(room)
        assert room.coordinator.members(Place.ACTIVE) == SYMBOLS[:3]
        room.coordinator.shutdown()
        await asyncio.gather(*tasks)

    play(act)


async def _nothing(_symbol: str) -> None:
    return None


def test_bad_data_in_the_analysis_fails_that_symbol_only() -> None:
    async def act(room: Room) -> None:
        async def analyse(symbol: str) -> None:
            if symbol == "S01":
                raise DataError("too few bars")

        desk = loading(room)
        room.coordinator.add(SYMBOLS[:3])
        await drive(room, desk, analyse)
        assert room.coordinator.members(Place.ACTIVE) == ["S00", "S02"]
        assert room.coordinator.failures()["S01"].reason == "too few bars"

    play(act)


def test_a_symbol_with_a_recent_hole_is_live_but_not_complete() -> None:
    async def act(room: Room) -> None:
        room.exchange.lost.add(("S00", T0 - 3 * M15))
        desk = loading(room)
        room.coordinator.add(["S00"])
        await drive(room, desk)
        assert [event.complete for event in room.events(SymbolLoaded)] == [False]

    play(act)


@pytest.mark.parametrize(("share", "least_s", "most_s"), [(0.0, 0.5, 3.0), (0.53, 2.5, 5.0), (0.98, 55.0, 70.0)])
def test_after_twenty_symbols_loading_rests_by_how_much_of_the_lane_is_used(
    share: float, least_s: float, most_s: float
) -> None:
    async def act(room: Room) -> None:
        room.budget.top = 15  # the last four symbols cost 20: more than any minute has left
        room.budget.use = round(share * room.budget.top)
        desk = loading(room)
        room.coordinator.add(SYMBOLS)
        await drive(room, desk)
        assert least_s <= room.clock.mono_ms() / 1000.0 <= most_s

    play(act, now_ms=T0 + 1_000)


@pytest.mark.parametrize("used", [0, 700, 1_200])
def test_loading_does_not_rest_when_all_that_is_left_fits_the_minute(used: int) -> None:
    async def act(room: Room) -> None:
        room.budget.use = used
        desk = loading(room)
        room.coordinator.add(SYMBOLS)
        await drive(room, desk)
        assert room.clock.mono_ms() < 1_500.0

    play(act, now_ms=T0 + 1_000)


def test_a_loader_that_died_goes_on_with_what_it_had_in_hand() -> None:
    async def act(room: Room) -> None:
        desk = loading(room)
        room.coordinator.add(SYMBOLS[:6])
        dying = asyncio.create_task(desk.run_loader())
        await room.clock.sleep(0.12)
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        assert room.coordinator.members(Place.LOADING) == SYMBOLS[:4]
        assert sorted(await drive(room, desk)) == SYMBOLS[:6]

    play(act)


def test_an_analyser_that_died_goes_on_with_what_it_had_in_hand() -> None:
    async def act(room: Room) -> None:
        async def hang(_symbol: str) -> None:
            await room.clock.sleep(1e6)

        desk = loading(room)
        room.coordinator.add(SYMBOLS[:1])
        loader = asyncio.create_task(desk.run_loader())
        dying = asyncio.create_task(desk.run_analyser(hang))
        await room.clock.sleep(2.0)
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        assert room.coordinator.members(Place.ANALYZING) == SYMBOLS[:1]
        again = asyncio.create_task(desk.run_analyser(_nothing))
        await until_complete(room)
        room.coordinator.shutdown()
        await asyncio.gather(loader, again)

    play(act)


class Metered(FakeKlines):
    """Bars behind the real budget of requests."""

    def __init__(self, clock: VirtualClock, ledger: Ledger) -> None:
        super().__init__(clock)
        self.ledger = ledger

    async def klines(
        self,
        symbol: str,
        tf: str,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
        lane: Lane = Lane.BACKGROUND,
    ) -> list[Kline]:
        permit = await self.ledger.acquire({Pool.WEIGHT: page_weight(limit)}, lane)
        try:
            return await super().klines(symbol, tf, start_ms, end_ms, limit, lane)
        finally:
            self.ledger.settle(permit, None)


@pytest.mark.parametrize("into_minute_s", [0, 55])
def test_loading_takes_the_minutes_that_were_foretold(into_minute_s: int) -> None:
    async def act(room: Room) -> None:
        # A sixteenth of the budget for few bars: the minutes of a large market at a small price.
        ledger = Ledger(ExchangeSettings(share_background=0.035), room.clock, random.Random(1))
        room.exchange = Metered(room.clock, ledger)
        room.fetcher = BarFetcher(room.clock, room.bus, room.exchange, room.writer)
        room.loader = room.make_loader()
        desk = Loading(4, room.clock, room.bus, room.coordinator, room.loader, ledger)
        symbols = [f"M{n:03}" for n in range(250)]
        room.coordinator.add(symbols)
        began_ms = room.clock.now_ms()
        await drive(room, desk)
        assert room.coordinator.members(Place.ACTIVE) == symbols
        foretold = desk.meter.total
        assert foretold.weight == 5 * len(symbols)
        assert (room.clock.now_ms() - began_ms) / 60_000 == pytest.approx(foretold.minutes, rel=0.15)
        assert ledger.used() <= ledger.ceiling(Lane.BACKGROUND)

    play(act, now_ms=T0 + into_minute_s * 1000)
