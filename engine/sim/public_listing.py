"""The listing as `exchangeInfo` tells it."""

from __future__ import annotations

from typing import Any

from engine.sim.market import Market
from engine.sim.pools import ORDERS_1M, ORDERS_10S, WEIGHT_LIMIT

RATE_LIMITS = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": WEIGHT_LIMIT},
    {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": ORDERS_1M},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": ORDERS_10S},
]
ASSETS = [
    {"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"},
    {"asset": "BTC", "marginAvailable": True, "autoAssetExchange": "-0.10000000"},
    {"asset": "BNB", "marginAvailable": True, "autoAssetExchange": "-10"},
    {"asset": "ETH", "marginAvailable": True, "autoAssetExchange": "-5"},
    {"asset": "USDC", "marginAvailable": True, "autoAssetExchange": "-10000"},
]


def exchange_info(market: Market) -> dict[str, Any]:
    """Rows of every served symbol, limits and assets."""
    return {
        "timezone": "UTC",
        "serverTime": market.now_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": RATE_LIMITS,
        "exchangeFilters": [],
        "assets": ASSETS,
        "symbols": [lane.contract.rules.row for lane in market.lanes.values()],
    }
