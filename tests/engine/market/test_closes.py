from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from engine.errors import StoreError, Transient
from engine.exchange.limits import Lane
from engine.market.closes import Closes, due_timeframes, grace_ms, next_tick
from engine.market.events import BarRefused, BarsClosed, BarsMissed, CandleRevised, SymbolsSuspended
from engine.market.integrity import Gap
from engine.store.history_rows import CandleRow
from tests.support.bars import M15, T0
from tests.support.market_room import Room, play

MIN = 60_000
LIVE = ["AAAUSDT", "BTCUSDT", "ZZZUSDT"]
S = 1000


def clock_ms(hour: int, minute: int, second: int = 0) -> int:
    return ((hour * 60 + minute) * 60 + second) * 1000


@pytest.mark.parametrize(
    ("now", "when", "due"),
    [
        (clock_ms(10, 7, 30), clock_ms(10, 15, 6), ("15m",)),
        (clock_ms(10, 59, 59), clock_ms(11, 0, 6), ("15m", "1h")),
        (clock_ms(11, 0, 3), clock_ms(11, 0, 6), ("15m", "1h")),
        (clock_ms(11, 0, 6), clock_ms(11, 15, 6), ("15m",)),
        (clock_ms(23, 50), clock_ms(24, 0, 6), ("15m", "1h", "4h", "1d")),
    ],
)
def test_next_tick(now: int, when: int, due: tuple[str, ...]) -> None:
    assert next_tick(now, 6 * S) == (when, due)


def test_four_hours_end_with_their_hour_and_quarter() -> None:
    assert due_timeframes(clock_ms(12, 0)) == ("15m", "1h", "4h")


@pytest.mark.parametrize(("rate", "expected"), [(1.0, 6_000), (20.0, 120_000), (600.0, 225_000)])
def test_the_grace_is_the_shorter_of_six_seconds_and_a_quarter_bar(rate: float, expected: int) -> None:
    assert grace_ms(6.0, rate) == expected


class Desk:
    """Closes under test, all three symbols loaded up to the bar that is forming."""

    def __init__(self, room: Room, live: list[str]) -> None:
        self.room = room
        self.live = live
        self.holes: list[tuple[str, Gap]] = []
        self.closes = Closes(
            room.settings, room.clock, room.bus, room.panels, room.fetcher, room.writer, lambda: self.live,
            lambda symbol, _tf, gap: self.holes.append((symbol, gap)),
        )  # fmt: skip

    def stream(self, symbol: str, close_ms: int) -> None:
        self.closes.on_kline(self.room.exchange.event(symbol, close_ms - M15))

    @property
    def told(self) -> list[BarsClosed]:
        return self.room.events(BarsClosed)


def serve(act: Callable[[Desk], Awaitable[None]], live: list[str] = LIVE) -> None:
    async def main(room: Room) -> None:
        for symbol in LIVE:
            await room.loader.load(symbol)
        room.exchange.asked.clear()
        desk = Desk(room, live)
        running = asyncio.create_task(desk.closes.run())
        await act(desk)
        assert not running.done()
        running.cancel()

    play(main)


CLOSE = T0 + M15


def test_when_all_bars_came_the_close_is_told_at_once_btc_first() -> None:
    async def act(desk: Desk) -> None:
        await desk.room.clock.sleep_until(CLOSE + 200)
        for symbol in LIVE:
            desk.stream(symbol, CLOSE)
        await desk.room.clock.sleep(0.01)
        assert desk.told == [BarsClosed(CLOSE, ("15m",), ("BTCUSDT", "AAAUSDT", "ZZZUSDT"))]
        assert desk.room.exchange.asked == []
        await desk.room.clock.sleep(30.0)
        assert len(desk.told) == 1
        assert (await desk.room.queries.candles("AAAUSDT", "15m")).open_time[-1] == CLOSE - M15

    serve(act)


