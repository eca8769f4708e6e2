"""A trade of the laboratory: what was entered, how it ended, and what was known when it was decided."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.research.walk import END
from engine.trading.performance import SCRATCH_R
from engine.trading.plan import ExitPlan


class Trade(msgspec.Struct, frozen=True):
    """One closed trade; times in milliseconds, results in R of the fill, net of costs.

    `entry_ms` is the open of the bar at whose open it was entered, `exit_ms` that of the bar in which the last part
    left; `entry` includes slippage and `exit` averages over the parts.
    """

    symbol: str
    strategy: str
    variant: str
    side: int
    signal_ms: int
    entry_ms: int
    exit_ms: int
    entry: float
    stop: float
    exit: float
    r_net: float
    r_gross: float
    costs_r: float
    funding_r: float
    reason: str
    score: float
    mode: str
    regime: str
    atr: float
    mfe_r: float
    mae_r: float
    tp1_ms: int
    tp2_ms: int
    exit_close_ms: int  # close of the bar of the strategy's timeframe in which it ended
    timeframe: str = "15m"
    exits: ExitPlan | None = None
    flags: tuple[str, ...] = ()
    points: tuple[tuple[str, float], ...] = ()  # of the scored components

    @property
    def counts(self) -> bool:
        """A trade that was still open at the end of the data has no result."""
        return self.reason != END

    @property
    def risk_pct(self) -> float:
        """Distance of the stop as a share of the entry, percent."""
        return 100 * abs(self.entry - self.stop) / self.entry

    @property
    def won(self) -> bool:
        return self.r_net > SCRATCH_R

    def row(self) -> dict[str, Any]:
        """As it is written to a trades file."""
        return {
            "symbol": self.symbol, "strategy": self.strategy, "side": "long" if self.side > 0 else "short",
            "signal_time": self.signal_ms, "entry_time": self.entry_ms, "exit_time": self.exit_ms,
            "entry": self.entry, "stop": self.stop, "exit": self.exit, "r_net": self.r_net, "reason": self.reason,
        }  # fmt: skip


def in_order(trades: list[Trade]) -> list[Trade]:
    """By entry time, then symbol, then strategy."""
    return sorted(trades, key=lambda trade: (trade.entry_ms, trade.symbol, trade.strategy))
