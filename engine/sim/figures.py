"""How amounts are written on the wire: one function for each habit of the exchange."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from engine.sim.contract import SymbolRules

ZERO = Decimal(0)
ONE = Decimal(1)
MICRO = Decimal("0.00000001")


def decimals_of(step: Decimal) -> int:
    """Decimals needed to write multiples of `step`."""
    return max(0, -int(step.normalize().as_tuple().exponent))


def price_decimals(rules: SymbolRules) -> int:
    return int(rules.row.get("pricePrecision", decimals_of(rules.tick)))


def qty_decimals(rules: SymbolRules) -> int:
    return int(rules.row.get("quantityPrecision", decimals_of(rules.step)))


def cents(value: Decimal) -> Decimal:
    """An amount of money as the wallet books it: eight decimals."""
    return value.quantize(MICRO, ROUND_HALF_EVEN)


def fixed(value: Decimal, decimals: int) -> str:
    return f"{value:.{decimals}f}"


def money(value: Decimal) -> str:
    """Eight decimals, always."""
    return f"{value:.8f}"


def money_or_bare(value: Decimal) -> str:
    """Eight decimals, but a bare "0" for nothing."""
    return f"{value:.8f}" if value else "0"


def bare(value: Decimal) -> str:
    """Without trailing zeros, never with an exponent."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def price(rules: SymbolRules, value: Decimal) -> str:
    return fixed(value, price_decimals(rules))


def qty(rules: SymbolRules, value: Decimal) -> str:
    return fixed(value, qty_decimals(rules))


def qty_or_bare(rules: SymbolRules, value: Decimal) -> str:
    return qty(rules, value) if value else "0"


def average(rules: SymbolRules, value: Decimal) -> str:
    """An average price carries three decimals more than a price."""
    return fixed(value, price_decimals(rules) + 3)


def average_or_zero(rules: SymbolRules, value: Decimal) -> str:
    """As queries write it: the decimals of a price while nothing is filled."""
    return average(rules, value) if value else price(rules, ZERO)


def entry(rules: SymbolRules, value: Decimal) -> str:
    """An entry or breakeven price: as many decimals as it has, at least one, at most eight after the price's."""
    text = bare(value.quantize(MICRO, ROUND_HALF_EVEN))
    return text if "." in text else f"{text}.0"


def value_decimals(rules: SymbolRules) -> int:
    """Decimals of price times quantity."""
    return price_decimals(rules) + qty_decimals(rules)
