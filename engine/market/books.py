"""The books of the focus: open positions, queued signals and the symbol on screen, each kept in step by itself.

Snapshots are asked for one after the other, at most so many a minute; a gap in one book touches no other. A book that
breaks too often rests before it is tried again. Ages are measured on machine time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
import structlog

from config.schema import BookSettings
from engine.bus import Bus
from engine.clock import Clock
from engine.errors import BadPayload, ExchangeError, Throttled
from engine.exchange.limits import Lane
from engine.exchange.wire_market import Depth, DepthDiff
from engine.market.book import NotALevel, OffGrid, OrderBook
from engine.market.depth_sync import Answer, Apply, DepthSync, NeedSnapshot, SyncState
from engine.market.events import BookLost, BookSynced

log = structlog.get_logger("market")

MINUTE_MS = 60_000
GAP_WINDOW_MS = 300_000.0
GAPS_CRITICAL = 3
COOLDOWN_MS = 120_000.0
SILENT_TIMES = 4.0  # without trades a book may be quiet for so many times the stale limit
MAX_REFINED = 3
FIRST_RETRY_MS = 1_000.0
LAST_RETRY_MS = 30_000.0


class DepthReader(Protocol):
    """Where snapshots come from. Raises ExchangeError or BadPayload."""

    async def depth(self, symbol: str, limit: int, lane: Lane = Lane.LIVE) -> Depth: ...


class BookReading(msgspec.Struct, frozen=True):
    """A book as it may be used now: `book` is there only while it is synced and fresh, else `reason` says why not."""

    symbol: str
    state: SyncState
    reason: str
    age_ms: float | None
    resyncs: int
    book: OrderBook | None


@dataclass
class _Kept:
    """One book of the focus."""

    book: OrderBook
    sync: DepthSync = field(default_factory=DepthSync)
    updated_ms: float | None = None
    traded_since: bool = False
    resyncs: int = 0
    synced_once: bool = False
    gaps_ms: deque[float] = field(default_factory=deque)
    retry_ms: float = FIRST_RETRY_MS
    not_before_ms: float = 0.0
    refined: int = 0  # how often the grid had to be made ten times finer
    wanted: bool = False  # waits in the queue for a snapshot


class Books:
    """Owner of the local order books. Keep `run` running; feed it what the streams deliver."""

    def __init__(
        self,
        settings: BookSettings,
        clock: Clock,
        bus: Bus,
        reader: DepthReader,
        tick_of: Callable[[str], float],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._bus = bus
        self._reader = reader
        self._tick_of = tick_of
        self._kept: dict[str, _Kept] = {}
        self._queue: deque[str] = deque()
        self._asked_ms: deque[int] = deque()
        self._wake = asyncio.Event()

    # -- focus -------------------------------------------------------------------------------------------------------

    @property
    def focus(self) -> frozenset[str]:
        """Symbols whose book is kept; the streams must carry their `depth@100ms` and `aggTrade`."""
        return frozenset(self._kept)

    def set_focus(self, symbols: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
        """Keep exactly these books; returns (added, removed). Books that stay are not disturbed."""
        wanted = frozenset(symbols)
        added, removed = wanted - self.focus, self.focus - wanted
        for symbol in removed:
            del self._kept[symbol]
        for symbol in added:
            self._kept[symbol] = _Kept(OrderBook(symbol, self._tick_of(symbol)))
        return added, removed

    # -- what the streams deliver ------------------------------------------------------------------------------------

    def on_diff(self, diff: DepthDiff) -> None:
        """The next depth event; of symbols outside the focus it is ignored."""
        kept = self._kept.get(diff.symbol)
        if kept is not None:
            self._follow(diff.symbol, kept, kept.sync.on_diff(diff))

    def on_trade(self, symbol: str) -> None:
        """A trade was printed, so the book must change soon."""
        kept = self._kept.get(symbol)
        if kept is not None:
            kept.traded_since = True

    def on_link_lost(self, symbols: Iterable[str] | None = None) -> None:
        """The connection that carried these books (None: all) began anew; their sequences cannot be continued."""
        for symbol in self.focus if symbols is None else self.focus.intersection(symbols):
            kept = self._kept[symbol]
            if kept.sync.state is SyncState.SYNCED:
                self._tell_lost(symbol, kept, "connection lost")
            kept.sync.reset("connection lost")
            kept.book.clear()
            kept.wanted = False

    # -- reading -----------------------------------------------------------------------------------------------------

    def book(self, symbol: str) -> BookReading:
        """The book of a symbol as it may be used at this moment."""
        kept = self._kept.get(symbol)
        if kept is None:
            return BookReading(symbol, SyncState.EMPTY, "not in focus", None, 0, None)
        now_ms = self._clock.mono_ms()
        age_ms = None if kept.updated_ms is None else now_ms - kept.updated_ms
        state, reason = kept.sync.state, kept.sync.reason
        if state is SyncState.SYNCED and age_ms is not None:
            limit_ms = self._settings.stale_ms
            if age_ms > (limit_ms if kept.traded_since else limit_ms * SILENT_TIMES):
                state, reason = SyncState.STALE, f"no update for {age_ms:.0f} ms"
        elif kept.not_before_ms > now_ms:
            reason = f"{reason}; next try in {(kept.not_before_ms - now_ms) / 1000.0:.0f} s"
        return BookReading(
            symbol, state, reason, age_ms, kept.resyncs, kept.book if state is SyncState.SYNCED else None
        )

    def gaps_recent(self, symbol: str) -> int:
        """Sequence gaps of the last five minutes; three are critical."""
        kept = self._kept.get(symbol)
        return 0 if kept is None else self._recent(kept)

    @property
    def synced(self) -> int:
        """How many books may be read now."""
        return sum(1 for symbol in self._kept if self.book(symbol).book is not None)

    # -- snapshots ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Fetch the snapshots that are asked for, one at a time; ends only by cancellation."""
        while True:
            symbol = await self._next()
            await self._pace()
            await self._fetch(symbol)

    async def _next(self) -> str:
        while True:
            self._wake.clear()
            now_ms = self._clock.mono_ms()
            waits = []
            for _ in range(len(self._queue)):
                symbol = self._queue.popleft()
                kept = self._kept.get(symbol)
                if kept is None or not kept.wanted:
                    continue
                if kept.not_before_ms <= now_ms:
                    kept.wanted = False
                    return symbol
                waits.append(kept.not_before_ms - now_ms)
                self._queue.append(symbol)
            try:
                async with asyncio.timeout(min(waits) / 1000.0 if waits else None):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _pace(self) -> None:
        """Not more than so many snapshots a minute of the exchange's clock, whose budget they use."""
        while self._asked_ms and self._clock.now_ms() - self._asked_ms[0] >= MINUTE_MS:
            self._asked_ms.popleft()
        if len(self._asked_ms) >= self._settings.snapshots_per_min:
            await self._clock.sleep_until(self._asked_ms.popleft() + MINUTE_MS)
        self._asked_ms.append(self._clock.now_ms())

    async def _fetch(self, symbol: str) -> None:
        kept = self._kept.get(symbol)
        if kept is None:
            return
        try:
            snapshot = await self._reader.depth(symbol, self._settings.snapshot_limit, Lane.LIVE)
        except (ExchangeError, BadPayload) as error:
            if self._kept.get(symbol) is kept and kept.sync.state is not SyncState.EMPTY:
                self._retry(symbol, kept, error)
            return
        if self._kept.get(symbol) is kept:
            kept.retry_ms = FIRST_RETRY_MS
            self._follow(symbol, kept, kept.sync.on_snapshot(snapshot))

    def _retry(self, symbol: str, kept: _Kept, error: Exception) -> None:
        delay_ms = kept.retry_ms
        if isinstance(error, Throttled):
            delay_ms = max(delay_ms, (error.until_ms - self._clock.now_ms()) / max(self._clock.rate, 1e-9))
        log.warning("snapshot_failed", symbol=symbol, reason=str(error), retry_ms=round(delay_ms))
        kept.not_before_ms = self._clock.mono_ms() + delay_ms
        kept.retry_ms = min(kept.retry_ms * 2.0, LAST_RETRY_MS)
        self._want(symbol, kept)

    def _want(self, symbol: str, kept: _Kept) -> None:
        if not kept.wanted:
            kept.wanted = True
            self._queue.append(symbol)
        self._wake.set()

    # -- doing what the protocol answers -----------------------------------------------------------------------------

    def _follow(self, symbol: str, kept: _Kept, answer: Answer) -> None:
        if isinstance(answer, Apply):
            answer = self._apply(symbol, kept, answer)
        if isinstance(answer, NeedSnapshot):
            self._drop(symbol, kept, answer)

    def _apply(self, symbol: str, kept: _Kept, answer: Apply) -> Answer:
        book = kept.book
        try:
            if answer.snapshot is not None:
                book.load(answer.snapshot.bids, answer.snapshot.asks)
            for diff in answer.diffs:
                book.apply(diff.bids, diff.asks)
        except OffGrid as error:
            if kept.refined < MAX_REFINED:
                # Finer orders outlive a coarser tick; a finer grid holds both.
                kept.refined += 1
                kept.book = OrderBook(symbol, self._tick_of(symbol) / 10**kept.refined)
            return kept.sync.on_unsound(str(error))
        except NotALevel as error:
            return kept.sync.on_unsound(str(error))
        if not book.sound:
            return kept.sync.on_unsound("crossed or one-sided after a full event")
        kept.updated_ms, kept.traded_since = self._clock.mono_ms(), False
        if answer.snapshot is not None:
            kept.resyncs += 1 if kept.synced_once else 0
            kept.synced_once = True
            self._bus.publish(BookSynced(symbol, kept.resyncs))
        return answer

    def _drop(self, symbol: str, kept: _Kept, need: NeedSnapshot) -> None:
        now_ms = self._clock.mono_ms()
        kept.book.clear()
        if kept.sync.state is SyncState.BROKEN:
            kept.gaps_ms.append(now_ms)
            if self._recent(kept) >= GAPS_CRITICAL:
                kept.not_before_ms = now_ms + COOLDOWN_MS
            self._tell_lost(symbol, kept, need.reason)
        self._want(symbol, kept)

    def _tell_lost(self, symbol: str, kept: _Kept, reason: str) -> None:
        recent = self._recent(kept)
        log.warning("book_lost", symbol=symbol, reason=reason, gaps_recent=recent)
        self._bus.publish(BookLost(symbol, reason, recent))

    def _recent(self, kept: _Kept) -> int:
        now_ms = self._clock.mono_ms()
        while kept.gaps_ms and now_ms - kept.gaps_ms[0] > GAP_WINDOW_MS:
            kept.gaps_ms.popleft()
        return len(kept.gaps_ms)
