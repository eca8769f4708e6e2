"""Depth events from the socket to the top of a book, beside what people use instead. Prints ratios.

Run as `python -m tests.bench.bench_ingest [passes]`. One recorded hour of a busy book is served over a loopback socket,
again and again, by a process of its own; each client keeps the book and looks at its best twenty after every event.
Times are processor time of the client. The stock client is websockets, json and sortedcontainers' SortedDict, as in
many a guide; ccxt pro is measured from the message on (its own handlers, without a socket) and as a book alone.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from time import process_time
from typing import Any

import msgspec
import websockets
from sortedcontainers import SortedDict

from config.schema import BookSettings, ExchangeSettings
from engine.bus import Bus
from engine.clock import SystemClock
from engine.exchange.limits import Lane
from engine.exchange.streams import MarketStreams
from engine.exchange.transport import WebsocketsTransport
from engine.exchange.venue import Venue
from engine.exchange.wire_market import Depth, DepthDiff, decoder_for
from engine.market.book import OrderBook
from engine.market.books import Books
from tests.bench.table import note
from tests.support.captures import PLACES
from tests.support.recorded_wire import Frame, frames

RECORDING = "um_btcusdt_2024-08-08_depth0ms_trade_bookTicker.jsonl.zst"
SYMBOL, TICK, TOP = "BTCUSDT", 0.1, 20
STREAM = "btcusdt@depth@0ms"
Best = tuple[list[tuple[float, float]], list[tuple[float, float]]]


@dataclass(frozen=True)
class IngestFigures:
    """Microseconds of processor time for one event."""

    events: int
    ours_us: float
    stock_us: float
    message_us: float
    ccxt_message_us: float
    book_us: float
    ccxt_book_us: float

    def tell(self) -> None:
        for name, mine, theirs, goal in (
            ("socket to top 20, to websockets+json+SortedDict", self.ours_us, self.stock_us, 0.40),
            ("message to top 20, to ccxt pro", self.message_us, self.ccxt_message_us, None),
            ("book alone, to ccxt pro", self.book_us, self.ccxt_book_us, 0.65),
        ):
            note(name, mine / theirs, goal=goal, detail=f"{mine:.1f} to {theirs:.1f} us of processor an event")


@dataclass(frozen=True)
class Recorded:
    """A snapshot and the events that follow it."""

    snapshot: bytes
    events: list[Frame]

    @property
    def depth(self) -> Depth:
        return msgspec.json.decode(self.snapshot, type=Depth, strict=False)


def recorded(path: Path) -> Recorded:
    every = list(frames(path, ("depth",)))
    snapshot = next(frame for frame in every if not frame.stream)
    last_id = msgspec.json.decode(snapshot.data, type=Depth, strict=False).last_id
    events = [frame for frame in every if frame.stream and json.loads(frame.data)["u"] >= last_id]
    return Recorded(snapshot.data, events)


# -- the exchange's end ------------------------------------------------------------------------------------------------


def serve(texts: Sequence[str], pipe: Connection) -> None:
    """Send all events to whoever subscribes; a process of its own, ended by its maker."""

    async def handle(socket: Any) -> None:
        asked = json.loads(await socket.recv())
        await socket.send(json.dumps({"result": None, "id": asked["id"]}))
        for text in texts:
            await socket.send(text)
        await socket.wait_closed()

    async def main() -> None:
        async with websockets.serve(handle, "127.0.0.1", 0, compression=None) as server:
            pipe.send(next(iter(server.sockets)).getsockname()[1])
            await asyncio.Event().wait()

    asyncio.run(main())


# -- clients -----------------------------------------------------------------------------------------------------------


async def ours(port: int, data: Recorded) -> tuple[float, Best]:
    """(processor seconds, the last best levels) of the desk's own path."""
    clock, done, seen = SystemClock(), asyncio.Event(), 0
    final: Best = ([], [])

    class Reader:
        async def depth(self, symbol: str, limit: int, lane: Lane = Lane.LIVE) -> Depth:
            return data.depth

    books = Books(BookSettings(), clock, Bus(), Reader(), lambda _symbol: TICK)
    books.set_focus([SYMBOL])

    def hear(event: object, _mono_ms: float) -> None:
        nonlocal seen, final
        assert isinstance(event, DepthDiff)
        books.on_diff(event)
        seen += 1
        book = books.book(SYMBOL).book
        if book is not None:
            final = book.top(TOP)
        if seen == len(data.events):
            done.set()

    venue = Venue("sim", "", f"ws://127.0.0.1:{port}", "")
    streams = MarketStreams(
        venue, WebsocketsTransport(proxied=False), ExchangeSettings(), clock, random.Random(1), hear
    )
    streams.subscribe([STREAM])
    tasks = [asyncio.create_task(streams.run()), asyncio.create_task(books.run())]
    started = process_time()
    await done.wait()
    spent = process_time() - started
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return spent, final


