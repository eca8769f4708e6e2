"""Where an exchange is and what its calls cost: hosts, stream routes, weights.

Nobody else knows on which venue the desk trades. Every address can be set, so that tests and rehearsals point a venue
at an exchange served elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import msgspec

from config.schema import HostSettings, Settings
from config.schema import Venue as VenueName
from engine.exchange.limits import Pool

PUBLIC = "public"
MARKET = "market"
PRIVATE = "private"

_BUILT_IN: dict[str, HostSettings] = {
    "live": HostSettings(
        rest="https://fapi.binance.com",
        ws="wss://fstream.binance.com",
        ws_api="wss://ws-fapi.binance.com/ws-fapi/v1",
        archive="https://data.binance.vision",
    ),
    "testnet": HostSettings(
        rest="https://demo-fapi.binance.com",
        ws="wss://demo-fstream.binance.com",
        ws_api="wss://testnet.binancefuture.com/ws-fapi/v1",
        archive="https://data.binance.vision",
    ),
    "sim": HostSettings(rest="http://127.0.0.1:8777"),
}
_BUILT_IN["paper"] = _BUILT_IN["live"]


class Venue(msgspec.Struct, frozen=True):
    """The addresses of one exchange; `archive` is empty where there is none."""

    name: str
    rest: str
    ws: str
    ws_api: str
    archive: str = ""

    @property
    def loopback(self) -> bool:
        """Whether this exchange is served by this machine."""
        return (urlsplit(self.rest).hostname or "") in ("localhost", "127.0.0.1", "::1")

    def stream_url(self, route: str) -> str:
        """A combined connection without streams yet."""
        return f"{self.ws}/{route}/stream"

    def private_url(self, listen_key: str) -> str:
        return f"{self.ws}/{PRIVATE}/ws?listenKey={listen_key}"


def venue_for(settings: Settings, name: VenueName | None = None, sim_url: str = "") -> Venue:
    """The venue the settings name, or `name`; `sim_url` is where an embedded exchange turned out to listen.

    Addresses that were set win over the built-in ones; what was left out is derived from the REST address where the
    exchange is a served one.
    """
    chosen = name or settings.venue
    told: HostSettings = getattr(settings.venues, chosen)
    built_in = _BUILT_IN[chosen]
    rest = told.rest or (sim_url or settings.sim.url if chosen == "sim" else "") or built_in.rest
    served = chosen == "sim" or bool(told.rest)
    ws = told.ws or (_socket_of(rest) if served else built_in.ws)
    ws_api = told.ws_api or (f"{ws.rstrip('/')}/ws-fapi/v1" if served else built_in.ws_api)
    archive = told.archive or ("" if served else built_in.archive)
    return Venue(chosen, rest.rstrip("/"), ws.rstrip("/"), ws_api, archive.rstrip("/"))


def _socket_of(url: str) -> str:
    return url.rstrip("/").replace("https://", "wss://", 1).replace("http://", "ws://", 1)


def route_of(stream: str) -> str:
    """Which connection carries a stream; on the wrong one it is silent, without an error."""
    name = stream if stream.startswith("!") else stream.partition("@")[2]
    kind = name.partition("@")[0]
    return PUBLIC if kind.startswith(("depth", "bookTicker", "!bookTicker", "rpiDepth")) else MARKET


Params = Mapping[str, str]
Weight = int | Callable[[Params], int]


def kline_weight(limit: int) -> int:
    """Weight of one page of bars."""
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10


def depth_weight(limit: int) -> int:
    """Weight of one book snapshot."""
    return 2 if limit <= 50 else 5 if limit <= 100 else 10 if limit <= 500 else 20


def _with_symbol(one: int, every: int) -> Callable[[Params], int]:
    return lambda params: one if "symbol" in params else every


WEIGHTS: dict[tuple[str, str], Weight] = {
    ("GET", "/fapi/v1/ping"): 1,
    ("GET", "/fapi/v1/time"): 1,
    ("GET", "/fapi/v1/exchangeInfo"): 1,
    ("GET", "/fapi/v1/depth"): lambda params: depth_weight(int(params.get("limit", "500"))),
    ("GET", "/fapi/v1/klines"): lambda params: kline_weight(int(params.get("limit", "500"))),
    ("GET", "/fapi/v1/aggTrades"): 20,
    ("GET", "/fapi/v1/premiumIndex"): _with_symbol(1, 10),
    ("GET", "/fapi/v1/ticker/24hr"): _with_symbol(1, 40),
    ("GET", "/fapi/v1/fundingRate"): 1,
    ("GET", "/fapi/v1/fundingInfo"): 1,
    ("GET", "/futures/data/openInterestHist"): 1,
    ("GET", "/fapi/v3/account"): 5,
    ("GET", "/fapi/v3/positionRisk"): 5,
    ("GET", "/fapi/v1/symbolConfig"): 5,
    ("GET", "/fapi/v1/accountConfig"): 5,
    ("GET", "/fapi/v1/leverageBracket"): 1,
    ("GET", "/fapi/v1/commissionRate"): 20,
    ("GET", "/fapi/v1/income"): 30,
    ("POST", "/fapi/v1/positionSide/dual"): 1,
    ("POST", "/fapi/v1/marginType"): 1,
    ("POST", "/fapi/v1/leverage"): 1,
    ("POST", "/fapi/v1/order"): 0,
    ("GET", "/fapi/v1/order"): 1,
    ("DELETE", "/fapi/v1/order"): 1,
    ("GET", "/fapi/v1/openOrders"): _with_symbol(1, 40),
    ("GET", "/fapi/v1/userTrades"): 5,
    ("POST", "/fapi/v1/algoOrder"): 0,
    ("GET", "/fapi/v1/algoOrder"): 1,
    ("DELETE", "/fapi/v1/algoOrder"): 1,
    ("GET", "/fapi/v1/openAlgoOrders"): _with_symbol(1, 40),
    ("POST", "/fapi/v1/listenKey"): 1,
    ("PUT", "/fapi/v1/listenKey"): 1,
    ("DELETE", "/fapi/v1/listenKey"): 1,
}
_OWN_POOL = {
    "/fapi/v1/fundingRate": Pool.FUNDING,
    "/fapi/v1/fundingInfo": Pool.FUNDING,
    "/futures/data/openInterestHist": Pool.STATISTICS,
}
_ORDER_CALLS = {("POST", "/fapi/v1/order"), ("POST", "/fapi/v1/algoOrder")}


def costs_of(method: str, path: str, params: Params) -> dict[Pool, int]:
    """What a call takes from which budget. Raises KeyError for a call nobody has weighed."""
    if (method, path) in _ORDER_CALLS:
        return {Pool.ORDERS_10S: 1, Pool.ORDERS_1M: 1}
    weight = WEIGHTS[method, path]
    cost = weight if isinstance(weight, int) else weight(params)
    return {_OWN_POOL.get(path, Pool.WEIGHT): cost}
