from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from config.schema import HistorySettings
from engine.errors import Rejected, Throttled, Transient
from engine.exchange.limits import Lane
from engine.market.bars import Bar
from engine.market.candles import CAPACITY
from engine.market.events import BarRefused, CandleRevised
from engine.market.forecast import LoadForecast
from engine.market.history import Complete, Failed, Partial
from strategies.model import TIMEFRAME_MS
from tests.support.bars import DAY, M15, T0
from tests.support.market_room import Room, play

HOUR = TIMEFRAME_MS["1h"]


def test_a_first_load_fills_store_and_memory_to_the_last_closed_bar() -> None:
    async def act(room: Room) -> None:
        result = await room.loader.load("BTCUSDT")
        assert result == Complete(2 * 96 + 3 * 24 + 5 * 6 + 6)
        for tf in ("15m", "1h", "4h", "1d"):
            candles = room.panels.candles("BTCUSDT", tf)
            assert candles.open_time[-1] == T0 - TIMEFRAME_MS[tf]
            assert candles.close[-1] == room.exchange.bar("BTCUSDT", tf, T0 - TIMEFRAME_MS[tf]).close
        assert {lane for *_, lane in room.exchange.asked} == {Lane.BACKGROUND}
        assert [ask[3] for ask in room.exchange.asked if ask[1] == "15m"] == [192]

    play(act)


def test_the_weight_of_a_warm_up_is_told_beforehand() -> None:
    async def act(room: Room) -> None:
        young = {"NEWUSDT": T0 - 10 * HOUR}
        weights = await room.loader.weights(["BTCUSDT", "NEWUSDT"], lambda symbol: young.get(symbol, 0))
        assert weights == {"BTCUSDT": 52, "NEWUSDT": 1 + 1 + 1}
        assert LoadForecast(200, 200 * weights["BTCUSDT"], 1320).text == "200 symbols: 10,400 weight, 7.9 min"

    play(act, settings=HistorySettings())


def test_the_forecast_of_a_restart_counts_only_what_was_missed(tmp_path: Path) -> None:
    url = str(tmp_path / "history.db")

    async def first(room: Room) -> None:
        await room.loader.load("BTCUSDT")

    async def later(room: Room) -> None:
        assert await room.loader.weights(["BTCUSDT"], lambda _symbol: 0) == {"BTCUSDT": 1}

    play(first, url=url)
    play(later, url=url, now_ms=T0 + 6 * HOUR)


def test_bars_of_the_stream_alone_are_not_taken_for_a_history() -> None:
    async def act(room: Room) -> None:
        recent = [room.exchange.bar("BTCUSDT", "15m", T0 - n * M15) for n in (3, 2, 1)]
        await room.fetcher.store("BTCUSDT", "15m", recent)
        assert await room.loader.weights(["BTCUSDT"], lambda _symbol: 0) == {"BTCUSDT": 52}

    play(act, settings=HistorySettings())


def test_months_of_the_archive_cost_no_weight() -> None:
    class Shelf:
        async def parts(self, symbol: str, tf: str, start_ms: int, end_ms: int) -> AsyncIterator[list[Bar]]:
            yield []

    async def act(room: Room) -> None:
        weights = await room.make_loader(Shelf()).weights(["BTCUSDT"], lambda _symbol: 0)
        assert 15 < weights["BTCUSDT"] < 40

    play(act, settings=HistorySettings())


def test_a_restart_fetches_only_what_it_missed(tmp_path: Path) -> None:
    url = str(tmp_path / "history.db")

    async def first(room: Room) -> None:
        await room.loader.load("BTCUSDT")

    async def later(room: Room) -> None:
        assert await room.loader.load("BTCUSDT") == Complete(2 * 96 + 3 * 24 + 5 * 6 + 6)
        assert {(tf, limit) for _, tf, _, limit, _ in room.exchange.asked} == {("15m", 24)}
        for tf in ("1h", "4h"):  # folded, not fetched
            newest_ms = (T0 + 6 * HOUR) // TIMEFRAME_MS[tf] * TIMEFRAME_MS[tf] - TIMEFRAME_MS[tf]
            assert room.panels.last_open_ms("BTCUSDT", tf) == newest_ms
            assert await room.queries.last_open("BTCUSDT", tf) == newest_ms
        assert room.panels.candles("BTCUSDT", "15m").open_time[-1] == T0 + 6 * HOUR - M15

    play(first, url=url)
    play(later, url=url, now_ms=T0 + 6 * HOUR + 1)


