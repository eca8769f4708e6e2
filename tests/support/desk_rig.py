"""Trading wired together over the fake exchange, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, TypeVar

from config.schema import Settings
from engine.bus import Bus
from engine.clock import VirtualClock, run_virtual
from engine.port.commands import Reply
from engine.store.rows import (
    BlockRow,
    CooldownRow,
    Deleted,
    FillRow,
    IntentRow,
    KvRow,
    PositionRow,
    Row,
    SignalRow,
)
from engine.trading.account_inbox import AccountInbox
from engine.trading.events import Reconciled, SignalDecided, SignalOffered, StandingChanged, TradingEvent
from engine.trading.executor import Executor
from engine.trading.floor import TradingFloor
from engine.trading.keeper import Keeper
from engine.trading.plan import Costs
from engine.trading.pricing import Surroundings
from engine.trading.quotes import Quote
from engine.trading.reconciler import Reconciler
from engine.trading.records import signal_row
from engine.trading.risk import Account, ApprovedPlan, Portfolio, Refusals, Rules, check
from engine.trading.trade_log import TradeLog
from tests.support.gateway import MAKER, TAKER, FakeGateway
from tests.support.trading import T0, make_instrument, make_signal

T = TypeVar("T")


class MemoryJournal:
    """Rows by key, as the store would keep them; survives a desk that dies."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, Any], Row] = {}
        self.log: list[Row] = []
        self.fail: Exception | None = None

    async def commit(self, *rows: Row | Deleted) -> None:
        await asyncio.sleep(0.001)
        if self.fail is not None:
            raise self.fail
        for row in rows:
            if isinstance(row, Deleted):
                self.rows.pop(_key(row.row, 0), None)
            else:
                self.put(row)

    def put(self, *rows: Row) -> None:
        for row in rows:
            self.rows[_key(row, len(self.log))] = row
            self.log.append(row)

    def of(self, kind: type[T]) -> list[T]:
        return [row for row in self.rows.values() if isinstance(row, kind)]


def _key(row: Row, number: int) -> tuple[str, Any]:
    match row:
        case IntentRow(client_id=key) | PositionRow(position_id=key) | SignalRow(signal_id=key):
            return type(row).__name__, key
        case CooldownRow():
            return "CooldownRow", (row.strategy_id, row.symbol, row.side)
        case BlockRow(block_id=key) | KvRow(key=key):
            return type(row).__name__, key
        case FillRow():
            return "FillRow", (row.symbol, row.trade_id)
    return type(row).__name__, getattr(row, "client_id", None) or number


