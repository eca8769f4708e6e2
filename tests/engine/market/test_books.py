"""The driver of the books: pace, cooldown, staleness, and that a gap touches one book only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.schema import BookSettings
from engine.bus import Bus
from engine.clock import VirtualClock, run_virtual
from engine.errors import Transient
from engine.exchange.limits import Lane
from engine.exchange.wire_market import Depth, DepthDiff
from engine.market.books import Books
from engine.market.depth_sync import SyncState
from engine.market.events import BookLost, BookSynced


class Exchange:
    """A tiny exchange of one-level books: event n of a symbol has id 10 n, bid 100 + n ticks."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.asked: list[tuple[int, str, Lane]] = []
        self.number: dict[str, int] = {}
        self.failures = 0
        self.latency_s = 0.01

    def next(self, symbol: str) -> DepthDiff:
        n = self.number[symbol] = self.number.get(symbol, 0) + 1
        bids = [(100.0 + 0.1 * (n - 1), 0.0), (100.0 + 0.1 * n, 1.0)]
        asks = [(100.1 + 0.1 * (n - 1), 0.0), (100.1 + 0.1 * n, 2.0)]
        return DepthDiff(
            symbol,
            0,
            10 * n - 9,
            10 * n,
            10 * n - 10,
            [(round(p, 1), q) for p, q in bids],
            [(round(p, 1), q) for p, q in asks],
        )

    async def depth(self, symbol: str, limit: int, lane: Lane = Lane.LIVE) -> Depth:
        self.asked.append((self._clock.now_ms(), symbol, lane))
        await self._clock.sleep(self.latency_s)
        if self.failures > 0:
            self.failures -= 1
            raise Transient("timeout")
        n = self.number[symbol]
        return Depth(10 * n, [(round(100.0 + 0.1 * n, 1), 1.0)], [(round(100.1 + 0.1 * n, 1), 2.0)])


class Room:
    """Books under test with their exchange and what they told."""

    def __init__(self, clock: VirtualClock, **changes: object) -> None:
        self.clock = clock
        self.exchange = Exchange(clock)
        self.bus = Bus()
        self.told: list[object] = []
        self.bus.subscribe(object, self.told.append)
        self.books = Books(BookSettings(**changes), clock, self.bus, self.exchange, lambda _symbol: 0.1)

    async def feed(self, *symbols: str, times: int = 1, every_s: float = 0.1) -> None:
        for _ in range(times):
            for symbol in symbols:
                self.books.on_diff(self.exchange.next(symbol))
            await self.clock.sleep(every_s)

    def lose(self, symbol: str) -> None:
        self.exchange.next(symbol)


def play(act: Callable[[Room], Awaitable[None]], **changes: object) -> None:
    async def main(clock: VirtualClock) -> None:
        room = Room(clock, **changes)
        running = asyncio.create_task(room.books.run())
        await act(room)
        assert not running.done()
        running.cancel()

    run_virtual(main, 1_700_000_000_000)


def test_a_focused_symbol_is_synced_with_one_snapshot_in_the_live_lane() -> None:
    async def act(room: Room) -> None:
        room.books.set_focus(["BTCUSDT"])
        assert room.books.book("BTCUSDT").state is SyncState.EMPTY
        await room.feed("BTCUSDT", times=3)
        reading = room.books.book("BTCUSDT")
        assert reading.state is SyncState.SYNCED
        assert reading.book is not None
        assert reading.book.bids.best == (100.3, 1.0)
        assert [(symbol, lane) for _, symbol, lane in room.exchange.asked] == [("BTCUSDT", Lane.LIVE)]
        assert BookSynced("BTCUSDT", 0) in room.told

    play(act)


def test_gap_in_one_book_leaves_the_others_alone() -> None:
    async def act(room: Room) -> None:
        room.books.set_focus(["A", "B"])
        await room.feed("A", "B", times=3)
        room.lose("A")
        room.books.on_diff(room.exchange.next("A"))
        broken = room.books.book("A")
        assert (broken.state, broken.book) == (SyncState.BROKEN, None)
        assert "gap" in broken.reason
        assert room.books.book("B").state is SyncState.SYNCED
        await room.feed("A", "B", times=2)
        assert room.books.book("A").state is SyncState.SYNCED
        assert room.books.book("A").resyncs == 1
        assert room.books.book("B").resyncs == 0
        assert [symbol for _, symbol, _ in room.exchange.asked].count("A") == 2
        assert [lost.symbol for lost in room.told if isinstance(lost, BookLost)] == ["A"]

    play(act)


def test_the_third_gap_in_five_minutes_rests_the_book_for_two_minutes() -> None:
    async def act(room: Room) -> None:
        room.books.set_focus(["A"])
        await room.feed("A", times=3)
        for _ in range(3):
            room.lose("A")
            await room.feed("A", times=3)
        assert room.books.gaps_recent("A") == 3
        assert room.books.book("A").state is SyncState.BROKEN
        assert "next try" in room.books.book("A").reason
        await room.feed("A", times=1150)
        assert room.books.book("A").book is None
        await room.feed("A", times=60)
        assert room.books.book("A").state is SyncState.SYNCED

    play(act)


def test_snapshots_are_paced() -> None:
    async def act(room: Room) -> None:
        symbols = [f"S{n}" for n in range(25)]
        room.books.set_focus(symbols)
        await room.feed(*symbols, times=300, every_s=0.45)
        at = [ms for ms, _, _ in room.exchange.asked]
        assert len(at) == 25
        assert all(later - earlier >= 60_000 for earlier, later in zip(at, at[10:], strict=False))
        assert room.books.synced == 25

    play(act, snapshots_per_min=10)


