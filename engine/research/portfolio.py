"""What the limits of an account would have let through (section 9.6 of the rules), trade by trade in order of time.

Results are counted in R of a constant equity: one position a symbol, at most so many open and on one side, open risk
and losses of day and week within their limits. Trades that are refused here were still followed, as the desk does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from config.schema import RiskSettings
from engine.research.trades import Trade, in_order
from engine.trading.losses import day_start_ms, week_start_ms

MAJORS: Final = frozenset(("BTCUSDT", "ETHUSDT"))


def allowed(trades: Sequence[Trade], risk: RiskSettings) -> tuple[list[Trade], dict[str, int]]:
    """The trades an account would have taken, and how often each limit refused one."""
    account = _Account(risk)
    taken: list[Trade] = []
    refused: dict[str, int] = {}
    for trade in in_order(list(trades)):
        reason = account.refusal(trade)
        if reason:
            refused[reason] = refused.get(reason, 0) + 1
        else:
            account.open.append(trade)
            taken.append(trade)
    return taken, dict(sorted(refused.items()))


def staked_pct(trade: Trade, risk: RiskSettings) -> float:
    """Share of equity one R is, percent."""
    small = trade.mode == "SCALP" or "thin_data" in trade.flags
    return risk.scalp_risk_pct if small else risk.risk_pct


class _Account:
    """What is open, and what this week has brought."""

    def __init__(self, risk: RiskSettings) -> None:
        self._risk = risk
        self.open: list[Trade] = []
        self._booked: list[tuple[int, float]] = []  # time of the exit, percent of equity

    def refusal(self, trade: Trade) -> str:
        """The limit that stands against a trade, or nothing."""
        now, risk = trade.entry_ms, self._risk
        self._move_to(now)
        if any(other.symbol == trade.symbol for other in self.open):
            return "symbol_open"
        if len(self.open) >= risk.max_open:
            return "max_open"
        same = sum(other.side == trade.side and other.symbol not in MAJORS for other in self.open)
        if trade.symbol not in MAJORS and same >= risk.max_same_side:
            return "max_same_side"
        at_risk = sum(staked_pct(other, risk) for other in self.open if not 0 < other.tp1_ms < now)
        if at_risk + staked_pct(trade, risk) > risk.max_open_risk_pct:
            return "open_risk"
        if -self._since(day_start_ms(now)) >= risk.max_daily_loss_pct:
            return "daily_loss"
        return "weekly_loss" if -self._since(week_start_ms(now)) >= risk.max_weekly_loss_pct else ""

    def _move_to(self, now: int) -> None:
        ended = [other for other in self.open if other.exit_ms <= now]
        if ended:
            self.open = [other for other in self.open if other.exit_ms > now]
            self._booked += [(other.exit_ms, other.r_net * staked_pct(other, self._risk)) for other in ended]
        week = week_start_ms(now)
        self._booked = [one for one in self._booked if one[0] >= week]

    def _since(self, start_ms: int) -> float:
        return sum(pct for at_ms, pct in self._booked if at_ms >= start_ms)