async def stock(port: int, data: Recorded) -> tuple[float, Best]:
    """The usual: text to dicts, strings to floats, a sorted mapping for each side."""
    snapshot = json.loads(data.snapshot)
    started = process_time()
    bids = SortedDict({-float(price): float(quantity) for price, quantity in snapshot["bids"]})
    asks = SortedDict({float(price): float(quantity) for price, quantity in snapshot["asks"]})
    last_id = None
    final: Best = ([], [])
    async with websockets.connect(f"ws://127.0.0.1:{port}/public/stream", compression=None) as socket:
        await socket.send(json.dumps({"method": "SUBSCRIBE", "params": [STREAM], "id": 1}))
        await socket.recv()
        for _ in data.events:
            event = json.loads(await socket.recv())["data"]
            if last_id is not None and event["pu"] != last_id:
                raise RuntimeError("gap")
            last_id = event["u"]
            for levels, side, sign in ((event["b"], bids, -1), (event["a"], asks, 1)):
                for price_text, quantity_text in levels:
                    price, quantity = sign * float(price_text), float(quantity_text)
                    if quantity:
                        side[price] = quantity
                    else:
                        side.pop(price, None)
            final = (
                [(-price, quantity) for price, quantity in islice(bids.items(), TOP)], list(islice(asks.items(), TOP))
            )  # fmt: skip
    return process_time() - started, final


# -- without a socket --------------------------------------------------------------------------------------------------


def message_ours(data: Recorded) -> tuple[float, Best]:
    decode = decoder_for(STREAM)
    assert decode is not None
    book, depth = OrderBook(SYMBOL, TICK), data.depth
    book.load(depth.bids, depth.asks)
    raws = [msgspec.Raw(frame.data) for frame in data.events]
    final: Best = ([], [])
    started = process_time()
    for raw in raws:
        for event in decode(raw):
            assert isinstance(event, DepthDiff)
            book.apply(event.bids, event.asks)
            final = book.top(TOP)
    return process_time() - started, final


def message_ccxt(data: Recorded) -> tuple[float, Best]:
    import ccxt.pro

    exchange = ccxt.pro.binanceusdm()
    book, snapshot = exchange.order_book({}), json.loads(data.snapshot)
    exchange.handle_deltas(book["bids"], snapshot["bids"])
    exchange.handle_deltas(book["asks"], snapshot["asks"])
    texts = [frame.data for frame in data.events]
    started = process_time()
    for text in texts:
        exchange.handle_order_book_message(None, json.loads(text), book)
        bids, asks = book["bids"][:TOP], book["asks"][:TOP]
    spent = process_time() - started
    return spent, ([tuple(level) for level in bids], [tuple(level) for level in asks])


Changes = list[tuple[list[tuple[float, float]], list[tuple[float, float]]]]


def book_ours(depth: Depth, changes: Changes) -> tuple[float, Best]:
    book = OrderBook(SYMBOL, TICK)
    book.load(depth.bids, depth.asks)
    final: Best = ([], [])
    started = process_time()
    for bids, asks in changes:
        book.apply(bids, asks)
        final = book.top(TOP)
    return process_time() - started, final


def book_ccxt(depth: Depth, changes: Changes) -> tuple[float, Best]:
    from ccxt.async_support.base.ws.order_book import OrderBook as CcxtBook

    book = CcxtBook({"bids": depth.bids, "asks": depth.asks})
    own_bids, own_asks = book["bids"], book["asks"]
    started = process_time()
    for bids, asks in changes:
        for price, quantity in bids:
            own_bids.store(price, quantity)
        for price, quantity in asks:
            own_asks.store(price, quantity)
        top = own_bids[:TOP], own_asks[:TOP]
    spent = process_time() - started
    return spent, ([tuple(level) for level in top[0]], [tuple(level) for level in top[1]])


# -- the comparison ----------------------------------------------------------------------------------------------------


def measure(path: Path, passes: int = 3) -> IngestFigures:
    """All clients over the same recording; the quickest of some passes of each. Raises where their books differ."""
    data = recorded(path)
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    server = context.Process(target=serve, args=([frame.text for frame in data.events], theirs), daemon=True)
    server.start()
    port = mine.recv()
    depth = data.depth
    decoded = [msgspec.json.decode(frame.data, type=DepthDiff, strict=False) for frame in data.events]
    changes = [(event.bids, event.asks) for event in decoded]
    ways: dict[str, Callable[[], tuple[float, Best]]] = {
        "ours": lambda: asyncio.run(ours(port, data)), "stock": lambda: asyncio.run(stock(port, data)),
        "message": lambda: message_ours(data), "ccxt message": lambda: message_ccxt(data),
        "book": lambda: book_ours(depth, changes), "ccxt book": lambda: book_ccxt(depth, changes),
    }  # fmt: skip
    least = dict.fromkeys(ways, float("inf"))
    try:
        for number in range(passes):
            finals = {}
            for name, way in ways.items():
                spent, finals[name] = way()
                least[name] = min(least[name], spent)
            if any(final != finals["ours"] for final in finals.values()):
                raise RuntimeError(f"the books differ in pass {number}: {finals}")
    finally:
        server.terminate()
        server.join()
    each = {name: seconds / len(changes) * 1e6 for name, seconds in least.items()}
    return IngestFigures(
        len(changes),
        each["ours"],
        each["stock"],
        each["message"],
        each["ccxt message"],
        each["book"],
        each["ccxt book"],
    )


def main() -> None:
    path = next((place / RECORDING for place in PLACES if (place / RECORDING).exists()), None)
    if path is None:
        print(f"ingest: skipped, the recording {RECORDING} is not on this machine")
        return
    figures = measure(path, int(sys.argv[1]) if len(sys.argv) > 1 else 3)
    print(f"ingest of {figures.events} depth events")
    figures.tell()


if __name__ == "__main__":
    main()
