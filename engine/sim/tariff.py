"""What each endpoint demands: who may call it, what it weighs, and which budget pays (sections 2 and 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from engine.sim.account_paths import ACCOUNT_PATHS

Params = Mapping[str, str]
Weigh = Callable[[Params], int]


class Access(Enum):
    """How a caller must show who it is."""

    OPEN = "open"
    KEY = "key"
    SIGNED = "signed"


class Pool(Enum):
    """Which budget a request draws from."""

    WEIGHT = "weight"
    FUNDING = "funding"
    DATA = "data"


@dataclass(frozen=True, slots=True)
class Charge:
    """Demands of one endpoint."""

    access: Access
    weigh: Weigh
    pool: Pool = Pool.WEIGHT


def _flat(weight: int) -> Weigh:
    return lambda params: weight


def _one_or_all(one: int, every: int) -> Weigh:
    return lambda params: one if params.get("symbol") else every


def _limit(params: Params, default: int) -> int:
    text = params.get("limit", "")
    return int(text) if text.isdigit() else default


def _klines(params: Params) -> int:
    limit = _limit(params, 500)
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10


def _depth(params: Params) -> int:
    limit = _limit(params, 500)
    return 2 if limit <= 50 else 5 if limit <= 100 else 10 if limit <= 500 else 20


_OPEN: dict[str, Weigh] = {
    "/fapi/v1/ping": _flat(1),
    "/fapi/v1/time": _flat(1),
    "/fapi/v1/exchangeInfo": _flat(1),
    "/fapi/v1/depth": _depth,
    "/fapi/v1/rpiDepth": _flat(20),
    "/fapi/v1/trades": _flat(5),
    "/fapi/v1/aggTrades": _flat(20),
    "/fapi/v1/klines": _klines,
    "/fapi/v1/continuousKlines": _klines,
    "/fapi/v1/indexPriceKlines": _klines,
    "/fapi/v1/markPriceKlines": _klines,
    "/fapi/v1/premiumIndexKlines": _klines,
    "/fapi/v1/premiumIndex": _one_or_all(1, 10),
    "/fapi/v1/ticker/24hr": _one_or_all(1, 40),
    "/fapi/v1/ticker/price": _one_or_all(1, 2),
    "/fapi/v2/ticker/price": _one_or_all(1, 2),
    "/fapi/v1/ticker/bookTicker": _one_or_all(2, 5),
    "/fapi/v1/openInterest": _flat(1),
    "/fapi/v1/symbolAdlRisk": _flat(1),
    "/fapi/v1/constituents": _flat(2),
    "/fapi/v1/indexInfo": _flat(1),
    "/fapi/v1/assetIndex": _one_or_all(1, 10),
    "/fapi/v1/insuranceBalance": _flat(1),
    "/fapi/v1/tradingSchedule": _flat(5),
    "/api/v3/ping": _flat(1),
    "/api/v3/time": _flat(1),
    "/sapi/v1/system/status": _flat(1),
    "/sapi/v1/capital/config/getall": _flat(10),
    "/sapi/v1/margin/allPairs": _flat(1),
}
_FUNDING = ("/fapi/v1/fundingRate", "/fapi/v1/fundingInfo")
_DATA = tuple(
    f"/futures/data/{name}"
    for name in (
        "openInterestHist", "takerlongshortRatio", "globalLongShortAccountRatio", "topLongShortAccountRatio",
        "topLongShortPositionRatio", "basis",
    )
)  # fmt: skip
_ACCOUNT: dict[tuple[str, str], Weigh] = {
    ("GET", "/fapi/v2/account"): _flat(5),
    ("GET", "/fapi/v3/account"): _flat(5),
    ("GET", "/fapi/v2/balance"): _flat(5),
    ("GET", "/fapi/v3/balance"): _flat(5),
    ("GET", "/fapi/v2/positionRisk"): _flat(5),
    ("GET", "/fapi/v3/positionRisk"): _flat(5),
    ("GET", "/fapi/v1/symbolConfig"): _flat(5),
    ("GET", "/fapi/v1/accountConfig"): _flat(5),
    ("GET", "/fapi/v1/leverageBracket"): _flat(1),
    ("GET", "/fapi/v1/positionSide/dual"): _flat(30),
    ("GET", "/fapi/v1/multiAssetsMargin"): _flat(30),
    ("GET", "/fapi/v1/commissionRate"): _flat(20),
    ("GET", "/fapi/v1/income"): _flat(30),
    ("GET", "/fapi/v1/rateLimit/order"): _flat(1),
    ("GET", "/fapi/v1/apiTradingStatus"): _one_or_all(1, 10),
    ("GET", "/fapi/v1/adlQuantile"): _flat(5),
    ("GET", "/fapi/v1/forceOrders"): _one_or_all(20, 50),
    ("GET", "/fapi/v1/feeBurn"): _flat(30),
    ("POST", "/fapi/v1/countdownCancelAll"): _flat(10),
    ("POST", "/fapi/v1/order"): _flat(0),
    ("POST", "/fapi/v1/order/test"): _flat(0),
    ("PUT", "/fapi/v1/order"): _flat(0),
    ("POST", "/fapi/v1/batchOrders"): _flat(5),
    ("PUT", "/fapi/v1/batchOrders"): _flat(5),
    ("POST", "/fapi/v1/algoOrder"): _flat(0),
    ("GET", "/fapi/v1/openOrders"): _one_or_all(1, 40),
    ("GET", "/fapi/v1/openAlgoOrders"): _one_or_all(1, 40),
    ("GET", "/fapi/v1/allOrders"): _flat(5),
    ("GET", "/fapi/v1/allAlgoOrders"): _flat(5),
    ("GET", "/fapi/v1/userTrades"): _flat(5),
}
_LISTEN_KEY = "/fapi/v1/listenKey"

CHARGES: dict[tuple[str, str], Charge] = {
    **{("GET", path): Charge(Access.OPEN, weigh) for path, weigh in _OPEN.items()},
    **{("GET", path): Charge(Access.OPEN, _flat(1), Pool.FUNDING) for path in _FUNDING},
    **{("GET", path): Charge(Access.OPEN, _flat(1), Pool.DATA) for path in _DATA},
    ("GET", "/fapi/v1/historicalTrades"): Charge(Access.KEY, _flat(200)),
    **{
        key: Charge(Access.KEY if key[1] == _LISTEN_KEY else Access.SIGNED, _ACCOUNT.get(key, _flat(1)))
        for key in ACCOUNT_PATHS
    },
}
ORDER_WRITES = frozenset(
    (method, path)
    for path in ("/fapi/v1/order", "/fapi/v1/batchOrders", "/fapi/v1/algoOrder")
    for method in ("POST", "PUT", "DELETE")
    if (method, path) in ACCOUNT_PATHS
)
"""Order requests that also count on the budget of the WebSocket API."""
