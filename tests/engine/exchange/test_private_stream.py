"""The private stream against a real server on loopback: keys, silence, doubles, and what it says of itself."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from config.schema import ExchangeSettings
from engine.clock import SystemClock
from engine.errors import Rejected
from engine.exchange import account
from engine.exchange.account import LISTEN_KEY, PrivateStream
from engine.exchange.ledger import Ledger
from engine.exchange.orders import AccountEvent, OrderChanged, PrivateStreamLost, PrivateStreamReady, WalletChanged
from engine.exchange.rest import Rest
from engine.exchange.signing import HmacSigner
from engine.exchange.transport import WebsocketsTransport
from engine.exchange.venue import Venue
from tests.support.scripted_http import ScriptedHttp, answer, refusal
from tests.support.stream_server import Connection, StreamServer, stream_server

FIRST, AGAIN = PrivateStreamReady(resumed=False), PrivateStreamReady(resumed=True)


def filled(client_id: str, trade_id: int, at_ms: int = 5, status: str = "FILLED") -> dict[str, Any]:
    return {
        "e": "ORDER_TRADE_UPDATE", "E": at_ms, "T": at_ms,
        "o": {"s": "BTCUSDT", "c": client_id, "S": "BUY", "o": "MARKET", "x": "TRADE", "X": status, "i": 9,
              "q": "1", "z": "1", "l": "1", "L": "100", "ap": "100", "t": trade_id, "T": at_ms, "n": "0.05"},
    }  # fmt: skip


def funded(at_ms: int) -> dict[str, Any]:
    rows = [{"a": "USDT", "wb": "99", "cw": "99", "bc": "-1"}]
    return {"e": "ACCOUNT_UPDATE", "E": at_ms, "T": at_ms, "a": {"B": rows, "P": [], "m": "FUNDING_FEE"}}


class Account:
    """A private stream with its events, against a scripted REST door and a real socket."""

    def __init__(self, server: StreamServer, http: ScriptedHttp, settings: ExchangeSettings) -> None:
        clock, venue = SystemClock(), Venue("sim", "http://exchange", server.url, "")
        rest = Rest(
            venue, http, HmacSigner("KEY", "S"), Ledger(settings, clock, random.Random(1)), settings, clock,
            random.Random(2),
        )  # fmt: skip
        self.server = server
        self.stream = PrivateStream(venue, rest, WebsocketsTransport(proxied=False), settings, clock, random.Random(3))
        self._events = self.stream.events()

    async def next(self) -> AccountEvent:
        async with asyncio.timeout(10):
            return await anext(self._events)

    async def connection(self, key: str) -> Connection:
        await self.server.until(lambda s: any(c.path == f"/private/ws?listenKey={key}" for c in s.open))
        return next(c for c in reversed(self.server.open) if c.path.endswith(key))


def keys(*names: str) -> ScriptedHttp:
    http = ScriptedHttp()
    http.on("POST", LISTEN_KEY, *(answer({"listenKey": name}) for name in names))
    http.on("PUT", LISTEN_KEY, answer({}))
    return http


@asynccontextmanager
async def connected(
    http: ScriptedHttp, settings: ExchangeSettings | None = None
) -> AsyncIterator[tuple[StreamServer, Account]]:
    async with stream_server() as server:
        desk = Account(server, http, settings or ExchangeSettings())
        task = asyncio.create_task(desk.stream.run())
        try:
            yield server, desk
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def send(connection: Connection, event: dict[str, Any]) -> None:
    await connection.socket.send(json.dumps(event))


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "FIRST_BACKOFF_S", 0.02)
    monkeypatch.setattr(account, "OVERLAP_S", 0.2)


async def test_events_flow_in_order_after_the_stream_said_it_is_ready() -> None:
    http = keys("k1")
    async with connected(http) as (_server, desk):
        assert await desk.next() == FIRST
        connection = await desk.connection("k1")
        await send(connection, filled("c1", 1))
        await send(connection, funded(6))
        order, wallet = await desk.next(), await desk.next()
        assert isinstance(order, OrderChanged)
        assert order.fill is not None
        assert isinstance(wallet, WalletChanged)
        assert desk.stream.link == "ok"
        assert http.asked[0].headers == {"X-MBX-APIKEY": "KEY"}


async def test_an_expired_key_is_replaced_at_once_and_the_gap_is_told() -> None:
    async with connected(keys("k1", "k2")) as (_server, desk):
        assert await desk.next() == FIRST
        await send(await desk.connection("k1"), {"e": "listenKeyExpired", "E": 1, "listenKey": "another"})
        await send(await desk.connection("k1"), {"e": "listenKeyExpired", "E": 1, "listenKey": "k1"})
        assert await desk.next() == PrivateStreamLost("the listen key expired")
        assert await desk.next() == AGAIN
        await send(await desk.connection("k2"), filled("c1", 1))
        assert isinstance(await desk.next(), OrderChanged)


async def test_a_lost_connection_is_told_and_repaired() -> None:
    async with connected(keys("k1")) as (_server, desk):
        assert await desk.next() == FIRST
        await (await desk.connection("k1")).socket.close(1006 - 5)
        lost = await desk.next()
        assert isinstance(lost, PrivateStreamLost)
        assert "1001" in lost.reason
        assert await desk.next() == AGAIN
        assert desk.stream.reconnects == 1


async def test_what_was_told_twice_is_taken_once() -> None:
    async with connected(keys("k1", "k2")) as (_server, desk):
        assert await desk.next() == FIRST
        connection = await desk.connection("k1")
        for event in (funded(5), funded(5), filled("c1", 7), filled("c1", 7), filled("c1", 7, at_ms=9), funded(6)):
            await send(connection, event)
        events = [await desk.next() for _ in range(4)]
        assert [type(event) for event in events] == [WalletChanged, OrderChanged, OrderChanged, WalletChanged]
        first, second = events[1], events[2]
        assert isinstance(first, OrderChanged)
        assert isinstance(second, OrderChanged)
        assert first.fill is not None
        assert second.fill is None
        assert second.order.filled == first.order.filled


async def test_a_stream_silent_about_an_accepted_order_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "MENTION_WITHIN_MS", 100.0)
    monkeypatch.setattr(account, "WATCH_S", 0.02)
    async with connected(keys("k1", "k2")) as (_server, desk):
        assert await desk.next() == FIRST
        connection = await desk.connection("k1")
        await send(connection, filled("early", 1))
        await desk.next()
        desk.stream.expect("early")  # its event came before its acknowledgement
        desk.stream.expect("prompt")
        await send(connection, filled("prompt", 2))
        await desk.next()
        desk.stream.expect("forgotten")
        assert await desk.next() == PrivateStreamLost("silent about forgotten")
        assert await desk.next() == AGAIN
        await desk.connection("k2")


async def test_the_key_is_renewed_and_an_unknown_one_replaced() -> None:
    settings = ExchangeSettings(listen_key_renew_min=0.001)
    http = keys("k1", "k2")
    http.on(
        "PUT", LISTEN_KEY, answer({"listenKey": "k1"}), answer({}), refusal(-1125, "This listenKey does not exist.")
    )
    async with connected(http, settings) as (_server, desk):
        assert await desk.next() == FIRST
        assert await desk.next() == PrivateStreamLost("the listen key is not known any more")
        assert await desk.next() == AGAIN
        assert [asked.method for asked in http.asked[:5]] == ["POST", "PUT", "PUT", "PUT", "POST"]
        await desk.connection("k2")


async def test_a_planned_change_of_sockets_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "HOUR_MS", 1)
    settings = ExchangeSettings(rotate_after_h=300.0)
    async with connected(keys("k1"), settings) as (server, desk):
        assert await desk.next() == FIRST
        await server.until(lambda s: len(s.open) == 2)
        for connection in list(server.open):
            await send(connection, filled("c1", 1))
            await send(connection, funded(6))
        assert [type(await desk.next()) for _ in range(2)] == [OrderChanged, WalletChanged]
        await server.until(lambda s: len(s.past) >= 1 and len(s.open) == 1)
        await send(server.open[0], filled("c2", 2))
        event = await desk.next()
        assert isinstance(event, OrderChanged)
        assert event.order.client_id == "c2"
        assert desk.stream.reconnects == 0


async def test_an_event_nobody_can_read_is_counted_and_the_next_one_taken() -> None:
    async with connected(keys("k1")) as (_server, desk):
        assert await desk.next() == FIRST
        connection = await desk.connection("k1")
        await connection.socket.send("{broken")
        await send(connection, {"e": "MARGIN_CALL", "E": 1, "p": [{"s": "BTCUSDT"}]})
        await send(connection, funded(6))
        assert isinstance(await desk.next(), WalletChanged)
        assert desk.stream.decode_errors == 1


async def test_a_refused_key_is_for_a_person() -> None:
    http = ScriptedHttp().on("POST", LISTEN_KEY, refusal(-2015, "Invalid API-key, IP, or permissions", 401))
    async with stream_server() as server:
        desk = Account(server, http, ExchangeSettings())
        with pytest.raises(Rejected, match="-2015"):
            await desk.stream.run()
        assert desk.stream.link == "late"