class Rig:
    """One life of the desk's trading half; a second one over the same gateway and journal is a restart."""

    def __init__(
        self,
        clock: VirtualClock,
        gateway: FakeGateway | None = None,
        journal: MemoryJournal | None = None,
        at_point: Callable[[str], None] = lambda _point: None,
    ) -> None:
        self.clock = clock
        self.gateway = gateway or FakeGateway(clock)
        self.journal = journal or MemoryJournal()
        self.bus = Bus()
        self.told: list[TradingEvent] = []
        self.bus.subscribe(TradingEvent, self.told.append)
        self.executor = Executor(self.gateway, self.journal, clock, at_point=at_point)
        self.log = TradeLog(self.journal, clock)
        self.keeper = Keeper(self.executor, self.log, self.bus, clock)
        self.reconciler = Reconciler(self.gateway, self.keeper, self.executor, self.bus, clock, make_instrument)
        self.inbox = AccountInbox(self.gateway, self.keeper, self.reconciler, self.bus, clock)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        open_rows = [row for row in self.journal.of(PositionRow) if row.closed_ms is None]
        self.keeper.recover(open_rows, self.journal.of(SignalRow))
        for work in (self.keeper.run(), self.inbox.run(), self.reconciler.run()):
            self._tasks.append(asyncio.create_task(work))
        await self.until(lambda: self.keeper.watching or self.dead())

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def dead(self) -> bool:
        return any(task.done() for task in self._tasks)

    async def until(self, true: Callable[[], bool], timeout_s: float = 60.0) -> None:
        """Wait for a condition on virtual time."""
        deadline = self.clock.mono_ms() + timeout_s * 1000
        while not true():
            if self.clock.mono_ms() > deadline:
                raise AssertionError("the awaited condition did not come true")
            await asyncio.sleep(0.01)

    async def idle(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def move(self, price: float, symbol: str = "BTCUSDT") -> None:
        """The market moves and the desk sees the mark."""
        self.gateway.move(symbol, price)
        self.keeper.on_price(symbol, price)

    def plan(self, **changes: Any) -> ApprovedPlan:
        """A plan that risk approved: long from 100 with a stop at 98 unless changed."""
        answer = self.ask_risk(**changes)
        assert isinstance(answer, ApprovedPlan), str(answer)
        return answer

    def ask_risk(self, portfolio: Portfolio | None = None, **changes: Any) -> ApprovedPlan | Refusals:
        signal = make_signal(**changes)
        price = float(self.gateway.prices.setdefault(signal.symbol, Decimal(100)))
        quote = Quote(signal.symbol, True, ((price, 1e6),), ((price, 1e6),))
        account = Account(self.gateway.wallet, self.gateway.wallet, self.gateway.wallet)
        return check(
            signal, make_instrument(signal.symbol), quote, account, portfolio or Portfolio(),
            Costs(TAKER, MAKER), Rules(), self.clock.now_ms(), expires_ms=T0 + 3_600_000,
        )  # fmt: skip

    async def enter(self, **changes: Any) -> str:
        """Open a trade; returns its position id."""
        approved = self.plan(**changes)
        row = signal_row(make_signal(**changes), "open", T0 + 3_600_000, taken=True)
        await self.keeper.open(self.keeper.reserve(approved), row)
        return approved.plan.position_id

    def events(self, kind: type[T]) -> list[T]:
        return [event for event in self.told if isinstance(event, kind)]


@asynccontextmanager
async def running(rig: Rig) -> Any:
    await rig.start()
    try:
        yield rig
    finally:
        await rig.stop()


def on_virtual_time(scenario: Callable[[VirtualClock], Awaitable[T]]) -> T:
    """Run a scenario to its end without waiting."""
    result: T = run_virtual(scenario, T0)
    return result


def words(rows: Iterable[dict[str, str]]) -> list[tuple[str, str]]:
    return [(row["symbol"], row["action"]) for row in rows]


class FloorRig:
    """The whole trading floor over the fake exchange: what a seat and the pipeline would talk to."""

    def __init__(
        self,
        clock: VirtualClock,
        gateway: FakeGateway | None = None,
        journal: Any = None,
        settings: Settings | None = None,
        at_point: Callable[[str], None] = lambda _point: None,
    ) -> None:
        self.clock = clock
        self.gateway = gateway or FakeGateway(clock, prices={"BTCUSDT": Decimal(100)})
        self.journal = journal if journal is not None else MemoryJournal()
        self.bus = Bus()
        self.told: list[Any] = []
        for kind in (TradingEvent, SignalDecided, SignalOffered, StandingChanged, Reconciled):
            self.bus.subscribe(kind, self.told.append)
        self.synced = True
        self.seats = 1
        around = Surroundings(self.quote, make_instrument, seats=lambda: self.seats, venue="sim")
        self.settings = settings or Settings(venue="sim", mode="approve")
        self.floor = TradingFloor(self.gateway, self.journal, self.bus, clock, self.settings, around, at_point=at_point)
        self.tasks: list[asyncio.Task[None]] = []
        self._commands = 0

    def quote(self, symbol: str) -> Quote:
        price = float(self.gateway.prices.get(symbol, Decimal(100)))
        return Quote(symbol, self.synced, ((price, 1e6),), ((price, 1e6),), mark=price)

    async def start(self, memory: Any = None) -> None:
        await self.floor.recover(memory if memory is not None else MemoryReads(self.journal))
        for _, work in self.floor.services():
            self.tasks.append(asyncio.ensure_future(work()))
        await self.until(lambda: self.floor.keeper.watching or self.dead())

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def dead(self) -> bool:
        return any(task.done() for task in self.tasks)

    async def until(self, true: Callable[[], bool], timeout_s: float = 60.0) -> None:
        deadline = self.clock.mono_ms() + timeout_s * 1000
        while not true():
            if self.clock.mono_ms() > deadline:
                raise AssertionError("the awaited condition did not come true")
            await asyncio.sleep(0.01)

    def move(self, price: float, symbol: str = "BTCUSDT") -> None:
        self.gateway.move(symbol, price)
        self.floor.keeper.on_price(symbol, price)

    async def ask(self, kind: type[Any], **fields: Any) -> Reply:
        """Submit a command with a fresh id and a named actor, unless given."""
        self._commands += 1
        fields.setdefault("id", f"c{self._commands}")
        fields.setdefault("actor", "console:ann")
        return await self.floor.submit(kind(**fields))

    def events(self, kind: type[T]) -> list[T]:
        return [event for event in self.told if isinstance(event, kind)]

    def state(self, signal_id: str = "sig1") -> str:
        return self.floor.admission.queue.entries[signal_id].state


class MemoryReads:
    """The reads of a start, over a memory journal."""

    def __init__(self, journal: MemoryJournal) -> None:
        self._journal = journal

    async def open_positions(self) -> list[PositionRow]:
        return [row for row in self._journal.of(PositionRow) if row.closed_ms is None]

    async def signals(self, statuses: Sequence[str] = ()) -> list[SignalRow]:
        return [row for row in self._journal.of(SignalRow) if row.status in statuses]

    async def fills(self, signal_id: str | None = None, since_ms: int = 0) -> list[FillRow]:
        return [row for row in self._journal.of(FillRow) if row.at_ms >= since_ms]

    async def blocks(self, at_ms: int = 0) -> list[BlockRow]:
        return self._journal.of(BlockRow)

    async def cooldowns(self, after_ms: int = 0) -> list[CooldownRow]:
        return self._journal.of(CooldownRow)

    async def kv(self, key: str) -> KvRow | None:
        return next((row for row in self._journal.of(KvRow) if row.key == key), None)
