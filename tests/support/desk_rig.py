"""Trading wired together over the fake exchange, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, TypeVar

from engine.bus import Bus
from engine.clock import VirtualClock, run_virtual
from engine.store.rows import CooldownRow, IntentRow, PositionRow, Row, SignalRow
from engine.trading.account_inbox import AccountInbox
from engine.trading.events import TradingEvent
from engine.trading.executor import Executor
from engine.trading.keeper import Keeper
from engine.trading.plan import Costs
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

    async def commit(self, *rows: Row) -> None:
        await asyncio.sleep(0.001)
        if self.fail is not None:
            raise self.fail
        self.put(*rows)

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
