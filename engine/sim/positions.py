"""Positions: average entry, realized profit, breakeven (section 10 of the wire reference)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from engine.sim.figures import ONE, ZERO, cents


@dataclass(slots=True)
class Position:
    """One position of one account; `qty` is signed in every mode, `side` is BOTH, LONG or SHORT."""

    symbol: str
    side: str
    qty: Decimal = ZERO
    entry: Decimal = ZERO
    realized: Decimal = ZERO  # accumulated over the life of the account, before fees
    fees: Decimal = ZERO  # paid for the part still open
    isolated_wallet: Decimal = ZERO
    updated_ms: int = 0

    @property
    def sign(self) -> int:
        return (self.qty > 0) - (self.qty < 0)

    @property
    def breakeven(self) -> Decimal:
        """Price at which closing pays back the fees of opening."""
        return self.entry + self.fees / self.qty if self.qty else ZERO

    def unrealized(self, mark: Decimal) -> Decimal:
        return self.qty * (mark - self.entry)

    def notional(self, mark: Decimal) -> Decimal:
        return self.qty * mark

    def reducible(self, side: str) -> Decimal:
        """How much an order on `side` can close."""
        return abs(self.qty) if self.sign == (-1 if side == "BUY" else 1) else ZERO

    def apply(self, signed_qty: Decimal, price: Decimal, fee: Decimal) -> tuple[Decimal, Decimal]:
        """Book one execution; returns (what it realized before fees, the quantity it opened).

        The same direction averages the entry; the opposite direction closes first and opens anew with the rest.
        """
        closing = min(abs(signed_qty), abs(self.qty)) if signed_qty * self.qty < 0 else ZERO
        realized = cents(closing * self.sign * (price - self.entry))
        opening = abs(signed_qty) - closing
        if closing:
            kept = ONE - closing / abs(self.qty)
            self.fees, self.isolated_wallet = self.fees * kept, cents(self.isolated_wallet * kept)
        if opening:
            held = abs(self.qty) - closing
            self.entry = (self.entry * held + price * opening) / (held + opening)
            self.fees += fee * opening / abs(signed_qty)
        self.qty += signed_qty
        self.realized += realized
        if not self.qty:
            self.entry = self.fees = self.isolated_wallet = ZERO
        return realized, opening
