"""Prices to rows of cells, two steps to a cell."""

from __future__ import annotations


class Scale:
    """Prices to half cells, counted from the top."""

    def __init__(self, low: float, high: float, height: int) -> None:
        self.low, self.high, self.height = low, high if high > low else low + 1.0, height

    def half(self, price: float) -> int:
        """The half cell a price falls into, 0 at the top."""
        share = (self.high - price) / (self.high - self.low)
        return max(0, min(int(share * self.height * 2), self.height * 2 - 1))

    def row(self, price: float) -> int:
        return self.half(price) // 2

    def price(self, row: int) -> float:
        """The price in the middle of a row."""
        return self.high - (row + 0.5) / self.height * (self.high - self.low)

    def holds(self, price: float) -> bool:
        return self.low <= price <= self.high
