"""The table of strategies: what each is called, which bars it reads, and its two functions.

`screen` is necessary and vectorised: a bar it leaves out cannot give a signal. `evaluate` is exact and answers for the
newest closed bar of the strategy's timeframe.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from strategies import atr_momentum, break_retest, liquidity_sweep, order_flow, pullback, value_area
from strategies.action_price import evaluate as action_price
from strategies.interest import hinges
from strategies.measures import Measures
from strategies.model import (
    Candles,
    Family,
    Indicators,
    MarketSnapshot,
    Refusal,
    RegimeState,
    Signal,
    StrategyId,
)
from strategies.params import Switchable
from strategies.regime import WEIGHTS
from strategies.settings import StrategySettings
from strategies.setup import Setup
from strategies.side import SIDES
from strategies.verdict import judge

Mask = NDArray[np.bool_]
Verdicts = tuple[Signal | Refusal, ...]
P_contra = TypeVar("P_contra", bound=Switchable, contravariant=True)


class Screen(Protocol[P_contra]):
    def __call__(self, candles: Candles, ind: Indicators, params: P_contra, measures: Measures, /) -> Mask: ...


class Find(Protocol[P_contra]):
    def __call__(self, snapshot: MarketSnapshot, params: P_contra, measures: Measures, /) -> tuple[Setup, ...]: ...


class Strategy(msgspec.Struct, frozen=True, eq=False):
    """A row of the table. `tf` is the timeframe whose close calls it; `fast` ends its time stop early (9.5)."""

    id: StrategyId
    tf: str
    families: dict[str, Family]  # by variant
    regimes: frozenset[RegimeState]  # in which at least one variant is evaluated
    screen: Callable[[Candles, Indicators, StrategySettings], Mask]
    evaluate: Callable[[MarketSnapshot, StrategySettings], Verdicts]
    params: Callable[[StrategySettings], Switchable]

    def enabled(self, settings: StrategySettings) -> bool:
        """Whether it is asked at all."""
        return self.params(settings).enabled

    def fast(self, variant: str) -> bool:
        """Fades and momentum that do not work at once are given up sooner."""
        return self.id is StrategyId.ATR_MOMENTUM or self.families[variant] is Family.MEAN_REVERSION


def _six(
    strategy: StrategyId, tf: str, families: dict[str, Family], params: Callable[[StrategySettings], P_contra],
    screen: Screen[P_contra], find: Find[P_contra],
) -> Strategy:  # fmt: skip
    def asked(candles: Candles, ind: Indicators, settings: StrategySettings) -> Mask:
        return screen(candles, ind, params(settings), settings.measures)

    def evaluate(snapshot: MarketSnapshot, settings: StrategySettings) -> Verdicts:
        if snapshot.regime.state not in regimes:
            return ()
        setups = find(snapshot, params(settings), settings.measures)
        judged = [judge(setup, strategy, tf, snapshot, settings.judge, settings.measures) for setup in setups]
        return _one_a_side([verdict for verdict in judged if verdict is not None])

    regimes = frozenset(state for (name, _), row in WEIGHTS.items() if name is strategy for state in row)
    return Strategy(strategy, tf, families, regimes, asked, evaluate, params)


def _one_a_side(verdicts: list[Signal | Refusal]) -> Verdicts:
    """A strategy speaks once for each side: its best signal, else the refusal that came furthest."""

    def merit(verdict: Signal | Refusal) -> tuple[bool, float, bool, int]:
        return isinstance(verdict, Signal), verdict.score or 0.0, hinges(verdict), len(verdict.conditions)

    sides = ([verdict for verdict in verdicts if verdict.side == side] for side in SIDES)
    return tuple(max(found, key=merit) for found in sides if found)


_ACTION_PRICE: Final = Strategy(
    StrategyId.ACTION_PRICE,
    "15m",
    {"immediate": Family.CROSS, "pullback": Family.CROSS},
    frozenset(RegimeState) - {RegimeState.UNDECIDED},
    lambda candles, ind, settings: action_price.screen(candles, ind, settings.action_price),
    lambda snapshot, settings: action_price.evaluate(snapshot, settings.action_price),
    lambda settings: settings.action_price,
)

STRATEGIES: Final[dict[StrategyId, Strategy]] = {
    row.id: row
    for row in (
        _ACTION_PRICE,
        _six(StrategyId.ATR_MOMENTUM, atr_momentum.TF,
             {"breakout": Family.BREAKOUT, "micro_pullback": Family.BREAKOUT},
             lambda settings: settings.atr_momentum, atr_momentum.screen, atr_momentum.evaluate),
        _six(StrategyId.BREAK_RETEST, break_retest.TF, {"retest": Family.RETEST},
             lambda settings: settings.break_retest, break_retest.screen, break_retest.evaluate),
        _six(StrategyId.LIQUIDITY_SWEEP, liquidity_sweep.TF, dict(liquidity_sweep.VARIANTS),
             lambda settings: settings.liquidity_sweep, liquidity_sweep.screen, liquidity_sweep.evaluate),
        _six(StrategyId.ORDER_FLOW, order_flow.TF,
             {"reclaim": Family.MEAN_REVERSION, "acceptance": Family.BREAKOUT},
             lambda settings: settings.order_flow, order_flow.screen, order_flow.evaluate),
        _six(StrategyId.PULLBACK, pullback.TF, {"pullback": Family.PULLBACK},
             lambda settings: settings.pullback, pullback.screen, pullback.evaluate),
        _six(StrategyId.VALUE_AREA, value_area.TF,
             {"rejection": Family.MEAN_REVERSION, "acceptance": Family.BREAKOUT},
             lambda settings: settings.value_area, value_area.screen, value_area.evaluate),
    )
}  # fmt: skip
"""In the order in which results are merged."""
