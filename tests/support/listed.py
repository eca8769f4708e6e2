"""Trading rules of made-up symbols."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from engine.money import Instrument

D = Decimal


def instrument(symbol: str, **changes: Any) -> Instrument:
    given: dict[str, Any] = {
        "symbol": symbol, "tick": D("0.1"), "step": D("0.001"), "min_qty": D("0.001"), "max_qty": D(1000),
        "market_step": D("0.001"), "market_min_qty": D("0.001"), "market_max_qty": D(100), "min_notional": D(5),
        "min_price": D("0.1"), "max_price": D(10**6), "price_up": D("1.05"), "price_down": D("0.95"),
        "base": symbol.removesuffix("USDT"), "onboard_ms": 0,
    }  # fmt: skip
    return Instrument(**{**given, **changes})
