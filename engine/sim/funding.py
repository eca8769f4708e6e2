"""Funding: at each settlement positions pay or receive notional at mark times the rate; longs pay a positive rate."""

from __future__ import annotations

from decimal import Decimal

from engine.sim.account import Account
from engine.sim.account_events import account_update
from engine.sim.figures import ZERO
from engine.sim.venue import Venue


class Funding:
    """Settles each symbol once per interval, at the rate that ran until the settlement.

    The market answers with the running rate and the next settlement. Once that instant has passed it already speaks of
    the one after, so what it said before is remembered for every symbol somebody holds.
    """

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._pending: dict[str, tuple[Decimal, int]] = {}

    def on_time(self, accounts: list[Account], now_ms: int) -> None:
        symbols = {position.symbol for account in accounts for position in account.held()}
        for symbol in [known for known in self._pending if known not in symbols]:
            del self._pending[symbol]
        for symbol in sorted(symbols):
            rate, at_ms = self._pending.get(symbol) or self._venue.market.funding_rate(symbol)
            if now_ms >= at_ms:
                for account in accounts:
                    self._settle(account, symbol, rate, at_ms, now_ms)
            self._pending[symbol] = self._venue.market.funding_rate(symbol)

    def _settle(self, account: Account, symbol: str, rate: Decimal, at_ms: int, now_ms: int) -> None:
        mark, total = self._venue.market.mark(symbol), ZERO
        paid = []
        for position in account.held(symbol):
            amount = account.wallet.book(
                "FUNDING_FEE",
                -position.notional(mark) * rate,
                at_ms,
                self._venue.ids.transfer(),
                symbol,
                "FUNDING_FEE",
            )
            total += amount
            if amount and account.is_isolated(symbol):
                position.isolated_wallet += amount
                position.updated_ms = now_ms
                paid.append(position)
        if total:
            event = account_update(account, self._venue, "FUNDING_FEE", now_ms, paid, change=total, symbol=symbol)
            self._venue.emit(account, event)
