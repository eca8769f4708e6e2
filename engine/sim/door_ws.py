"""The stream door: sockets by route, subscriptions, control messages, pings and cuts (sections 1.2 to 1.4, 4.3)."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from engine.sim.exchange import Exchange
from engine.sim.hub import Hub
from engine.sim.stream_names import MARKET, PRIVATE, PUBLIC, parse_stream

MOST_STREAMS = 1024
MESSAGES_PER_S = 10
PING_EVERY_S = 180.0
PONG_WITHIN_S = 600.0
LIFE_MS = 86_400_000
MOST_WAITING = 50_000
ROUTES = (PUBLIC, MARKET, PRIVATE)
LEGACY = ""
METHODS = "SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS, SET_PROPERTY, GET_PROPERTY"


class StreamSocket:
    """One connection: what it subscribed to, and what waits to be sent. A `Listener` of the hub."""

    def __init__(self, ws: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self.route, self.combined = LEGACY, False
        self.names: dict[str, None] = {}
        self.keys: dict[str, frozenset[str] | None] = {}  # listen key -> event types, None for all
        self.silent = False
        self._ws, self._transport = ws, transport
        self._waiting: deque[bytes] = deque()
        self._wake = asyncio.Event()

    def push(self, stream: str, payload: bytes) -> None:
        """Send an event in the framing this socket asked for."""
        if self.silent:
            return
        if self.combined:
            payload = b'{"stream":' + msgspec.json.encode(stream) + b',"data":' + payload + b"}"
        self.send(payload)

    def send(self, message: bytes) -> None:
        self._waiting.append(message)
        if len(self._waiting) > MOST_WAITING:
            self.cut()
        self._wake.set()

    def cut(self) -> None:
        """Drop the connection without a farewell."""
        if self._transport is not None:
            self._transport.abort()

    async def write(self) -> None:
        """Send what waits, for as long as the socket lives."""
        while not self._ws.closed:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                try:
                    await self._ws.send_frame(self._waiting.popleft(), WSMsgType.TEXT)
                except (ConnectionError, RuntimeError):
                    return


async def keep_alive(ws: web.WebSocketResponse) -> None:
    """Ping now and then, for as long as the socket lives."""
    while not ws.closed:
        await asyncio.sleep(PING_EVERY_S)
        try:
            await ws.ping()
        except (ConnectionError, RuntimeError):
            return


class StreamDoor:
    """All stream sockets of the exchange."""

    def __init__(self, exchange: Exchange, hub: Hub) -> None:
        self._exchange, self._hub = exchange, hub
        self._sockets: dict[StreamSocket, int] = {}  # socket -> exchange time of its start
        exchange.trouble.cut = self._cut

    @property
    def open(self) -> int:
        return len(self._sockets)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one socket until it ends. The handshake succeeds whatever was asked for."""
        ws = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=1 << 20)
        await ws.prepare(request)
        socket = StreamSocket(ws, request.transport)
        self.join(socket, request.path, request.query_string)
        tasks = [asyncio.create_task(socket.write()), asyncio.create_task(keep_alive(ws))]
        try:
            if len(socket.names) > MOST_STREAMS:
                await ws.close(code=WSCloseCode.POLICY_VIOLATION, message=b"too many streams")
            await self._listen(ws, socket)
        finally:
            for task in tasks:
                task.cancel()
            self.leave(socket)
        return ws

    def join(self, socket: StreamSocket, path: str, query: str) -> None:
        """A connection came in, on the route and with the streams its address names."""
        socket.route, form, names = _place(path)
        socket.combined = form == "stream"
        self._sockets[socket] = self._exchange.clock.now_ms()
        self._open_from_url(socket, names, parse_qsl(query))

    def leave(self, socket: StreamSocket) -> None:
        """A connection is over."""
        for name in socket.names:
            self._hub.unsubscribe(name, socket)
        self._sockets.pop(socket, None)

    def beat(self) -> None:
        """Note who is silenced by trouble, and end what has lived its day."""
        now_ms = self._exchange.clock.now_ms()
        for socket, start_ms in list(self._sockets.items()):
            socket.silent = self._exchange.trouble.silent(socket.route or PUBLIC)
            if now_ms - start_ms >= LIFE_MS:
                socket.cut()

    def deliver(self, events: list[tuple[str, dict[str, Any]]]) -> None:
        """Push private events to the sockets that hold a living key of their account."""
        for account, event in events:
            payload = msgspec.json.encode(event)
            for socket in self._sockets:
                for key, kinds in socket.keys.items():
                    if self._hears(key, account, event) and (kinds is None or event["e"] in kinds):
                        socket.push(key, payload)

    def close(self) -> None:
        """Drop every socket: the exchange goes down."""
        for socket in self._sockets:
            socket.cut()

    def _hears(self, key: str, account: str, event: dict[str, Any]) -> bool:
        if event["e"] == "listenKeyExpired":
            return bool(event["listenKey"] == key)
        owner = self._exchange.account.listen_key_owner(key)
        return owner == account or (owner is None and "listen_key" in self._exchange.lenient)

    def _open_from_url(self, socket: StreamSocket, names: list[str], query: list[tuple[str, str]]) -> None:
        last_key = ""
        for field, value in query:
            if field == "streams":
                names = names + [name for name in value.split("/") if name]
            elif field == "listenKey" and socket.route == PRIVATE:
                last_key = value
                socket.keys[value] = None
            elif field == "events" and last_key:
                socket.keys[last_key] = frozenset(value.split("/"))
        for name in names:
            self._subscribe(socket, name)

    def _subscribe(self, socket: StreamSocket, name: str) -> None:
        if socket.route == PRIVATE:
            socket.keys.setdefault(name, None)
        socket.names[name] = None
        parsed = parse_stream(name)
        if parsed is None:
            return
        legacy = socket.route == LEGACY
        served = (
            PUBLIC in parsed.routes or "legacy_routes" in self._exchange.lenient
            if legacy
            else socket.route in parsed.routes
        )
        if served:
            self._hub.subscribe(name, socket)

    async def _listen(self, ws: web.WebSocketResponse, socket: StreamSocket) -> None:
        clock = self._exchange.clock
        heard: deque[float] = deque(maxlen=MESSAGES_PER_S)
        while not ws.closed:
            try:
                message = await ws.receive(timeout=PONG_WITHIN_S)
            except TimeoutError:
                socket.cut()
                return
            if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
                return
            now = clock.wall_ms()
            if len(heard) == MESSAGES_PER_S and now - heard[0] < 1000.0:
                await ws.close(code=WSCloseCode.POLICY_VIOLATION, message=b"too many messages")
                return
            heard.append(now)
            if message.type is WSMsgType.PING:
                await ws.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                socket.send(msgspec.json.encode(self.control(socket, message.data)))

    def control(self, socket: StreamSocket, text: str) -> dict[str, Any]:
        """Obey a control message; its answer."""
        try:
            request = json.loads(text)
        except json.JSONDecodeError as error:
            return {"code": 3, "msg": f"Invalid JSON: {error.msg} at line {error.lineno} column {error.colno}"}
        if not isinstance(request, dict):
            return {"code": 2, "msg": "Invalid request: request must be an object"}
        number, params = request.get("id"), request.get("params", [])
        answer: dict[str, Any] = {"result": None, "id": number}
        method = request.get("method")
        if number is not None and not isinstance(number, int | str):
            return {"code": 2, "msg": "Invalid request: id must be a number or a string"}
        if method not in METHODS.split(", "):
            return _invalid(f"unknown variant {method}, expected one of {METHODS}", number)
        if method == "LIST_SUBSCRIPTIONS":
            return answer | {"result": list(socket.names)}
        if not isinstance(params, list):
            return _invalid("params must be an array", number)
        if method.endswith("PROPERTY"):
            return self._property(socket, method, params, answer)
        if not all(isinstance(name, str) for name in params):
            return _invalid("params must be an array of strings", number)
        if method == "SUBSCRIBE":
            if len({*socket.names, *params}) > MOST_STREAMS:
                return _invalid(f"too many streams, at most {MOST_STREAMS}", number)
            for name in params:
                self._subscribe(socket, name)
            return answer
        for name in params:
            socket.names.pop(name, None)
            socket.keys.pop(name, None)
            self._hub.unsubscribe(name, socket)
        return answer

    def _property(self, socket: StreamSocket, method: str, params: list[Any], answer: dict[str, Any]) -> dict[str, Any]:
        if not params or params[0] != "combined":
            return {"code": 0, "msg": "Unknown property", "id": answer["id"]}
        if method == "GET_PROPERTY":
            return answer | {"result": socket.combined}
        if len(params) < 2 or not isinstance(params[1], bool):
            return {"code": 1, "msg": "Invalid value type: expected Boolean", "id": answer["id"]}
        socket.combined = params[1]
        return answer

    def _cut(self, route: str) -> None:
        for socket in list(self._sockets):
            if route in ("all", socket.route):
                socket.cut()


def _place(path: str) -> tuple[str, str, list[str]]:
    """(route, "ws" or "stream", stream names of the path). A number after the form is a shard, not a stream."""
    parts = [part for part in path.split("/") if part]
    route = parts.pop(0) if parts and parts[0] in ROUTES else LEGACY
    form = parts.pop(0) if parts else "ws"
    return route, form, [part for part in parts if not part.isdigit()]


def _invalid(reason: str, number: object) -> dict[str, Any]:
    error: dict[str, Any] = {"code": 2, "msg": f"Invalid request: {reason}"}
    return error if number is None else error | {"id": number}