def test_a_longer_bar_that_cannot_be_folded_after_a_restart_is_fetched(tmp_path: Path) -> None:
    url = str(tmp_path / "history.db")

    async def first(room: Room) -> None:
        await room.loader.load("BTCUSDT")

    async def later(room: Room) -> None:
        room.exchange.lost.add(("BTCUSDT", T0 + 5 * M15))  # in the second hour of the stop
        result = await room.loader.load("BTCUSDT")
        assert isinstance(result, Partial)
        assert [(gap.tf, gap.from_ms) for gap in result.gaps] == [("15m", T0 + 5 * M15)]
        assert room.panels.has("BTCUSDT", "1h", T0 + HOUR)
        assert room.panels.has("BTCUSDT", "1h", T0 + 5 * HOUR)
        assert room.panels.has("BTCUSDT", "4h", T0)

    play(first, url=url)
    play(later, url=url, now_ms=T0 + 6 * HOUR + 1)


def test_a_restart_with_nothing_missed_asks_nothing(tmp_path: Path) -> None:
    url = str(tmp_path / "history.db")

    async def first(room: Room) -> None:
        await room.loader.load("BTCUSDT")

    async def again(room: Room) -> None:
        assert isinstance(await room.loader.load("BTCUSDT"), Complete)
        assert room.exchange.asked == []
        assert len(room.panels.candles("BTCUSDT", "15m")) == 192

    play(first, url=url)
    play(again, url=url)


def test_a_young_symbol_is_complete_from_its_listing_on_and_not_asked_again(tmp_path: Path) -> None:
    url = str(tmp_path / "history.db")
    listed_ms = T0 - 10 * HOUR

    async def first(room: Room) -> None:
        # Whoever lists it says nothing about when, so the first bar tells.
        assert await room.loader.load("NEWUSDT") == Complete(40 + 10 + 2)

    async def again(room: Room) -> None:
        assert await room.loader.load("NEWUSDT") == Complete(40 + 10 + 2)
        assert room.exchange.asked == []

    play(first, url=url, listed_ms=listed_ms)
    play(again, url=url, listed_ms=listed_ms)


def test_a_hole_the_exchange_has_too_leaves_the_symbol_partial_and_remembered() -> None:
    async def act(room: Room) -> None:
        room.exchange.lost.add(("BTCUSDT", T0 - 5 * M15))
        result = await room.loader.load("BTCUSDT")
        assert isinstance(result, Partial)
        assert [(gap.tf, gap.from_ms, gap.missing) for gap in result.gaps] == [("15m", T0 - 5 * M15, 1)]
        assert result.suspended == ("15m",)
        await room.journal.flush()
        assert [gap.from_ms for gap in await room.queries.gaps(["open"])] == [T0 - 5 * M15]
        assert not room.panels.contiguous("BTCUSDT", "15m")

    play(act)


def test_an_invalid_bar_is_a_hole_told_by_name() -> None:
    async def act(room: Room) -> None:
        room.exchange.bad.add(("BTCUSDT", T0 - 3 * M15))
        assert isinstance(await room.loader.load("BTCUSDT"), Partial)
        assert [(event.symbol, event.tf, event.open_ms) for event in room.events(BarRefused)] == [
            ("BTCUSDT", "15m", T0 - 3 * M15)
        ]

    play(act)


def test_a_page_is_tried_again_after_two_four_and_eight_seconds() -> None:
    async def act(room: Room) -> None:
        failures = [Transient("timeout")] * 3
        room.exchange.fail = lambda _symbol, _tf: failures.pop() if failures else None
        assert isinstance(await room.loader.load("BTCUSDT"), Complete)
        assert 14_000 < room.clock.mono_ms() < 16_000

    play(act)


def test_a_symbol_that_keeps_failing_is_given_up_with_the_reason() -> None:
    async def act(room: Room) -> None:
        room.exchange.fail = lambda _symbol, _tf: Transient("connection reset")
        assert await room.loader.load("BTCUSDT") == Failed("connection reset")
        # Four tries of four requests, with 14 s inside each try and 5, 15 and 30 s between them.
        assert len(room.exchange.asked) == 16
        assert 105_000 < room.clock.mono_ms() < 108_000

    play(act)


def test_a_symbol_that_left_is_not_tried_again() -> None:
    async def act(room: Room) -> None:
        room.exchange.fail = lambda _symbol, _tf: Rejected(-1121, "Invalid symbol.")
        assert isinstance(await room.loader.load("GONEUSDT", wanted=lambda: False), Failed)
        assert len(room.exchange.asked) == 1

    play(act)