def test_a_bar_that_comes_before_our_clock_says_so_counts() -> None:
    async def act(desk: Desk) -> None:
        await desk.room.clock.sleep_until(CLOSE - 100)
        for symbol in LIVE:
            desk.stream(symbol, CLOSE)
        await desk.room.clock.sleep_until(CLOSE + 10)
        assert [event.symbols for event in desk.told] == [("BTCUSDT", "AAAUSDT", "ZZZUSDT")]

    serve(act)


def test_a_forming_bar_is_never_taken() -> None:
    async def act(desk: Desk) -> None:
        desk.closes.on_kline(desk.room.exchange.event("AAAUSDT", CLOSE - M15, closed=False))
        assert not desk.room.panels.has("AAAUSDT", "15m", CLOSE - M15)

    serve(act)


def test_what_the_stream_did_not_bring_is_asked_for_after_the_grace_and_told_alone() -> None:
    async def act(desk: Desk) -> None:
        await desk.room.clock.sleep_until(CLOSE + 200)
        desk.stream("BTCUSDT", CLOSE)
        desk.stream("AAAUSDT", CLOSE)
        await desk.room.clock.sleep_until(CLOSE + 5_900)
        assert desk.told == []
        await desk.room.clock.sleep_until(CLOSE + 7_000)
        assert [(event.symbols, event.first) for event in desk.told] == [
            (("BTCUSDT", "AAAUSDT"), True),
            (("ZZZUSDT",), False),
        ]
        assert [(symbol, limit, lane) for symbol, _, _, limit, lane in desk.room.exchange.asked] == [
            ("ZZZUSDT", 3, Lane.LIVE)
        ]

    serve(act)


def test_a_straggler_is_on_disk_when_it_came_and_not_at_the_deadline() -> None:
    async def act(desk: Desk) -> None:
        await desk.room.clock.sleep_until(CLOSE + 200)
        desk.stream("BTCUSDT", CLOSE)
        await desk.room.clock.sleep_until(CLOSE + 7_000)
        for symbol in ("AAAUSDT", "ZZZUSDT"):
            assert (await desk.room.queries.candles(symbol, "15m")).open_time[-1] == CLOSE - M15

    serve(act)


def test_bars_that_could_not_be_written_are_written_with_the_next() -> None:
    async def act(desk: Desk) -> None:
        put, full = desk.room.writer.put_candles, [True]

        async def put_candles(candles: Sequence[CandleRow]) -> None:
            if candles and full[0]:
                raise StoreError("no space left")
            await put(candles)

        desk.room.writer.put_candles = put_candles  # type: ignore[method-assign]
        await desk.room.clock.sleep_until(CLOSE + 200)
        for symbol in LIVE:
            desk.stream(symbol, CLOSE)
        with pytest.raises(StoreError):
            await desk.closes._store()
        full[0] = False
        await desk.closes._store()
        for symbol in LIVE:
            assert (await desk.room.queries.candles(symbol, "15m")).open_time[-1] == CLOSE - M15

    async def main(room: Room) -> None:
        for symbol in LIVE:
            await room.loader.load(symbol)
        await act(Desk(room, LIVE))

    play(main)


def test_a_silent_stream_makes_one_word_of_all_stragglers_not_one_for_each() -> None:
    late = ["AAAUSDT", "ZZZUSDT"]

    async def act(desk: Desk) -> None:
        desk.room.exchange.latency_s = 0.1
        await desk.room.clock.sleep_until(CLOSE + 200)
        desk.stream("BTCUSDT", CLOSE)
        await desk.room.clock.sleep_until(CLOSE + 7_000)
        assert [event.symbols for event in desk.told] == [("BTCUSDT",), tuple(late)]

    serve(act)


