"""Carries closed bars to whatever is followed on them: shadows at every close, and all trades over what was missed.

After a stop or a sleep the missed bars come first, then new signals: a trade that ended meanwhile ends at its true
time. A stop of up to a day is walked minute by minute, anything else by the 15m bars at hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import structlog

from engine.clock import Clock
from engine.errors import DeskError
from engine.exchange.limits import Lane
from engine.market.candles import BASE, CandlePanels
from engine.market.events import BarsClosed
from engine.market.fetch import KlineReader
from engine.store.history_queries import HistoryQueries
from engine.trading.events import Reconciled
from engine.trading.floor import TradingFloor
from engine.trading.inputs import BarClosed
from engine.trading.paper import Bar
from strategies.model import TIMEFRAME_MS

log = structlog.get_logger("engine")

BAR_MS, MINUTE_MS = TIMEFRAME_MS[BASE], TIMEFRAME_MS["1m"]
LONGEST_MS = 86_400_000
PAGE = 499
PATIENCE_S = 10.0


class BarWalk:
    """Listens to closes once subscribed; `catch_up` is called for each symbol before its first close."""

    def __init__(
        self, clock: Clock, floor: TradingFloor, panels: CandlePanels, queries: HistoryQueries, reader: KlineReader
    ) -> None:
        self._clock = clock
        self._floor = floor
        self._panels = panels
        self._queries = queries
        self._reader = reader
        self._seen_ms: dict[str, int] = {}  # close of the newest bar that a symbol's real trade has lived through
        self._waiting: dict[str, list[Bar]] = {}

    async def begin(self) -> None:
        """Remember, before anything is loaded, up to when open trades were watched. Raises StoreError."""
        held = {position.plan.symbol for position in self._floor.keeper.positions()}
        for symbol, (_, newest_ms) in (await self._queries.ends(sorted(held), BASE)).items():
            self._seen_ms[symbol] = newest_ms + BAR_MS

    async def catch_up(self, symbol: str) -> None:
        """Walk everything followed on a symbol over the bars that closed while nobody looked."""
        until_ms = self._clock.now_ms() // BAR_MS * BAR_MS
        since = [self._shadow_ms(symbol), self._real_ms(symbol)]
        starts = [at for at in since if at is not None and at < until_ms]
        if not starts:
            return
        bars = await self._missed(symbol, min(starts), until_ms)
        log.info("bars_walked", symbol=symbol, bars=len(bars), from_ms=min(starts))
        self._walk_shadows(symbol, bars)
        self._walk_real(symbol, bars)

    def on_closed(self, event: BarsClosed) -> None:
        """A close was gathered: followed symbols walk all bars up to it, those of a gap included."""
        followed = {position.plan.symbol for position in self._floor.shadows.positions()}
        held = {position.plan.symbol for position in self._floor.keeper.positions()}
        for symbol in event.symbols:
            if symbol in followed and (since_ms := self._shadow_ms(symbol)) is not None:
                self._walk_shadows(symbol, self._kept(symbol, since_ms, event.close_ms))
            if symbol in held:
                self._close_real(symbol, event.close_ms)

    def on_reconciled(self, _event: Reconciled) -> None:
        """The exchange's word is in: real trades may now live through what they missed."""
        waiting, self._waiting = self._waiting, {}
        for symbol, bars in waiting.items():
            self._walk_real(symbol, bars)

    # -- from when -----------------------------------------------------------------------------------------------------

    def _shadow_ms(self, symbol: str) -> int | None:
        """Where the oldest shadow of a symbol stands."""
        shadows = [one for one in self._floor.shadows.positions() if one.plan.symbol == symbol]
        return min((max(one.plan.planned_ms, one.walked_ms) for one in shadows), default=None)

    def _real_ms(self, symbol: str) -> int | None:
        position = self._floor.keeper.on_symbol(symbol)
        seen_ms = self._seen_ms.get(symbol)
        return max(position.plan.planned_ms, seen_ms) if position is not None and seen_ms is not None else None

    # -- bars ----------------------------------------------------------------------------------------------------------

    async def _missed(self, symbol: str, since_ms: int, until_ms: int) -> list[Bar]:
        if until_ms - since_ms > LONGEST_MS:
            return self._kept(symbol, since_ms, until_ms)
        try:
            async with asyncio.timeout(PATIENCE_S):
                minutes = await self._minutes(symbol, since_ms, until_ms)
        except (DeskError, TimeoutError) as error:
            log.warning("minutes_not_fetched", symbol=symbol, reason=str(error))
            return self._kept(symbol, since_ms, until_ms)
        # Minutes that do not cover the stretch would skip what they lack.
        whole = len(minutes) * MINUTE_MS >= until_ms - since_ms
        return minutes if whole else self._kept(symbol, since_ms, until_ms)

    async def _minutes(self, symbol: str, since_ms: int, until_ms: int) -> list[Bar]:
        found: list[Bar] = []
        for start_ms in range(since_ms // MINUTE_MS * MINUTE_MS, until_ms, PAGE * MINUTE_MS):
            end_ms = min(start_ms + PAGE * MINUTE_MS, until_ms)
            limit = (end_ms - start_ms) // MINUTE_MS
            rows = await self._reader.klines(symbol, "1m", start_ms, end_ms, limit, Lane.LIVE)
            found += [Bar(row.open_ms, row.open_ms + MINUTE_MS, row.open, row.high, row.low, row.close) for row in rows]
        return found

    def _kept(self, symbol: str, since_ms: int, until_ms: int) -> list[Bar]:
        """The 15m bars in memory that open in [since, until)."""
        series = self._panels.candles(symbol, BASE)
        first, last = series.open_time.searchsorted((since_ms, until_ms))
        columns = (series.open_time, series.open, series.high, series.low, series.close)
        return [
            Bar(int(at), int(at) + BAR_MS, float(o), float(h), float(low), float(c))
            for at, o, h, low, c in zip(*(column[first:last] for column in columns), strict=True)
        ]

    # -- walking -------------------------------------------------------------------------------------------------------

    def _walk_shadows(self, symbol: str, bars: Iterable[Bar]) -> None:
        for bar in bars:
            self._floor.shadows.on_bar(symbol, bar)

    def _walk_real(self, symbol: str, bars: list[Bar]) -> None:
        if not self._floor.reconciler.reconciled:
            self._waiting[symbol] = bars
            return
        since_ms = self._real_ms(symbol)
        position = self._floor.keeper.on_symbol(symbol)
        if position is None or since_ms is None or not bars:
            return
        inputs = [
            BarClosed(now_ms=bar.close_ms, mono_ms=self._clock.mono_ms(), open_ms=bar.open_ms, high=bar.high,
                      low=bar.low, close=bar.close)
            for bar in bars if bar.open_ms >= since_ms
        ]  # fmt: skip
        self._seen_ms[symbol] = bars[-1].close_ms
        # All at once: orders follow from where price is now, not from where it was on the way.
        self._floor.keeper.feed_all(position.plan.position_id, inputs)

    def _close_real(self, symbol: str, close_ms: int) -> None:
        """Live prices move real trades; only bars that nobody watched are walked."""
        seen_ms = self._seen_ms.get(symbol)
        if seen_ms is not None and close_ms - seen_ms > BAR_MS:
            self._walk_real(symbol, self._kept(symbol, seen_ms, close_ms - BAR_MS))
        self._seen_ms[symbol] = close_ms
