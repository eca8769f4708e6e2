"""Recorded frames played into the real streams and books on virtual time, bytes as the exchange would send them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from config.schema import BookSettings, ExchangeSettings
from engine.bus import Bus
from engine.clock import VirtualClock
from engine.exchange.limits import Lane
from engine.exchange.streams import MarketStreams
from engine.exchange.transport import Socket
from engine.exchange.venue import Venue
from engine.exchange.wire_market import BookTicker, Depth, DepthDiff
from engine.market.book import OrderBook
from engine.market.books import Books
from engine.market.events import BookLost
from tests.support.captures import lines

VENUE = Venue("live", "https://127.0.0.1:1", "wss://127.0.0.1:1", "")
TICKS = {"BTCUSDT": 0.1, "SUSHIUSDT": 0.0001, "AKROUSDT": 0.00001, "KEEPUSDT": 0.0001, "CTKUSDT": 0.00001}
_depth = msgspec.json.Decoder(Depth, strict=False)
_diff = msgspec.json.Decoder(DepthDiff, strict=False)


@dataclass(frozen=True)
class Frame:
    """One message of a recording; `stream` is empty for a snapshot. `at_s` counts from the first."""

    at_s: float
    stream: str
    symbol: str
    data: bytes

    @property
    def text(self) -> str:
        return f'{{"stream":"{self.stream}","data":{self.data.decode()}}}'


def frames(path: Path, kinds: tuple[str, ...] = ("depth", "bookTicker")) -> Iterator[Frame]:
    """Messages of a recording in the order they came, snapshots among them."""
    start_ns: int | None = None
    for line in lines(path):
        start_ns = line["recv_ns"] if start_ns is None else start_ns
        at_s, message = (line["recv_ns"] - start_ns) / 1e9, line["msg"]
        if line["src"] == "rest":
            symbol = line["url"].split("symbol=")[1].split("&")[0] if line.get("url") else "BTCUSDT"
            yield Frame(at_s, "", symbol, json.dumps(message).encode())
        elif message["stream"].partition("@")[2].startswith(kinds):
            yield Frame(at_s, message["stream"], message["data"]["s"], json.dumps(message["data"]).encode())


@dataclass
class Playback:
    """What the client made of a recording. `alter` says what is sent in place of each frame."""

    clock: VirtualClock
    recording: list[Frame]
    alter: Callable[[Frame], Iterable[str]] = lambda frame: (frame.text,)
    pace: float = 1.0
    shown: dict[str, dict[int, tuple[Any, Any]]] = field(default_factory=dict)
    told: dict[str, dict[int, tuple[Any, Any]]] = field(default_factory=dict)
    snapshots: dict[str, int] = field(default_factory=dict)
    lost: list[BookLost] = field(default_factory=list)
    crossed: int = 0

    def __post_init__(self) -> None:
        self._truth = {symbol: OrderBook(symbol, tick) for symbol, tick in TICKS.items()}
        self._truth_id: dict[str, int] = {}
        self._recorded: dict[str, Depth] = {}
        self._waiting = asyncio.Event()
        self._outbox: asyncio.Queue[str] = asyncio.Queue()
        bus = Bus()
        bus.subscribe(BookLost, self.lost.append)
        self.streams = MarketStreams(
            VENUE, self, ExchangeSettings(silence_s=100_000.0), self.clock, Random(1), self._hear
        )
        self.books = Books(BookSettings(), self.clock, bus, self, lambda symbol: TICKS[symbol])

    async def run(self) -> Playback:
        """Play it all."""
        symbols = {frame.symbol for frame in self.recording}
        self.books.set_focus(symbols)
        self.streams.subscribe({frame.stream for frame in self.recording if frame.stream})
        tasks = [asyncio.create_task(self.streams.run()), asyncio.create_task(self.books.run())]
        try:
            await self.clock.sleep(5.0)
            started_ms = self.clock.mono_ms()
            for frame in self.recording:
                due_s = frame.at_s * self.pace - (self.clock.mono_ms() - started_ms) / 1000.0
                if due_s > 0:
                    await self.clock.sleep(due_s)
                if frame.stream:
                    self._follow(frame)
                    for text in self.alter(frame):
                        self._outbox.put_nowait(text)
                else:
                    self._snapshot(frame)
                while not self._outbox.empty():
                    await asyncio.sleep(0)
                    for task in tasks:
                        if task.done():
                            task.result()
            await self.clock.sleep(30.0)
            assert not any(task.done() for task in tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return self

    # -- the exchange's end --------------------------------------------------------------------------------------------

    async def open(self, url: str) -> Socket:
        return self

    async def send(self, text: str) -> None:
        self._outbox.put_nowait(json.dumps({"result": None, "id": json.loads(text)["id"]}))

    async def receive(self) -> str | bytes:
        return await self._outbox.get()

    async def close(self) -> None:
        return

    async def depth(self, symbol: str, limit: int, lane: Lane = Lane.LIVE) -> Depth:
        """The recorded snapshot first; after that the book as it truly was at the moment of asking."""
        self.snapshots[symbol] = self.snapshots.get(symbol, 0) + 1
        while symbol not in self._recorded:
            self._waiting.clear()
            await self._waiting.wait()
        if self.snapshots[symbol] == 1:
            return self._recorded[symbol]
        bids, asks = self._truth[symbol].top(100_000)
        snapshot = Depth(last_id=self._truth_id[symbol], bids=bids, asks=asks)
        await self.clock.sleep(0.3)
        return snapshot

    def _snapshot(self, frame: Frame) -> None:
        depth = self._recorded[frame.symbol] = _depth.decode(frame.data)
        self._truth[frame.symbol].load(depth.bids, depth.asks)
        self._truth_id[frame.symbol] = depth.last_id
        self._waiting.set()

    def _follow(self, frame: Frame) -> None:
        """Keep the true book, whatever is sent."""
        if "@depth" in frame.stream and frame.symbol in self._truth_id:
            diff = _diff.decode(frame.data)
            if diff.final_id > self._truth_id[frame.symbol]:
                self._truth[frame.symbol].apply(diff.bids, diff.asks)
                self._truth_id[frame.symbol] = diff.final_id

    # -- the client's end ----------------------------------------------------------------------------------------------

    def _hear(self, event: object, _mono_ms: float) -> None:
        if isinstance(event, BookTicker):
            told = (event.bid, event.bid_quantity), (event.ask, event.ask_quantity)
            self.told.setdefault(event.symbol, {})[event.update_id] = told
        elif isinstance(event, DepthDiff):
            self.books.on_diff(event)
            book = self.books.book(event.symbol).book
            if book is not None:
                self.crossed += not book.sound
                self.shown.setdefault(event.symbol, {})[event.final_id] = (book.bids.best, book.asks.best)

    # -- what came of it -----------------------------------------------------------------------------------------------

    def shared(self, symbol: str) -> list[tuple[Any, Any]]:
        """(ours, the exchange's) best prices at each id both have."""
        ours, theirs = self.shown.get(symbol, {}), self.told.get(symbol, {})
        return [(ours[update_id], theirs[update_id]) for update_id in sorted(ours.keys() & theirs.keys())]