def test_nobody_is_told_before_btc_even_if_it_must_be_asked_for() -> None:
    async def act(desk: Desk) -> None:
        desk.room.exchange.latency_s = 4.0
        await desk.room.clock.sleep_until(CLOSE + 200)
        desk.stream("AAAUSDT", CLOSE)
        desk.stream("ZZZUSDT", CLOSE)
        await desk.room.clock.sleep_until(CLOSE + 9_900)
        assert desk.told == []
        await desk.room.clock.sleep_until(CLOSE + 10_500)
        assert [event.symbols for event in desk.told] == [("BTCUSDT", "AAAUSDT", "ZZZUSDT")]

    serve(act)


def test_without_btc_the_others_go_on_at_the_deadline() -> None:
    async def act(desk: Desk) -> None:
        desk.room.exchange.fail = lambda symbol, _tf: Transient("reset") if symbol == "BTCUSDT" else None
        await desk.room.clock.sleep_until(CLOSE + 200)
        desk.stream("AAAUSDT", CLOSE)
        desk.stream("ZZZUSDT", CLOSE)
        await desk.room.clock.sleep_until(CLOSE + 21_000)
        assert [event.symbols for event in desk.told] == [("AAAUSDT", "ZZZUSDT")]
        assert desk.room.events(BarsMissed) == [BarsMissed(CLOSE, ("BTCUSDT",))]

    serve(act)


def test_what_is_missing_at_the_deadline_is_a_hole_and_no_signal() -> None:
    async def act(desk: Desk) -> None:
        desk.room.exchange.lost.add(("ZZZUSDT", CLOSE - M15))
        await desk.room.clock.sleep_until(CLOSE + 200)
        desk.stream("BTCUSDT", CLOSE)
        desk.stream("AAAUSDT", CLOSE)
        await desk.room.clock.sleep_until(CLOSE + 19_000)
        assert desk.room.events(BarsMissed) == []
        await desk.room.clock.sleep_until(CLOSE + 21_000)
        assert desk.room.events(BarsMissed) == [BarsMissed(CLOSE, ("ZZZUSDT",))]
        assert desk.holes == [("ZZZUSDT", Gap(CLOSE - M15, CLOSE, 1))]
        desk.stream("ZZZUSDT", CLOSE)
        await desk.room.clock.sleep(30.0)
        assert "ZZZUSDT" not in {symbol for event in desk.told for symbol in event.symbols}
        assert desk.room.panels.has("ZZZUSDT", "15m", CLOSE - M15)

    serve(act)


def test_a_straggler_the_stream_brings_before_the_deadline_is_told() -> None:
    async def act(desk: Desk) -> None:
        desk.room.exchange.fail = lambda _symbol, _tf: Transient("reset")
        await desk.room.clock.sleep_until(CLOSE + 200)
        desk.stream("BTCUSDT", CLOSE)
        desk.stream("AAAUSDT", CLOSE)
        await desk.room.clock.sleep_until(CLOSE + 12_000)
        desk.stream("ZZZUSDT", CLOSE)
        await desk.room.clock.sleep_until(CLOSE + 21_000)
        assert [event.symbols for event in desk.told] == [("BTCUSDT", "AAAUSDT"), ("ZZZUSDT",)]
        assert desk.room.events(BarsMissed) == []

    serve(act)


def test_a_bar_delivered_twice_is_told_once() -> None:
    async def act(desk: Desk) -> None:
        await desk.room.clock.sleep_until(CLOSE + 200)
        for symbol in [*LIVE, *LIVE]:
            desk.stream(symbol, CLOSE)
        await desk.room.clock.sleep(30.0)
        assert len(desk.told) == 1
        assert desk.room.events(CandleRevised) == []

    serve(act)


def test_an_invalid_bar_of_the_stream_is_refused_and_asked_for_again() -> None:
    async def act(desk: Desk) -> None:
        await desk.room.clock.sleep_until(CLOSE + 200)
        event = desk.room.exchange.event("ZZZUSDT", CLOSE - M15)
        desk.closes.on_kline(type(event)(**{**{f: getattr(event, f) for f in event.__struct_fields__}, "low": -5.0}))
        desk.stream("BTCUSDT", CLOSE)
        desk.stream("AAAUSDT", CLOSE)
        await desk.room.clock.sleep_until(CLOSE + 7_000)
        assert [refused.symbol for refused in desk.room.events(BarRefused)] == ["ZZZUSDT"]
        assert [event.symbols for event in desk.told] == [("BTCUSDT", "AAAUSDT"), ("ZZZUSDT",)]

    serve(act)


