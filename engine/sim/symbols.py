"""The contracts of this exchange: their rows, rules and brackets, and the integer grid their numbers live on.

Inside the market side prices are whole ticks and quantities whole steps; text and Decimal appear only at its edges.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from engine.sim.contract import SymbolRules

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Grid:
    """Ticks and steps of one symbol, and their text with the contract's decimals."""

    tick: Decimal
    step: Decimal
    price_places: int
    qty_places: int
    tick_units: int  # one tick in units of the last price decimal
    step_units: int

    @staticmethod
    def of(tick: str, step: str) -> Grid:
        price_places, qty_places = _places(tick), _places(step)
        return Grid(
            Decimal(tick), Decimal(step), price_places, qty_places,
            int(Decimal(tick).scaleb(price_places)), int(Decimal(step).scaleb(qty_places)),
        )  # fmt: skip

    def price_text(self, ticks: int) -> str:
        return _fixed(ticks * self.tick_units, self.price_places)

    def qty_text(self, steps: int) -> str:
        return _fixed(steps * self.step_units, self.qty_places)

    def price(self, ticks: int) -> Decimal:
        return Decimal(ticks * self.tick_units).scaleb(-self.price_places)

    def qty(self, steps: int) -> Decimal:
        return Decimal(steps * self.step_units).scaleb(-self.qty_places)

    @property
    def tick_size(self) -> float:
        return float(self.tick)

    @property
    def step_size(self) -> float:
        return float(self.step)

    def amount_text(self, value: float) -> str:
        """Quote volume: as many decimals as price times quantity has."""
        return f"{value:.{self.price_places + self.qty_places}f}"


@dataclass(frozen=True, slots=True)
class Contract:
    """One listed symbol."""

    rules: SymbolRules
    grid: Grid
    brackets: list[dict[str, Any]]
    price: float | None  # a price it once had; None where none was recorded

    @property
    def symbol(self) -> str:
        return self.rules.symbol


def load_contracts(wanted: Sequence[str]) -> dict[str, Contract]:
    """Contracts of the listing in its order; an empty `wanted` means all. Raises KeyError for an unlisted symbol."""
    entries = listed_symbols()
    return {symbol: contract_of(entries[symbol]) for symbol in (wanted or entries)}


@cache
def listed_symbols() -> dict[str, dict[str, Any]]:
    """Entries of the bundled listing by symbol, in its order."""
    entries = json.loads(gzip.decompress((DATA / "listing.json.gz").read_bytes()))
    return {entry["row"]["symbol"]: entry for entry in entries}


def contract_of(entry: Mapping[str, Any]) -> Contract:
    """The contract of one entry of the listing."""
    row = entry["row"]
    filters = {each["filterType"]: each for each in row["filters"]}
    price, lot, market_lot = filters["PRICE_FILTER"], filters["LOT_SIZE"], filters["MARKET_LOT_SIZE"]
    percent = filters["PERCENT_PRICE"]
    rules = SymbolRules(
        symbol=row["symbol"],
        status=row["status"],
        tick=Decimal(price["tickSize"]),
        step=Decimal(lot["stepSize"]),
        market_step=Decimal(market_lot["stepSize"]),
        min_qty=Decimal(lot["minQty"]),
        max_qty=Decimal(lot["maxQty"]),
        market_min_qty=Decimal(market_lot["minQty"]),
        market_max_qty=Decimal(market_lot["maxQty"]),
        min_notional=Decimal(filters["MIN_NOTIONAL"]["notional"]),
        min_price=Decimal(price["minPrice"]),
        max_price=Decimal(price["maxPrice"]),
        multiplier_up=Decimal(percent["multiplierUp"]),
        multiplier_down=Decimal(percent["multiplierDown"]),
        max_orders=int(filters["MAX_NUM_ORDERS"]["limit"]),
        trigger_protect=Decimal(row["triggerProtect"]),
        market_take_bound=Decimal(row["marketTakeBound"]),
        liquidation_fee=Decimal(row["liquidationFee"]),
        row=row,
    )
    return Contract(rules, Grid.of(price["tickSize"], lot["stepSize"]), entry["brackets"], entry["price"])


def _places(text: str) -> int:
    return len(text.partition(".")[2])


def _fixed(units: int, places: int) -> str:
    if not places:
        return str(units)
    sign, digits = ("-", -units) if units < 0 else ("", units)
    text = str(digits).rjust(places + 1, "0")
    return f"{sign}{text[:-places]}.{text[-places:]}"
