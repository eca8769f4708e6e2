"""Bars out of the exchange and into the store: page by page, valid and closed ones only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import structlog

from engine.bus import Bus
from engine.clock import Clock
from engine.errors import BadPayload, ClockSkew, Throttled, Transient
from engine.exchange.limits import Lane
from engine.exchange.wire_market import Kline
from engine.market.bars import Bar, fault
from engine.market.events import BarRefused, CandleRevised
from engine.market.pages import Page, pages
from engine.store.history_rows import CandleRow
from engine.store.history_writer import HistoryWriter
from strategies.model import TIMEFRAME_MS

log = structlog.get_logger("market")

PAGE_RETRY_S = (2.0, 4.0, 8.0)


class KlineReader(Protocol):
    """Where bars come from: those that open in [start, end), oldest first, at most `limit`. Raises ExchangeError."""

    async def klines(
        self,
        symbol: str,
        tf: str,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
        lane: Lane = Lane.BACKGROUND,
    ) -> list[Kline]: ...


class BudgetView(Protocol):
    """What the loading tasks may know of the request budget; the ledger of the exchange is one."""

    def used(self) -> int: ...
    def limit(self) -> int: ...
    def ceiling(self, lane: Lane) -> int: ...
    @property
    def gate_state(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Fetched:
    """Valid closed bars of a page, and how many were refused."""

    bars: tuple[Bar, ...]
    refused: int


class BarFetcher:
    """Reads pages of bars with retries, checks every bar and stores the good ones before anybody hears of them."""

    def __init__(self, clock: Clock, bus: Bus, reader: KlineReader, writer: HistoryWriter) -> None:
        self._clock = clock
        self._bus = bus
        self._reader = reader
        self._writer = writer

    async def fetch(self, symbol: str, tf: str, start_ms: int, end_ms: int, lane: Lane) -> int:
        """Fill [start, end) of a series, newest page first; returns how many bars were stored.

        Raises ExchangeError or BadPayload when a page fails for good, StoreError when it cannot be kept; what was
        stored before stays.
        """
        plan = list(pages(start_ms, end_ms, TIMEFRAME_MS[tf]))
        stored = 0
        # The next page travels while this one is written.
        ahead = asyncio.create_task(self._read(symbol, tf, plan[0], lane)) if plan else None
        try:
            for number in range(len(plan)):
                assert ahead is not None
                rows = await ahead
                following = plan[number + 1 : number + 2]
                ahead = asyncio.create_task(self._read(symbol, tf, following[0], lane)) if following else None
                stored += await self.store(symbol, tf, self.check(symbol, tf, rows, self._clock.now_ms()).bars)
        finally:
            if ahead is not None:
                ahead.cancel()
                await asyncio.gather(ahead, return_exceptions=True)
        return stored

    async def newest(self, symbol: str, tf: str, bars: int, lane: Lane) -> tuple[Bar, ...]:
        """The newest closed bars, asked once without retries and not stored; for a bar that is due right now."""
        now_ms = self._clock.now_ms()
        rows = await self._reader.klines(symbol, tf, limit=bars, lane=lane)
        return self.check(symbol, tf, rows, now_ms).bars

    def check(self, symbol: str, tf: str, rows: Iterable[Kline], now_ms: int) -> Fetched:
        """The valid closed bars of an answer; the forming one is dropped, invalid ones are told by name."""
        good, refused = [], 0
        for row in rows:
            bar = Bar.of_kline(row)
            if bar.open_ms + TIMEFRAME_MS[tf] > now_ms:
                continue
            what = fault(tf, bar)
            if what is None:
                good.append(bar)
            else:
                refused += 1
                self._bus.publish(BarRefused(symbol, tf, bar.open_ms, what))
        return Fetched(tuple(good), refused)

    async def store(self, symbol: str, tf: str, bars: Iterable[Bar]) -> int:
        """Keep checked bars; a closed bar that changed is told. Raises StoreError."""
        rows: list[CandleRow] = [bar.row(symbol, tf) for bar in bars]
        done = await self._writer.upsert_candles(symbol, tf, rows)
        for open_ms, change_pct in done.revised.items():
            self._bus.publish(CandleRevised(symbol, tf, open_ms, change_pct))
        return done.written

    async def _read(self, symbol: str, tf: str, page: Page, lane: Lane) -> list[Kline]:
        for delay_s in (*PAGE_RETRY_S, None):
            try:
                return await self._reader.klines(symbol, tf, page.start_ms, page.end_ms, page.limit, lane)
            except Throttled as error:
                if delay_s is None or error.banned:
                    raise
                await self._clock.sleep_until(error.until_ms)
            except (Transient, BadPayload, ClockSkew) as error:
                if delay_s is None:
                    raise
                log.info("page_retried", symbol=symbol, tf=tf, reason=str(error), delay_s=delay_s)
                await self._clock.sleep(delay_s)
        raise AssertionError("the last attempt returns or raises")
