"""The one door between float64 analysis and Decimal money.

Everything the exchange receives passes through an `Instrument`, rounded by intent: entries to the nearest tick,
stops away from the entry on the wide side, targets toward the entry, quantities down to the step. Floats enter by
`repr`, never by arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from enum import IntEnum
from typing import NewType

Ticks = NewType("Ticks", int)
Ms = NewType("Ms", int)
Bps = NewType("Bps", float)

ZERO = Decimal(0)
ONE = Decimal(1)


class Side(IntEnum):
    """Direction of a trade as the sign of the side algebra: +1 long, -1 short."""

    LONG = 1
    SHORT = -1

    @property
    def opposite(self) -> Side:
        return Side(-self)

    @property
    def order_side(self) -> str:
        """The order side that opens this direction."""
        return "BUY" if self is Side.LONG else "SELL"

    @property
    def word(self) -> str:
        return "long" if self is Side.LONG else "short"

    @staticmethod
    def of(word: str) -> Side:
        return {"long": Side.LONG, "short": Side.SHORT}[word]


def decimal(value: float | int | str | Decimal) -> Decimal:
    """A Decimal that prints as the value does; raises ValueError for NaN and infinity."""
    result = value if isinstance(value, Decimal) else Decimal(repr(value) if isinstance(value, float) else value)
    if not result.is_finite():
        raise ValueError(f"not a finite number: {value!r}")
    return result


def plain(value: Decimal) -> str:
    """Plain decimal notation without exponent, as the exchange wants it."""
    return format(value, "f")


@dataclass(frozen=True, slots=True)
class Instrument:
    """The trading rules of one symbol, as the exchange's filters state them."""

    symbol: str
    tick: Decimal
    step: Decimal
    min_qty: Decimal
    max_qty: Decimal
    market_step: Decimal
    market_min_qty: Decimal
    market_max_qty: Decimal
    min_notional: Decimal
    min_price: Decimal
    max_price: Decimal
    price_up: Decimal  # a buy may not be dearer than mark times this
    price_down: Decimal  # a sell may not be cheaper than mark times this
    base: str = ""
    quote: str = "USDT"
    onboard_ms: int = 0
    status: str = "TRADING"

    def price(self, value: float | Decimal) -> Decimal:
        """Nearest price on the tick grid (entries)."""
        return self._grid(decimal(value), ROUND_HALF_EVEN)

    def stop_price(self, value: float | Decimal, side: Side) -> Decimal:
        """A protective stop of a position on `side`, rounded away from the entry (`strategies` 1.4).

        Sizing happens after this rounding, so the wider stop costs quantity, never risk.
        """
        return self._grid(decimal(value), ROUND_FLOOR if side is Side.LONG else ROUND_CEILING)

    def target_price(self, value: float | Decimal, side: Side) -> Decimal:
        """A target of a position on `side`, rounded toward the entry."""
        return self._grid(decimal(value), ROUND_FLOOR if side is Side.LONG else ROUND_CEILING)

    def tighter_stop(self, value: float | Decimal, side: Side) -> Decimal:
        """A moved stop rounded toward the market, so that rounding never loosens it."""
        return self._grid(decimal(value), ROUND_CEILING if side is Side.LONG else ROUND_FLOOR)

    def qty(self, value: float | Decimal, market: bool = True) -> Decimal:
        """Quantity down to the step; never up, so rounding never adds risk."""
        step = max(self.step, self.market_step) if market else self.step
        quantity = decimal(value)
        return (quantity / step).to_integral_value(ROUND_FLOOR) * step

    def ticks(self, price: Decimal) -> Ticks:
        """Index of a price on the tick grid."""
        return Ticks(int((price / self.tick).to_integral_value(ROUND_HALF_EVEN)))

    def text(self, price: float | Decimal) -> str:
        """A price with exactly the decimals of the tick."""
        decimals = max(0, -int(self.tick.normalize().as_tuple().exponent))
        return f"{decimal(price):.{decimals}f}"

    def _grid(self, value: Decimal, rounding: str) -> Decimal:
        return (value / self.tick).to_integral_value(rounding) * self.tick
