"""What closed trades have earned, by the definitions of section 9.10 of the rules. Every figure is net."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from engine.port.views import PerformanceRow, PerformanceView
from engine.store.rows import SignalRow

SCRATCH_R = 0.05


class ClosedTrade(msgspec.Struct, frozen=True):
    """The result of one trade."""

    strategy: str
    net_r: float
    mfe_r: float
    mae_r: float
    opened_ms: int
    closed_ms: int


def closed_trades(rows: Iterable[SignalRow]) -> list[ClosedTrade]:
    """Closed rows as trades, oldest first; rows without a result are left out."""
    trades = [
        ClosedTrade(
            row.strategy_id,
            row.result_net_r,
            row.mfe_r,
            row.mae_r,
            row.opened_ms or row.decided_ms,
            row.closed_ms,
        )
        for row in rows
        if row.status == "closed" and row.result_net_r is not None and row.closed_ms is not None
    ]
    return sorted(trades, key=lambda trade: trade.closed_ms)


def verdict(net_r: float) -> str:
    """win above +0.05 R, loss below -0.05 R, scratch between."""
    if net_r > SCRATCH_R:
        return "win"
    return "loss" if net_r < -SCRATCH_R else "scratch"


def summary(name: str, trades: Sequence[ClosedTrade]) -> PerformanceRow:
    """One row: scratches count in the win rate's denominator, never in its numerator."""
    count = len(trades)
    verdicts = [verdict(trade.net_r) for trade in trades]
    gains = sum(trade.net_r for trade in trades if trade.net_r > 0)
    losses = -sum(trade.net_r for trade in trades if trade.net_r < 0)
    net = sum(trade.net_r for trade in trades)
    return PerformanceRow(
        name=name,
        trades=count,
        wins=verdicts.count("win"),
        losses=verdicts.count("loss"),
        scratches=verdicts.count("scratch"),
        win_rate=verdicts.count("win") / count if count else None,
        profit_factor=gains / losses if losses > 0 else None,
        expectancy_r=net / count if count else None,
        net_r=net,
        mfe_r=sum(trade.mfe_r for trade in trades) / count if count else None,
        mae_r=sum(trade.mae_r for trade in trades) / count if count else None,
    )


def equity_curve(trades: Sequence[ClosedTrade]) -> tuple[float, ...]:
    """Net R added up in the order of closing."""
    total, curve = 0.0, list[float]()
    for trade in trades:
        total += trade.net_r
        curve.append(total)
    return tuple(curve)


def max_drawdown_r(curve: Sequence[float]) -> float:
    """The deepest fall from a high so far, the start included."""
    high = deepest = 0.0
    for value in curve:
        high = max(high, value)
        deepest = max(deepest, high - value)
    return deepest


def max_concurrent(trades: Sequence[ClosedTrade]) -> int:
    """The most trades open at one moment; one that closes makes room for one that opens."""
    edges = sorted(
        [(trade.opened_ms, 1) for trade in trades] + [(trade.closed_ms, -1) for trade in trades],
    )
    now = most = 0
    for _, change in edges:
        now += change
        most = max(most, now)
    return most


def performance_view(trades: Sequence[ClosedTrade], now_ms: int) -> PerformanceView:
    """Totals, a row per strategy, the curve and its deepest fall."""
    curve = equity_curve(trades)
    names = sorted({trade.strategy for trade in trades})
    return PerformanceView(
        revision=0,
        as_of_ms=now_ms,
        total=summary("all", trades),
        by_strategy=tuple(summary(name, [t for t in trades if t.strategy == name]) for name in names),
        equity_r=curve,
        max_drawdown_r=max_drawdown_r(curve),
    )
