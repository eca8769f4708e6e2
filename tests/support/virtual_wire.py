"""The real exchange client and the simulator's own doors, with a wire of virtual time between them.

Requests are the bytes the client signed, answers the bytes and headers the exchange gives; sockets are the exchange's
own, without aiohttp around them. Everything random comes from one generator, so that a run repeats exactly.

    async with VirtualWire(loop, Random(seed)) as wire:
        client = wire.client()
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Any
from urllib.parse import urlsplit

import msgspec

from config.schema import ExchangeSettings, Secrets
from engine.clock import SystemClock, VirtualLoop
from engine.errors import Transient
from engine.exchange.client import ExchangeClient
from engine.exchange.transport import HttpAnswer, NotSent, Socket, SocketClosed
from engine.exchange.venue import Venue
from engine.sim.clockwork import Clockwork
from engine.sim.door_ws import StreamDoor, StreamSocket
from engine.sim.exchange import Exchange, Request
from engine.sim.faults import read_fault
from engine.sim.hub import Hub
from engine.sim.opening import contracts_of, open_market, recordings_of
from engine.sim.parameters import Params

BEAT_S = 0.2  # slower than the served exchange, which costs less and proves the same
DEPTH_BEATS = 2
SHOWN = 50
Shown = tuple[int, list[tuple[float, float]], list[tuple[float, float]]]  # id, bids, asks
VENUE = Venue("sim", "http://127.0.0.1:1", "ws://127.0.0.1:1", "ws://127.0.0.1:1/ws-fapi/v1")


class MachineClock(SystemClock):
    """A machine's clock on virtual time: it must be measured against the exchange's as on a real machine."""

    def __init__(self, loop: VirtualLoop, start_ms: int) -> None:
        self._loop = loop
        super().__init__(1.0, start_ms)

    def mono_ms(self) -> float:
        return self._loop.time() * 1000.0


class ServerClock(Clockwork):
    """The exchange's clock on virtual time."""

    def __init__(self, loop: VirtualLoop, start_ms: int) -> None:
        super().__init__()
        self._clock = MachineClock(loop, start_ms)
        self._changed_ms = -1e9


class WireSocket(StreamSocket):
    """The exchange's end of a connection without sockets; messages arrive after the wire's delay, in order."""

    def __init__(self, wire: VirtualWire) -> None:
        super().__init__(None, None)  # type: ignore[arg-type]
        self._wire = wire
        self._arriving: deque[tuple[float, bytes]] = deque()
        self._arrived = asyncio.Event()
        self.closed = False

    def send(self, message: bytes) -> None:
        at_ms = max(self._wire.mono_ms() + self._wire.delay_ms(), self._arriving[-1][0] if self._arriving else 0.0)
        self._arriving.append((at_ms, message))
        self._arrived.set()

    def cut(self) -> None:
        self.closed = True
        self._wire.door.leave(self)
        self._arrived.set()

    async def next(self) -> bytes:
        """The client's end: the next message. Raises SocketClosed."""
        while not self._arriving:
            if self.closed:
                raise SocketClosed("connection lost")
            self._arrived.clear()
            await self._arrived.wait()
        at_ms, message = self._arriving.popleft()
        await asyncio.sleep(max(0.0, at_ms - self._wire.mono_ms()) / 1000.0)
        return message


class _ClientEnd:
    def __init__(self, wire: VirtualWire, socket: WireSocket) -> None:
        self._wire, self._socket = wire, socket

    async def send(self, text: str) -> None:
        if self._socket.closed:
            raise SocketClosed("connection lost")
        self._socket.send(msgspec.json.encode(self._wire.door.control(self._socket, text)))

    async def receive(self) -> str | bytes:
        return await self._socket.next()

    async def close(self) -> None:
        if not self._socket.closed:
            self._socket.cut()


