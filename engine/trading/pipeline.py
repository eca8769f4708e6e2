"""From a close to verdicts: snapshots, every strategy that is due, filters and conflicts, in slices.

One symbol's evaluation is a slice; between slices the loop is given back, so a close of the whole market delays no
order. Strategies run independently: one that fails is reported with its symbol and holds up nobody.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from engine.clock import Clock
from engine.market.candles import CandlePanels
from engine.market.events import BarsClosed
from engine.money import Instrument
from engine.supervise import Failure, attempt
from engine.trading.snapshots import TIMEFRAMES, Analyst, Series, Surroundings
from strategies.evaluate import Evaluation, due, evaluate_one, settle
from strategies.filters import Blocks
from strategies.model import BookFlow, BtcContext, Filters, MarketSnapshot, Refusal, Regime, Signal, StrategyId
from strategies.registry import STRATEGIES

log = structlog.get_logger("strategies")

BTC = "BTCUSDT"
SLICE_MS = 3.0
USES_OPEN_INTEREST = frozenset(StrategyId) - {StrategyId.ACTION_PRICE}


class Context(Protocol):
    """What is asked per symbol beside its bars; None is absent."""

    def book(self, symbol: str) -> BookFlow | None: ...
    def spread(self, symbol: str) -> float | None: ...
    def quote_rank(self, symbol: str) -> int | None: ...
    async def doi_pct(self, symbol: str) -> float | None: ...
    async def funding_z(self, symbol: str) -> float | None: ...


@dataclass(frozen=True)
class CycleReport:
    """What one close came to."""

    close_ms: int
    symbols: int
    signals: int
    refusals: int
    failures: int
    wall_ms: float
    reasons: Counter[str] = field(default_factory=Counter)


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
    ) -> None:
        self._analyst = analyst
        self._panels = panels
        self._instruments = instruments
        self._context = context
        self._clock = clock
        self._blocks_of = blocks_of
        self._take = take
        self._fallen = fallen
        self._queue: asyncio.Queue[BarsClosed] = asyncio.Queue(maxsize=64)
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
            if self._queue.empty():
                self.idle.set()

    def warm(self, symbol: str) -> None:
        """Compute what a symbol's screen needs before its first close; no signals come of it."""
        series = self._series(symbol)
        tick = float(self._instruments[symbol].tick)
        if symbol == BTC:
            self.btc = self._analyst.btc(series["1h"], tick, self._clock.now_ms())
        self.regimes[symbol] = self._analyst.regime(symbol, series["4h"], tick)

    def snapshot(
        self, symbol: str, t_ms: int, doi_pct: float | None = None, funding_z: float | None = None
    ) -> MarketSnapshot:
        """What a decision on this symbol may read at a close."""
        instrument = self._instruments[symbol]
        around = Surroundings(
            Filters(float(instrument.tick), float(instrument.step), float(instrument.min_notional)),
            btc=self.btc, book=self._context.book(symbol), doi_pct=doi_pct, funding_z=funding_z,
            spread=self._context.spread(symbol), quote_rank=self._context.quote_rank(symbol),
        )  # fmt: skip
        return self._analyst.snapshot(symbol, t_ms, self._series(symbol), around)

    async def _close(self, event: BarsClosed) -> None:
        started_ms = self._clock.mono_ms()
        reasons: Counter[str] = Counter()
        signals = failures = 0
        slice_started = started_ms
        for symbol in sorted(event.symbols, key=lambda name: (name != BTC, name)):
            if symbol not in self._instruments:
                continue
            if symbol == BTC:
                series = self._series(BTC)["1h"]
                self.btc = self._analyst.btc(series, float(self._instruments[BTC].tick), event.close_ms)
            evaluation, snapshot, failed = await self._evaluate(symbol, event.close_ms)
            signals += len(evaluation.signals)
            failures += failed
            reasons.update(refusal.reason for refusal in evaluation.refusals)
            if evaluation.signals or evaluation.refusals:
                await self._take(evaluation, snapshot)
            if self._clock.mono_ms() - slice_started > SLICE_MS:
                await asyncio.sleep(0)
                slice_started = self._clock.mono_ms()
        self.bars_evaluated += len(event.symbols)
        self.refused += sum(reasons.values())
        self.report = CycleReport(
            event.close_ms, len(event.symbols), signals, sum(reasons.values()), failures,
            self._clock.mono_ms() - started_ms, reasons,
        )  # fmt: skip
        log.info(
            "cycle", close_ms=event.close_ms, symbols=len(event.symbols), signals=signals,
            refusals=dict(reasons), failures=failures, wall_ms=round(self.report.wall_ms, 1),
        )  # fmt: skip

    async def _evaluate(self, symbol: str, t_ms: int) -> tuple[Evaluation, MarketSnapshot, int]:
        snapshot = self.snapshot(symbol, t_ms)
        self.regimes[symbol] = snapshot.regime
        settings = self._analyst.settings
        wanted = due(snapshot, settings)
        if any(name in USES_OPEN_INTEREST and self._screened(name, snapshot) for name in wanted):
            doi, funding = await asyncio.gather(self._context.doi_pct(symbol), self._context.funding_z(symbol))
            snapshot = self.snapshot(symbol, t_ms, doi, funding)
        verdicts: list[Signal | Refusal] = []
        failed = 0
        for name in wanted:
            answer = attempt(f"{name} on {symbol}", lambda name=name: evaluate_one(name, snapshot, settings))  # type: ignore[misc]
            if isinstance(answer, Failure):
                failed += 1
                self._fallen(answer, symbol)
            else:
                verdicts.extend(answer)
        return settle(verdicts, snapshot, settings, self._blocks_of(symbol, t_ms)), snapshot, failed

    def _screened(self, name: StrategyId, snapshot: MarketSnapshot) -> bool:
        """Whether the newest bar passes a necessary condition; what fails here is not worth a request."""
        strategy = STRATEGIES[name]
        if snapshot.regime.state not in strategy.regimes:
            return False
        candles, ind = snapshot.bars[strategy.tf], snapshot.ind[strategy.tf]
        mask = strategy.screen(candles, ind, self._analyst.settings)
        return bool(len(mask) and mask[-1])

    def _series(self, symbol: str) -> dict[str, Series]:
        return {tf: Series(self._panels.candles(symbol, tf), self._panels.revision(symbol, tf)) for tf in TIMEFRAMES}
