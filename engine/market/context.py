"""What a decision asks about a symbol beside its bars: imbalance, spread, rank, open interest, funding.

Anything that cannot be had in time is absent, never zero.
"""

from __future__ import annotations

import statistics

from engine.clock import Clock
from engine.errors import DeskError
from engine.exchange.market_api import MarketApi
from engine.market.books import Books
from engine.market.feed import MarketFeed
from engine.market.imbalance import ImbalanceBoard
from strategies.model import BookFlow

OI_PERIOD_MS = 300_000
OI_BACK = 12  # sixty minutes of five
OI_STALE_MS = 600_000
FUNDING_KEPT = 90
FUNDING_LEAST = 30
FUNDING_REFRESH_MS = 8 * 3_600_000


class MarketContext:
    """Answers about one symbol at the present moment."""

    def __init__(self, api: MarketApi, feed: MarketFeed, books: Books, imbalance: ImbalanceBoard, clock: Clock) -> None:
        self._api = api
        self._feed = feed
        self._books = books
        self._imbalance = imbalance
        self._clock = clock
        self._funding: dict[str, tuple[int, tuple[float, ...]]] = {}

    def book(self, symbol: str) -> BookFlow | None:
        """Imbalance of the last seconds."""
        return self._imbalance.flow(symbol, self._clock.mono_ms())

    def spread(self, symbol: str) -> float | None:
        """Best ask less best bid, where a book is kept and in step."""
        reading = self._books.book(symbol)
        return reading.book.spread if reading.book is not None else None

    def quote_rank(self, symbol: str) -> int | None:
        return self._feed.quote_rank(symbol)

    async def doi_pct(self, symbol: str) -> float | None:
        """Change of open interest over sixty minutes, percent (section 2.13 of the rules)."""
        try:
            rows = await self._api.open_interest_hist(symbol, "5m", OI_BACK + 1)
        except (DeskError, TimeoutError):
            return None
        by_time = {row.timestamp: row.sum_open_interest for row in rows}
        if not by_time:
            return None
        newest = max(by_time)
        then, now = by_time.get(newest - OI_BACK * OI_PERIOD_MS), by_time[newest]
        if not then or not now or self._clock.now_ms() - newest > OI_STALE_MS:
            return None
        return 100.0 * (now / then - 1.0)

    async def funding_z(self, symbol: str) -> float | None:
        """The running funding against the last 90 settlements (section 2.14 of the rules)."""
        running = self._feed.marks.get(symbol)
        if running is None:
            return None
        settled = await self._settled(symbol)
        if len(settled) < FUNDING_LEAST:
            return None
        deviation = statistics.pstdev(settled)
        return (running.funding_rate - statistics.fmean(settled)) / deviation if deviation > 0 else None

    async def _settled(self, symbol: str) -> tuple[float, ...]:
        kept = self._funding.get(symbol)
        if kept is not None and self._clock.now_ms() - kept[0] < FUNDING_REFRESH_MS:
            return kept[1]
        try:
            rows = await self._api.funding_rates(symbol, limit=FUNDING_KEPT)
        except (DeskError, TimeoutError):
            return kept[1] if kept is not None else ()
        rates = tuple(row.funding_rate for row in rows)
        self._funding[symbol] = (self._clock.now_ms(), rates)
        return rates
