"""The live book and mark of a symbol as risk and ticket read them."""

from __future__ import annotations

from engine.clock import Clock
from engine.market.books import Books
from engine.market.depth_sync import SyncState
from engine.market.feed import MarketFeed
from engine.trading.quotes import Quote

LEVELS = 200
READY_POLL_S = 0.05


class MarketQuotes:
    """Answers for the present moment; a book out of step gives no levels and says why."""

    def __init__(self, books: Books, feed: MarketFeed, clock: Clock) -> None:
        self._books = books
        self._feed = feed
        self._clock = clock

    def quote(self, symbol: str) -> Quote:
        reading = self._books.book(symbol)
        marked = self._feed.marks.get(symbol)
        bids, asks = reading.book.top(LEVELS) if reading.book is not None else ([], [])
        return Quote(
            symbol, reading.book is not None, tuple(bids), tuple(asks),
            reason=reading.reason or ("" if reading.state is SyncState.SYNCED else reading.state.value),
            mark=marked.mark if marked is not None else None,
            funding_rate=marked.funding_rate if marked is not None else None,
            next_funding_ms=marked.next_funding_ms if marked is not None else 0,
        )  # fmt: skip

    async def ready(self, symbol: str, timeout_s: float) -> Quote:
        """The quote as soon as the book is in step, or what there is when the time is up (machine time)."""
        until_ms = self._clock.mono_ms() + timeout_s * 1000
        while True:
            quote = self.quote(symbol)
            if quote.synced or self._clock.mono_ms() >= until_ms:
                return quote
            await self._clock.sleep(READY_POLL_S)
