"""Contract rows as the exchange lists them, put together from what was recorded of it.

The most complete recorded listing is a test environment's; its tick, step and precision are replaced by those of the
main exchange, and the values which differ between the two environments by the main exchange's usual ones.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

ORDER_TYPES = ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"]
TIME_IN_FORCE = ["GTC", "IOC", "FOK", "GTX", "GTD"]
PERMISSIONS = ["GRID", "COPY", "DCA", "PSB"]
PERPETUAL_DELIVERY = 4133404800000
FIRST_ONBOARD = 1569398400000
DEFAULT_BRACKETS = (
    (1, 50, 0, 5_000, 0.015), (2, 25, 5_000, 10_000, 0.02), (3, 20, 10_000, 25_000, 0.025),
    (4, 10, 25_000, 62_500, 0.05), (5, 5, 62_500, 125_000, 0.1), (6, 4, 125_000, 250_000, 0.125),
    (7, 2, 250_000, 7_500_000, 0.25), (8, 1, 7_500_000, 12_500_000, 0.5),
)  # fmt: skip
MIN_NOTIONAL = {"BTCUSDT": "50", "ETHUSDT": "20"}
MARKET_MAX_QTY = {"BTCUSDT": "120", "ETHUSDT": "2000"}


def listing_rows(
    full: Sequence[Mapping[str, Any]],
    reduced: Mapping[str, Mapping[str, Any]],
    status: Mapping[str, Mapping[str, Any]],
    brackets: Sequence[Mapping[str, Any]],
    prices: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """One entry for each symbol of `reduced`: `{"row", "brackets", "price"}`; `price` null where none was recorded."""
    by_symbol = {str(row["symbol"]): row for row in full}
    rungs = {str(entry["symbol"]): list(entry["brackets"]) for entry in brackets}
    price = {str(entry["symbol"]): float(entry["price"]) for entry in prices}
    return [
        {
            "row": _row(symbol, by_symbol.get(symbol), traits, status.get(symbol, {})),
            "brackets": rungs.get(symbol) or _default_brackets(),
            "price": price.get(symbol),
        }
        for symbol, traits in reduced.items()
    ]


def _row(
    symbol: str, full: Mapping[str, Any] | None, traits: Mapping[str, Any], status: Mapping[str, Any]
) -> dict[str, Any]:
    base, quote = _assets(symbol)
    filters = {f["filterType"]: f for f in (full or {}).get("filters", [])}
    places, qty_places = int(traits["pricePrecision"]), int(traits["quantityPrecision"])
    tick = _text(traits["tickSize"], places)
    step = _text(traits["stepSize"], qty_places)
    lot, market_lot = filters.get("LOT_SIZE", {}), filters.get("MARKET_LOT_SIZE", {})
    price = filters.get("PRICE_FILTER", {})
    percent = filters.get("PERCENT_PRICE", {})
    up, down = percent.get("multiplierUp", "1.1500"), percent.get("multiplierDown", "0.8500")
    max_qty = lot.get("maxQty", "1000000")
    market_max = MARKET_MAX_QTY.get(symbol, market_lot.get("maxQty", "200000"))
    return {
        "symbol": symbol,
        "pair": symbol.split("_", maxsplit=1)[0],
        "contractType": traits["contractType"],
        "deliveryDate": _delivery(symbol),
        "onboardDate": int(status.get("onboard") or (full or {}).get("onboardDate") or FIRST_ONBOARD),
        "status": traits["status"],
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": (full or {}).get("baseAsset", base),
        "quoteAsset": (full or {}).get("quoteAsset", quote),
        "marginAsset": (full or {}).get("marginAsset", quote),
        "pricePrecision": places,
        "quantityPrecision": qty_places,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": (full or {}).get("underlyingType", "COIN"),
        "underlyingSubType": list(status.get("subtype", [])),
        "triggerProtect": (full or {}).get("triggerProtect", "0.1500"),
        "liquidationFee": "0.012500" if symbol == "BTCUSDT" else "0.015000",
        "marketTakeBound": f"{Decimal(up) - 1:.2f}",
        "maxMoveOrderLimit": 10000,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": price.get("minPrice", tick),
             "maxPrice": price.get("maxPrice", "1000000"), "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": max_qty, "stepSize": step},
            {"filterType": "MARKET_LOT_SIZE", "minQty": step, "maxQty": market_max, "stepSize": step},
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MIN_NOTIONAL", "notional": MIN_NOTIONAL.get(symbol, "5")},
            {"filterType": "PERCENT_PRICE", "multiplierUp": up, "multiplierDown": down, "multiplierDecimal": "4"},
            {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"},
        ],
        "orderTypes": list(ORDER_TYPES),
        "timeInForce": list(TIME_IN_FORCE),
        "permissionSets": copy.copy((full or {}).get("permissionSets", PERMISSIONS)),
    }  # fmt: skip


def _assets(symbol: str) -> tuple[str, str]:
    pair = symbol.split("_", maxsplit=1)[0]
    for quote in ("USDT", "USDC", "BTC"):
        if pair.endswith(quote):
            return pair.removesuffix(quote), quote
    return pair, "USDT"


def _delivery(symbol: str) -> int:
    """Delivery symbols end in _YYMMDD and settle at 08:00 UTC."""
    _, _, day = symbol.partition("_")
    if not day:
        return PERPETUAL_DELIVERY
    at = datetime(2000 + int(day[:2]), int(day[2:4]), int(day[4:]), 8, tzinfo=UTC)
    return int(at.timestamp() * 1000)


def _text(value: float, places: int) -> str:
    """Plain decimal text with the contract's decimals, never fewer than the value needs."""
    exact = Decimal(repr(value)).normalize()
    needed = max(0, -int(exact.as_tuple().exponent))
    return f"{exact:.{max(places, needed)}f}"


def _default_brackets() -> list[dict[str, Any]]:
    rows, cum, before = [], 0.0, 0.0
    for number, leverage, floor, cap, ratio in DEFAULT_BRACKETS:
        cum += floor * (ratio - before) if number > 1 else 0.0
        before = ratio
        rows.append({"bracket": number, "initialLeverage": leverage, "notionalCap": cap, "notionalFloor": floor,
                     "maintMarginRatio": ratio, "cum": round(cum, 2)})  # fmt: skip
    return rows
