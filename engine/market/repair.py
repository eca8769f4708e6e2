"""Finds holes in the bars of live symbols and fills them within what is left of the budget.

Runs three minutes after each quarter hour. A hole is closed only when its bars are in the store; one that the exchange
cannot fill is left alone until the next day.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import structlog

from config.schema import HistorySettings
from engine.bus import Bus
from engine.clock import Clock
from engine.errors import BadBar, BadPayload, ExchangeError
from engine.exchange.limits import MINUTE_MS, Lane
from engine.market.bars import Bar
from engine.market.candles import CandlePanels, bars_of
from engine.market.events import CandleRevised, GapsRepaired
from engine.market.fetch import BarFetcher, BudgetView
from engine.market.integrity import Gap, after_attempt, find_gaps, repair_plan, track
from engine.market.pages import cost
from engine.market.refill import BATCH_SYMBOLS, Budget, lookback_ms, next_refill, split
from engine.store.history_queries import HistoryQueries
from engine.store.history_rows import GapRow
from engine.store.journal import Journal
from strategies.model import TIMEFRAME_MS

log = structlog.get_logger("market")

BATCH_PAUSE_MS = 1_000
SHUT = ("banned", "cooling", "probing", "blocked")


class GapRepair:
    """Owner of the list of holes. Keep `run` running."""

    def __init__(
        self,
        settings: HistorySettings,
        clock: Clock,
        bus: Bus,
        fetcher: BarFetcher,
        journal: Journal,
        queries: HistoryQueries,
        panels: CandlePanels,
        budget: BudgetView,
        live: Callable[[], Iterable[str]],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._bus = bus
        self._fetcher = fetcher
        self._journal = journal
        self._queries = queries
        self._panels = panels
        self._budget = budget
        self._live = live
        self._looked_ms: dict[str, int] = {}  # up to where each timeframe was looked at last

    async def run(self) -> None:
        """Look and fill at every turn; ends only by cancellation or StoreError."""
        started_ms = self._clock.now_ms()
        while True:
            when_ms, due = next_refill(self._clock.now_ms(), started_ms)
            await self._clock.sleep_until(when_ms)
            await self.look(due)
            await self.fill()

    def report(self, symbol: str, tf: str, gap: Gap) -> None:
        """Somebody else met a hole (a bar that did not come by its deadline)."""
        self._journal.put(track(symbol, tf, gap))

    async def look(self, timeframes: Iterable[str]) -> list[GapRow]:
        """Find new holes in what is stored of the live symbols and remember them."""
        await self._journal.flush()
        now_ms = self._clock.now_ms()
        known = {(row.symbol, row.tf, row.from_ms) for row in await self._queries.gaps()}
        found: list[GapRow] = []
        for tf in timeframes:
            step = TIMEFRAME_MS[tf]
            end_ms = now_ms // step * step
            # A turn may come hours late: after a sleep of the machine, or behind a long repair while the gate was shut.
            start_ms = min(end_ms - lookback_ms(tf, self._settings.gap_lookback_min), self._looked_ms.get(tf, end_ms))
            self._looked_ms[tf] = end_ms
            for symbol in self._live():
                times = self._panels.candles(symbol, tf).open_time
                if len(times) == 0:
                    continue
                scan = find_gaps(times, step, max(start_ms, int(times[0])), end_ms)
                new = [track(symbol, tf, gap) for gap in scan.gaps]
                found += [row for row in new if (symbol, tf, row.from_ms) not in known]
        if found:
            await self._journal.commit(*found)
            log.info("gaps_found", gaps=len(found), bars=sum(row.missing for row in found))
        return found

    async def fill(self) -> int:
        """Try what is due, as far as the budget goes; returns how many bars were repaired."""
        due = repair_plan(await self._queries.gaps(("open", "queued", "unfillable")), self._clock.now_ms())
        batches = split([(row, cost(row.missing)) for row in due], self._read_budget())
        if due and not batches:
            log.info("refill_deferred", used=self._budget.used(), gaps=len(due))
        repaired = 0
        for number, batch in enumerate(batches):
            if number:
                await self._next_minute()
            if self._budget.gate_state in SHUT:
                log.info("refill_abandoned", gate=self._budget.gate_state)
                break
            repaired += await self._batch(batch)
        return repaired

    async def _batch(self, batch: list[GapRow]) -> int:
        repaired = 0
        for first in range(0, len(batch), BATCH_SYMBOLS):
            if first:
                # The budget that is left to others refills with the exchange's minutes, so the pause is in its time.
                await self._clock.sleep_until(self._clock.now_ms() + BATCH_PAUSE_MS)
                if self._read_budget().spent:
                    await self._next_minute()
            if self._budget.gate_state in SHUT:
                break
            width = asyncio.Semaphore(self._settings.parallel)
            part = batch[first : first + BATCH_SYMBOLS]
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._try(row, width)) for row in part]
            repaired += sum(task.result() for task in tasks)
        return repaired

    async def _try(self, row: GapRow, width: asyncio.Semaphore) -> int:
        async with width:
            try:
                await self._fetcher.fetch(row.symbol, row.tf, row.from_ms, row.to_ms, Lane.BACKGROUND)
            except (ExchangeError, BadPayload) as error:
                log.info("gap_not_filled", symbol=row.symbol, tf=row.tf, reason=str(error))
        stored = await self._queries.candles(row.symbol, row.tf, row.from_ms, row.to_ms)
        step = TIMEFRAME_MS[row.tf]
        scan = find_gaps(stored.open_time, step, row.from_ms, row.to_ms)
        after = after_attempt(row, scan.missing, self._clock.now_ms())
        await self._journal.commit(after)
        filled = row.missing - scan.missing
        if filled > 0:
            self._remember(row.symbol, row.tf, bars_of(stored))
            self._bus.publish(GapsRepaired(row.symbol, row.tf, filled))
        return max(0, filled)

    def _remember(self, symbol: str, tf: str, bars: Iterable[Bar]) -> None:
        for bar in bars:
            try:
                changes = self._panels.add(symbol, tf, bar)
            except BadBar as error:
                log.error("stored_bar_invalid", symbol=symbol, tf=tf, what=str(error))
                continue
            for change in changes:
                # A bar put in between makes everything computed after it out of date.
                self._bus.publish(CandleRevised(symbol, change.tf, change.bar.open_ms))

    def _read_budget(self) -> Budget:
        return Budget(self._budget.used(), self._budget.ceiling(Lane.BACKGROUND), self._budget.limit())

    async def _next_minute(self) -> None:
        await self._clock.sleep_until((self._clock.now_ms() // MINUTE_MS + 1) * MINUTE_MS)
