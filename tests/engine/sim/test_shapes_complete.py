"""Every documented payload is either compared with what the exchange emits, or named with the reason why it is not."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.sim import test_account_shapes as account
from tests.engine.sim import test_market_answers as market
from tests.support.exchange import FIXTURES, Client, difference, fixture, hear, served

pytestmark = pytest.mark.skipif(not FIXTURES.is_dir(), reason="the documented payloads are not beside this checkout")

NOT_SERVED = {
    "ws_market/compositeIndex": "no composite index is listed here",
    "ws_market/contractInfo": "nothing is listed, delisted or re-bracketed while the exchange runs",
    "errors/um_cm_sync": "there is no coin-margined account whose mode could differ",
}
ELSEWHERE = {
    "rest/exchangeInfo": "field by field in test_market_answers",
    "ws_market/forceOrder": "test_a_liquidation_is_told_on_both_streams",
    "ws_market/forceOrder_arr": "test_a_liquidation_is_told_on_both_streams",
    "ws_api/order_place.request": "sent by test_door_serve",
    "ws_api/order_place.response": "test_door_serve",
    "ws_api/algoOrder_place.response": "test_door_serve",
    "ws_api/userDataStream_start.response": "test_door_serve",
    "ws_api/session_logon.response": "test_door_serve",
} | {
    f"ws_control/{name}.{kind}": "test_control_messages_answer_as_documented"
    for name in ("subscribe", "get_property", "set_property", "list", "unsubscribe")
    for kind in ("request", "response")
}  # fmt: skip
HERE = {
    "ws_api/account_position_v2.response", "ws_api/algoOrder_cancel.response", "ws_api/depth.response",
    "ws_api/error.response", "ws_control/error.bad_json", "ws_control/error.unknown_method",
    "ws_control/subscribe.request_uuid", "ws_market/combined_envelope", "errors/ban_418", "errors/key_format_401",
    "errors/orders_429", "errors/overload_503", "errors/signature", "errors/timestamp", "errors/unknown_503",
    "errors/weight_429",
}  # fmt: skip


def test_no_documented_payload_is_forgotten() -> None:
    documented = {str(path.relative_to(FIXTURES).with_suffix("")) for path in FIXTURES.glob("*/*.json")}
    compared = {f"rest/{name}" for name, _, _ in market.REST} | {f"ws_market/{name}" for name, _ in market.STREAMS}
    compared |= {f"rest/{name}" for name in (*account.ANSWERS, *account.NOT_SERVED)}
    compared |= {f"ws_user/{name}" for name in (*account.EVENTS, *account.NOT_SERVED)}
    compared |= {f"errors/{name}" for name in account.ERRORS}
    assert documented - compared - set(ELSEWHERE) - HERE == set(NOT_SERVED)


async def test_the_socket_api_answers_as_documented() -> None:
    async with served(symbols=("BTCUSDT",)) as client, client.session.ws_connect(client.ready["ws_api"]) as ws:
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.010"}
        await client.signed("POST", "/fapi/v1/order", **order)
        stop = order | {"side": "SELL", "type": "STOP_MARKET", "triggerPrice": "30000", "algoType": "CONDITIONAL"}
        await client.signed("POST", "/fapi/v1/algoOrder", **stop, clientAlgoId="stop-1")
        asked: dict[str, tuple[str, dict[str, object]]] = {
            "account_position_v2": ("v2/account.position", {"symbol": "BTCUSDT"}),
            "algoOrder_cancel": ("algoOrder.cancel", {"clientAlgoId": "stop-1"}),
            "depth": ("depth", {"symbol": "BTCUSDT", "limit": 5}),
            "error": ("order.place", order | {"quantity": "90"}),
        }
        for name, (method, params) in asked.items():
            await ws.send_json(await _signed(client, method, params))
            ours = await hear(ws, lambda message: True)
            assert difference(fixture(f"ws_api/{name}.response.json"), ours) == [], name
        assert ours["error"] == fixture("ws_api/error.response.json")["error"]


async def test_control_errors_and_envelopes_are_as_documented() -> None:
    async with served(symbols=("BTCUSDT",), speed=20.0) as client, client.socket("/market/stream") as ws:
        await ws.send_str("not json")
        assert difference(fixture("ws_control/error.bad_json.json"), await hear(ws, lambda message: True)) == []
        await ws.send_json({"method": "SUBSCRIBED", "params": ["btcusdt@aggTrade"]})
        assert await hear(ws, lambda message: True) == fixture("ws_control/error.unknown_method.json")
        request = fixture("ws_control/subscribe.request_uuid.json")
        await ws.send_json(request | {"params": ["btcusdt@aggTrade"]})
        answer = await hear(ws, lambda message: "result" in message)
        assert answer == {"result": None, "id": request["id"]}
        pushed = await hear(ws, lambda message: "stream" in message)
        assert difference(fixture("ws_market/combined_envelope.json"), pushed) == []


LIMIT = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "quantity": "0.010",
    "price": "50000",
    "timeInForce": "GTC",
}


async def _limit(client: Client) -> tuple[int, Any, dict[str, str]]:
    return await client.signed("POST", "/fapi/v1/order", **LIMIT)


async def _too_often(client: Client) -> tuple[int, Any, dict[str, str]]:
    while (answer := await client.signed("POST", "/fapi/v1/order", **LIMIT | {"side": "NONE"}))[0] == 400:
        pass
    return answer


async def _after(client: Client, kind: str, **params: object) -> tuple[int, Any, dict[str, str]]:
    await client.get("/fapi/v1/ping")
    await client.control("fault", kind=kind, **params)
    return await client.get("/fapi/v1/ping")


async def _order_after(client: Client, kind: str) -> tuple[int, Any, dict[str, str]]:
    await client.control("fault", kind=kind)
    return await _limit(client)


async def _late(client: Client) -> tuple[int, Any, dict[str, str]]:
    query = "timestamp=1"
    return await client.send("GET", f"/fapi/v3/account?{query}&signature={_sign(client, query)}")


ERRORS: dict[str, Callable[[Client], Any]] = {
    "ban_418": lambda client: _after(client, "banned"),
    "weight_429": lambda client: _after(client, "rate_limited"),
    "key_format_401": lambda client: client.send("GET", "/fapi/v3/account?timestamp=1&signature=0", key="short"),
    "signature": lambda client: client.send("GET", "/fapi/v3/account?timestamp=1&signature=00"),
    "timestamp": _late,
    "orders_429": _too_often,
    "overload_503": lambda client: _order_after(client, "overload"),
    "unknown_503": lambda client: _order_after(client, "unknown_lost"),
}


@pytest.mark.parametrize("name", ERRORS)
async def test_refusals_of_the_door_are_the_documented_ones(name: str) -> None:
    wanted = fixture(f"errors/{name}.json")
    async with served(symbols=("BTCUSDT",), control=True) as client:
        status, body, headers = await ERRORS[name](client)
        assert status == wanted["httpStatus"]
        assert body["code"] == wanted["body"]["code"]
        assert _words(body["msg"]) == _words(wanted["body"]["msg"])
        assert set(wanted["headers"]) <= set(headers)


def _words(text: str) -> str:
    """A message without the moment it names."""
    return "".join(letter for letter in text if not letter.isdigit()) if "banned until" in text else text


async def _signed(client: Client, method: str, params: dict[str, object]) -> dict[str, Any]:
    _, now, _ = await client.get("/fapi/v1/time")
    given = params | {"apiKey": client.ready["api_key"], "timestamp": now["serverTime"]}
    payload = "&".join(f"{name}={given[name]}" for name in sorted(given))
    signature = _sign(client, payload)
    return json.loads(json.dumps({"id": "a-uuid", "method": method, "params": given | {"signature": signature}}))


def _sign(client: Client, payload: str) -> str:
    return hmac.new(client.ready["api_secret"].encode(), payload.encode(), hashlib.sha256).hexdigest()
