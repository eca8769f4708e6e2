"""Is a result more than its exits, its market and luck? Compared with matched random entries, and with trials counted.

Whoever tries many rules finds a good one by chance, so the share of random sets that did as well is also given for
the best of as many independent trials as were made (Šidák).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.research.backtest import SymbolResult, trades_of
from engine.research.stats import profit_factor, summary


def significance(results: Sequence[SymbolResult], trials: int = 1) -> dict[str, Any]:
    """Our expectancy and profit factor among those of the random sets."""
    trades = trades_of(results)
    ours = summary(trades)
    draws = min((len(result.random) for result in results if result.random), default=0)
    means: list[float] = []
    factors: list[float] = []
    for k in range(draws):
        nets = np.array([net for result in results if result.random for net in result.random[k].r_net])
        if len(nets):
            means.append(float(nets.mean()))
            factors.append(profit_factor(nets) or float("inf"))
    p_value = _as_good(ours.expectancy_r, means)
    return {
        "trades": ours.trades,
        "expectancy_r": ours.expectancy_r,
        "expectancy_ci95": ours.expectancy_ci95,
        "profit_factor": ours.profit_factor,
        "profit_factor_ci95": ours.profit_factor_ci95,
        "random_sets": len(means),
        "random_expectancy_r": float(np.mean(means)) if means else None,
        "random_profit_factor": float(np.median(factors)) if factors else None,
        "p_value": p_value,
        "p_value_profit_factor": _as_good(ours.profit_factor, factors),
        "trials": trials,
        "p_value_of_best": None if p_value is None else 1.0 - (1.0 - p_value) ** trials,
        "profitable": bool(ours.expectancy_ci95 is not None and ours.expectancy_ci95[0] > 0),
    }


def _as_good(ours: float | None, theirs: Sequence[float]) -> float | None:
    """Share of random sets that did at least as well; ours counts as one of them, so it is never zero."""
    if ours is None or not theirs:
        return None
    return (1 + sum(value >= ours for value in theirs)) / (1 + len(theirs))