def test_the_hour_is_told_with_its_last_quarter_and_is_there_then() -> None:
    async def act(desk: Desk) -> None:
        seen: list[tuple[tuple[str, ...], bool]] = []
        desk.room.bus.subscribe(
            BarsClosed, lambda event: seen.append((event.timeframes, desk.room.panels.has("AAAUSDT", "1h", T0)))
        )
        for n in range(1, 5):
            await desk.room.clock.sleep_until(T0 + n * M15 + 100)
            for symbol in LIVE:
                desk.stream(symbol, T0 + n * M15)
        await desk.room.clock.sleep(1.0)
        assert seen == [(("15m",), False)] * 3 + [(("15m", "1h"), True)]
        await desk.room.clock.sleep(30.0)
        assert (await desk.room.queries.open_times("AAAUSDT", "1h"))[-1] == T0

    serve(act)


def test_after_a_lost_connection_the_bars_missed_meanwhile_come_with_the_next_close() -> None:
    async def act(desk: Desk) -> None:
        lost = {(symbol, T0) for symbol in LIVE}
        desk.room.exchange.lost |= lost
        await desk.room.clock.sleep_until(CLOSE + 60_000)
        assert desk.room.events(BarsMissed) == [BarsMissed(CLOSE, tuple(LIVE))]
        desk.room.exchange.lost -= lost
        await desk.room.clock.sleep_until(CLOSE + M15 + 30_000)
        assert desk.room.panels.has("AAAUSDT", "15m", T0)
        assert desk.told[-1].close_ms == CLOSE + M15
        assert {symbol for event in desk.told[1:] for symbol in event.symbols} == set(LIVE)

    serve(act)


def test_a_symbol_with_a_recent_hole_is_kept_but_not_judged() -> None:
    async def act(desk: Desk) -> None:
        columns = await desk.room.queries.candles("ZZZUSDT", "15m")
        keep = columns.open_time != T0 - 50 * M15
        desk.room.panels.load("ZZZUSDT", "15m", type(columns)(*(column[keep] for column in columns)))
        await desk.room.clock.sleep_until(CLOSE + 200)
        for symbol in LIVE:
            desk.stream(symbol, CLOSE)
        await desk.room.clock.sleep(1.0)
        assert [event.symbols for event in desk.told] == [("BTCUSDT", "AAAUSDT")]
        assert desk.room.events(SymbolsSuspended) == [SymbolsSuspended(CLOSE, ("ZZZUSDT",))]
        assert desk.room.panels.has("ZZZUSDT", "15m", T0)

    serve(act)


def test_a_symbol_that_is_not_live_is_stored_and_not_told() -> None:
    async def act(desk: Desk) -> None:
        await desk.room.clock.sleep_until(CLOSE + 200)
        for symbol in LIVE:
            desk.stream(symbol, CLOSE)
        await desk.room.clock.sleep(1.0)
        assert [event.symbols for event in desk.told] == [("BTCUSDT",)]
        assert desk.room.panels.has("AAAUSDT", "15m", T0)

    serve(act, live=["BTCUSDT"])


def test_the_next_close_follows_whatever_happened_to_this_one() -> None:
    async def act(desk: Desk) -> None:
        await desk.room.clock.sleep_until(CLOSE + 60_000)
        assert desk.closes.next_close_ms == CLOSE + M15
        await desk.room.clock.sleep_until(CLOSE + M15 + 60_000)
        assert [event.close_ms for event in desk.told if event.first] == [CLOSE, CLOSE + M15]

    serve(act)