class VirtualWire:
    """An exchange, its doors, and the two transports that lead there."""

    def __init__(self, loop: VirtualLoop, rng: Random, symbols: tuple[str, ...], start_ms: int) -> None:
        self._loop, self._rng, self._symbols = loop, rng, symbols
        tapes = recordings_of("recorded")
        clock = ServerClock(loop, start_ms)
        market = open_market(contracts_of(symbols, tapes), tapes, "recorded", 7, start_ms, None)
        self.exchange = Exchange(market, clock, 7, Decimal(100_000), ban_seconds=20.0)
        self.hub = Hub(self.exchange)
        self.door = StreamDoor(self.exchange, self.hub)
        self.clock = MachineClock(loop, start_ms)
        self.least_ms, self.most_ms = 2.0, 30.0
        self.requests = 0
        self.into_ban: list[str] = []  # requests sent though the client had been told of a ban
        self.refused: dict[int, int] = {}  # how often each refusal by status was told
        self._banned_until_ms = 0
        self._clock_was_set = False
        self._beating: asyncio.Task[None] | None = None

    def client(self, **settings: Any) -> ExchangeClient:
        """The real client on this wire."""
        keys = self.exchange.keys
        return ExchangeClient(
            VENUE, Secrets(api_key=keys.api_key, api_secret=keys.api_secret), ExchangeSettings(**settings), self.clock,
            Random(self._rng.random()), transport=_Http(self), ws=_Ws(self),
        )  # fmt: skip

    async def __aenter__(self) -> VirtualWire:
        self._beating = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.hold()

    async def hold(self) -> dict[str, Shown]:
        """The exchange says no more, and what was said arrives; the books as they are then."""
        if self._beating is None:
            return {}
        self._beating.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._beating
        self._beating = None
        self.say()
        if self.exchange.market.beat % DEPTH_BEATS:
            self.say()
        return {symbol: self._book(symbol) for symbol in self._symbols}

    def _book(self, symbol: str) -> Shown:
        """Id and best levels as the exchange holds them, without the stir that asking for a snapshot brings."""
        market = self.exchange.market
        bids, asks = (
            [(float(level.price), float(level.qty)) for level in market.ladder(symbol, side, SHOWN)]
            for side in ("SELL", "BUY")
        )
        return market.update_id(symbol), bids, asks

    def say(self) -> None:
        """One beat of the exchange."""
        self.hub.beat()
        self.door.beat()
        self.deliver()

    def mono_ms(self) -> float:
        return self._loop.time() * 1000.0

    def delay_ms(self) -> float:
        return self._rng.uniform(self.least_ms, self.most_ms)

    def fault(self, kind: str, **params: object) -> None:
        self._clock_was_set |= kind == "clock_skew"
        self.exchange.catch_up()
        self.exchange.trouble.begin(read_fault({"kind": kind, **params}))

    def peek(self, path: str, **params: str) -> Any:
        """What the exchange would answer, without its budgets and whatever troubles it."""
        inner = self.exchange
        inner.catch_up()
        if path in inner.public.handlers:
            return msgspec.json.decode(msgspec.json.encode(inner.public.handlers[path](Params(params))))
        _, body = inner.account.request("GET", path, params, inner.keys.account, inner.market.now_ms)
        return msgspec.json.decode(msgspec.json.encode(body))

    async def answer(self, method: str, url: str, headers: Mapping[str, str], timeout_s: float) -> HttpAnswer:
        """One request over the wire. Raises Transient where no answer comes in time."""
        self.requests += 1
        # Who was told while the clocks differed cannot know better than its own clock.
        now_ms = self.clock.now_ms() if self._clock_was_set else self.exchange.clock.now_ms()
        if now_ms < self._banned_until_ms:
            self.into_ban.append(f"{method} {url.partition('?')[0]}")
        began_ms = self.mono_ms()
        await asyncio.sleep(self.delay_ms() / 1000.0)
        parts = urlsplit(url)
        answer = self.exchange.answer(Request(method, parts.path, parts.query, "", headers.get("X-MBX-APIKEY")))
        body = msgspec.json.encode(answer.body)
        self.deliver()
        back_s = answer.hold_s + self.delay_ms() / 1000.0
        left_s = timeout_s - (self.mono_ms() - began_ms) / 1000.0
        await asyncio.sleep(max(0.0, min(back_s, left_s)))
        if answer.lost or back_s > left_s:
            raise Transient("no answer in time")
        if answer.status >= 400:
            self.refused[answer.status] = self.refused.get(answer.status, 0) + 1
        if answer.status == 418:
            until_ms = int(answer.body["msg"].partition("banned until ")[2].partition(".")[0])
            self._banned_until_ms = max(self._banned_until_ms, until_ms)
        return HttpAnswer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, body)

    def open(self, url: str) -> WireSocket:
        parts = urlsplit(url)
        socket = WireSocket(self)
        self.door.join(socket, parts.path, parts.query)
        return socket

    def deliver(self) -> None:
        events = self.exchange.private_events()
        if events:
            self.door.deliver(events)

    async def _beat(self) -> None:
        while True:
            self.say()
            await asyncio.sleep(BEAT_S)


class _Http:
    def __init__(self, wire: VirtualWire) -> None:
        self._wire = wire

    async def request(self, method: str, url: str, headers: Mapping[str, str], timeout_s: float) -> HttpAnswer:
        return await self._wire.answer(method, url, headers, timeout_s)

    async def close(self) -> None:
        return


class _Ws:
    def __init__(self, wire: VirtualWire) -> None:
        self._wire = wire

    async def open(self, url: str) -> Socket:
        await asyncio.sleep(self._wire.delay_ms() / 1000.0)
        if self._wire.exchange.trouble.lasting("region_refused") is not None:
            raise NotSent("the handshake was refused")
        return _ClientEnd(self._wire, self._wire.open(url))
