"""Public answers and stream payloads: the documented fields, the documented types, windows that mean what they say."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from engine.sim import stream_messages as say
from engine.sim.direct import DirectExchange
from engine.sim.stream_names import MARKET, PUBLIC, parse_stream
from tests.support.exchange import FIXTURES, MIDDAY_MS, difference, fixture

documented = pytest.mark.skipif(not FIXTURES.is_dir(), reason="the documented payloads are not beside this checkout")
BAR_MS = 900_000


def opened(*symbols: str) -> DirectExchange:
    return DirectExchange.open(MIDDAY_MS, symbols or ("BTCUSDT", "ETHUSDT"))


REST = [
    ("ping", "/fapi/v1/ping", {}),
    ("time", "/fapi/v1/time", {}),
    ("exchangeInfo", "/fapi/v1/exchangeInfo", {}),
    ("depth", "/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": "5"}),
    ("rpiDepth", "/fapi/v1/rpiDepth", {"symbol": "BTCUSDT"}),
    ("trades", "/fapi/v1/trades", {"symbol": "BTCUSDT"}),
    ("trades", "/fapi/v1/historicalTrades", {"symbol": "BTCUSDT"}),
    ("aggTrades", "/fapi/v1/aggTrades", {"symbol": "BTCUSDT"}),
    ("klines", "/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "1m"}),
    ("klines", "/fapi/v1/markPriceKlines", {"symbol": "BTCUSDT", "interval": "1h"}),
    ("klines", "/fapi/v1/premiumIndexKlines", {"symbol": "BTCUSDT", "interval": "1h"}),
    ("klines", "/fapi/v1/indexPriceKlines", {"pair": "BTCUSDT", "interval": "1h"}),
    ("continuousKlines", "/fapi/v1/continuousKlines",
     {"pair": "BTCUSDT", "contractType": "PERPETUAL", "interval": "1s"}),
    ("premiumIndex.symbol", "/fapi/v1/premiumIndex", {"symbol": "BTCUSDT"}),
    ("premiumIndex.all", "/fapi/v1/premiumIndex", {}),
    ("fundingRate", "/fapi/v1/fundingRate", {"symbol": "BTCUSDT", "limit": "5"}),
    ("fundingInfo", "/fapi/v1/fundingInfo", {}),
    ("ticker_24hr.symbol", "/fapi/v1/ticker/24hr", {"symbol": "BTCUSDT"}),
    ("ticker_24hr.all", "/fapi/v1/ticker/24hr", {}),
    ("ticker_price_v1.symbol", "/fapi/v1/ticker/price", {"symbol": "BTCUSDT"}),
    ("ticker_price_v2.all", "/fapi/v2/ticker/price", {}),
    ("ticker_bookTicker.symbol", "/fapi/v1/ticker/bookTicker", {"symbol": "BTCUSDT"}),
    ("ticker_bookTicker.all", "/fapi/v1/ticker/bookTicker", {}),
    ("openInterest", "/fapi/v1/openInterest", {"symbol": "BTCUSDT"}),
    ("openInterestHist", "/futures/data/openInterestHist", {"symbol": "BTCUSDT", "period": "5m"}),
    ("takerlongshortRatio", "/futures/data/takerlongshortRatio", {"symbol": "BTCUSDT", "period": "15m"}),
    ("symbolAdlRisk.symbol", "/fapi/v1/symbolAdlRisk", {"symbol": "BTCUSDT"}),
]  # fmt: skip


@documented
@pytest.mark.parametrize(("name", "path", "params"), REST)
def test_answers_have_the_documented_fields_and_types(name: str, path: str, params: dict[str, str]) -> None:
    status, body = opened().request("GET", path, params)
    assert status == 200
    assert difference(fixture(f"rest/{name}.json"), body) == []


@documented
def test_a_listed_row_has_the_documented_fields_and_filters() -> None:
    ours = opened().request("GET", "/fapi/v1/exchangeInfo")[1]["symbols"][0]
    theirs = fixture("rest/exchangeInfo.json")["symbols"][0]
    assert list(ours) == list(theirs)
    assert ours["filters"] == theirs["filters"]
    assert "MAX_NUM_ALGO_ORDERS" not in str(ours)


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/futures/data/globalLongShortAccountRatio", {"symbol": "BTCUSDT", "period": "1h"}),
        ("/futures/data/topLongShortAccountRatio", {"symbol": "BTCUSDT", "period": "1h"}),
        ("/futures/data/topLongShortPositionRatio", {"symbol": "BTCUSDT", "period": "1h"}),
        ("/futures/data/basis", {"pair": "BTCUSDT", "contractType": "PERPETUAL", "period": "1h"}),
        ("/fapi/v1/symbolAdlRisk", {}),
        ("/fapi/v1/insuranceBalance", {}),
    ],
)
def test_secondary_statistics_are_served(path: str, params: dict[str, str]) -> None:
    status, rows = opened().request("GET", path, params)
    assert (status, isinstance(rows, list), len(rows) > 1) == (200, True, True)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v3/ping", {}),
        ("/sapi/v1/capital/config/getall", []),
        ("/sapi/v1/margin/allPairs", []),
        ("/sapi/v1/system/status", {"status": 0, "msg": "normal"}),
    ],
)
def test_the_spot_helpers_that_clients_touch_at_start_are_answered(path: str, body: Any) -> None:
    assert opened().request("GET", path) == (200, body)


@pytest.mark.parametrize(
    ("path", "params", "status", "code"),
    [
        ("/fapi/v1/klines", {"interval": "1m"}, 400, -1102),
        ("/fapi/v1/klines", {"symbol": "NOPE", "interval": "1m"}, 400, -1121),
        ("/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "7m"}, 400, -1120),
        ("/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "1m", "startTime": "2", "endTime": "1"}, 400, -1023),
        ("/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": "many"}, 400, -1130),
        ("/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": "7"}, 400, -1130),
        ("/fapi/v1/aggTrades", {"symbol": "BTCUSDT", "fromId": "1", "startTime": "1"}, 400, -1128),
        ("/fapi/v1/indexPriceKlines", {"pair": "NOPE", "interval": "1m"}, 400, -4144),
        ("/fapi/v1/positionRisk", {}, 404, -5000),
        ("/nowhere", {}, 404, -5000),
    ],
)
def test_nonsense_is_refused_with_its_code(path: str, params: dict[str, str], status: int, code: int) -> None:
    got, body = opened().request("GET", path, params)
    assert (got, body["code"]) == (status, code)


@pytest.mark.parametrize(
    ("window", "first", "last"),
    [
        ({"limit": "3"}, -2, 0),
        ({"limit": "3", "endTime": str(MIDDAY_MS - BAR_MS)}, -3, -1),
        ({"limit": "3", "startTime": str(MIDDAY_MS - 10 * BAR_MS)}, -9, -7),
        ({"startTime": str(MIDDAY_MS - 4 * BAR_MS), "endTime": str(MIDDAY_MS - 2 * BAR_MS)}, -3, -2),
        ({"startTime": str(MIDDAY_MS // BAR_MS * BAR_MS - BAR_MS), "limit": "1"}, -1, -1),
    ],
)
def test_kline_windows_are_closed_at_both_ends(window: dict[str, str], first: int, last: int) -> None:
    _, rows = opened().request("GET", "/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "15m", **window})
    present = MIDDAY_MS // BAR_MS * BAR_MS
    assert [rows[0][0], rows[-1][0]] == [present + first * BAR_MS, present + last * BAR_MS]
    assert len(rows) == last - first + 1


def test_aggregate_trades_can_be_walked_through_by_id() -> None:
    exchange = opened()
    _, newest = exchange.request("GET", "/fapi/v1/aggTrades", {"symbol": "BTCUSDT", "limit": "50"})
    params = {"symbol": "BTCUSDT", "fromId": str(newest[0]["a"]), "limit": "50"}
    assert exchange.request("GET", "/fapi/v1/aggTrades", params)[1] == newest
    for before, after in pairwise(newest):
        assert after["f"] == before["l"] + 1


def test_funding_is_told_from_the_past_in_order() -> None:
    _, rows = opened().request("GET", "/fapi/v1/fundingRate", {"symbol": "BTCUSDT", "limit": "20"})
    times = [row["fundingTime"] for row in rows]
    assert times == sorted(times)
    assert times[-1] <= MIDDAY_MS < times[-1] + 8 * 3_600_000
    assert {b - a for a, b in pairwise(times)} == {8 * 3_600_000}
    _, premium = opened().request("GET", "/fapi/v1/premiumIndex", {"symbol": "BTCUSDT"})
    assert premium["nextFundingTime"] == times[-1] + 8 * 3_600_000


STREAMS = [
    ("aggTrade", "btcusdt@aggTrade"),
    ("trade.undocumented", "btcusdt@trade"),
    ("markPrice", "btcusdt@markPrice@1s"),
    ("markPrice_arr", "!markPrice@arr@1s"),
    ("kline", "btcusdt@kline_15m"),
    ("continuousKline", "btcusdt_perpetual@continuousKline_1m"),
    ("miniTicker", "btcusdt@miniTicker"),
    ("miniTicker_arr", "!miniTicker@arr"),
    ("ticker", "btcusdt@ticker"),
    ("ticker_arr", "!ticker@arr"),
    ("bookTicker", "btcusdt@bookTicker"),
    ("bookTicker", "!bookTicker"),
    ("depth_partial", "btcusdt@depth5@100ms"),
    ("depth_diff", "btcusdt@depth@100ms"),
    ("rpiDepth", "btcusdt@rpiDepth@500ms"),
    ("assetIndex_arr", "!assetIndex@arr"),
    ("tradingSession", "tradingSession"),
]


@documented
@pytest.mark.parametrize(("name", "stream"), STREAMS)
def test_pushes_have_the_documented_fields_and_types(name: str, stream: str) -> None:
    exchange = opened()
    exchange.subscribe(stream)
    pushed: list[Any] = []
    for step in range(1, 110):
        exchange.advance(MIDDAY_MS + step * 50)
        pushed += [payload for _, payload in exchange.market_events()]
    assert pushed
    for payload in pushed[:5]:
        assert difference(fixture(f"ws_market/{name}.json"), payload) == []


@pytest.mark.parametrize("stream", ["!ticker@arr", "!miniTicker@arr", "!markPrice@arr@1s"])
def test_all_market_streams_carry_rows_of_the_other_product_too(stream: str) -> None:
    exchange = opened()
    exchange.subscribe(stream)
    for step in range(1, 25):
        exchange.advance(MIDDAY_MS + step * 50)
    (_, rows), *_ = exchange.market_events()
    assert [row["s"] for row in rows if row["st"] == 1] == ["BTCUSDT", "ETHUSDT"]
    assert [row["s"] for row in rows if row["st"] == 2] == ["BTCUSD_PERP", "ETHUSD_PERP"]


def test_aggregates_and_klines_count_the_same_volume() -> None:
    exchange = opened("SOLUSDT")
    exchange.subscribe("solusdt@aggTrade", "solusdt@kline_1m")
    traded, told = 0.0, {}
    start = MIDDAY_MS // 60_000 * 60_000 + 60_000
    for step in range(1, 2600):
        exchange.advance(MIDDAY_MS + step * 50)
        for stream, event in exchange.market_events():
            if stream.endswith("aggTrade") and start <= event["T"] < start + 60_000:
                traded += float(event["q"])
            elif stream.endswith("kline_1m") and event["k"]["x"]:
                told[event["k"]["t"]] = float(event["k"]["v"])
    assert traded == pytest.approx(told[start], abs=1e-6)


def test_trades_condensed_in_a_hurry_lose_no_volume() -> None:
    exchange = opened("BTCUSDT")
    exchange.subscribe("btcusdt@aggTrade")
    exchange.advance(MIDDAY_MS + 1)
    lane = exchange.exchange.market.lanes["BTCUSDT"]
    exchange.advance(MIDDAY_MS + 400_001)
    exchange.advance(MIDDAY_MS + 400_002)
    rows = [payload for _, payload in exchange.market_events()]
    trades = lane.prints(MIDDAY_MS, MIDDAY_MS + 400_001)
    assert len(rows) <= 4 < len(trades)
    for maker in (True, False):
        wanted = sum(trade.qty for trade in trades if trade.buy is not maker)
        assert sum(round(float(row["q"]) * 1000) for row in rows if row["m"] is maker) == wanted


def test_every_close_is_told_however_fast_time_runs() -> None:
    exchange = opened("BTCUSDT")
    exchange.subscribe("btcusdt@kline_1m")
    for step in range(1, 13):
        exchange.advance(MIDDAY_MS + step * 300_000)
    closed = [payload["k"]["t"] for _, payload in exchange.market_events() if payload["k"]["x"]]
    assert len(closed) == 60
    assert {b - a for a, b in pairwise(closed)} == {60_000}


@documented
def test_a_liquidation_is_told_on_both_streams() -> None:
    exchange = opened("BTCUSDT")
    exchange.subscribe("btcusdt@forceOrder", "!forceOrder@arr")
    exchange.request(
        "POST", "/fapi/v1/order", {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}
    )
    exchange.fault("liquidation", symbol="BTCUSDT")
    for step in range(1, 45):
        exchange.advance(MIDDAY_MS + step * 50)
    told = dict(exchange.market_events())
    assert difference(fixture("ws_market/forceOrder.json"), told["btcusdt@forceOrder"]) == []
    assert difference(fixture("ws_market/forceOrder_arr.json"), told["!forceOrder@arr"]) == []


@pytest.mark.parametrize(
    ("name", "kind", "routes"),
    [
        ("btcusdt@depth", "depth", (PUBLIC,)),
        ("btcusdt@depth@500ms", "depth", (PUBLIC,)),
        ("btcusdt@depth20@100ms", "partial", (PUBLIC,)),
        ("btcusdt@bookTicker", "bookTicker", (PUBLIC,)),
        ("!bookTicker", "allBookTicker", (PUBLIC,)),
        ("btcusdt@rpiDepth@500ms", "rpiDepth", (PUBLIC,)),
        ("btcusdt@trade", "trade", (PUBLIC, MARKET)),
        ("btcusdt@aggTrade", "aggTrade", (MARKET,)),
        ("btcusdt@markPrice@1s", "markPrice", (MARKET,)),
        ("!markPrice@arr", "allMarkPrice", (MARKET,)),
        ("btcusdt@kline_1M", "kline", (MARKET,)),
        ("btcusdt_perpetual@continuousKline_1s", "continuousKline", (MARKET,)),
        ("!forceOrder@arr", "allForceOrder", (MARKET,)),
        ("!contractInfo", "contractInfo", (MARKET,)),
    ],
)
def test_streams_belong_to_their_routes(name: str, kind: str, routes: tuple[str, ...]) -> None:
    parsed = parse_stream(name)
    assert parsed is not None
    assert (parsed.kind, parsed.routes) == (kind, routes)


@pytest.mark.parametrize(
    "name",
    ["BTCUSDT@depth", "btcusdt@kline_7m", "btcusdt@depth7", "btcusdt@depth@1s", "btcusdt", "@depth", "!nothing@arr",
     "btcusdt@aggTrade@1s", "btcusdt_never@continuousKline_1m", "btcusdt@rpiDepth"],
)  # fmt: skip
def test_names_that_mean_nothing_are_silent(name: str) -> None:
    parsed = parse_stream(name)
    assert parsed is None or not parsed.symbol


def test_only_two_symbols_have_a_coin_margined_twin() -> None:
    assert say.coin_margined({"s": "SOLUSDT", "st": 1}) is None
    assert say.coin_margined({"s": "BTCUSDT", "ps": "BTCUSDT", "st": 1}) == {
        "s": "BTCUSD_PERP",
        "ps": "BTCUSD",
        "st": 2,
    }
