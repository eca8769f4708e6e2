"""Random trouble on the wire: whatever goes wrong, the client ends connected, in sync and right about the account.

Every seed is a schedule of faults of all kinds on virtual time. A failing seed repeats exactly:

    SEED=17 pytest tests/chaos/test_wire_chaos.py
    CHAOS_SEEDS=200 pytest tests/chaos/test_wire_chaos.py
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from config.schema import BookSettings
from engine.bus import Bus
from engine.clock import VirtualLoop
from engine.errors import DeskError, ExchangeError, OutcomeUnknown, Rejected
from engine.exchange.client import ExchangeClient
from engine.exchange.orders import (
    ConditionalChanged,
    ConditionalRequest,
    OrderChanged,
    OrderRequest,
    OrderState,
    PositionChanged,
    PrivateStreamLost,
    PrivateStreamReady,
)
from engine.exchange.wire_market import AggTrade, DepthDiff
from engine.market.books import Books
from engine.market.depth_sync import SyncState
from engine.sim.faults import KINDS
from engine.supervise import Policy, Supervisor
from tests.support.trouble import parameters
from tests.support.virtual_wire import SHOWN, MachineClock, Shown, VirtualWire

START_MS = 1_767_225_600_000 + 453_000
SYMBOLS = ("BTCUSDT", "ETHUSDT")
TROUBLE_S, CALM_S = 60.0, 150.0  # a book that broke three times rests for two minutes
ASK_EVERY_S = 60.0
TICK = {"BTCUSDT": 0.1, "ETHUSDT": 0.01}
SIZE = {"BTCUSDT": Decimal("0.01"), "ETHUSDT": Decimal("0.2")}


def seeds() -> list[int]:
    if given := os.environ.get("SEED"):
        return [int(seed) for seed in given.split(",")]
    return list(range(int(os.environ.get("CHAOS_SEEDS", "6"))))


def trouble(rng: Random) -> tuple[str, dict[str, Any]]:
    """One fault of any kind, with parameters that end within the time of trouble."""
    kind = rng.choice(sorted(KINDS))
    params: dict[str, Any] = {}
    known = KINDS[kind].params
    if "seconds" in known:
        params["seconds"] = rng.uniform(0.5, 20.0)
    params |= parameters(rng, kind, SYMBOLS, 2.0)
    if kind != "price" and "symbol" in known and rng.random() < 0.5:
        params["symbol"] = rng.choice(SYMBOLS)
    if kind.startswith("depth_"):
        params["count"] = rng.choice([1, 1, 2, 3])
    return kind, params


@dataclass
class Mirror:
    """What a desk would believe: events folded in order, and asked about whenever events may be missing."""

    client: ExchangeClient
    clock: MachineClock
    orders: dict[str, OrderState] = field(default_factory=dict)
    conditionals: dict[str, OrderState] = field(default_factory=dict)
    positions: dict[str, Decimal] = field(default_factory=dict)
    flowing: bool = False
    told: Counter[str] = field(default_factory=Counter)

    async def watch(self) -> None:
        """Ask now and then, as the desk does: a stream that dies while nothing is ordered takes its events along."""
        while True:
            await self.clock.sleep(ASK_EVERY_S)
            if self.flowing:
                await self._ask()

    async def run(self) -> None:
        asking: asyncio.Task[None] | None = None
        async for event in self.client.gateway.events():
            self.told[type(event).__name__] += 1
            match event:
                case OrderChanged(order=order):
                    self._fold(self.orders, order)
                case ConditionalChanged(order=order):
                    self._fold(self.conditionals, order)
                case PositionChanged(symbol=symbol, quantity=quantity):
                    self.positions[symbol] = quantity
                case PrivateStreamLost():
                    self.flowing = False
                case PrivateStreamReady():
                    if asking is not None:
                        asking.cancel()
                    asking = asyncio.create_task(self._ask())

    async def _ask(self) -> None:
        """Start from what the exchange says; what happens meanwhile is told by events and asked for once more."""
        gateway = self.client.gateway
        while True:
            before = self.told.total()
            try:
                orders = await gateway.open_orders()
                conditionals = await gateway.open_conditionals()
                positions = await gateway.positions()
            except DeskError:
                await self.clock.sleep(1.0)
                continue
            if self.told.total() == before:
                break
        self.orders = {order.client_id: order for order in orders}
        self.conditionals = {order.client_id: order for order in conditionals}
        self.positions = {position.symbol: position.quantity for position in positions}
        self.flowing = True

    @staticmethod
    def _fold(kept: dict[str, OrderState], order: OrderState) -> None:
        kept[order.client_id] = order
        if order.status.terminal:
            del kept[order.client_id]


@dataclass
class Trader:
    """Sends orders of all kinds, never one twice, and asks about each whose outcome it does not know."""

    client: ExchangeClient
    wire: VirtualWire
    rng: Random
    sent: dict[str, str] = field(default_factory=dict)  # client id -> what is known of it

    async def run(self) -> None:
        number = 0
        while True:
            await self.wire.clock.sleep(self.rng.uniform(0.3, 2.0))
            number += 1
            await self.one(number)

    async def one(self, number: int) -> None:
        symbol, side = self.rng.choice(SYMBOLS), self.rng.choice(["BUY", "SELL"])
        last = self.wire.exchange.market.last(symbol)
        client_id = f"x-{number}"
        away = Decimal("0.97") if side == "BUY" else Decimal("1.03")
        price = (last * away).quantize(Decimal(str(TICK[symbol])))
        gateway = self.client.gateway
        try:
            match self.rng.choice(["market", "market", "limit", "limit", "stop", "cancel", "cancel"]):
                case "market":
                    self.sent[client_id] = "unknown"
                    await gateway.place(OrderRequest(symbol, client_id, side, "MARKET", SIZE[symbol]))
                case "limit":
                    self.sent[client_id] = "unknown"
                    await gateway.place(OrderRequest(symbol, client_id, side, "LIMIT", SIZE[symbol], price))
                case "stop":
                    self.sent[client_id] = "unknown"
                    beyond = "SELL" if side == "BUY" else "BUY"
                    await gateway.place_conditional(
                        ConditionalRequest(symbol, client_id, beyond, "STOP_MARKET", price, quantity=SIZE[symbol])
                    )
                case "cancel":
                    await self.cancel()
                    return
        except OutcomeUnknown as unknown:
            self.sent[unknown.client_id] = await self.ask(symbol, unknown.client_id)
        except Rejected:
            self.sent[client_id] = "refused"
        except ExchangeError:
            self.sent[client_id] = "not sent"
        else:
            self.sent[client_id] = "accepted"

    async def cancel(self) -> None:
        """Cancel something that rests, whatever comes of it."""
        resting = self.wire.peek("/fapi/v1/openOrders")
        waiting = self.wire.peek("/fapi/v1/openAlgoOrders")
        try:
            if resting and self.rng.random() < 0.6:
                row = self.rng.choice(resting)
                await self.client.gateway.cancel(row["symbol"], row["clientOrderId"])
            elif waiting:
                row = self.rng.choice(waiting)
                await self.client.gateway.cancel_conditional(row["symbol"], row["clientAlgoId"])
        except ExchangeError:
            return

    async def ask(self, symbol: str, client_id: str) -> str:
        """Ask by client id until there is an answer."""
        while True:
            await self.wire.clock.sleep(0.5)
            try:
                found = await self.client.gateway.find_conditional(symbol, client_id)
            except ExchangeError:
                continue
            return "refused" if found is None else "accepted"


class Run:
    """One seed from start to calm."""

    def __init__(self, loop: VirtualLoop, seed: int) -> None:
        self.rng = Random(seed)
        self.wire = VirtualWire(loop, self.rng, SYMBOLS, START_MS)
        self.client = self.wire.client(clock_check_min=1.0)
        self.books = Books(BookSettings(), self.wire.clock, Bus(), self.client.market, lambda symbol: TICK[symbol])
        self.mirror = Mirror(self.client, self.wire.clock)
        self.trader = Trader(self.client, self.wire, Random(seed))
        self.schedule: list[str] = []
        self.crossed = 0
        self.exhausted: list[str] = []
        self.client.streams.on_event = self.hear
        self.client.streams.on_link = self.linked

    def hear(self, event: object, _mono_ms: float) -> None:
        if isinstance(event, DepthDiff):
            self.books.on_diff(event)
            shown = self.books.book(event.symbol).book
            self.crossed += shown is not None and not shown.sound
        elif isinstance(event, AggTrade):
            self.books.on_trade(event.symbol)

    def linked(self, names: frozenset[str], up: bool) -> None:
        if not up:
            self.books.on_link_lost({name.partition("@")[0].upper() for name in names if "@depth@" in name})

    async def play(self) -> None:
        wire, clock = self.wire, self.wire.clock
        supervisor = Supervisor(
            clock, Random(1), on_exhausted=lambda name, why: self.exhausted.append(f"{name}: {why}")
        )
        async with wire:
            await self.client.start()
            self.books.set_focus(SYMBOLS)
            lower = [symbol.lower() for symbol in SYMBOLS]
            self.client.streams.subscribe(
                [f"{name}@{kind}" for name in lower for kind in ("depth@100ms", "aggTrade", "kline_15m")]
                + ["!markPrice@arr@1s"]
            )
            loops = {
                **dict(self.client.services()),
                "books": self.books.run,
                "mirror": self.mirror.run,
                "questions": self.mirror.watch,
            }
            tasks = [asyncio.create_task(supervisor.keep(name, loop, Policy.RESTART)) for name, loop in loops.items()]
            trading = asyncio.create_task(self.trader.run())
            try:
                await self.trouble(clock.mono_ms() + TROUBLE_S * 1000.0)
                await clock.sleep(CALM_S)
                trading.cancel()
                await asyncio.gather(trading, return_exceptions=True)
                await clock.sleep(5.0)
                books = await wire.hold()
                await clock.sleep(0.5)
                self.judge(books)
            finally:
                for task in (trading, *tasks):
                    task.cancel()
                await asyncio.gather(trading, *tasks, return_exceptions=True)
                await self.client.close()

    async def trouble(self, until_mono_ms: float) -> None:
        while self.wire.clock.mono_ms() < until_mono_ms:
            await self.wire.clock.sleep(self.rng.uniform(0.2, 6.0))
            kind, params = trouble(self.rng)
            self.schedule.append(f"{self.wire.clock.mono_ms() / 1000:.1f} {kind} {params}")
            self.wire.fault(kind, **params)

    def judge(self, books: dict[str, Shown]) -> None:
        wire, client = self.wire, self.client
        assert wire.into_ban == []
        assert self.crossed == 0
        assert self.exhausted == []
        assert client.links() == {"public": "ok", "market": "ok", "private": "ok", "rest": "ok"}
        assert abs(wire.clock.now_ms() - wire.exchange.clock.now_ms()) <= 50
        for symbol in SYMBOLS:
            self.judge_book(symbol, books[symbol])
        assert self.mirror.flowing
        assert set(self.mirror.orders) == {row["clientOrderId"] for row in wire.peek("/fapi/v1/openOrders")}
        assert set(self.mirror.conditionals) == {row["clientAlgoId"] for row in wire.peek("/fapi/v1/openAlgoOrders")}
        theirs = {row["symbol"]: Decimal(row["positionAmt"]) for row in wire.peek("/fapi/v3/positionRisk")}
        for symbol in SYMBOLS:
            assert self.mirror.positions.get(symbol, Decimal(0)) == theirs.get(symbol, Decimal(0))
        self.judge_orders()

    def judge_book(self, symbol: str, theirs: Shown) -> None:
        reading = self.books.book(symbol)
        assert reading.state in (SyncState.SYNCED, SyncState.STALE), f"{symbol}: {reading.state} {reading.reason}"
        update_id, bids, asks = theirs
        kept = self.books._kept[symbol]
        assert kept.sync.last_id == update_id, symbol
        assert (kept.book.bids.top(SHOWN), kept.book.asks.top(SHOWN)) == (bids, asks), symbol

    def judge_orders(self) -> None:
        """What we believe of each order we sent is what the exchange did, and none was done twice."""
        known = Counter(
            row["clientOrderId"]
            for symbol in SYMBOLS
            for row in self.wire.peek("/fapi/v1/allOrders", symbol=symbol, limit="1000")
        )
        waiting = Counter(
            row["clientAlgoId"] for symbol in SYMBOLS for row in self.wire.peek("/fapi/v1/allAlgoOrders", symbol=symbol)
        )
        for client_id, state in self.trader.sent.items():
            count = max(known[client_id], waiting[client_id])
            assert count <= 1, client_id
            if state != "unknown":
                assert (count == 1) == (state == "accepted"), f"{client_id} is {state}, the exchange has {count}"


def play(seed: int) -> Run:
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    try:
        run = Run(loop, seed)
        try:
            loop.run_until_complete(run.play())
        except BaseException as failure:
            failure.add_note(f"SEED={seed}\n" + "\n".join(run.schedule))
            raise
        return run
    finally:
        asyncio.set_event_loop(None)
        loop.close()


@pytest.mark.parametrize("seed", seeds())
def test_after_any_trouble_the_client_is_connected_in_sync_and_right(seed: int) -> None:
    run = play(seed)
    assert run.trader.sent
    assert run.mirror.told["OrderChanged"] > 0
