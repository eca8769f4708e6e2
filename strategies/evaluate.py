"""One symbol at one close: every strategy that is due, then filters and conflicts, in a fixed order.

Whoever wants a failing strategy to leave the others alone calls `evaluate_one` for each of `due` and hands the
verdicts to `settle`; `evaluate` is that without the supervision.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from strategies.conflicts import dropped, resolve
from strategies.filters import Blocks, held
from strategies.model import MarketSnapshot, Refusal, Signal, StrategyId, TwoArmedSource
from strategies.registry import STRATEGIES, Verdicts
from strategies.settings import StrategySettings

NO_BLOCKS: Final = Blocks()


class Evaluation(msgspec.Struct, frozen=True):
    """What one symbol had to say at one close."""

    symbol: str
    t_ms: int
    signals: tuple[Signal, ...]
    refusals: tuple[Refusal, ...]


def due(snapshot: MarketSnapshot, settings: StrategySettings) -> tuple[StrategyId, ...]:
    """Strategies that are enabled and whose timeframe has just closed with a bar for this symbol."""
    return tuple(
        name
        for name, strategy in STRATEGIES.items()
        if strategy.enabled(settings)
        and strategy.tf in snapshot.ind
        and strategy.tf in snapshot.bars
        and len(snapshot.bars[strategy.tf]) > 0
        and snapshot.bars[strategy.tf].last_close_ms == snapshot.t_ms
    )


def evaluate_one(strategy: StrategyId, snapshot: MarketSnapshot, settings: StrategySettings) -> Verdicts:
    """The verdicts of one strategy on the newest bar, before filters and conflicts; at most one for each side."""
    arm, source = STRATEGIES[strategy].params(settings).zones, snapshot.source
    if arm != "default" and isinstance(source, TwoArmedSource):
        snapshot = msgspec.structs.replace(snapshot, source=source.other(arm))
    return STRATEGIES[strategy].evaluate(snapshot, settings)


def settle(
    verdicts: Iterable[Signal | Refusal],
    snapshot: MarketSnapshot,
    settings: StrategySettings,
    blocks: Blocks = NO_BLOCKS,
) -> Evaluation:
    """Filters for every signal, then conflicts among the six; Action Price stands on its own."""
    refusals: list[Refusal] = []
    apart: list[Signal] = []
    rivals: list[Signal] = []
    for verdict in verdicts:
        if isinstance(verdict, Refusal):
            refusals.append(verdict)
            continue
        hold = held(verdict, snapshot, blocks, settings.filters)
        if hold is not None:
            refusals.append(dropped(verdict, hold.reason, hold.detail))
        elif verdict.strategy == StrategyId.ACTION_PRICE:
            apart.append(verdict)
        else:
            rivals.append(verdict)
    kept, lost = resolve(tuple(rivals), settings.judge.scoring)
    return Evaluation(snapshot.symbol, snapshot.t_ms, (*apart, *kept), (*refusals, *lost))


def evaluate(snapshot: MarketSnapshot, settings: StrategySettings, blocks: Blocks = NO_BLOCKS) -> Evaluation:
    """All of it; an exception of one strategy is an exception of the whole."""
    verdicts: list[Signal | Refusal] = []
    for strategy in due(snapshot, settings):
        verdicts.extend(evaluate_one(strategy, snapshot, settings))
    return settle(verdicts, snapshot, settings, blocks)
