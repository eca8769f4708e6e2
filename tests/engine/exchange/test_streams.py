"""Market streams against a real server on loopback: roads, room, drops, silence, rotation."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from config.schema import ExchangeSettings
from engine.clock import SystemClock
from engine.exchange import shard as shards
from engine.exchange import sockets
from engine.exchange.streams import MarketStreams
from engine.exchange.transport import WebsocketsTransport
from engine.exchange.venue import Venue
from engine.exchange.wire_market import DepthDiff, MarketEvent, MiniTicker
from tests.support.stream_server import StreamServer, stream_server

BRISK = ExchangeSettings(subscribe_per_s=100, silence_s=30.0)


def ticker(symbol: str, at_ms: int = 1) -> dict[str, Any]:
    return {"e": "24hrMiniTicker", "E": at_ms, "s": symbol, "c": "1", "o": "1", "h": "1", "l": "1", "v": "1", "q": "1"}


def diff(number: int) -> dict[str, Any]:
    return {
        "e": "depthUpdate",
        "E": number,
        "s": "BTCUSDT",
        "U": number,
        "u": number,
        "pu": number - 1,
        "b": [],
        "a": [],
    }


class Watcher:
    """Streams with everything they brought."""

    def __init__(self, server: StreamServer, settings: ExchangeSettings) -> None:
        self.events: list[MarketEvent] = []
        self.links: list[tuple[frozenset[str], bool]] = []
        self._heard = asyncio.Event()
        venue = Venue("sim", "", server.url, "")
        self.streams = MarketStreams(
            venue, WebsocketsTransport(proxied=False), settings, SystemClock(), random.Random(1), self.hear, self.link
        )

    def hear(self, event: MarketEvent, received_mono_ms: float) -> None:
        assert received_mono_ms > 0
        self.events.append(event)
        self._heard.set()

    def link(self, names: frozenset[str], up: bool) -> None:
        self.links.append((names, up))
        self._heard.set()

    async def until(self, condition: Callable[[Watcher], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition(self):
                self._heard.clear()
                await self._heard.wait()

    async def heard(self, count: int) -> None:
        await self.until(lambda watcher: len(watcher.events) >= count)


@asynccontextmanager
async def watching(
    server: StreamServer, names: Iterable[str], settings: ExchangeSettings = BRISK
) -> AsyncIterator[Watcher]:
    watcher = Watcher(server, settings)
    watcher.streams.set_streams(names)
    task = asyncio.create_task(watcher.streams.run())
    try:
        yield watcher
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "FIRST_BACKOFF_S", 0.02)


async def test_each_stream_travels_on_its_own_route() -> None:
    names = ["btcusdt@depth@100ms", "btcusdt@kline_15m", "!miniTicker@arr"]
    async with stream_server() as server, watching(server, names) as w:
        await server.carried(*names)
        by_route = {connection.route: connection for connection in server.open}
        assert by_route["public"].streams == {"btcusdt@depth@100ms"}
        assert by_route["market"].streams == {"btcusdt@kline_15m", "!miniTicker@arr"}
        assert by_route["public"].path == "/public/stream"
        await server.push("!miniTicker@arr", [ticker("BTCUSDT"), {**ticker("BTCUSD_PERP"), "st": 2}])
        await server.push("btcusdt@depth@100ms", diff(1))
        await w.heard(2)
        assert {type(event) for event in w.events} == {MiniTicker, DepthDiff}
        await w.until(lambda watcher: watcher.streams.links() == {"public": "ok", "market": "ok"})


async def test_many_streams_are_spread_over_few_connections_and_asked_for_in_few_messages() -> None:
    names = {f"sym{number}usdt@kline_15m" for number in range(450)}
    async with stream_server() as server, watching(server, names) as w:
        await server.until(lambda s: sum(len(c.streams) for c in s.open) == 450)
        assert sorted(len(connection.streams) for connection in server.open) == [50, 200, 200]
        assert w.streams.connections() == {"public": 0, "market": 3}
        assert sum(len(connection.control) for connection in server.open) == 9
        assert set().union(*(connection.streams for connection in server.open)) == names


async def test_control_messages_are_paced() -> None:
    settings = ExchangeSettings(subscribe_per_s=20)
    names = {f"sym{number}usdt@kline_15m" for number in range(200)}
    async with stream_server() as server, watching(server, names, settings):
        await server.until(lambda s: any(len(c.streams) == 200 for c in s.open))
        at = server.open[0].control_at
        assert len(at) == 4
        assert at[-1] - at[0] >= 3 * 0.05 * 0.9


async def test_what_is_wanted_may_change_while_it_runs() -> None:
    async with stream_server() as server, watching(server, ["btcusdt@depth@100ms"]) as w:
        await server.carried("btcusdt@depth@100ms")
        w.streams.subscribe(["ethusdt@depth@100ms", "btcusdt@aggTrade"])
        await server.carried("ethusdt@depth@100ms", "btcusdt@aggTrade")
        w.streams.unsubscribe(["btcusdt@depth@100ms", "btcusdt@aggTrade"])
        await server.until(lambda s: [c.streams for c in s.open] == [{"ethusdt@depth@100ms"}])
        assert w.streams.names == {"ethusdt@depth@100ms"}
        assert len(server.open[0].control) == 3


async def test_after_a_drop_everything_is_subscribed_again_and_the_interruption_is_told() -> None:
    names = frozenset({"btcusdt@miniTicker", "ethusdt@miniTicker"})
    async with stream_server() as server, watching(server, names) as w:
        await w.until(lambda watcher: watcher.links == [(names, True)])
        await server.open[0].socket.close(1001)
        await w.until(lambda watcher: watcher.links == [(names, True), (names, False), (names, True)])
        await server.push("ethusdt@miniTicker", ticker("ETHUSDT"))
        await w.heard(1)
        assert w.streams.reconnects == 1


async def test_a_server_that_is_away_is_asked_again_and_again() -> None:
    async with stream_server() as server:
        server.refuse = True
        async with watching(server, ["btcusdt@miniTicker"]) as w:
            await _eventually(lambda: w.streams.reconnects >= 3)
            assert w.streams.link("market") == "down"
            server.refuse = False
            await server.carried("btcusdt@miniTicker")


async def test_a_connection_that_stays_silent_is_replaced() -> None:
    settings = ExchangeSettings(subscribe_per_s=100, silence_s=0.3)
    async with stream_server() as server, watching(server, ["btcusdt@miniTicker"], settings) as w:
        await server.until(lambda s: len(s.past) == 1 and len(s.open) == 1)
        await server.carried("btcusdt@miniTicker")
        await w.until(lambda watcher: any(not up for _, up in watcher.links))


async def test_a_subscription_nobody_acknowledges_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "ACK_TIMEOUT_MS", 100.0)
    async with stream_server() as server:
        server.acknowledge = False
        async with watching(server, ["btcusdt@miniTicker"]) as w:
            await server.until(lambda s: len(s.past) >= 1)
            assert w.links == []
            server.acknowledge = True
            await w.until(lambda watcher: watcher.links[-1:] == [(frozenset({"btcusdt@miniTicker"}), True)])


async def test_bad_payloads_are_counted_and_harm_nobody_else() -> None:
    names = ["btcusdt@depth@100ms", "ethusdt@depth@100ms"]
    async with stream_server() as server, watching(server, names) as w:
        await server.carried(*names)
        (connection,) = server.open
        await connection.socket.send("{not json")
        await connection.push("btcusdt@depth@100ms", {"nonsense": True})
        await connection.push("btcusdt@unheard", {})
        await connection.push("ethusdt@depth@100ms", diff(1))  # in another symbol's name
        await connection.push("ethusdt@depth@100ms", diff(2) | {"s": "ETHUSDT"})
        await w.heard(1)
        assert w.streams.decode_errors == 4
        assert len(server.open) == 1


async def test_a_planned_rotation_loses_nothing_and_repeats_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "HOUR_MS", 1)
    settings = ExchangeSettings(subscribe_per_s=100, rotate_after_h=400.0)
    name = "btcusdt@depth@100ms"
    async with stream_server() as server, watching(server, [name], settings) as w:
        for shard in w.streams._shards:
            shard._overlap_s = 0.1
        await server.carried(name)
        number = 0
        while w.streams._shards[0].rotations < 3:
            number += 1
            await server.push(name, diff(number))
            await asyncio.sleep(0.002)
        await server.push(name, diff(number + 1))
        await w.until(lambda watcher: watcher.events[-1].event_ms == number + 1)
        assert [event.event_ms for event in w.events] == list(range(1, number + 2))
        assert w.streams.reconnects == 0
        assert w.links == [(frozenset({name}), True)]


async def test_a_rotation_that_fails_leaves_the_old_connection_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "HOUR_MS", 1)
    monkeypatch.setattr(shards, "ROTATION_RETRY_MS", 50)
    settings = ExchangeSettings(subscribe_per_s=100, rotate_after_h=100.0)
    name = "btcusdt@depth@100ms"
    async with stream_server() as server, watching(server, [name], settings) as w:
        await server.carried(name)
        first = server.open[0]
        server.refuse = True
        await _eventually(
            lambda: first.socket.state.name == "OPEN" and w.streams._shards[0].rotations == 0 and w.links != []
        )
        await server.push(name, diff(1))
        await w.heard(1)
        server.refuse = False
        for shard in w.streams._shards:
            shard._overlap_s = 0.05
        await server.until(lambda s: first in s.past)
        await server.push(name, diff(2))
        await w.heard(2)
        assert w.streams.reconnects == 0


async def test_what_a_handler_raises_ends_the_streams_with_it() -> None:
    async with stream_server() as server:
        watcher = Watcher(server, BRISK)

        def fail(_event: MarketEvent, _received_mono_ms: float) -> None:
            raise ZeroDivisionError

        watcher.streams.on_event = fail
        watcher.streams.set_streams(["btcusdt@miniTicker"])
        task = asyncio.create_task(watcher.streams.run())
        await server.carried("btcusdt@miniTicker")
        await server.push("btcusdt@miniTicker", ticker("BTCUSDT"))
        with pytest.raises(ZeroDivisionError):
            await task


async def _eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the condition has no event of its own
            await asyncio.sleep(0.005)
