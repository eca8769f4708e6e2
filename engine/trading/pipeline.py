"""From a close to verdicts: snapshots, every strategy that is due, filters and conflicts, in slices.

Between strategies the loop is given back, so a close of the whole market delays no order. Strategies run
independently: one that fails is reported with its symbol and holds up nobody. Open interest and funding come on
request: they are asked only for symbols whose verdicts hinge on them, all at once, while the others are decided.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import Executor
from functools import partial
from typing import Protocol

import msgspec
import structlog

from engine.clock import Clock
from engine.market.candles import CandlePanels
from engine.market.events import BarsClosed
from engine.money import Instrument
from engine.supervise import Failure, attempt
from engine.trading.cycle import OURS, Cycle, CycleReport, Look
from engine.trading.precedence import Precedence
from engine.trading.snapshots import TIMEFRAMES, Analyst, Series, Surroundings
from engine.trading.user_strategies import UserStrategies
from engine.trading.zone_arms import Comparison, compare, zones_decide
from engine.trading.zone_sets import SymbolZones
from strategies.evaluate import Evaluation, due, evaluate_one, settle
from strategies.filters import Blocks
from strategies.model import BookFlow, BtcContext, Filters, MarketSnapshot, Refusal, Regime, Signal, StrategyId
from strategies.registry import STRATEGIES
from strategies.settings import StrategySettings
from strategies.zones.provider import shadow_arm

log = structlog.get_logger("strategies")

BTC = "BTCUSDT"
ASKED_AT_ONCE = 16
ANSWER_S = 3.0

Interest = tuple[float | None, float | None]


class Context(Protocol):
    """What is asked per symbol beside its bars; None is absent."""

    def book(self, symbol: str) -> BookFlow | None: ...
    def spread(self, symbol: str) -> float | None: ...
    def quote_rank(self, symbol: str) -> int | None: ...
    async def doi_pct(self, symbol: str) -> float | None: ...
    async def funding_z(self, symbol: str) -> float | None: ...


class Pipeline:
    """Evaluates symbols as their bars close and hands verdicts on, in symbol order, BTC first."""

    def __init__(
        self,
        analyst: Analyst,
        panels: CandlePanels,
        instruments: Mapping[str, Instrument],
        context: Context,
        clock: Clock,
        blocks_of: Callable[[str, int], Blocks],
        take: Callable[[Evaluation, MarketSnapshot], Awaitable[None]],
        fallen: Callable[[Failure, str], None] = lambda _failure, _symbol: None,
        users: UserStrategies | None = None,
        compared: Callable[[Comparison], None] = lambda _comparison: None,
        executor: Executor | None = None,
        precedence: Precedence | None = None,
        tidy: Callable[[], None] | None = None,
    ) -> None:
        self._analyst = analyst
        self._panels = panels
        self._instruments = instruments
        self._context = context
        self._clock = clock
        self._blocks_of = blocks_of
        self._take = take
        self._fallen = fallen
        self._users = users or UserStrategies()
        self._compared = compared
        self._executor = executor
        self.precedence = precedence or Precedence()
        self._tidy = tidy
        self._asking = asyncio.Semaphore(ASKED_AT_ONCE)
        self._queue: asyncio.Queue[BarsClosed] = asyncio.Queue()  # a close is never refused: it waits its turn
        self.btc: BtcContext | None = None
        self.regimes: dict[str, Regime] = {}
        self.report: CycleReport | None = None
        self.bars_evaluated = 0
        self.refused = 0
        self.idle = asyncio.Event()
        self.idle.set()

    def on_closed(self, event: BarsClosed) -> None:
        """A close was gathered; evaluated in turn."""
        self.idle.clear()
        self._queue.put_nowait(event)

    async def run(self) -> None:
        """Evaluate closes as they come; ends by cancellation."""
        while True:
            event = await self._queue.get()
            await self._close(event)
            if self._tidy is not None:
                await asyncio.get_running_loop().run_in_executor(self._executor, self._tidy)
            if self._queue.empty():
                self.idle.set()

    def warm(self, symbol: str) -> None:
        """Compute what a symbol needs before its first close; no signals come of it."""
        series = self._series(symbol)
        tick = float(self._instruments[symbol].tick)
        for one in series.values():
            if len(one.candles):
                self._analyst.bundle(symbol, one, tick)
        if symbol == BTC:
            self.btc = self._analyst.btc(series["1h"], tick, self._clock.now_ms())
        self.regimes[symbol] = self._analyst.regime(symbol, series["4h"], tick)

    def snapshot(self, symbol: str, t_ms: int) -> MarketSnapshot:
        """What a decision on this symbol may read at a close, without open interest and funding."""
        instrument = self._instruments[symbol]
        around = Surroundings(
            Filters(float(instrument.tick), float(instrument.step), float(instrument.min_notional)),
            btc=self.btc, book=self._context.book(symbol), spread=self._context.spread(symbol),
            quote_rank=self._context.quote_rank(symbol),
        )  # fmt: skip
        return self._analyst.snapshot(symbol, t_ms, self._series(symbol), around)

    async def _close(self, event: BarsClosed) -> None:
        cycle = Cycle(event, self._clock, self.precedence)
        waiting: list[tuple[Look, tuple[StrategyId, ...], asyncio.Task[Interest]]] = []
        try:
            for symbol in sorted(event.symbols, key=lambda name: (name != BTC, name)):
                if symbol not in self._instruments:
                    continue
                look = await self._look(symbol, cycle)
                hinging = look.hinging()
                if hinging:
                    waiting.append((look, hinging, asyncio.create_task(self._interest(symbol))))
                else:
                    await self._finish(look, cycle)
                await cycle.breathe()
            for look, hinging, answer in waiting:
                doi_pct, funding_z = await answer
                if doi_pct is not None or funding_z is not None:
                    look.snapshot = msgspec.structs.replace(look.snapshot, doi_pct=doi_pct, funding_z=funding_z)
                    await self._decide(look, hinging, cycle)
                await self._finish(look, cycle)
        finally:
            for _, _, answer in waiting:
                answer.cancel()
        self._told(cycle)
        await self._compare(cycle)

    async def _look(self, symbol: str, cycle: Cycle) -> Look:
        """Everything that can be said without asking anybody."""
        close_ms = cycle.event.close_ms
        if symbol == BTC:
            series = self._series(BTC)["1h"]
            self.btc = self._analyst.btc(series, float(self._instruments[BTC].tick), close_ms)
        look = Look(self.snapshot(symbol, close_ms))
        self.regimes[symbol] = look.snapshot.regime
        await self._decide(look, due(look.snapshot, self._analyst.settings), cycle)
        for strategy in self._users.due(look.snapshot):
            answer = await self._users.ask(strategy, look.snapshot, self._analyst.settings)
            self._note(look, strategy.name, answer, cycle)
        return look

    async def _decide(self, look: Look, names: Iterable[StrategyId], cycle: Cycle) -> None:
        snapshot, settings = look.snapshot, self._analyst.settings
        for name in names:
            answer = attempt(f"{name} on {snapshot.symbol}", lambda name=name: evaluate_one(name, snapshot, settings))  # type: ignore[misc]
            self._note(look, name, answer, cycle)
            await cycle.breathe()

    def _note(self, look: Look, name: str, answer: tuple[Signal | Refusal, ...] | Failure, cycle: Cycle) -> None:
        if isinstance(answer, Failure):
            cycle.failures += 1
            look.verdicts.pop(name, None)
            self._fallen(answer, look.snapshot.symbol)
        else:
            look.verdicts[name] = answer

    async def _interest(self, symbol: str) -> Interest:
        """Open interest and funding, absent when they do not come in time."""
        async with self._asking:
            try:
                async with asyncio.timeout(ANSWER_S):
                    doi, funding = await asyncio.gather(self._context.doi_pct(symbol), self._context.funding_z(symbol))
            except TimeoutError:
                return None, None
            return doi, funding

    async def _finish(self, look: Look, cycle: Cycle) -> None:
        """Filters and conflicts, then on to whoever acts on it."""
        snapshot, settings = look.snapshot, self._analyst.settings
        blocks = self._blocks_of(snapshot.symbol, snapshot.t_ms)
        found = settle(look.all(), snapshot, settings, blocks)
        if not found.signals and not found.refusals:
            return
        found = msgspec.structs.replace(
            found, signals=tuple(_with_arm(one, snapshot, settings) for one in found.signals)
        )
        cycle.signals += len(found.signals)
        cycle.reasons.update(refusal.reason for refusal in found.refusals)
        cycle.decided.append((found, snapshot))
        await self._take(found, snapshot)

    async def _compare(self, cycle: Cycle) -> None:
        """Every decision that zones had a say in, in the eyes of the recorded arm; off the loop, after the signals."""
        settings = self._analyst.settings
        if shadow_arm(settings.zones) is None:
            return
        loop = asyncio.get_running_loop()
        for found, snapshot in cycle.decided:
            verdicts: list[Signal | Refusal] = [*found.signals, *found.refusals]
            for verdict in verdicts:
                fixed = _own_arm(verdict.strategy, settings) is not None
                if verdict.strategy not in OURS or fixed or not zones_decide(verdict):
                    continue
                await self.precedence.give_way()
                work = partial(compare, verdict, snapshot, settings)
                answer = await loop.run_in_executor(
                    self._executor, partial(attempt, f"zone arms of {snapshot.symbol}", work)
                )
                if isinstance(answer, Failure):
                    self._fallen(answer, snapshot.symbol)
                elif answer is not None:
                    self._compared(answer)

    def _told(self, cycle: Cycle) -> None:
        report = self.report = cycle.report()
        self.bars_evaluated += report.symbols
        self.refused += report.refusals
        log.info(
            "cycle", close_ms=report.close_ms, symbols=report.symbols, signals=report.signals,
            refusals=dict(report.reasons), failures=report.failures, wall_ms=round(report.wall_ms, 1),
        )  # fmt: skip

    def _series(self, symbol: str) -> dict[str, Series]:
        return {tf: Series(self._panels.candles(symbol, tf), self._panels.revision(symbol, tf)) for tf in TIMEFRAMES}


def _with_arm(signal: Signal, snapshot: MarketSnapshot, settings: StrategySettings) -> Signal:
    """The signal under the name of the zones it was decided on, also where its strategy did not look at them."""
    if not isinstance(snapshot.source, SymbolZones):
        return signal
    return msgspec.structs.replace(signal, zone_arm=_own_arm(signal.strategy, settings) or snapshot.source.arm)


def _own_arm(strategy: str, settings: StrategySettings) -> str | None:
    """The builder that is set for this strategy alone."""
    if strategy not in OURS:
        return None
    arm = STRATEGIES[StrategyId(strategy)].params(settings).zones
    return None if arm == "default" else arm
