"""Loads what a symbol needs to be judged: from the store, from the public archive, and the rest page by page.

A first start, a restart after an hour and one after a week are the same thing: look which bars are missing, fetch
those. A symbol is live as soon as it is done; others do not wait for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
import numpy as np
import structlog

from config.schema import HistorySettings
from engine.clock import Clock
from engine.errors import BadPayload, ExchangeError
from engine.exchange.limits import Lane
from engine.market.archive import archive_plan
from engine.market.bars import Bar, fault
from engine.market.candles import BASE, CAPACITY, CandlePanels
from engine.market.fetch import BarFetcher
from engine.market.integrity import DAY_MS, Gap, Grade, Scan, expected_span, find_gaps, grade, track
from engine.market.pages import cost
from engine.store.history_queries import HistoryQueries
from engine.store.history_rows import CandleColumns, GapRow
from engine.store.journal import Journal
from strategies.model import I64, TIMEFRAME_MS

log = structlog.get_logger("market")

SYMBOL_RETRY_S = (5.0, 15.0, 30.0)
BEFORE_LISTING = "before_listing"
MOST_CATCH_UPS = 5
FOLD_BACK_MS = 14 * DAY_MS  # longer bars this young are folded out of the 15m bars at hand instead of fetched


@dataclass(frozen=True, slots=True)
class Complete:
    """Everything that is expected is there."""

    bars: int


@dataclass(frozen=True, slots=True)
class Partial:
    """Loaded, but holes remain; `suspended` are the timeframes that must not be judged yet."""

    bars: int
    gaps: tuple[GapRow, ...]
    suspended: tuple[str, ...]
    completeness_pct: float  # of the worst timeframe


@dataclass(frozen=True, slots=True)
class Failed:
    reason: str


Span = tuple[int, int]
Known = dict[tuple[str, int], GapRow]  # remembered holes of one symbol by timeframe and beginning
LoadResult = Complete | Partial | Failed


class ArchiveReader(Protocol):
    """The public archive: no request weight. What it has of [start, end), a few files at a time; may have holes."""

    def parts(self, symbol: str, tf: str, start_ms: int, end_ms: int) -> AsyncIterator[list[Bar]]: ...


class HistoryLoader:
    """Brings one symbol at a time from nothing, or from what is stored, into memory."""

    def __init__(
        self,
        settings: HistorySettings,
        clock: Clock,
        fetcher: BarFetcher,
        journal: Journal,
        queries: HistoryQueries,
        panels: CandlePanels,
        archive: ArchiveReader | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._fetcher = fetcher
        self._journal = journal
        self._queries = queries
        self._panels = panels
        self._archive = archive
        # Shortest last: what closes while the longer ones load is folded out of its bars.
        self._history_ms = {
            "1d": settings.days_1d * DAY_MS,
            "4h": settings.days_4h * DAY_MS,
            "1h": settings.days_1h * DAY_MS,
            "15m": settings.days_15m * DAY_MS,
        }

    async def load(self, symbol: str, listed_ms: int = 0, wanted: Callable[[], bool] = lambda: True) -> LoadResult:
        """Everything `symbol` needs, tried three more times when it fails.

        `wanted` is asked before each try, so that a symbol that left meanwhile is given up. Raises StoreError.
        """
        for delay_s in (*SYMBOL_RETRY_S, None):
            try:
                return await self._load(symbol, listed_ms)
            except (ExchangeError, BadPayload) as error:
                log.warning("load_failed", symbol=symbol, reason=str(error), retry_s=delay_s)
                if delay_s is None or not wanted():
                    return Failed(str(error))
                await self._clock.sleep(delay_s)
        raise AssertionError("the last try returns")

    async def weights(self, symbols: Sequence[str], listed_ms_of: Callable[[str], int]) -> dict[str, int]:
        """Request weight each symbol will take by the ends of what is stored; a forecast, not a count of holes."""
        ends = await self._queries.ends(symbols, BASE)
        first_ever = {row.symbol: row.to_ms for row in await self._queries.gaps((BEFORE_LISTING,), tf=BASE)}
        return {
            symbol: self._weight(symbol, max(listed_ms_of(symbol), first_ever.get(symbol, 0)), ends.get(symbol))
            for symbol in symbols
        }

    def _weight(self, symbol: str, listed_ms: int, ends: Span | None) -> int:
        now_ms, step = self._clock.now_ms(), TIMEFRAME_MS[BASE]
        start_ms, end_ms = expected_span(now_ms, step, self._history_ms[BASE], listed_ms)
        # Bars of the stream alone, as a symbol has them that was never loaded, do not make a history.
        if ends is not None and ends[0] <= start_ms + DAY_MS and ends[1] >= now_ms - FOLD_BACK_MS:
            return cost((end_ms - ends[1]) // step - 1)
        weight = 0
        for tf, history_ms in self._history_ms.items():
            step = TIMEFRAME_MS[tf]
            start_ms, end_ms = expected_span(now_ms, step, history_ms, listed_ms)
            bars = (end_ms - start_ms) // step
            if self._archive is not None:
                old_ms = now_ms - self._settings.archive_after_days * DAY_MS
                files = archive_plan(symbol, tf, start_ms, min(old_ms, end_ms))
                bars -= sum((file.end_ms - file.start_ms) // step for file in files)
            weight += cost(bars)
        return weight

    async def _load(self, symbol: str, listed_ms: int) -> LoadResult:
        # Hundreds of symbols come back at once after a restart: few looks at the store, each for all timeframes.
        outline = await self._queries.outline(symbol, self._history_ms)
        known = {(row.tf, row.from_ms): row for row in outline.gaps}
        scans: dict[str, tuple[Scan, Span]] = {}
        for tf in self._history_ms:
            scans[tf] = await self._fill(symbol, tf, listed_ms, known, outline.times[tf])
        for tf, stored in (await self._queries.newest_of(symbol, CAPACITY)).items():
            self._remember(symbol, tf, stored)
        await self._fold(symbol)
        for tf, (scan, span) in scans.items():
            scans[tf] = (await self._after_folding(symbol, tf, scan, span, outline.times[tf]), span)
        gaps = [track(symbol, tf, gap) for tf, (scan, _) in scans.items() for gap in scan.gaps]
        total = sum(scan.present for scan, _ in scans.values())
        if not gaps:
            return Complete(total)
        self._journal.put(*(gap for gap in gaps if (gap.tf, gap.from_ms) not in known))
        suspended = [
            tf for tf, (scan, span) in scans.items() if grade(scan, TIMEFRAME_MS[tf], span[1]) is Grade.SUSPENDED
        ]
        shares = [share for scan, _ in scans.values() if (share := scan.completeness_pct) is not None]
        return Partial(total, tuple(gaps), tuple(suspended), min(shares, default=0.0))

    def _remember(self, symbol: str, tf: str, stored: CandleColumns) -> None:
        """Stored bars into memory."""
        for bad in self._panels.load(symbol, tf, stored):
            log.error("stored_bar_invalid", symbol=symbol, tf=tf, what=str(bad))

    async def _fold(self, symbol: str) -> None:
        """Complete the longer series out of the 15m bars at hand."""
        folded: dict[str, list[Bar]] = {}
        for change in self._panels.fold_all(symbol):
            folded.setdefault(change.tf, []).append(change.bar)
        for tf, bars in folded.items():
            await self._fetcher.store(symbol, tf, bars)

    async def _after_folding(self, symbol: str, tf: str, scan: Scan, span: Span, stored: I64) -> Scan:
        """What is there once longer bars were folded; those that a hole in the 15m bars stood against are fetched."""
        if not scan.gaps or not self._foldable(tf, scan.gaps[-1]):
            return scan
        scan = _scan(np.union1d(stored, self._panels.candles(symbol, tf).open_time), tf, span)
        late = [hole for hole in scan.gaps if hole.from_ms >= self._clock.now_ms() - FOLD_BACK_MS]
        if not late:
            return scan
        for hole in late:
            await self._fetcher.fetch(symbol, tf, hole.from_ms, hole.to_ms, Lane.BACKGROUND)
        self._remember(symbol, tf, await self._queries.candles(symbol, tf, newest=CAPACITY[tf]))
        return await self._look(symbol, tf, span)

    def _foldable(self, tf: str, hole: Gap) -> bool:
        """Whether 15m bars will say what the longer bars of a hole were: one that reaches up to the present."""
        now_ms = self._clock.now_ms()
        newest = hole.to_ms + TIMEFRAME_MS[tf] > now_ms
        return tf != BASE and newest and hole.from_ms >= now_ms - min(FOLD_BACK_MS, self._history_ms[BASE])

    async def _fill(self, symbol: str, tf: str, listed_ms: int, known: Known, stored: I64) -> tuple[Scan, Span]:
        """Fetch what is missing beside the stored bars; returns what is there then and the range that was looked at."""
        span = self._span(tf, listed_ms, known)
        scan = _scan(stored, tf, span)
        if scan.gaps and self._archive is not None:
            for hole in scan.gaps:
                await self._fill_from_archive(self._archive, symbol, tf, hole)
            scan = await self._look(symbol, tf, span)
        tried = [hole for hole in reversed(scan.gaps) if self._due(tf, hole, known) and not self._foldable(tf, hole)]
        for hole in tried:
            await self._fetcher.fetch(symbol, tf, hole.from_ms, hole.to_ms, Lane.BACKGROUND)
        before = span
        if tf == BASE:
            span = await self._catch_up(symbol, span, listed_ms, known)
        if not tried and span == before:
            return scan, span
        if tried and tried[-1].from_ms == span[0]:
            span = await self._settle_beginning(symbol, tf, tried[-1], span[1])
        return await self._look(symbol, tf, span), span

    async def _catch_up(self, symbol: str, span: Span, listed_ms: int, known: Known) -> Span:
        """Fetch what closed while we were fetching, until nothing did; a quick exchange is not chased for ever."""
        start_ms, end_ms = span
        for _ in range(MOST_CATCH_UPS):
            _, now_end_ms = self._span(BASE, listed_ms, known)
            if now_end_ms == end_ms:
                break
            await self._fetcher.fetch(symbol, BASE, end_ms, now_end_ms, Lane.BACKGROUND)
            end_ms = now_end_ms
        return start_ms, end_ms

    async def _settle_beginning(self, symbol: str, tf: str, hole: Gap, end_ms: int) -> Span:
        """What the exchange does not have at the beginning was never traded: the series starts with its first bar."""
        times = await self._queries.open_times(symbol, tf, hole.from_ms)
        first_ms = int(times[0]) if len(times) else hole.to_ms
        if first_ms > hole.from_ms:
            missing = (first_ms - hole.from_ms) // TIMEFRAME_MS[tf]
            row = track(symbol, tf, Gap(hole.from_ms, first_ms, missing))
            await self._journal.commit(msgspec.structs.replace(row, state=BEFORE_LISTING))
        return first_ms, end_ms

    async def _fill_from_archive(self, archive: ArchiveReader, symbol: str, tf: str, hole: Gap) -> None:
        """What is old enough to be in the archive; invalid bars stay holes."""
        newest_ms = self._clock.now_ms() - self._settings.archive_after_days * DAY_MS
        until_ms = min(hole.to_ms, newest_ms)
        if until_ms <= hole.from_ms:
            return
        async for bars in archive.parts(symbol, tf, hole.from_ms, until_ms):
            good = [bar for bar in bars if fault(tf, bar) is None]
            await self._fetcher.store(symbol, tf, good)

    async def _look(self, symbol: str, tf: str, span: Span) -> Scan:
        return _scan(await self._queries.open_times(symbol, tf, span[0]), tf, span)

    def _span(self, tf: str, listed_ms: int, known: Known) -> Span:
        """[start, end) of open times that should be there; what was before the first bar is not expected."""
        start_ms, end_ms = expected_span(self._clock.now_ms(), TIMEFRAME_MS[tf], self._history_ms[tf], listed_ms)
        for row in known.values():
            if row.tf == tf and row.state == BEFORE_LISTING:
                start_ms = max(start_ms, min(row.to_ms, end_ms))
        return start_ms, end_ms

    def _due(self, tf: str, hole: Gap, known: Known) -> bool:
        """Whether a hole may be asked for: not while the exchange is known to have none of it."""
        row = known.get((tf, hole.from_ms))
        given_up = row is not None and row.state == "unfillable" and row.to_ms == hole.to_ms
        return not given_up or (row is not None and row.next_try_ms <= self._clock.now_ms())


def _scan(times: I64, tf: str, span: Span) -> Scan:
    return find_gaps(times, TIMEFRAME_MS[tf], *span)
