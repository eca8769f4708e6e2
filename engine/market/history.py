"""Loads what a symbol needs to be judged: from the store, from the public archive, and the rest page by page.

A first start, a restart after an hour and one after a week are the same thing: look which bars are missing, fetch
those. A symbol is live as soon as it is done; others do not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from config.schema import HistorySettings
from engine.clock import Clock
from engine.errors import BadPayload, ExchangeError
from engine.exchange.limits import Lane
from engine.market.bars import Bar, fault
from engine.market.candles import CAPACITY, CandlePanels
from engine.market.fetch import BarFetcher
from engine.market.integrity import DAY_MS, Gap, Grade, expected_span, find_gaps, grade, track
from engine.market.pages import cost
from engine.store.history_queries import HistoryQueries
from engine.store.history_rows import GapRow
from engine.store.journal import Journal
from strategies.model import TIMEFRAME_MS

log = structlog.get_logger("market")

SYMBOL_RETRY_S = (5.0, 15.0, 30.0)
BEFORE_LISTING = "before_listing"
ARCHIVE_ROWS = 5000


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


@dataclass(frozen=True, slots=True)
class Failed:
    reason: str


LoadResult = Complete | Partial | Failed


class ArchiveReader(Protocol):
    """The public archive: no request weight. What it has of [start, end), oldest first; may have holes."""

    async def bars(self, symbol: str, tf: str, start_ms: int, end_ms: int) -> list[Bar]: ...


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
        self._history_ms = {
            "15m": settings.days_15m * DAY_MS,
            "1h": settings.days_1h * DAY_MS,
            "4h": settings.days_4h * DAY_MS,
            "1d": settings.days_1d * DAY_MS,
        }

    def weight_of(self, bars_missing: dict[str, int] | None = None) -> int:
        """Request weight of loading one symbol from nothing, or of the given missing bars per timeframe."""
        missing = bars_missing or {tf: ms // TIMEFRAME_MS[tf] for tf, ms in self._history_ms.items()}
        return sum(map(cost, missing.values()))

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

    async def missing(self, symbol: str, listed_ms: int = 0) -> dict[str, int]:
        """Bars that would have to be fetched, by timeframe; for a forecast."""
        return {tf: sum(gap.missing for gap in await self._holes(symbol, tf, listed_ms)) for tf in self._history_ms}

    async def _load(self, symbol: str, listed_ms: int) -> LoadResult:
        gaps: list[GapRow] = []
        suspended: list[str] = []
        total = 0
        for tf in self._history_ms:
            await self._fill(symbol, tf, listed_ms)
            stored = await self._queries.candles(symbol, tf, newest=CAPACITY[tf])
            for bad in self._panels.load(symbol, tf, stored):
                log.error("stored_bar_invalid", symbol=symbol, tf=tf, what=str(bad))
            start_ms, end_ms = await self._span(symbol, tf, listed_ms)
            scan = find_gaps(await self._queries.open_times(symbol, tf, start_ms), TIMEFRAME_MS[tf], start_ms, end_ms)
            total += scan.present
            gaps += [track(symbol, tf, gap) for gap in scan.gaps]
            if grade(scan, TIMEFRAME_MS[tf], end_ms) is Grade.SUSPENDED:
                suspended.append(tf)
        self._panels.fold_all(symbol)
        if not gaps:
            return Complete(total)
        self._journal.put(*gaps)
        return Partial(total, tuple(gaps), tuple(suspended))

    async def _fill(self, symbol: str, tf: str, listed_ms: int) -> None:
        holes = await self._holes(symbol, tf, listed_ms)
        start_ms, _ = await self._span(symbol, tf, listed_ms)
        if self._archive is not None:
            for hole in holes:
                await self._fill_from_archive(self._archive, symbol, tf, hole)
        for hole in sorted(await self._holes(symbol, tf, listed_ms), reverse=True):
            await self._fetcher.fetch(symbol, tf, hole.from_ms, hole.to_ms, Lane.BACKGROUND)
            if hole.from_ms == start_ms:
                await self._settle_beginning(symbol, tf, hole)

    async def _settle_beginning(self, symbol: str, tf: str, hole: Gap) -> None:
        """What the exchange does not have at the beginning was never traded: the series starts with its first bar."""
        times = await self._queries.open_times(symbol, tf, hole.from_ms)
        first_ms = int(times[0]) if len(times) else hole.to_ms
        if first_ms > hole.from_ms:
            missing = (first_ms - hole.from_ms) // TIMEFRAME_MS[tf]
            row = track(symbol, tf, Gap(hole.from_ms, first_ms, missing))
            await self._journal.commit(_renamed(row, BEFORE_LISTING))

    async def _fill_from_archive(self, archive: ArchiveReader, symbol: str, tf: str, hole: Gap) -> None:
        """What is old enough to be in the archive; invalid bars stay holes."""
        newest_ms = self._clock.now_ms() - self._settings.archive_after_days * DAY_MS
        until_ms = min(hole.to_ms, newest_ms)
        if until_ms <= hole.from_ms:
            return
        bars = await archive.bars(symbol, tf, hole.from_ms, until_ms)
        good = [bar for bar in bars if fault(tf, bar) is None]
        for first in range(0, len(good), ARCHIVE_ROWS):
            await self._fetcher.store(symbol, tf, good[first : first + ARCHIVE_ROWS])

    async def _holes(self, symbol: str, tf: str, listed_ms: int) -> tuple[Gap, ...]:
        start_ms, end_ms = await self._span(symbol, tf, listed_ms)
        times = await self._queries.open_times(symbol, tf, start_ms)
        return find_gaps(times, TIMEFRAME_MS[tf], start_ms, end_ms).gaps

    async def _span(self, symbol: str, tf: str, listed_ms: int) -> tuple[int, int]:
        start_ms, end_ms = expected_span(self._clock.now_ms(), TIMEFRAME_MS[tf], self._history_ms[tf], listed_ms)
        for row in await self._queries.gaps((BEFORE_LISTING,), symbol, tf):
            start_ms = max(start_ms, min(row.to_ms, end_ms))
        return start_ms, end_ms


def _renamed(row: GapRow, state: str) -> GapRow:
    return GapRow(symbol=row.symbol, tf=row.tf, from_ms=row.from_ms, to_ms=row.to_ms, missing=row.missing, state=state)
