"""The WebSocket API: one JSON request a frame, answered by the same exchange as REST (section 1.4)."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from engine.sim.codes import Refused, refuse
from engine.sim.door_ws import MESSAGES_PER_S, PONG_WITHIN_S, keep_alive
from engine.sim.exchange import Answer, Exchange, over_budget
from engine.sim.pools import ORDERS_1M, ORDERS_10S, WEIGHT_LIMIT, OverBudget
from engine.sim.signing import authenticate, check_time
from engine.sim.tariff import CHARGES

HANDSHAKE_WEIGHT = 5
METHODS: dict[str, tuple[str, str]] = {
    "depth": ("GET", "/fapi/v1/depth"),
    "ticker.price": ("GET", "/fapi/v2/ticker/price"),
    "ticker.book": ("GET", "/fapi/v1/ticker/bookTicker"),
    "order.place": ("POST", "/fapi/v1/order"),
    "order.modify": ("PUT", "/fapi/v1/order"),
    "order.cancel": ("DELETE", "/fapi/v1/order"),
    "order.status": ("GET", "/fapi/v1/order"),
    "algoOrder.place": ("POST", "/fapi/v1/algoOrder"),
    "algoOrder.cancel": ("DELETE", "/fapi/v1/algoOrder"),
    "account.balance": ("GET", "/fapi/v2/balance"),
    "v2/account.balance": ("GET", "/fapi/v3/balance"),
    "account.status": ("GET", "/fapi/v2/account"),
    "v2/account.status": ("GET", "/fapi/v3/account"),
    "account.position": ("GET", "/fapi/v2/positionRisk"),
    "v2/account.position": ("GET", "/fapi/v3/positionRisk"),
    "userDataStream.start": ("POST", "/fapi/v1/listenKey"),
    "userDataStream.ping": ("PUT", "/fapi/v1/listenKey"),
    "userDataStream.stop": ("DELETE", "/fapi/v1/listenKey"),
}
OPEN = frozenset({"depth", "ticker.price", "ticker.book"})
KEY_ONLY = frozenset({"userDataStream.start", "userDataStream.ping", "userDataStream.stop"})
SESSION = frozenset({"session.logon", "session.status", "session.logout"})


@dataclass(slots=True)
class Session:
    """One connection; `api_key` once it has logged on."""

    address: str
    connected_ms: int
    show_limits: bool
    api_key: str | None = None
    authorized_ms: int | None = None


class SocketApiDoor:
    """Serves `/ws-fapi/v1`; `after` is called whenever private events may be waiting."""

    def __init__(self, exchange: Exchange, after: Callable[[], None]) -> None:
        self._exchange, self._after = exchange, after
        self.open = 0

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection until it ends; the handshake costs weight."""
        now_ms, address = self._exchange.clock.now_ms(), request.remote or ""
        self._exchange.pools.admit(address, now_ms)
        self._exchange.pools.charge_socket(address, HANDSHAKE_WEIGHT, now_ms)
        ws = web.WebSocketResponse(autoping=False, compress=False)
        await ws.prepare(request)
        session = Session(address, now_ms, request.query.get("returnRateLimits", "true").lower() != "false")
        self.open += 1
        pings = asyncio.create_task(keep_alive(ws))
        try:
            await self._listen(ws, session)
        finally:
            pings.cancel()
            self.open -= 1
        return ws

    async def _listen(self, ws: web.WebSocketResponse, session: Session) -> None:
        heard: deque[float] = deque(maxlen=MESSAGES_PER_S * 5)
        while not ws.closed:
            try:
                message = await ws.receive(timeout=PONG_WITHIN_S)
            except TimeoutError:
                return
            if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
                return
            now = self._exchange.clock.wall_ms()
            if message.type is WSMsgType.PING:
                if len(heard) == heard.maxlen and now - heard[0] < 1000.0:
                    await ws.close(code=WSCloseCode.POLICY_VIOLATION, message=b"too many messages")
                    return
                heard.append(now)
                await ws.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                reply = self.reply(message.data, session)
                await ws.send_frame(msgspec.json.encode(reply), WSMsgType.TEXT)
                self._after()

    def reply(self, text: str, session: Session) -> dict[str, Any]:
        """The answer to one frame."""
        try:
            request = json.loads(text)
            number, method = request.get("id"), request.get("method")
            params = {str(name): _text(value) for name, value in (request.get("params") or {}).items()}
        except (ValueError, AttributeError):
            return _error(None, 400, {"code": -1135, "msg": "Invalid JSON Request"})
        exchange = self._exchange
        exchange.catch_up()
        show = session.show_limits and params.get("returnRateLimits", "true").lower() != "false"
        try:
            exchange.pools.admit(session.address, exchange.clock.now_ms())
            answer = self._answer(str(method), params, session)
        except Refused as refusal:
            answer = Answer(refusal.status, refusal.body)
        except OverBudget as over:
            answer = over_budget(over)
        ok = answer.status == 200
        reply = {"id": number, "status": answer.status, "result" if ok else "error": answer.body}
        if show and method not in SESSION:
            reply["rateLimits"] = self._limits(str(method), session)
        elif method in SESSION:
            reply["rateLimits"] = []
        return reply

    def _answer(self, method: str, params: dict[str, str], session: Session) -> Answer:
        exchange = self._exchange
        now_ms = exchange.clock.now_ms()
        if method in SESSION:
            exchange.pools.charge_socket(session.address, 2, now_ms)
            return Answer(200, self._session(method, params, session))
        target = METHODS.get(method)
        if target is None:
            raise Refused(-1135, f"Unknown method '{method}'")
        weight = CHARGES[target].weigh(params)
        exchange.pools.charge_socket(session.address, max(weight, 1) if method in OPEN else 1, now_ms)
        account = None
        if method not in OPEN:
            api_key = params.get("apiKey") or session.api_key
            account = authenticate(exchange.verifier, api_key)
            if method not in KEY_ONLY:
                self._check(params, session)
        return exchange.perform(*target, params, account)

    def _session(self, method: str, params: dict[str, str], session: Session) -> dict[str, Any]:
        if method == "session.logon":
            api_key = params.get("apiKey", "")
            authenticate(self._exchange.verifier, api_key)
            if not self._exchange.verifier.is_ed25519(api_key):
                raise Refused(-4056, "HMAC_SHA256 API key is not supported.")
            self._check(params, session)
            session.api_key, session.authorized_ms = api_key, self._exchange.clock.now_ms()
        elif method == "session.logout":
            session.api_key = session.authorized_ms = None
        return {
            "apiKey": session.api_key, "authorizedSince": session.authorized_ms, "connectedSince": session.connected_ms,
            "returnRateLimits": session.show_limits, "serverTime": self._exchange.clock.now_ms(),
        }  # fmt: skip

    def _check(self, params: Mapping[str, str], session: Session) -> None:
        """Signature over the parameters sorted by name; a session that has logged on needs none."""
        if "timestamp" not in params:
            raise refuse(-1102, name="timestamp")
        logged_on = session.api_key is not None and params.get("apiKey", session.api_key) == session.api_key
        if "signature" not in params and not logged_on:
            raise refuse(-1102, name="signature")
        if "signature" in params:
            payload = "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature")
            if not self._exchange.verifier.fits(params.get("apiKey", ""), payload.encode(), params["signature"]):
                raise refuse(-1022)
        check_time(self._exchange.clock, params)

    def _limits(self, method: str, session: Session) -> list[dict[str, Any]]:
        exchange = self._exchange
        now_ms = exchange.clock.now_ms()
        rows: list[dict[str, Any]] = []
        if METHODS.get(method, ("", ""))[1].endswith(("/order", "/algoOrder")) and method != "order.status":
            ten, minute = exchange.pools.order_counts(exchange.keys.account, now_ms)
            rows = [_limit("ORDERS", "SECOND", 10, ORDERS_10S, ten), _limit("ORDERS", "MINUTE", 1, ORDERS_1M, minute)]
        used = exchange.pools.charge_socket(session.address, 0, now_ms)
        return [*rows, _limit("REQUEST_WEIGHT", "MINUTE", 1, WEIGHT_LIMIT, used)]


def _limit(kind: str, interval: str, number: int, limit: int, count: int) -> dict[str, Any]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit, "count": count}


def _error(number: object, status: int, error: dict[str, Any]) -> dict[str, Any]:
    return {"id": number, "status": status, "error": error, "rateLimits": []}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, separators=(",", ":")) if isinstance(value, list | dict) else str(value)
