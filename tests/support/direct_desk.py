"""The real exchange client over the simulator in memory, on virtual time: nothing between them but missing sockets."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from config.schema import ExchangeSettings, Secrets
from engine.clock import VirtualClock
from engine.errors import Transient
from engine.exchange.client import ExchangeClient
from engine.exchange.transport import HttpAnswer, Socket
from engine.exchange.venue import Venue
from engine.money import Instrument
from engine.sim.direct import DirectExchange
from engine.sim.parameters import Params

VENUE = Venue("sim", "http://127.0.0.1:1", "ws://127.0.0.1:1", "ws://127.0.0.1:1/ws", "")


class DirectHttp:
    """HTTP requests answered by the exchange in memory; an answer that never comes costs the timeout."""

    def __init__(self, exchange: DirectExchange, latency_s: float) -> None:
        self._exchange = exchange
        self._latency_s = latency_s

    async def request(self, method: str, url: str, headers: Mapping[str, str], timeout_s: float) -> HttpAnswer:
        await asyncio.sleep(self._latency_s)
        parts = urlsplit(url)
        status, body = self._exchange.request(method, parts.path, dict(parse_qsl(parts.query)))
        if status == 0:
            await asyncio.sleep(timeout_s)
            raise Transient("timed out")
        await asyncio.sleep(self._latency_s)
        return HttpAnswer(status, {}, msgspec.json.encode(body))

    async def close(self) -> None:
        return


class DirectSocket:
    """The private stream, pulled."""

    def __init__(self, exchange: DirectExchange) -> None:
        self._exchange = exchange
        self._waiting: deque[bytes] = deque()

    async def send(self, text: str) -> None:
        return

    async def receive(self) -> str | bytes:
        while not self._waiting:
            self._waiting.extend(msgspec.json.encode(event) for event in self._exchange.private_events())
            if not self._waiting:
                await asyncio.sleep(0.01)
        return self._waiting.popleft()

    async def close(self) -> None:
        return


class DirectWs:
    def __init__(self, exchange: DirectExchange) -> None:
        self._exchange = exchange

    async def open(self, url: str) -> Socket:
        return DirectSocket(self._exchange)


class DirectDesk:
    """Exchange and client; `instruments` as the exchange lists them."""

    def __init__(
        self,
        clock: VirtualClock,
        symbols: tuple[str, ...],
        seed: int = 7,
        latency_s: float = 0.01,
        exchange: DirectExchange | None = None,
    ) -> None:
        self.clock = clock
        self.exchange = exchange or DirectExchange.open(clock.now_ms(), symbols, seed=seed, now=clock.now_ms)
        self.client = ExchangeClient(
            VENUE, Secrets(api_key="k", api_secret="s"), ExchangeSettings(), clock, random.Random(seed),
            transport=DirectHttp(self.exchange, latency_s), ws=DirectWs(self.exchange),
        )  # fmt: skip
        self.instruments: dict[str, Instrument] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await self.client.start()
        self.instruments = dict((await self.client.market.exchange_info()).instruments)
        for name, work in self.client.services():
            if name == "account":
                self._tasks.append(asyncio.ensure_future(work()))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.client.close()

    def peek(self, path: str, **params: str) -> Any:
        """What the exchange would answer, without spending its budgets and whatever troubles it."""
        inner = self.exchange.exchange
        self.exchange.now_ms()
        inner.catch_up()
        if path in inner.public.handlers:
            body = inner.public.handlers[path](Params(params))
        else:
            _, body = inner.account.request("GET", path, params, inner.keys.account, inner.market.now_ms)
        return msgspec.json.decode(msgspec.json.encode(body))

    def mark(self, symbol: str) -> float:
        return float(self.peek("/fapi/v1/premiumIndex", symbol=symbol)["markPrice"])

    def signed(self, symbol: str) -> Decimal:
        rows = self.peek("/fapi/v3/positionRisk", symbol=symbol)
        return sum((Decimal(row["positionAmt"]) for row in rows), Decimal(0))

    def stops(self, symbol: str) -> list[dict[str, Any]]:
        return list(self.peek("/fapi/v1/openAlgoOrders", symbol=symbol))

    def limits(self, symbol: str) -> list[dict[str, Any]]:
        return list(self.peek("/fapi/v1/openOrders", symbol=symbol))

    def protected(self, symbol: str) -> bool:
        signed = self.signed(symbol)
        return any(
            row["closePosition"] or Decimal(row["quantity"]) >= abs(signed)
            for row in self.stops(symbol)
            if (row["side"] == "SELL") == (signed > 0)
        )