def test_a_throttled_page_waits_until_it_may() -> None:
    async def act(room: Room) -> None:
        until_ms = room.clock.now_ms() + 40_000
        refusals = [Throttled(until_ms, banned=False)]
        room.exchange.fail = lambda _symbol, _tf: refusals.pop() if refusals else None
        assert isinstance(await room.loader.load("BTCUSDT"), Complete)
        assert room.clock.now_ms() >= until_ms

    play(act)


def test_a_changed_closed_bar_is_told_once_fetched_again() -> None:
    async def act(room: Room) -> None:
        await room.fetcher.fetch("BTCUSDT", "15m", T0 - 4 * M15, T0, Lane.BACKGROUND)
        await room.fetcher.fetch("BTCUSDT", "15m", T0 - 4 * M15, T0, Lane.BACKGROUND)
        assert room.events(CandleRevised) == []
        right = room.exchange.bar("BTCUSDT", "15m", T0 - 2 * M15)
        wrong = Bar(right.open_ms, right.open, right.high + 9, right.low, right.close, 10.0, 5.0)
        await room.fetcher.store("BTCUSDT", "15m", [wrong])
        await room.fetcher.fetch("BTCUSDT", "15m", T0 - 4 * M15, T0, Lane.BACKGROUND)
        assert [event.open_ms for event in room.events(CandleRevised)] == [T0 - 2 * M15] * 2

    play(act)


def test_what_the_archive_has_is_not_asked_of_the_exchange() -> None:
    class Shelf:
        def __init__(self, room: Room) -> None:
            self.room = room

        async def parts(self, symbol: str, tf: str, start_ms: int, end_ms: int) -> AsyncIterator[list[Bar]]:
            step = TIMEFRAME_MS[tf]
            assert start_ms < end_ms <= self.room.clock.now_ms() - 7 * DAY
            times = range(start_ms, end_ms, step) if tf == "15m" else range(0)
            yield [self.room.exchange.bar(symbol, tf, at) for at in times]

    async def act(room: Room) -> None:
        loader = room.make_loader(Shelf(room))
        assert isinstance(await loader.load("BTCUSDT"), Complete)
        bars_asked = sum(limit for _, tf, _, limit, _ in room.exchange.asked if tf == "15m")
        assert bars_asked == 7 * 96 - 1  # the bar that opened just over seven days ago is old enough
        assert len(room.panels.candles("BTCUSDT", "15m")) == CAPACITY["15m"]

    play(act, settings=HistorySettings(days_15m=30, days_1h=3, days_4h=5, days_1d=6))


def test_bars_that_close_while_a_symbol_loads_are_there_when_it_is_done() -> None:
    async def act(room: Room) -> None:
        room.exchange.latency_s = 400.0  # a quarter of an hour goes by during two pages
        assert isinstance(await room.loader.load("BTCUSDT"), Complete)
        newest_ms = room.clock.now_ms() // M15 * M15 - M15
        assert room.panels.last_open_ms("BTCUSDT", "15m") == newest_ms
        assert room.panels.contiguous("BTCUSDT", "15m", 192)
        newest_hour_ms = room.clock.now_ms() // HOUR * HOUR - HOUR
        assert room.panels.last_open_ms("BTCUSDT", "1h") == newest_hour_ms
        assert await room.queries.last_open("BTCUSDT", "1h") == newest_hour_ms

    play(act, now_ms=T0 + 45 * 60_000)


def test_a_hole_given_up_is_not_asked_for_again_by_a_restart_and_keeps_its_count(tmp_path: Path) -> None:
    url = str(tmp_path / "history.db")
    open_ms = T0 - 5 * M15

    async def first(room: Room) -> None:
        room.exchange.lost.add(("BTCUSDT", open_ms))
        await room.loader.load("BTCUSDT")
        await room.journal.flush()
        (gap,) = await room.queries.gaps()
        await room.journal.commit(msgspec.structs.replace(gap, state="unfillable", attempts=3, next_try_ms=T0 + DAY))

    async def again(room: Room) -> None:
        room.exchange.lost.add(("BTCUSDT", open_ms))
        assert isinstance(await room.loader.load("BTCUSDT"), Partial)
        assert room.exchange.asked == []
        await room.journal.flush()
        assert [(gap.state, gap.attempts) for gap in await room.queries.gaps()] == [("unfillable", 3)]

    play(first, url=url)
    play(again, url=url)
