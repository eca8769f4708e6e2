"""The REST door: raw query and body in, JSON out, on loopback."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
from aiohttp import web

from engine.sim.exchange import Answer, Exchange, Request
from engine.sim.faults import BadFault, read_fault

JSON_TYPE = "application/json"


class RestDoor:
    """Answers HTTP requests; `after` is called whenever private events may be waiting."""

    def __init__(self, exchange: Exchange, after: Any) -> None:
        self._exchange = exchange
        self._after = after

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request of the exchange's API."""
        raw = request.raw_path
        path, _, query = raw.partition("?")
        body = (await request.read()).decode("utf-8", "surrogateescape")
        asked = Request(
            request.method, path, query, body if request.method != "GET" else "", request.headers.get("X-MBX-APIKEY"),
            request.remote or "",
        )  # fmt: skip
        answer = self._exchange.answer(asked)
        if answer.hold_s:
            self._after()
            await asyncio.sleep(answer.hold_s)
        if answer.lost:
            if request.transport is not None:
                request.transport.close()
            return web.Response(status=answer.status)
        response = respond(answer)
        if not answer.hold_s:
            asyncio.get_running_loop().call_soon(self._after)
        return response


class ControlDoor:
    """`/sim/...`: what a person at the controls may do to the exchange."""

    def __init__(self, exchange: Exchange, set_speed: Any) -> None:
        self._exchange, self._set_speed = exchange, set_speed

    async def price(self, request: web.Request) -> web.Response:
        """POST /sim/price {"symbol", "price"}: move a market now."""
        asked = await _object(request)
        symbol, price = asked.get("symbol"), asked.get("price")
        return self._begin({"kind": "price", "symbol": symbol, "price": price})

    async def fault(self, request: web.Request) -> web.Response:
        """POST /sim/fault {"kind", ...}: let something go wrong now."""
        return self._begin(await _object(request))

    async def speed(self, request: web.Request) -> web.Response:
        """POST /sim/speed {"speed"}: run at another speed; 0 holds the time."""
        speed = (await _object(request)).get("speed")
        if isinstance(speed, bool) or not isinstance(speed, int | float) or not 0 <= speed <= 10_000:
            raise _bad(f"speed must be a number from 0 to 10000, was {speed!r}")
        self._set_speed(float(speed))
        return respond(Answer(200, {"speed": float(speed), "serverTime": self._exchange.clock.now_ms()}))

    def _begin(self, raw: dict[str, Any]) -> web.Response:
        try:
            fault = read_fault(raw)
        except BadFault as error:
            raise _bad(str(error)) from error
        symbol = fault.params.get("symbol")
        if symbol is not None and symbol not in self._exchange.market.lanes:
            raise _bad(f"unknown symbol {symbol!r}")
        if fault.kind == "price" and not _positive(fault.params["price"]) and fault.params["pct"] is None:
            raise _bad(f"price must be a positive number, was {fault.params['price']!r}")
        self._exchange.catch_up()
        self._exchange.trouble.begin(fault)
        return respond(Answer(200, {"kind": fault.kind, "serverTime": self._exchange.clock.now_ms()}))


def respond(answer: Answer) -> web.Response:
    return web.Response(
        status=answer.status, body=msgspec.json.encode(answer.body), content_type=JSON_TYPE, headers=answer.headers
    )


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        value = json.loads(await request.read())
    except ValueError as error:
        raise _bad(f"invalid JSON: {error}") from error
    if not isinstance(value, dict):
        raise _bad("expected an object")
    return value


def _positive(value: object) -> bool:
    try:
        return float(str(value)) > 0
    except ValueError:
        return False


def _bad(reason: str) -> web.HTTPException:
    text = msgspec.json.encode({"code": -1130, "msg": reason}).decode()
    return web.HTTPBadRequest(text=text, content_type=JSON_TYPE)
