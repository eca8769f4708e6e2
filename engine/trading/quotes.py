"""The live book as risk and ticket read it: what a market order would really pay."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.money import ZERO, Side, decimal

_BPS = 10_000.0


class Quote(msgspec.Struct, frozen=True):
    """One symbol's book and marks at a moment; levels best first as (price, quantity)."""

    symbol: str
    synced: bool
    bids: tuple[tuple[float, float], ...] = ()
    asks: tuple[tuple[float, float], ...] = ()
    reason: str = ""  # why the book cannot be used
    mark: float | None = None
    funding_rate: float | None = None
    next_funding_ms: int = 0
    funding_interval_ms: int = 8 * 3_600_000

    @property
    def mid(self) -> float | None:
        return (self.bids[0][0] + self.asks[0][0]) / 2 if self.bids and self.asks else None

    @property
    def spread(self) -> float | None:
        return self.asks[0][0] - self.bids[0][0] if self.bids and self.asks else None

    @property
    def spread_bps(self) -> float | None:
        mid, spread = self.mid, self.spread
        return spread / mid * _BPS if mid and spread is not None else None


class Walk(msgspec.Struct, frozen=True):
    """A market order laid over the book."""

    average: Decimal
    worst: Decimal
    filled: Decimal  # what the shown levels hold of it

    def slippage_bps(self, mid: float) -> float:
        return abs(float(self.average) - mid) / mid * _BPS if mid else 0.0


def walk(quote: Quote, side: Side, quantity: Decimal) -> Walk | None:
    """Walk the opposing levels for `quantity`; None when there is nothing to walk.

    What the shown levels do not hold is priced at the worst of them, and `filled` says so.
    """
    levels = quote.asks if side is Side.LONG else quote.bids
    if not levels or quantity <= 0:
        return None
    left, value = quantity, ZERO
    worst = decimal(levels[0][0])
    for price, held in levels:
        part = min(left, decimal(held))
        worst = decimal(price)
        value += worst * part
        left -= part
        if left <= 0:
            break
    filled = quantity - left
    return Walk((value + worst * left) / quantity, worst, filled)
