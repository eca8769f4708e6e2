"""What loading will cost and how long it will take: weight against the lane's minutes, told before it starts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoadForecast:
    """`weight` is what so many symbols cost altogether, `ceiling` what their lane may use in a minute."""

    symbols: int
    weight: int
    ceiling: int

    @property
    def minutes(self) -> float:
        """Minutes of exchange time at full use of the lane."""
        return self.weight / self.ceiling if self.ceiling else 0.0

    @property
    def text(self) -> str:
        """As a person reads it: `300 symbols: 15,600 weight, 11.8 min`."""
        return f"{self.symbols} symbols: {self.weight:,} weight, {self.minutes:.1f} min"


class LoadMeter:
    """Follows a forecast: how much of its weight is done, and what is left of its time."""

    def __init__(self) -> None:
        self.total = LoadForecast(0, 0, 1)
        self._weight_of: dict[str, int] = {}

    def expect(self, weights: dict[str, int], ceiling: int) -> LoadForecast:
        """Symbols that are about to be loaded, beside those still under way; the forecast of all of them."""
        self._weight_of |= weights
        self.total = LoadForecast(len(self._weight_of), sum(self._weight_of.values()), ceiling)
        return self.total

    def done(self, symbol: str) -> int:
        """A symbol is through, loaded or failed; the weight it was expected to take."""
        return self._weight_of.pop(symbol, 0)

    @property
    def left(self) -> LoadForecast:
        """What has yet to be loaded."""
        return LoadForecast(len(self._weight_of), sum(self._weight_of.values()), self.total.ceiling)
