"""The wallet of an account: one balance in USDT, and a row for every booking that changed it."""

from __future__ import annotations

from decimal import Decimal

from engine.sim.figures import ZERO, cents
from engine.sim.orders import Income

ASSET = "USDT"


class Wallet:
    """The balance equals the sum of its income rows, always."""

    def __init__(self) -> None:
        self.balance = ZERO
        self.incomes: list[Income] = []
        self.updated_ms = 0

    def book(
        self, kind: str, amount: Decimal, at_ms: int, tran_id: int, symbol: str = "", info: str = "", trade_id: str = ""
    ) -> Decimal:
        """Change the balance by `amount`, rounded to eight decimals, and return what was booked."""
        booked = cents(amount)
        if booked:
            self.balance += booked
            self.incomes.append(Income(symbol, kind, booked, info or kind, at_ms, tran_id, trade_id))
        self.updated_ms = at_ms
        return booked
