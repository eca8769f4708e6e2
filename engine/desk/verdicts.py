"""Takes verdicts of the pipeline on: signals to admission, refusals into a memory that the screen can ask."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec
import structlog

from engine.store.rows import SignalEventRow
from engine.trading.floor import TradingFloor
from engine.trading.zone_arms import Comparison
from strategies.evaluate import Evaluation
from strategies.filters import Blocks, Cooldown
from strategies.model import MarketSnapshot, Refusal, Signal, StrategyId

log = structlog.get_logger("strategies")

KEPT_REFUSALS = 300


class Verdicts:
    """Newest refusals first; `recorded` is called with the Action Price record of each verdict of that strategy."""

    def __init__(
        self,
        floor: TradingFloor,
        recorded: Callable[[Signal | Refusal, MarketSnapshot], None],
        put: Callable[[SignalEventRow], object] = lambda _row: None,
    ) -> None:
        self._floor = floor
        self._recorded = recorded
        self._put = put
        self.refused: deque[Refusal] = deque(maxlen=KEPT_REFUSALS)

    def blocks_of(self, symbol: str, t_ms: int) -> Blocks:
        """What stands against new signals of a symbol: open trades, open shadows in mode signals, cooldowns."""
        position = self._floor.keeper.on_symbol(symbol)
        taken = frozenset({position.plan.strategy}) if position is not None else frozenset()
        if self._floor.standing.value.mode == "signals":
            taken |= self._floor.shadows.open_strategies(symbol)
        rests = tuple(
            Cooldown(strategy, 1 if side == "long" else -1, until_ms)
            for key, until_ms in self._floor.standing.value.cooldowns.items()
            for strategy, name, side in (key.split("|"),)
            if name == symbol and until_ms > t_ms
        )
        return Blocks(open=taken, cooldowns=rests)

    async def take(self, evaluation: Evaluation, snapshot: MarketSnapshot) -> None:
        """Verdicts of one symbol at one close. Raises StoreError when a signal cannot be written down."""
        verdicts: list[Signal | Refusal] = [*evaluation.refusals, *evaluation.signals]
        for verdict in verdicts:
            if verdict.strategy == StrategyId.ACTION_PRICE:
                self._recorded(verdict, snapshot)
        for refusal in evaluation.refusals:
            self.refused.appendleft(refusal)
            log.info(
                "refused", symbol=refusal.symbol, strategy=refusal.strategy, side=refusal.side, reason=refusal.reason,
                detail=refusal.detail, score=refusal.score,
                components={part.name: [part.input, part.points] for part in refusal.components},
            )  # fmt: skip
        for signal in evaluation.signals:
            await self._floor.admission.offer(signal)

    def compared(self, comparison: Comparison) -> None:
        """What both zone builders made of one verdict: logged, and for a signal kept among the steps of its life."""
        verdict = comparison.verdict
        log.info(
            "zone_arms", id=verdict.id, symbol=verdict.symbol, strategy=verdict.strategy, side=verdict.side,
            ours=msgspec.to_builtins(comparison.ours), theirs=msgspec.to_builtins(comparison.theirs),
        )  # fmt: skip
        if isinstance(verdict, Signal):
            payload = msgspec.json.encode({"ours": comparison.ours, "theirs": comparison.theirs})
            self._put(
                SignalEventRow(signal_id=verdict.id, at_ms=verdict.bar_time_ms, kind="zone_arms", payload=payload)
            )
