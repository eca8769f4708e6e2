"""Every call has its price, every stream its road, every venue its addresses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import engine.exchange
from config.schema import HostSettings, Settings, SimSettings, VenueSettings
from engine.exchange.limits import Pool
from engine.exchange.venue import WEIGHTS, costs_of, depth_weight, kline_weight, route_of, venue_for


@pytest.mark.parametrize(
    ("limit", "weight"), [(8, 1), (99, 1), (100, 2), (499, 2), (500, 5), (1000, 5), (1001, 10), (1500, 10)]
)
def test_weight_of_a_page_of_bars(limit: int, weight: int) -> None:
    assert kline_weight(limit) == weight
    assert costs_of("GET", "/fapi/v1/klines", {"limit": str(limit)}) == {Pool.WEIGHT: weight}


@pytest.mark.parametrize(("limit", "weight"), [(5, 2), (50, 2), (100, 5), (500, 10), (1000, 20)])
def test_weight_of_a_snapshot(limit: int, weight: int) -> None:
    assert depth_weight(limit) == weight


@pytest.mark.parametrize(
    ("method", "path", "params", "costs"),
    [
        ("POST", "/fapi/v1/order", {}, {Pool.ORDERS_10S: 1, Pool.ORDERS_1M: 1}),
        ("POST", "/fapi/v1/algoOrder", {}, {Pool.ORDERS_10S: 1, Pool.ORDERS_1M: 1}),
        ("DELETE", "/fapi/v1/order", {}, {Pool.WEIGHT: 1}),
        ("GET", "/fapi/v1/openOrders", {}, {Pool.WEIGHT: 40}),
        ("GET", "/fapi/v1/openAlgoOrders", {"symbol": "BTCUSDT"}, {Pool.WEIGHT: 1}),
        ("GET", "/fapi/v1/ticker/24hr", {}, {Pool.WEIGHT: 40}),
        ("GET", "/fapi/v1/aggTrades", {}, {Pool.WEIGHT: 20}),
        ("GET", "/fapi/v1/klines", {}, {Pool.WEIGHT: 5}),
        ("GET", "/fapi/v1/fundingRate", {}, {Pool.FUNDING: 1}),
        ("GET", "/futures/data/openInterestHist", {}, {Pool.STATISTICS: 1}),
    ],
)
def test_costs(method: str, path: str, params: dict[str, str], costs: dict[Pool, int]) -> None:
    assert costs_of(method, path, params) == costs


def test_every_path_the_client_asks_for_was_weighed() -> None:
    folder = Path(next(iter(engine.exchange.__path__)))
    asked = {
        path for file in folder.glob("*.py") for path in re.findall(r'"(/(?:fapi|futures)/[\w/]+)"', file.read_text())
    }
    assert len(asked) > 20
    assert asked == {path for _, path in WEIGHTS}
    with pytest.raises(KeyError):
        costs_of("GET", "/fapi/v1/unheard", {})


@pytest.mark.parametrize(
    ("stream", "route"),
    [
        ("btcusdt@depth@100ms", "public"), ("btcusdt@depth10@500ms", "public"), ("btcusdt@bookTicker", "public"),
        ("!bookTicker", "public"), ("btcusdt@aggTrade", "market"), ("btcusdt@kline_15m", "market"),
        ("btcusdt@markPrice@1s", "market"), ("!markPrice@arr@1s", "market"), ("!miniTicker@arr", "market"),
        ("btcusdt@miniTicker", "market"),
    ],
)  # fmt: skip
def test_every_stream_has_its_route(stream: str, route: str) -> None:
    assert route_of(stream) == route


def test_built_in_venues() -> None:
    live = venue_for(Settings(venue="live"))
    assert live.stream_url("public") == "wss://fstream.binance.com/public/stream"
    assert live.private_url("K") == "wss://fstream.binance.com/private/ws?listenKey=K"
    assert not live.loopback
    paper = venue_for(Settings())
    assert (paper.name, paper.rest) == ("paper", live.rest)
    assert venue_for(Settings(), "testnet").rest == "https://demo-fapi.binance.com"


def test_addresses_that_were_set_win_and_the_rest_is_derived_from_them() -> None:
    told = VenueSettings(testnet=HostSettings(rest="http://127.0.0.1:9000/"), paper=HostSettings(ws="ws://h:1"))
    testnet = venue_for(Settings(venues=told), "testnet")
    assert (testnet.rest, testnet.ws) == ("http://127.0.0.1:9000", "ws://127.0.0.1:9000")
    assert testnet.ws_api == "ws://127.0.0.1:9000/ws-fapi/v1"
    assert testnet.archive == ""
    paper = venue_for(Settings(venues=told))
    assert (paper.rest, paper.ws) == ("https://fapi.binance.com", "ws://h:1")


def test_the_embedded_exchange_says_where_it_listens() -> None:
    sim = venue_for(Settings(venue="sim"), sim_url="http://127.0.0.1:4321")
    assert (sim.rest, sim.ws, sim.archive) == ("http://127.0.0.1:4321", "ws://127.0.0.1:4321", "")
    assert sim.loopback
    elsewhere = venue_for(Settings(venue="sim", sim=SimSettings(url="http://127.0.0.1:99")))
    assert elsewhere.ws == "ws://127.0.0.1:99"
