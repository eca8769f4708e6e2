"""Gathers one close across all symbols and says when they may be evaluated: BTCUSDT first, stragglers one by one.

Bars come from the stream. What has not come when the grace is over is asked for over REST; what is still missing at
the deadline gives no signal for this bar and is handed to the repair of holes. Grace and deadline are the shorter of
a time on the wall and a share of the bar, so a quickened exchange is not waited for longer than its bars last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable

import structlog

from config.schema import HistorySettings
from engine.bus import Bus
from engine.clock import Clock
from engine.errors import BadBar, BadPayload, ExchangeError, StoreError
from engine.exchange.limits import Lane
from engine.exchange.wire_market import KlineEvent
from engine.market.bars import Bar
from engine.market.candles import BASE, FOLDED, CandlePanels
from engine.market.events import BarRefused, BarsClosed, BarsMissed, CandleRevised, SymbolsSuspended
from engine.market.fetch import BarFetcher
from engine.market.integrity import RECENT_BARS, Gap
from engine.market.universe import ANCHOR
from engine.store.history_rows import CandleRow
from engine.store.history_writer import HistoryWriter
from strategies.model import TIMEFRAME_MS

log = structlog.get_logger("market")

BAR_MS = TIMEFRAME_MS[BASE]
TIMEFRAMES = (BASE, *FOLDED)
GRACE_SHARE = 0.25
DEADLINE_SHARE = 0.75
ASKED_BARS = 3
TOGETHER_S = 0.25  # machine time in which stragglers are gathered to be told
PARALLEL = 50
REMEMBERED = 3  # closes whose arrivals are kept


def due_timeframes(close_ms: int) -> tuple[str, ...]:
    """Timeframes that end with a bar that closes at `close_ms`."""
    return tuple(tf for tf in TIMEFRAMES if close_ms % TIMEFRAME_MS[tf] == 0)


def next_tick(now_ms: int, delay_ms: int) -> tuple[int, tuple[str, ...]]:
    """When the next close is due to be complete, `delay_ms` after its boundary, and which timeframes end with it."""
    boundary_ms = (now_ms - delay_ms) // BAR_MS * BAR_MS + BAR_MS
    return boundary_ms + delay_ms, due_timeframes(boundary_ms)


def grace_ms(wall_s: float, rate: float, share: float = GRACE_SHARE) -> int:
    """Exchange time to wait after a boundary: so many seconds on the wall, at most this share of a bar."""
    return round(min(wall_s * 1000.0 * rate, BAR_MS * share))


class Closes:
    """Owner of the close. Keep `run` running; feed it kline events."""

    def __init__(
        self,
        settings: HistorySettings,
        clock: Clock,
        bus: Bus,
        panels: CandlePanels,
        fetcher: BarFetcher,
        writer: HistoryWriter,
        live: Callable[[], Collection[str]],
        report_hole: Callable[[str, str, Gap], None],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._bus = bus
        self._panels = panels
        self._fetcher = fetcher
        self._writer = writer
        self._live = live
        self._report_hole = report_hole
        self._arrived: dict[int, set[str]] = {}  # close -> symbols whose bar is in memory
        self._told: dict[int, set[str]] = {}  # close -> symbols handed to evaluation
        self._arrival = asyncio.Event()
        self._unstored: list[CandleRow] = []
        self.next_close_ms = 0  # the close that is waited for; 0 before `run`

    def on_kline(self, event: KlineEvent) -> None:
        """A kline event of the stream; only closed 15m bars matter, the forming one is never kept."""
        if event.closed and event.tf == BASE:
            self._take(event.symbol, Bar.of_event(event))

    async def run(self) -> None:
        """Serve one close after the other; ends only by cancellation or StoreError."""
        self.next_close_ms, _ = next_tick(self._clock.now_ms(), 0)
        async with asyncio.TaskGroup() as group:
            while True:
                close_ms = self.next_close_ms
                await self._serve(close_ms, group)
                self._forget(close_ms)
                # A close that took longer than its bar is followed at once by the one that waited; older ones are lost.
                present_ms = self._clock.now_ms() // BAR_MS * BAR_MS
                self.next_close_ms = max(close_ms + BAR_MS, present_ms)
                if self.next_close_ms > close_ms + BAR_MS:
                    log.error("closes_skipped", from_ms=close_ms + BAR_MS, to_ms=self.next_close_ms)

    async def _serve(self, close_ms: int, group: asyncio.TaskGroup) -> None:
        await self._clock.sleep_until(close_ms)
        rate = self._clock.rate
        await self._gather(close_ms, close_ms + grace_ms(self._settings.close_grace_s, rate))
        deadline_ms = close_ms + grace_ms(self._settings.close_deadline_s, rate, DEADLINE_SHARE)
        missing = self._missing(close_ms)
        if ANCHOR in missing:
            # Everybody else is judged by what BTCUSDT did, so nobody goes before it, unless it does not come at all.
            await self._ask(ANCHOR, close_ms, deadline_ms)
            missing.discard(ANCHOR)
        self._tell(close_ms, self._arrived.get(close_ms, set()), first=True)
        await self._store()
        group.create_task(self._chase(close_ms, deadline_ms, missing - self._told.get(close_ms, set())))

    async def _gather(self, close_ms: int, until_ms: int) -> None:
        """Wait until every live symbol has its bar, or until the grace is over."""
        timer = asyncio.ensure_future(self._clock.sleep_until(until_ms))
        missing = self._missing(close_ms)
        try:
            while not timer.done() and missing:
                self._arrival.clear()
                news = asyncio.ensure_future(self._arrival.wait())
                await asyncio.wait({timer, news}, return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
                missing -= self._arrived.get(close_ms, set())
            # Whoever went live while we waited is expected as well, but not waited for.
        finally:
            timer.cancel()

    async def _chase(self, close_ms: int, deadline_ms: int, missing: Iterable[str]) -> None:
        """Ask for what did not come and tell the stragglers as they come; give up at the deadline.

        They are told together, a few times a second: after a silence of the stream everybody is late, and one word for
        each of hundreds of symbols is more than those who listen can keep in their hands.
        """
        width = asyncio.Semaphore(PARALLEL)
        came: set[str] = set()

        async def ask(symbol: str) -> None:
            async with width:
                if await self._ask(symbol, close_ms, deadline_ms):
                    came.add(symbol)

        asking = asyncio.gather(*(ask(symbol) for symbol in sorted(missing)))
        try:
            while not asking.done():
                await asyncio.wait({asking}, timeout=TOGETHER_S)
                self._tell(close_ms, came, first=False)
                await self._store()
            await asking
        finally:
            asking.cancel()
        await self._clock.sleep_until(deadline_ms)
        # Bars the stream brought meanwhile.
        self._tell(close_ms, self._arrived.get(close_ms, set()) & set(self._live()), first=False)
        lost = tuple(sorted(self._missing(close_ms)))
        if lost:
            log.warning("bars_missed", close_ms=close_ms, symbols=len(lost), first=lost[:5])
            for symbol in lost:
                self._report_hole(symbol, BASE, Gap(close_ms - BAR_MS, close_ms, 1))
            self._bus.publish(BarsMissed(close_ms, lost))
        await self._store()

    async def _ask(self, symbol: str, close_ms: int, deadline_ms: int) -> bool:
        """Fetch the newest bars of one symbol; whether the bar of this close is there now."""
        left_s = (deadline_ms - self._clock.now_ms()) / 1000.0 / max(self._clock.rate, 1e-9)
        try:
            async with asyncio.timeout(max(left_s, 0.0)):
                bars = await self._fetcher.newest(symbol, BASE, ASKED_BARS, Lane.LIVE)
        except TimeoutError:
            bars = ()
        except (ExchangeError, BadPayload) as error:
            log.info("close_not_fetched", symbol=symbol, reason=str(error))
            bars = ()
        for bar in bars:
            self._take(symbol, bar)
        return symbol in self._arrived.get(close_ms, ())

    def _take(self, symbol: str, bar: Bar) -> None:
        try:
            changes = self._panels.add(symbol, BASE, bar)
        except BadBar as error:
            log.error("bar_refused", symbol=symbol, what=error.what, open_ms=bar.open_ms)
            self._bus.publish(BarRefused(symbol, BASE, bar.open_ms, error.what))
            return
        for change in changes:
            self._unstored.append(change.bar.row(symbol, change.tf))
            if change.revised:
                self._bus.publish(CandleRevised(symbol, change.tf, change.bar.open_ms, change.change_pct))
        close_ms = bar.open_ms + BAR_MS
        if close_ms >= self.next_close_ms - (REMEMBERED - 1) * BAR_MS:
            self._arrived.setdefault(close_ms, set()).add(symbol)
            self._arrival.set()

    def _missing(self, close_ms: int) -> set[str]:
        return set(self._live()) - self._arrived.get(close_ms, set())

    def _tell(self, close_ms: int, symbols: Iterable[str], first: bool) -> None:
        told = self._told.setdefault(close_ms, set())
        live = set(self._live())
        fresh = {symbol for symbol in symbols if symbol in live and symbol not in told}
        told.update(fresh)
        # A recent hole changes every indicator: such a symbol keeps its bars but is not judged until it is mended.
        holed = {symbol for symbol in fresh if not self._panels.contiguous(symbol, BASE, RECENT_BARS)}
        if holed:
            log.warning("symbols_suspended", close_ms=close_ms, symbols=sorted(holed)[:10], count=len(holed))
            self._bus.publish(SymbolsSuspended(close_ms, tuple(sorted(holed))))
        new = sorted(fresh - holed)
        if ANCHOR in new:
            new.remove(ANCHOR)
            new.insert(0, ANCHOR)
        if new or first:
            self._bus.publish(BarsClosed(close_ms, due_timeframes(close_ms), tuple(new), first))

    async def _store(self) -> None:
        rows, self._unstored = self._unstored, []
        try:
            await self._writer.put_candles(rows)
        except StoreError:
            # They are in memory, so nobody would look for them as holes.
            self._unstored = rows + self._unstored
            raise

    def _forget(self, close_ms: int) -> None:
        for known in (self._arrived, self._told):
            for old in [at for at in known if at < close_ms - (REMEMBERED - 1) * BAR_MS]:
                del known[old]
