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
    taken: list[Trade] = []
    refused: dict[str, int] = {}
    for trade in in_order(list(trades)):
        reason = _refusal(trade, taken, risk)
        if reason:
            refused[reason] = refused.get(reason, 0) + 1
        else:
            taken.append(trade)
    return taken, dict(sorted(refused.items()))


def staked_pct(trade: Trade, risk: RiskSettings) -> float:
    """Share of equity one R is, percent."""
    small = trade.mode == "SCALP" or "thin_data" in trade.flags
    return risk.scalp_risk_pct if small else risk.risk_pct


def _refusal(trade: Trade, taken: Sequence[Trade], risk: RiskSettings) -> str:
    now = trade.entry_ms
    open_ = [other for other in taken[-512:] if other.exit_ms > now]
    if any(other.symbol == trade.symbol for other in open_):
        return "symbol_open"
    if len(open_) >= risk.max_open:
        return "max_open"
    same = sum(other.side == trade.side and other.symbol not in MAJORS for other in open_)
    if trade.symbol not in MAJORS and same >= risk.max_same_side:
        return "max_same_side"
    at_risk = sum(staked_pct(other, risk) for other in open_ if not 0 < other.tp1_ms < now)
    if at_risk + staked_pct(trade, risk) > risk.max_open_risk_pct:
        return "open_risk"
    closed = [other for other in taken[-2048:] if other.exit_ms <= now]
    for start, limit, name in (
        (day_start_ms(now), risk.max_daily_loss_pct, "daily_loss"),
        (week_start_ms(now), risk.max_weekly_loss_pct, "weekly_loss"),
    ):
        booked = sum(other.r_net * staked_pct(other, risk) for other in closed if other.exit_ms >= start)
        if -booked >= limit:
            return name
    return ""
