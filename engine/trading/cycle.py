"""One close while it is decided: what each symbol has said so far, the counts, and when the loop was given back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.clock import Clock
from engine.market.events import BarsClosed
from engine.trading.precedence import Precedence
from strategies.evaluate import Evaluation
from strategies.interest import hinges
from strategies.model import MarketSnapshot, Refusal, Signal, StrategyId

SLICE_MS = 3.0

OURS: frozenset[str] = frozenset(StrategyId)
SIX: frozenset[str] = OURS - {StrategyId.ACTION_PRICE}


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


@dataclass
class Look:
    """One symbol at one close, as far as it has been decided."""

    snapshot: MarketSnapshot
    verdicts: dict[str, tuple[Signal | Refusal, ...]] = field(default_factory=dict)

    def hinging(self) -> tuple[StrategyId, ...]:
        """Strategies whose verdict open interest or funding could still change."""
        return tuple(
            StrategyId(name) for name, found in self.verdicts.items() if name in SIX and any(map(hinges, found))
        )

    def all(self) -> Iterable[Signal | Refusal]:
        return (verdict for found in self.verdicts.values() for verdict in found)


class Cycle:
    """Counts of one close, and the moment the loop was last given back."""

    def __init__(self, event: BarsClosed, clock: Clock, precedence: Precedence) -> None:
        self.event = event
        self._clock = clock
        self._precedence = precedence
        self._started_ms = self._slice_ms = clock.mono_ms()
        self.signals = self.failures = 0
        self.reasons: Counter[str] = Counter()
        self.decided: list[tuple[Evaluation, MarketSnapshot]] = []

    async def breathe(self) -> None:
        """Give the loop back when this slice has been long enough; decisions of persons go first."""
        if self._clock.mono_ms() - self._slice_ms > SLICE_MS:
            await self._precedence.give_way()
            self._slice_ms = self._clock.mono_ms()

    def report(self) -> CycleReport:
        return CycleReport(
            self.event.close_ms, len(self.event.symbols), self.signals, sum(self.reasons.values()), self.failures,
            self._clock.mono_ms() - self._started_ms, self.reasons,
        )  # fmt: skip
