"""Scripted trouble: each kind does to a client what it says, and the exchange goes on afterwards."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from engine.sim.direct import DirectExchange
from engine.sim.faults import KINDS, BadFault, read_fault, read_faults
from tests.support.exchange import MIDDAY_MS, hear, heard_within, served

ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.05"}
STOP = {
    "algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET", "triggerPrice": "60000",
    "closePosition": "true",
}  # fmt: skip
EXIT = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.05", "reduceOnly": "true"}


def opened() -> DirectExchange:
    return DirectExchange.open(MIDDAY_MS, ("BTCUSDT", "ETHUSDT"))


def position(exchange: DirectExchange) -> Decimal:
    _, rows = exchange.request("GET", "/fapi/v3/positionRisk")
    return sum((Decimal(row["positionAmt"]) for row in rows), Decimal(0))


def depth_events(exchange: DirectExchange, count: int) -> list[dict[str, Any]]:
    exchange.subscribe("btcusdt@depth@100ms")
    events: list[dict[str, Any]] = []
    while len(events) < count:
        exchange.advance(exchange.now_ms() + 50)
        events += [event for _, event in exchange.market_events()]
    return events


def test_a_gap_in_depth_breaks_the_chain_once() -> None:
    exchange = opened()
    before = depth_events(exchange, 3)
    exchange.fault("depth_gap", symbol="BTCUSDT")
    events = before[-1:] + depth_events(exchange, 4)
    unbroken = [b["pu"] == a["u"] for a, b in pairwise(events)]
    assert unbroken == [False, True, True, True]


def test_a_gap_in_another_book_leaves_this_one_alone() -> None:
    exchange = opened()
    before = depth_events(exchange, 3)
    exchange.fault("depth_gap", symbol="ETHUSDT")
    events = before[-1:] + depth_events(exchange, 4)
    assert all(b["pu"] == a["u"] for a, b in pairwise(events))


def test_a_depth_event_is_sent_twice() -> None:
    exchange = opened()
    depth_events(exchange, 2)
    exchange.fault("depth_duplicate")
    events = depth_events(exchange, 4)
    assert events[0] == events[1] != events[2]


def test_two_depth_events_change_places() -> None:
    exchange = opened()
    depth_events(exchange, 2)
    exchange.fault("depth_out_of_order")
    events = depth_events(exchange, 4)
    assert events[0]["pu"] == events[1]["u"]
    assert events[2]["pu"] == events[0]["u"]


def test_a_stale_snapshot_is_older_than_every_event_since() -> None:
    exchange = opened()
    exchange.fault("stale_snapshot", symbol="BTCUSDT")
    events = depth_events(exchange, 5)
    params = {"symbol": "BTCUSDT", "limit": "1000"}
    assert exchange.request("GET", "/fapi/v1/depth", params)[1]["lastUpdateId"] < events[0]["U"]
    assert exchange.request("GET", "/fapi/v1/depth", params)[1]["lastUpdateId"] > events[-1]["u"]


@pytest.mark.parametrize(
    ("kind", "params", "answer", "placed"),
    [
        ("submit_timeout_accepted", {}, 0, True),
        ("submit_timeout_lost", {}, 0, False),
        ("unknown_accepted", {}, -1007, True),
        ("unknown_lost", {}, -1007, False),
        ("overload", {}, -1008, False),
        ("server_error", {"status": 502}, -1000, False),
    ],
)
def test_orders_in_trouble(kind: str, params: dict[str, object], answer: int, placed: bool) -> None:
    exchange = opened()
    exchange.fault(kind, **params)
    status, body = exchange.request("POST", "/fapi/v1/order", ORDER | {"newClientOrderId": "mine"})
    assert (body["code"] if status else 0) == answer
    exchange.advance(MIDDAY_MS + 20_000)
    status, _ = exchange.request("GET", "/fapi/v1/order", {"symbol": "BTCUSDT", "origClientOrderId": "mine"})
    assert (status == 200) is placed
    assert position(exchange) == (Decimal("0.05") if placed else 0)


def test_overload_exempts_exits() -> None:
    exchange = opened()
    exchange.request("POST", "/fapi/v1/order", ORDER)
    exchange.fault("overload")
    assert exchange.request("POST", "/fapi/v1/order", ORDER)[0] == 503
    assert exchange.request("POST", "/fapi/v1/order", EXIT)[0] == 200
    assert position(exchange) == 0


@pytest.mark.parametrize(
    ("kind", "params", "order", "code"),
    [
        ("stop_rejected", {}, STOP, -4045),
        ("stop_rejected", {"code": -2019}, STOP, -2019),
        ("would_trigger", {}, STOP, -2021),
        ("reduce_only_rejected", {}, EXIT, -2022),
        ("reduce_only_rejected", {"code": -4118}, EXIT, -4118),
    ],
)
def test_an_order_is_refused_once(kind: str, params: dict[str, object], order: dict[str, str], code: int) -> None:
    exchange = opened()
    exchange.request("POST", "/fapi/v1/order", ORDER)
    exchange.fault(kind, **params)
    path = "/fapi/v1/algoOrder" if order is STOP else "/fapi/v1/order"
    assert exchange.request("POST", path, order)[1]["code"] == code
    assert exchange.request("POST", path, order)[0] == 200


def test_a_market_order_is_filled_in_part_and_expires() -> None:
    exchange = opened()
    exchange.fault("partial_fill", share=0.4)
    exchange.request("POST", "/fapi/v1/order", ORDER)
    assert position(exchange) == Decimal("0.02")
    updates = [event["o"] for event in exchange.private_events() if event["e"] == "ORDER_TRADE_UPDATE"]
    assert (updates[-1]["X"], updates[-1]["z"]) == ("EXPIRED", "0.020")


@pytest.mark.parametrize("kind", ["manual_close", "liquidation", "adl"])
def test_a_position_is_ended_from_outside_as_soon_as_there_is_one(kind: str) -> None:
    exchange = opened()
    exchange.fault(kind)
    exchange.advance(MIDDAY_MS + 1_000)
    exchange.request("POST", "/fapi/v1/order", ORDER)
    exchange.advance(MIDDAY_MS + 2_000)
    assert position(exchange) == 0
    ids = [event["o"]["c"] for event in exchange.private_events() if event["e"] == "ORDER_TRADE_UPDATE"]
    marks = {"manual_close": "web", "liquidation": "autoclose-", "adl": "adl_autoclose"}
    assert ids[-1].startswith(marks[kind])


def test_a_jumping_market_triggers_stops_on_its_way() -> None:
    exchange = opened()
    exchange.request("POST", "/fapi/v1/order", ORDER)
    exchange.request("POST", "/fapi/v1/algoOrder", STOP)
    exchange.fault("price", symbol="BTCUSDT", price=59_000)
    assert position(exchange) == 0


async def test_a_fill_is_told_before_its_order_is_acknowledged() -> None:
    async with served(symbols=("BTCUSDT",), control=True) as client:
        key = (await client.keyed("POST", "/fapi/v1/listenKey"))["listenKey"]
        async with client.socket(f"/private/ws/{key}") as ws:
            await client.control("fault", kind="fill_before_ack", seconds=0.3)
            placing = asyncio.create_task(client.signed("POST", "/fapi/v1/order", **ORDER))
            event = await hear(
                ws, lambda message: message["e"] == "ORDER_TRADE_UPDATE" and message["o"]["X"] == "FILLED"
            )
            assert not placing.done()
            status, body, _ = await placing
            assert (status, body["orderId"]) == (200, event["o"]["i"])


async def test_an_answer_that_never_comes_ends_with_the_connection() -> None:
    async with served(symbols=("BTCUSDT",), control=True) as client:
        await client.control("fault", kind="submit_timeout_accepted", seconds=0.2)
        with pytest.raises(aiohttp.ClientError):
            await client.signed("POST", "/fapi/v1/order", **ORDER)
        _, rows, _ = await client.signed("GET", "/fapi/v3/positionRisk")
        assert [row["positionAmt"] for row in rows] == ["0.050"]


@pytest.mark.parametrize(
    ("path", "kind", "params"),
    [
        ("/public/ws/btcusdt@depth@100ms", "silent_socket", {"seconds": 0.8, "route": "all"}),
        ("/market/ws/btcusdt@kline_1m", "silent_socket", {"seconds": 0.8}),
    ],
)
async def test_a_silenced_socket_stays_open_and_speaks_again(path: str, kind: str, params: dict[str, Any]) -> None:
    async with served(symbols=("BTCUSDT",), control=True, speed=50.0) as client, client.socket(path) as ws:
        await hear(ws, lambda message: True)
        await client.control("fault", kind=kind, **params)
        await heard_within(ws, 0.15)
        assert await heard_within(ws, 0.4) == []
        await hear(ws, lambda message: True)


async def test_a_dead_private_stream_says_nothing() -> None:
    async with served(symbols=("BTCUSDT",), control=True) as client:
        key = (await client.keyed("POST", "/fapi/v1/listenKey"))["listenKey"]
        async with client.socket(f"/private/ws/{key}") as ws:
            await client.control("fault", kind="private_stream_dead", seconds=5)
            await asyncio.sleep(0.1)
            await client.signed("POST", "/fapi/v1/order", **ORDER)
            assert await heard_within(ws, 0.3) == []


async def test_sockets_are_cut_without_a_farewell() -> None:
    async with served(symbols=("BTCUSDT",), control=True) as client, client.socket("/public/ws") as ws:
        await client.control("fault", kind="disconnect", route="public")
        message = await asyncio.wait_for(ws.receive(), 3)
        assert message.type is not aiohttp.WSMsgType.TEXT
        assert ws.close_code in (None, 1006)


async def test_a_market_is_moved_and_time_changed_from_outside() -> None:
    async with served(symbols=("BTCUSDT",), control=True) as client:
        assert (await client.control("price", symbol="BTCUSDT", price="70000"))[0] == 200
        assert (await client.get("/fapi/v1/premiumIndex", symbol="BTCUSDT"))[1]["markPrice"] == "70000.00000000"
        assert (await client.control("speed", speed=0))[0] == 200
        first = (await client.get("/fapi/v1/time"))[1]
        await asyncio.sleep(0.05)
        assert (await client.get("/fapi/v1/time"))[1] == first
        await client.control("speed", speed=1000)
        await asyncio.sleep(0.1)
        assert (await client.get("/fapi/v1/time"))[1]["serverTime"] > first["serverTime"] + 50_000


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("price", {"symbol": "NOPE", "price": 1}),
        ("price", {"symbol": "BTCUSDT", "price": -1}),
        ("price", {"symbol": "BTCUSDT"}),
        ("fault", {"kind": "nothing"}),
        ("fault", {"kind": "banned", "minutes": 3}),
        ("speed", {"speed": "fast"}),
    ],
)
async def test_nonsense_at_the_controls_is_refused(name: str, fields: dict[str, object]) -> None:
    async with served(symbols=("BTCUSDT",), control=True) as client:
        status, body = await client.control(name, **fields)
        assert (status, body["code"]) == (400, -1130)


async def test_without_control_there_are_no_controls() -> None:
    async with served(symbols=("BTCUSDT",)) as client:
        for name in ("price", "fault", "speed"):
            assert (await client.control(name, symbol="BTCUSDT", price=1))[0] == 404
    async with served(symbols=("BTCUSDT",), embedded=True) as client:
        assert (await client.control("speed", speed=2))[0] == 200
        assert (await client.control("fault", kind="banned"))[0] == 404


async def test_scripted_faults_begin_at_their_time(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(
        "- {at_s: 0.4, kind: region_refused, seconds: 60}\n- {at_s: 0, kind: price, symbol: BTCUSDT, price: 70000}\n"
    )
    async with served(symbols=("BTCUSDT",), faults=file) as client:
        assert (await client.get("/fapi/v1/ping"))[0] == 200
        async with asyncio.timeout(5):
            while (await client.get("/fapi/v1/ping"))[0] != 451:
                pass


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{}", "expected a list"),
        ("- 5", "item 1: expected a mapping"),
        ("- {kind: depth_gap}\n- {kind: oops}", "item 2: unknown kind 'oops'"),
        ("- {kind: banned, at_s: soon}", "at_s must be a number"),
        ("- {kind: banned, hours: 2}", "banned has no parameter 'hours'"),
        ("- [", "expected"),
    ],
)
def test_a_fault_file_that_makes_no_sense_says_where(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(text)
    with pytest.raises(BadFault, match=says) as caught:
        read_faults(file)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_begin_with_its_defaults(kind: str) -> None:
    exchange = opened()
    exchange.exchange.trouble.begin(read_fault({"kind": kind}))
    exchange.advance(MIDDAY_MS + 200)
    exchange.exchange.trouble.tick()
    assert KINDS[kind].words
