"""Which requests belong to the account side, and what they cost in order counts (sections 2.1, 3.3 to 3.7)."""

from __future__ import annotations

from collections.abc import Mapping

ACCOUNT_PATHS: frozenset[tuple[str, str]] = frozenset(
    {
        ("GET", "/fapi/v1/accountConfig"),
        ("GET", "/fapi/v1/adlQuantile"),
        ("GET", "/fapi/v1/allAlgoOrders"),
        ("GET", "/fapi/v1/allOrders"),
        ("GET", "/fapi/v1/apiTradingStatus"),
        ("GET", "/fapi/v1/commissionRate"),
        ("GET", "/fapi/v1/feeBurn"),
        ("GET", "/fapi/v1/forceOrders"),
        ("GET", "/fapi/v1/income"),
        ("GET", "/fapi/v1/leverageBracket"),
        ("GET", "/fapi/v1/multiAssetsMargin"),
        ("GET", "/fapi/v1/openAlgoOrders"),
        ("GET", "/fapi/v1/openOrder"),
        ("GET", "/fapi/v1/openOrders"),
        ("GET", "/fapi/v1/orderAmendment"),
        ("GET", "/fapi/v1/positionSide/dual"),
        ("GET", "/fapi/v1/rateLimit/order"),
        ("GET", "/fapi/v1/symbolConfig"),
        ("GET", "/fapi/v1/userTrades"),
        ("GET", "/fapi/v2/account"),
        ("GET", "/fapi/v2/balance"),
        ("GET", "/fapi/v2/positionRisk"),
        ("GET", "/fapi/v3/account"),
        ("GET", "/fapi/v3/balance"),
        ("GET", "/fapi/v3/positionRisk"),
        ("POST", "/fapi/v1/countdownCancelAll"),
        ("POST", "/fapi/v1/feeBurn"),
        ("POST", "/fapi/v1/leverage"),
        ("POST", "/fapi/v1/marginType"),
        ("POST", "/fapi/v1/multiAssetsMargin"),
        ("POST", "/fapi/v1/order/test"),
        ("POST", "/fapi/v1/positionMargin"),
        ("POST", "/fapi/v1/positionSide/dual"),
        ("DELETE", "/fapi/v1/algoOpenOrders"),
        ("DELETE", "/fapi/v1/allOpenOrders"),
        *((method, "/fapi/v1/order") for method in ("GET", "POST", "PUT", "DELETE")),
        *((method, "/fapi/v1/batchOrders") for method in ("POST", "PUT", "DELETE")),
        *((method, "/fapi/v1/algoOrder") for method in ("GET", "POST", "DELETE")),
        *((method, "/fapi/v1/listenKey") for method in ("POST", "PUT", "DELETE")),
    }
)

_ORDER_COST: dict[tuple[str, str], tuple[int, int]] = {
    ("POST", "/fapi/v1/order"): (1, 1),
    ("POST", "/fapi/v1/order/test"): (1, 1),
    ("PUT", "/fapi/v1/order"): (1, 1),
    ("POST", "/fapi/v1/algoOrder"): (1, 1),
    ("POST", "/fapi/v1/batchOrders"): (5, 1),
    ("PUT", "/fapi/v1/batchOrders"): (5, 1),
}


def order_cost(method: str, path: str, params: Mapping[str, str] | None = None) -> tuple[int, int]:
    """What a request takes from the order counts of ten seconds and of one minute.

    A batch costs five of the ten-second count whatever its size; cancels and queries cost nothing.
    """
    return _ORDER_COST.get((method, path), (0, 0))
