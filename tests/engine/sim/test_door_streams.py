"""The stream door: routes that stay silent, framing, control messages, limits, listen keys."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from engine.sim.door_ws import MOST_STREAMS
from tests.support.exchange import FIXTURES, Client, fixture, hear, heard_within, served


def is_event(kind: str) -> Any:
    return lambda message: isinstance(message, dict) and message.get("e") == kind


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/public/ws/btcusdt@depth@100ms", "depthUpdate"),
        ("/public/ws/ethusdt@bookTicker/btcusdt@depth5@100ms", "depthUpdate"),
        ("/public/ws/btcusdt@trade", "trade"),
        ("/market/ws/btcusdt@trade", "trade"),
        ("/market/ws/btcusdt@aggTrade", "aggTrade"),
        ("/market/ws/ethusdt@markPrice@1s/btcusdt@kline_1m", "kline"),
        ("/ws/btcusdt@bookTicker", "bookTicker"),
    ],
)
async def test_raw_paths_push_bare_events(path: str, kind: str) -> None:
    async with served(symbols=("BTCUSDT", "ETHUSDT"), speed=20.0) as client, client.socket(path) as ws:
        await hear(ws, is_event(kind))


@pytest.mark.parametrize(
    "path", ["/public/stream?streams=btcusdt@depth@100ms", "/stream?streams=btcusdt@depth@100ms/ethusdt@depth@100ms"]
)
async def test_combined_paths_push_wrapped_events(path: str) -> None:
    async with served(symbols=("BTCUSDT", "ETHUSDT")) as client, client.socket(path) as ws:
        event = await hear(ws, lambda message: message.get("stream") == "btcusdt@depth@100ms")
        assert list(event) == ["stream", "data"]
        assert event["data"]["e"] == "depthUpdate"


WRONG = [
    ("/public/ws", ["btcusdt@aggTrade", "btcusdt@kline_1m", "!miniTicker@arr"]),
    ("/market/ws", ["btcusdt@depth@100ms", "btcusdt@bookTicker"]),
    ("/private/ws", ["btcusdt@depth@100ms", "btcusdt@aggTrade"]),
    ("/ws", ["btcusdt@aggTrade", "btcusdt@markPrice@1s"]),
    ("/public/ws", ["BTCUSDT@depth@100ms", "nothing@depth", "btcusdt@depth@7ms"]),
]


async def test_a_wrong_route_or_name_is_acknowledged_and_silent() -> None:
    async def listen(client: Client, path: str, names: list[str]) -> list[Any]:
        async with client.socket(path) as ws:
            await ws.send_json({"method": "SUBSCRIBE", "params": names, "id": 1})
            return await heard_within(ws, 1.3)

    async with served(symbols=("BTCUSDT",), speed=20.0) as client:
        heard = await asyncio.gather(*(listen(client, path, names) for path, names in WRONG))
        assert heard == [[{"result": None, "id": 1}]] * len(WRONG)


async def test_a_lenient_exchange_pushes_everything_on_old_paths() -> None:
    options = {"symbols": ("BTCUSDT",), "speed": 20.0, "lenient": ("legacy_routes",)}
    async with served(**options) as client, client.socket("/ws/btcusdt@aggTrade") as ws:
        await hear(ws, is_event("aggTrade"))


async def test_a_number_in_the_path_is_a_shard_not_a_stream() -> None:
    async with served(symbols=("BTCUSDT",)) as client, client.socket("/public/ws/0") as ws:
        await ws.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 7})
        assert await hear(ws, lambda message: True) == {"result": [], "id": 7}
        await ws.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 8})
        await hear(ws, is_event("depthUpdate"))


@pytest.mark.skipif(not FIXTURES.is_dir(), reason="the documented payloads are not beside this checkout")
async def test_control_messages_answer_as_documented() -> None:
    async with served(symbols=("BTCUSDT",)) as client, client.socket("/market/ws") as ws:
        for name in ("subscribe", "get_property", "set_property", "list", "unsubscribe"):
            request, wanted = fixture(f"ws_control/{name}.request.json"), fixture(f"ws_control/{name}.response.json")
            await ws.send_json(request)
            got = await hear(ws, lambda message: "result" in message)
            assert list(got) == list(wanted)
            assert (got["id"], type(got["result"])) == (wanted["id"], type(wanted["result"]))


async def test_ids_come_back_with_their_type_and_errors_with_their_code() -> None:
    async with served(symbols=("BTCUSDT",)) as client, client.socket("/public/ws") as ws:
        for sent, wanted in (
            ({"method": "LIST_SUBSCRIPTIONS", "id": "a-uuid"}, {"result": [], "id": "a-uuid"}),
            ({"method": "SUBSCRIBED", "params": [], "id": 1}, {"code": 2, "id": 1}),
            ({"method": "SUBSCRIBE", "params": [1], "id": 2}, {"code": 2, "id": 2}),
            ({"method": "GET_PROPERTY", "params": ["other"], "id": 3}, {"code": 0, "id": 3}),
            ({"method": "SET_PROPERTY", "params": ["combined", "yes"], "id": 4}, {"code": 1, "id": 4}),
            ("not json", {"code": 3}),
        ):
            await ws.send_str(sent if isinstance(sent, str) else json.dumps(sent))
            got = await hear(ws, lambda message: True)
            assert {key: got[key] for key in wanted} == wanted


async def test_the_combined_property_changes_the_framing() -> None:
    async with served(symbols=("BTCUSDT",)) as client, client.socket("/public/ws/btcusdt@depth@100ms") as ws:
        await hear(ws, is_event("depthUpdate"))
        await ws.send_json({"method": "SET_PROPERTY", "params": ["combined", True], "id": 5})
        await hear(ws, lambda message: message.get("stream") == "btcusdt@depth@100ms")


async def test_unsubscribing_ends_a_stream() -> None:
    async with served(symbols=("BTCUSDT",)) as client, client.socket("/public/ws/btcusdt@depth@100ms") as ws:
        await hear(ws, is_event("depthUpdate"))
        await ws.send_json({"method": "UNSUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 9})
        await hear(ws, lambda message: message == {"result": None, "id": 9})
        assert await heard_within(ws, 0.4) == []


async def test_more_than_ten_messages_a_second_end_the_connection() -> None:
    async with served(symbols=("BTCUSDT",)) as client, client.socket("/public/ws") as ws:
        for number in range(12):
            await ws.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
        messages = [await ws.receive() for _ in range(11)]
        assert messages[-1].type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        assert ws.close_code == 1008


async def test_a_connection_carries_no_more_streams_than_allowed() -> None:
    async with served(symbols=("BTCUSDT",)) as client, client.socket("/market/ws") as ws:
        names = [f"s{number}usdt@aggTrade" for number in range(MOST_STREAMS)]
        await ws.send_json({"method": "SUBSCRIBE", "params": names, "id": 1})
        assert await hear(ws, lambda message: True) == {"result": None, "id": 1}
        await ws.send_json({"method": "SUBSCRIBE", "params": ["onemore@aggTrade"], "id": 2})
        assert (await hear(ws, lambda message: True))["code"] == 2


async def test_a_day_ends_the_connection() -> None:
    async with served(symbols=("BTCUSDT",), control=True) as client, client.socket("/public/ws") as ws:
        await client.control("fault", kind="clock_skew", ms=86_400_000)
        message = await asyncio.wait_for(ws.receive(), 3)
        assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR, aiohttp.WSMsgType.CLOSE)


async def listen_key(client: Client) -> str:
    return str((await client.keyed("POST", "/fapi/v1/listenKey"))["listenKey"])


async def buy(client: Client) -> None:
    status, _, _ = await client.signed(
        "POST", "/fapi/v1/order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01"
    )
    assert status == 200


@pytest.mark.parametrize("form", ["/private/ws/{key}", "/private/ws?listenKey={key}"])
async def test_private_events_come_bare_on_a_raw_path(form: str) -> None:
    async with served(symbols=("BTCUSDT",)) as client:
        key = await listen_key(client)
        async with client.socket(form.format(key=key)) as ws:
            await buy(client)
            event = await hear(ws, is_event("ORDER_TRADE_UPDATE"))
            assert event["o"]["x"] == "NEW"


async def test_private_events_can_be_chosen() -> None:
    async with served(symbols=("BTCUSDT",)) as client:
        key = await listen_key(client)
        async with client.socket(f"/private/ws?listenKey={key}&events=ACCOUNT_UPDATE/ALGO_UPDATE") as ws:
            await buy(client)
            assert {event["e"] for event in await heard_within(ws, 0.4)} == {"ACCOUNT_UPDATE"}


@pytest.mark.parametrize("subscribe", [False, True])
async def test_private_events_come_wrapped_on_a_stream_path(subscribe: bool) -> None:
    async with served(symbols=("BTCUSDT",)) as client:
        key = await listen_key(client)
        async with client.socket("/private/stream" if subscribe else f"/private/stream?listenKey={key}") as ws:
            if subscribe:
                await ws.send_json({"method": "SUBSCRIBE", "params": [key], "id": "x"})
                await hear(ws, lambda message: message == {"result": None, "id": "x"})
            await buy(client)
            event = await hear(ws, lambda message: message.get("data", {}).get("e") == "ACCOUNT_UPDATE")
            assert event["stream"] == key


async def test_a_listen_key_on_another_route_hears_nothing() -> None:
    async with served(symbols=("BTCUSDT",)) as client:
        key = await listen_key(client)
        async with client.socket(f"/market/ws?listenKey={key}") as market, client.socket(f"/ws/{key}") as legacy:
            await buy(client)
            assert [await heard_within(market, 0.3), await heard_within(legacy, 0.1)] == [[], []]


async def test_a_wrong_listen_key_opens_and_hears_nothing() -> None:
    async with served(symbols=("BTCUSDT",)) as client, client.socket("/private/ws?listenKey=wrong") as ws:
        await buy(client)
        assert await heard_within(ws, 0.4) == []


async def test_a_key_that_ends_says_so_once_and_then_nothing() -> None:
    async with served(symbols=("BTCUSDT",), control=True) as client:
        key = await listen_key(client)
        async with client.socket(f"/private/ws/{key}") as ws:
            await client.control("fault", kind="listen_key_expired")
            event = await hear(ws, lambda message: True)
            assert (event["e"], event["listenKey"]) == ("listenKeyExpired", key)
            await buy(client)
            assert await heard_within(ws, 0.4) == []
            assert (await client.keyed("PUT", "/fapi/v1/listenKey"))["code"] == -1125


async def test_the_exchange_pings_and_drops_who_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.sim.door_ws.PING_EVERY_S", 0.1)
    monkeypatch.setattr("engine.sim.door_ws.PONG_WITHIN_S", 0.5)
    async with served(symbols=("BTCUSDT",)) as client:
        url = f"{client.ready['ws']}/public/ws"
        async with client.session.ws_connect(url, autoping=False) as deaf, client.session.ws_connect(url) as polite:
            first = await asyncio.wait_for(deaf.receive(), 3)
            assert first.type is aiohttp.WSMsgType.PING
            answering = asyncio.create_task(polite.receive())
            ends = [first.type]
            while ends[-1] is aiohttp.WSMsgType.PING:
                ends.append((await asyncio.wait_for(deaf.receive(), 3)).type)
            assert not answering.done()
            answering.cancel()


async def test_protocol_pings_are_answered() -> None:
    async with (
        served(symbols=("BTCUSDT",)) as client,
        client.session.ws_connect(f"{client.ready['ws']}/public/ws", autoping=False) as ws,
    ):
        await ws.ping(b"here")
        message = await asyncio.wait_for(ws.receive(), 3)
        assert (message.type, message.data) == (aiohttp.WSMsgType.PONG, b"here")
