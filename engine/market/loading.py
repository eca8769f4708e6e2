"""The tasks that bring symbols to life: several load side by side, one analyses, and bursts leave room for others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from engine.bus import Bus
from engine.clock import Clock
from engine.errors import DataError
from engine.exchange.limits import MINUTE_MS, Lane
from engine.market.coordinator import Place, SymbolLoadCoordinator
from engine.market.events import SymbolFailed, SymbolLoaded, UniverseChanged
from engine.market.fetch import BudgetView
from engine.market.forecast import LoadMeter
from engine.market.history import Complete, Failed, HistoryLoader, Partial
from engine.market.refill import BATCH_SYMBOLS, burst_pause_s

log = structlog.get_logger("market")

BURST_WEIGHT = 60


class Loading:
    """Runs the coordinator's two sides. Keep `run_loader` and `run_analyser` running, the analyser first."""

    def __init__(
        self,
        parallel: int,
        clock: Clock,
        bus: Bus,
        coordinator: SymbolLoadCoordinator,
        loader: HistoryLoader,
        budget: BudgetView,
        listed_ms_of: Callable[[str], int] = lambda _symbol: 0,
    ) -> None:
        self._parallel = parallel
        self._clock = clock
        self._bus = bus
        self._coordinator = coordinator
        self._loader = loader
        self._budget = budget
        self._listed_ms_of = listed_ms_of
        self._turn = asyncio.Lock()
        self._since_rest = self._weight_since_rest = 0
        self._results: dict[str, Complete | Partial] = {}
        self._unforeseen = True
        self._began_ms: int | None = None
        self.meter = LoadMeter()
        bus.subscribe(UniverseChanged, self._on_universe)

    @property
    def text(self) -> str:
        """How far loading has come and what it still costs; empty when nothing is loading."""
        progress = self._coordinator.progress()
        done = progress.active + progress.failed
        if done >= progress.total:
            return ""
        left = self.meter.left
        cost = f": {left.weight:,} weight, {left.minutes:.1f} min{' left' if done else ''}" if left.weight else ""
        return f"history {done}/{progress.total}{cost}"

    async def run_loader(self) -> None:
        """Load pending symbols until shutdown. Raises StoreError; run again, it goes on with what it had in hand."""
        self._coordinator.resume_loading()
        async with asyncio.TaskGroup() as group:
            for n in range(self._parallel):
                group.create_task(self._work(), name=f"load-{n}")

    async def run_analyser(self, analyse: Callable[[str], Awaitable[None]]) -> None:
        """Hand each loaded symbol to `analyse` once and make it active; ends on shutdown.

        A DataError of one symbol fails that symbol only.
        """
        self._coordinator.resume_analysing()
        while not self._coordinator.is_down:
            symbol = await self._coordinator.next()
            if symbol is None:
                continue
            try:
                await analyse(symbol)
            except DataError as error:
                self._fail(symbol, str(error))
                continue
            if self._coordinator.mark_active(symbol):
                result = self._results.pop(symbol, None)
                share = result.completeness_pct if isinstance(result, Partial) else 100.0
                self._bus.publish(SymbolLoaded(symbol, not isinstance(result, Partial), share))
            self._say_when_done()

    async def _work(self) -> None:
        while True:
            async with self._turn:
                await self._foresee()
                await self._rest()
                symbol = await self._coordinator.take()
            if symbol is None:
                return
            await self._load(symbol)

    async def _load(self, symbol: str) -> None:
        def wanted() -> bool:
            return self._coordinator.place(symbol) is Place.LOADING

        result = await self._loader.load(symbol, self._listed_ms_of(symbol), wanted)
        self._since_rest += 1
        self._weight_since_rest += self.meter.done(symbol)
        if isinstance(result, Failed):
            self._fail(symbol, result.reason)
            return
        self._results[symbol] = result
        await self._coordinator.loaded(symbol)

    def _on_universe(self, _event: UniverseChanged) -> None:
        self._unforeseen = True

    async def _foresee(self) -> None:
        """Say what the symbols that wait will cost, before they are loaded."""
        if not self._unforeseen:
            return
        self._unforeseen = False
        waiting = self._coordinator.members(Place.PENDING)
        if not waiting:
            return
        if self._began_ms is None:
            self._began_ms = self._clock.now_ms()
        weights = await self._loader.weights(waiting, self._listed_ms_of)
        forecast = self.meter.expect(weights, self._budget.ceiling(Lane.BACKGROUND))
        log.info("load_forecast", text=forecast.text, symbols=forecast.symbols, weight=forecast.weight,
                 minutes=round(forecast.minutes, 2))  # fmt: skip

    async def _rest(self) -> None:
        """After each burst leave room for others, by how much of the lane is used.

        A burst is twenty symbols that took as much as twenty take after a night. Where all that is left fits what the
        lane has left in this minute, a pause would spare nobody anything: others have their share above the lane's.
        """
        if self._since_rest < BATCH_SYMBOLS or self._weight_since_rest < BURST_WEIGHT:
            return
        self._since_rest = self._weight_since_rest = 0
        used, ceiling = self._budget.used(), self._budget.ceiling(Lane.BACKGROUND)
        if self.meter.left.weight <= ceiling - used:
            return
        pause_s = burst_pause_s(used, ceiling)
        if pause_s is None:
            await self._clock.sleep_until((self._clock.now_ms() // MINUTE_MS + 1) * MINUTE_MS)
        else:
            # The budget that is left to others refills with the exchange's minutes, so the pause is in its time.
            await self._clock.sleep_until(self._clock.now_ms() + round(pause_s * 1000))

    def _say_when_done(self) -> None:
        if self._began_ms is None or not self._coordinator.is_complete():
            return
        progress, minutes = self._coordinator.progress(), (self._clock.now_ms() - self._began_ms) / MINUTE_MS
        self._began_ms = None
        log.info("load_done", symbols=progress.active, failed=progress.failed, minutes=round(minutes, 2))

    def _fail(self, symbol: str, reason: str) -> None:
        self._coordinator.fail(symbol, reason)
        failure = self._coordinator.failures().get(symbol)
        if failure is not None:
            log.warning("symbol_failed", symbol=symbol, reason=reason, attempts=failure.attempts)
            self._bus.publish(SymbolFailed(symbol, reason, failure.attempts))
