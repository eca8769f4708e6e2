"""What trades have earned, with intervals: win, scratch and loss, profit factor, expectancy, drawdown (section 9.10).

Trades of one day are not independent, since alt-coin signals arrive in bursts, so intervals resample whole days.
What cannot be computed is None: no losses, or fewer than 30 trades for an interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from engine.research.trades import Trade
from engine.trading.performance import SCRATCH_R, max_drawdown_r
from strategies.model import F64

DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
LEAST: Final = 30
DRAWS: Final = 2000
SEED: Final = 20_251_031


class Summary(msgspec.Struct, frozen=True):
    """One group of trades; results in R, net unless named gross."""

    trades: int
    wins: int
    scratches: int
    losses: int
    win_rate: float | None
    profit_factor: float | None
    gross_profit_factor: float | None
    expectancy_r: float | None
    net_r: float
    costs_r: float | None  # mean
    max_drawdown_r: float
    days: int
    profit_factor_ci95: tuple[float, float] | None = None
    expectancy_ci95: tuple[float, float] | None = None

    def row(self) -> dict[str, Any]:
        """As printed."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


def summary(trades: Sequence[Trade], intervals: bool = True) -> Summary:
    """Figures of closed trades, in whatever order they come."""
    results = np.array([trade.r_net for trade in trades], dtype=np.float64)
    gross = np.array([trade.r_gross for trade in trades], dtype=np.float64)
    count = len(results)
    wins, losses = int((results > SCRATCH_R).sum()), int((results < -SCRATCH_R).sum())
    days = np.array([trade.entry_ms // DAY_MS for trade in trades], dtype=np.int64)
    with_intervals = intervals and count >= LEAST
    return Summary(
        trades=count, wins=wins, scratches=count - wins - losses, losses=losses,
        win_rate=wins / count if count else None, profit_factor=profit_factor(results),
        gross_profit_factor=profit_factor(gross), expectancy_r=float(results.mean()) if count else None,
        net_r=float(results.sum()), costs_r=float(np.mean([trade.costs_r for trade in trades])) if count else None,
        max_drawdown_r=drawdown_r(trades), days=len(np.unique(days)),
        profit_factor_ci95=interval(results, days, ratio) if with_intervals else None,
        expectancy_ci95=interval(results, days, mean) if with_intervals else None,
    )  # fmt: skip


def profit_factor(results: F64) -> float | None:
    """Gains over losses; None without a loss."""
    losses = -float(results[results < 0].sum())
    return float(results[results > 0].sum()) / losses if losses > 0 else None


def equity_r(trades: Sequence[Trade]) -> list[float]:
    """Net R added up in the order of exits."""
    ordered = sorted(trades, key=lambda trade: (trade.exit_ms, trade.symbol, trade.strategy, trade.entry_ms))
    return [float(value) for value in np.cumsum([trade.r_net for trade in ordered])]


def drawdown_r(trades: Sequence[Trade]) -> float:
    """The deepest fall of that curve from a high, the start included."""
    return max_drawdown_r(equity_r(trades))


def ratio(gains: F64, losses: F64, counts: F64) -> F64:
    """Profit factor of resampled sums."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(losses > 0, gains / losses, np.nan)


def mean(gains: F64, losses: F64, counts: F64) -> F64:
    """Expectancy of resampled sums."""
    return (gains - losses) / np.maximum(counts, 1)


def interval(
    results: F64, days: np.ndarray[Any, np.dtype[np.int64]], figure: Callable[[F64, F64, F64], F64], share: float = 0.95
) -> tuple[float, float] | None:
    """Bootstrap interval of a figure, resampling whole days; None when draws leave it undefined."""
    _, cluster = np.unique(days, return_inverse=True)
    total = int(cluster.max()) + 1
    sums = [np.bincount(cluster, weights=weights, minlength=total) for weights in
            (np.maximum(results, 0), np.maximum(-results, 0), np.ones(len(results)))]  # fmt: skip
    picks = np.random.default_rng(SEED).integers(0, total, (DRAWS, total))
    drawn = figure(*(column[picks].sum(axis=1) for column in sums))
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) < DRAWS * share:
        return None
    low, high = np.quantile(drawn, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def grouped(trades: Sequence[Trade], name: Callable[[Trade], str], intervals: bool = False) -> dict[str, Summary]:
    """A summary for each group, by name."""
    groups: dict[str, list[Trade]] = {}
    for trade in trades:
        groups.setdefault(name(trade), []).append(trade)
    return {key: summary(groups[key], intervals) for key in sorted(groups)}


def hour_of(trade: Trade) -> str:
    """UTC hour of the entry."""
    return f"{trade.entry_ms // HOUR_MS % 24:02d}"


def most_open(trades: Sequence[Trade]) -> int:
    """The most trades open at one moment; one that ends makes room for one that begins."""
    edges = sorted([(trade.entry_ms, 1) for trade in trades] + [(trade.exit_ms, -1) for trade in trades])
    now = most = 0
    for _, change in edges:
        now += change
        most = max(most, now)
    return most