def test_a_failed_snapshot_is_tried_again_later() -> None:
    async def act(room: Room) -> None:
        room.exchange.failures = 3
        room.books.set_focus(["A"])
        await room.feed("A", times=100)
        assert room.books.book("A").state is SyncState.SYNCED
        at = [ms for ms, _, _ in room.exchange.asked]
        assert [round((later - earlier) / 1000) for earlier, later in pairwise(at)] == [1, 2, 4]

    play(act)


@pytest.mark.parametrize(
    ("trades", "quiet_s", "state"),
    [(True, 0.4, "synced"), (True, 0.6, "stale"), (False, 0.6, "synced"), (False, 2.1, "stale")],
)
def test_a_book_without_news_is_stale_sooner_when_its_symbol_trades(trades: bool, quiet_s: float, state: str) -> None:
    async def act(room: Room) -> None:
        room.books.set_focus(["A"])
        await room.feed("A", times=3, every_s=0.0)
        await room.feed("A", every_s=0.1)
        await room.feed("A", every_s=0.0)
        if trades:
            room.books.on_trade("A")
        await room.clock.sleep(quiet_s)
        reading = room.books.book("A")
        assert reading.state.value == state
        assert (reading.book is None) == (state == "stale")
        assert reading.age_ms == pytest.approx(quiet_s * 1000.0, abs=1.0)
        await room.feed("A", every_s=0.0)
        assert room.books.book("A").state is SyncState.SYNCED

    play(act)


def test_a_lost_connection_starts_all_its_books_anew() -> None:
    async def act(room: Room) -> None:
        room.books.set_focus(["A", "B"])
        await room.feed("A", "B", times=3)
        room.books.on_link_lost(["A", "NOT_KEPT"])
        assert room.books.book("A").state is SyncState.EMPTY
        assert room.books.book("B").state is SyncState.SYNCED
        room.exchange.next("A")
        await room.feed("A", times=2)
        assert room.books.book("A").state is SyncState.SYNCED
        room.books.on_link_lost()
        assert room.books.synced == 0

    play(act)


def test_focus_changes_keep_the_books_that_stay() -> None:
    async def act(room: Room) -> None:
        assert room.books.set_focus(["A", "B"]) == ({"A", "B"}, frozenset())
        await room.feed("A", "B", times=3)
        assert room.books.set_focus(["B", "C"]) == ({"C"}, {"A"})
        assert room.books.book("B").state is SyncState.SYNCED
        assert room.books.book("A").reason == "not in focus"
        room.books.on_diff(room.exchange.next("A"))
        room.books.on_trade("A")
        assert room.books.focus == {"B", "C"}
        assert room.books.gaps_recent("A") == 0

    play(act)


def test_a_crossed_book_is_never_shown() -> None:
    async def act(room: Room) -> None:
        room.books.set_focus(["A"])
        await room.feed("A", times=3)
        event = room.exchange.next("A")
        room.books.on_diff(DepthDiff("A", 0, event.first_id, event.final_id, event.prev_id, [(200.0, 1.0)], []))
        assert room.books.book("A").book is None
        assert "crossed" in room.books.book("A").reason
        await room.feed("A", times=2)
        assert room.books.book("A").state is SyncState.SYNCED

    play(act)


def test_prices_finer_than_the_tick_are_kept_on_a_finer_grid() -> None:
    async def act(room: Room) -> None:
        room.books.set_focus(["A"])
        await room.feed("A", times=3)
        event = room.exchange.next("A")
        room.books.on_diff(DepthDiff("A", 0, event.first_id, event.final_id, event.prev_id, [(99.97, 1.0)], []))
        assert room.books.book("A").book is None
        await room.feed("A", times=2)
        event = room.exchange.next("A")
        finer = [*event.bids, (99.97, 3.0)]
        room.books.on_diff(DepthDiff("A", 0, event.first_id, event.final_id, event.prev_id, finer, event.asks))
        reading = room.books.book("A")
        assert reading.book is not None
        assert reading.book.bids.quantity(99.97) == 3.0

    play(act)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("AB"), st.sampled_from(["ok", "ok", "ok", "lost", "twice", "link"])),
        min_size=10,
        max_size=60,
    )
)
def test_whatever_is_lost_the_book_shown_is_sound_and_heals_with_one_snapshot(steps: list[tuple[str, str]]) -> None:
    async def act(room: Room) -> None:
        room.books.set_focus("AB")
        await room.feed("A", "B", times=3)
        for symbol, what in steps:
            if what == "lost":
                room.lose(symbol)
            elif what == "link":
                room.books.on_link_lost(symbol)
            event = room.exchange.next(symbol)
            for _ in range(2 if what == "twice" else 1):
                room.books.on_diff(event)
            for name in "AB":
                reading = room.books.book(name)
                if reading.book is not None:
                    n = room.exchange.number[name]
                    assert reading.book.sound
                    assert reading.book.top(5) == (
                        [(round(100.0 + 0.1 * n, 1), 1.0)],
                        [(round(100.1 + 0.1 * n, 1), 2.0)],
                    )
            await room.clock.sleep(0.05)
        before = len(room.exchange.asked)
        await room.clock.sleep(130.0)  # any cooldown is over
        await room.feed("A", "B", times=3)
        assert room.books.synced == 2
        assert len(room.exchange.asked) <= before + 2

    play(act, snapshots_per_min=1000)
