"""The running engine: its parts, the order in which they start and stop, and what ends it.

Start: journal, port (views only), clock, instruments, private stream, account, reconciliation, keeper, market
streams, pipeline, history; symbols go live as they finish, and the desk opens to commands that add risk when we and
the exchange agree. Stop is the reverse: no new signals, orders in flight resolve, every position is seen protected,
everything is flushed. Positions and their stops on the exchange are never touched by a stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog

from engine.bus import Bus
from engine.clock import Clock
from engine.desk.answers import Answers
from engine.desk.attention import Attention
from engine.desk.bar_walk import BarWalk
from engine.desk.desk import Desk
from engine.desk.gauges import Gauges
from engine.desk.notice_log import NoticeLog
from engine.desk.recovery import Recovery
from engine.desk.summary import Summary
from engine.errors import DeskError, InvariantBroken, StoreError
from engine.exchange.client import ExchangeClient
from engine.market.books import Books
from engine.market.closes import Closes
from engine.market.events import BarsClosed
from engine.market.feed import MarketFeed
from engine.market.listings import Listings
from engine.market.loading import Loading
from engine.market.repair import GapRepair
from engine.money import Instrument
from engine.port import notices
from engine.port.commands import Done, Flatten, Refused, Reply, StopEngine
from engine.port.server import PortServer
from engine.store.journal import Journal
from engine.store.queries import TradingQueries
from engine.store.rows import KvRow
from engine.supervise import LagMeter, Policy, Supervisor, VitalServiceFailed
from engine.trading.events import Reconciled, TradeClosed
from engine.trading.floor import TradingFloor
from engine.trading.pipeline import BTC, Pipeline

log = structlog.get_logger("engine")

EXIT_OK, EXIT_SAFE_MODE = 0, 70
READY_POLL_S = 0.05
RETRY_S = 2.0
STOP_BUDGET_S = 20.0
FAREWELL_S = 2.0


@dataclass
class Parts:
    """Everything an engine is made of; `build` makes one."""

    clock: Clock
    bus: Bus
    supervisor: Supervisor
    lag: LagMeter
    journal: Journal
    history: Journal
    client: ExchangeClient
    trader: ExchangeClient
    listings: Listings
    instruments: dict[str, Instrument]
    books: Books
    feed: MarketFeed
    closes: Closes
    loading: Loading
    repair: GapRepair
    pipeline: Pipeline
    floor: TradingFloor
    recovery: Recovery
    notices: NoticeLog
    gauges: Gauges
    desk: Desk
    server: PortServer
    summary: Summary
    attention: Attention
    walk: BarWalk
    close_downloads: Callable[[], Awaitable[None]]
    answers: Answers
    queries: TradingQueries
    extra: list[tuple[str, Callable[[], Awaitable[None]], Policy]] = field(default_factory=list)


class Engine:
    """One engine of one account. `port` is what seats hold; `opened` is set when the desk takes commands."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._why = ""
        self._tasks: asyncio.TaskGroup | None = None
        self._farewells: list[Callable[[int], Awaitable[None]]] = []
        self.opened = asyncio.Event()
        self.port = parts.desk
        # What is followed lives through a close before anything new comes of it.
        parts.bus.subscribe(BarsClosed, parts.walk.on_closed)
        parts.bus.subscribe(Reconciled, parts.walk.on_reconciled)
        parts.bus.subscribe(BarsClosed, parts.pipeline.on_closed)
        parts.bus.subscribe(TradeClosed, lambda _event: self._spawn(parts.recovery.refresh_results(), "results"))
        parts.feed.on_bar = parts.closes.on_kline

    @property
    def parts(self) -> Parts:
        """What it is made of, for the root that adds services of its own."""
        return self._parts

    def add_service(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """One more best-effort service, kept for as long as the engine lives."""
        self._parts.extra.append((name, run, Policy.BEST_EFFORT))

    def add_farewell(self, told: Callable[[int], Awaitable[None]]) -> None:
        """Somebody who is waited for, for a moment, until people have the last notice; called with its number."""
        self._farewells.append(told)

    def stop(self, why: str = "asked") -> None:
        """End the engine in good order; asked twice it skips the waiting, never the flush."""
        if self._stopping.is_set():
            self._hurry.set()
        self._why = self._why or why
        self._stopping.set()

    async def stop_command(self, command: StopEngine) -> Reply:
        """`StopEngine` of a seat."""
        if command.flatten:
            reply = await self._flatten(command)
            if isinstance(reply, Refused):
                return reply
        asyncio.get_running_loop().call_later(0.05, self.stop, f"asked by {command.actor}")
        return Done(f"stopping; {self._left_open()}")

    async def _flatten(self, command: StopEngine) -> Reply:
        """Close everything and wait for it, at most as long as a stop may take."""
        p = self._parts
        name = p.gauges.health({}).account
        reply = await p.floor.submit(Flatten(id=f"{command.id}-flatten", actor=command.actor, confirm=name))
        until_ms = p.clock.mono_ms() + STOP_BUDGET_S * 500
        while p.floor.keeper.positions() and p.clock.mono_ms() < until_ms:
            await p.clock.sleep(READY_POLL_S)
        left = [position.plan.symbol for position in p.floor.keeper.positions() if position.exposure > 0]
        return Refused("StillOpen", f"still closing: {', '.join(left)}", code=5) if left else reply

    async def run(self) -> int:
        """Run until stopped; the exit code. A vital failure ends in safe mode, exit 70."""
        code = EXIT_OK
        async with AsyncExitStack() as stack:
            await self._open_stores(stack)
            await self._parts.recovery.restore()
            await self._parts.walk.begin()
            await self._parts.server.start()
            stack.push_async_callback(self._parts.server.close)
            stack.push_async_callback(self._parts.client.close)
            stack.push_async_callback(self._parts.close_downloads)
            try:
                async with asyncio.TaskGroup() as tasks:
                    self._tasks = tasks
                    tasks.create_task(self._live(tasks), name="start")
                    await self._stopping.wait()
                    await self._wind_down()
                    raise _Stop
            except* _Stop:
                pass
            except* (VitalServiceFailed, InvariantBroken, StoreError) as group:
                code = EXIT_SAFE_MODE
                self._say_safe_mode(group.exceptions[0])
            finally:
                self._tasks = None
                self._parts.gauges.state = "STOPPED"
        return code

    # -- start ---------------------------------------------------------------------------------------------------------

    async def _open_stores(self, stack: AsyncExitStack) -> None:
        for journal in (self._parts.journal, self._parts.history):
            await journal.open()
            stack.push_async_callback(journal.close)

    async def _live(self, tasks: asyncio.TaskGroup) -> None:
        p = self._parts
        self._keep(tasks, "journal", p.journal.run, Policy.VITAL)
        self._keep(tasks, "history store", p.history.run, Policy.VITAL)
        self._keep(tasks, "lag", p.lag.run, Policy.BEST_EFFORT)
        await self._until_done("the exchange's clock", lambda: p.client.start(p.recovery.ban_until_ms))
        # Only now is it known what time it is there, and how fast it runs.
        p.gauges.started_ms = p.clock.now_ms()
        p.notices.tell(notices.EngineStarted, self._greeting())
        await self._until_done("trading rules", self._refresh_listings)
        if p.trader is not p.client:
            await p.trader.start()
        for name, run in p.client.services():
            if name != "account":
                self._keep(tasks, name, run, Policy.RESTART)
        self._keep(tasks, "account", p.trader.private.run, Policy.RESTART)
        for name, run in p.floor.services():
            self._keep(tasks, name, run, Policy.RESTART if name == "account facts" else Policy.VITAL)
        self._keep(tasks, "books", p.books.run, Policy.RESTART)
        self._keep(tasks, "pipeline", p.pipeline.run, Policy.RESTART)
        self._keep(tasks, "analyser", lambda: p.loading.run_analyser(self._analyse), Policy.RESTART)
        self._keep(tasks, "loader", p.loading.run_loader, Policy.RESTART)
        self._keep(tasks, "closes", p.closes.run, Policy.RESTART)
        self._keep(tasks, "gap repair", p.repair.run, Policy.RESTART)
        self._keep(tasks, "listings", p.listings.run, Policy.RESTART)
        self._keep(tasks, "focus", p.attention.run, Policy.RESTART)
        for name, run, policy in p.extra:
            self._keep(tasks, name, run, policy)
        p.gauges.state = "LOADING"
        tasks.create_task(self._open_when_ready(), name="opening")

    async def _open_when_ready(self) -> None:
        p = self._parts
        while not self._ready():
            await p.clock.sleep(READY_POLL_S)
        p.desk.open_to_risk = True
        p.gauges.state = "RUNNING"
        regime = p.pipeline.regimes.get(BTC)
        if regime is not None:
            breadth = _breadth(p.pipeline.regimes)
            text = f"BTC {regime.state.value}, confidence {regime.confidence:.2f}, bias {regime.bias.value}; {breadth}"
            p.notices.tell(notices.RegimeChanged, text, symbol=BTC, state=regime.state.value)
        p.summary.opened_mono_ms = p.clock.mono_ms()
        self.opened.set()
        log.info("opened", symbols=len(p.instruments))

    def _ready(self) -> bool:
        """We and the exchange agree, and the symbols that decide everything are there."""
        p = self._parts
        loading = p.gauges.health({})
        first = min(loading.symbols_total, 8)
        return p.floor.reconciler.reconciled and loading.symbols_total > 0 and loading.symbols_live >= first

    async def _until_done(self, what: str, work: Callable[[], Awaitable[Any]]) -> None:
        """Try until it works: an exchange that is away keeps the engine starting, it does not end it."""
        p = self._parts
        while True:
            try:
                await work()
            except (DeskError, TimeoutError) as error:
                if isinstance(error, StoreError | InvariantBroken):
                    raise
                p.gauges.last_error = f"{what}: {error}"
                log.warning("start_waits", what=what, reason=str(error))
                await p.clock.sleep(RETRY_S)
            else:
                p.gauges.last_error = None
                return

    async def _refresh_listings(self) -> None:
        await self._parts.listings.refresh()

    async def _analyse(self, symbol: str) -> None:
        await self._parts.walk.catch_up(symbol)
        self._parts.pipeline.warm(symbol)
        await asyncio.sleep(0)

    def _keep(self, tasks: asyncio.TaskGroup, name: str, run: Callable[[], Awaitable[None]], policy: Policy) -> None:
        tasks.create_task(self._parts.supervisor.keep(name, run, policy), name=name)

    def _spawn(self, work: Awaitable[None], name: str) -> None:
        if self._tasks is None or not isinstance(work, Coroutine):
            raise InvariantBroken(f"the engine is not running and cannot start {name}")
        self._tasks.create_task(work, name=name)

    # -- stop ----------------------------------------------------------------------------------------------------------

    async def _wind_down(self) -> None:
        """Nothing new; what is in flight resolves; every open position is seen protected."""
        p = self._parts
        p.gauges.state = "STOPPING"
        p.desk.open_to_risk = False
        log.info("stopping", why=self._why)
        quiet = asyncio.ensure_future(p.floor.keeper.quiet(STOP_BUDGET_S / 2))
        hurry = asyncio.ensure_future(self._hurry.wait())
        await asyncio.wait({quiet, hurry}, return_when=asyncio.FIRST_COMPLETED)
        for task in (quiet, hurry):
            task.cancel()
        bare = p.floor.keeper.unprotected()
        if bare:
            log.error("stopped_unprotected", symbols=[position.plan.symbol for position in bare])
        severity = "danger" if bare else "warn" if p.floor.keeper.positions() else "info"
        text = f"engine stopped: {self._why}; {self._left_open()}"
        p.notices.tell(notices.EngineStarted, text, severity=severity)
        last = asyncio.gather(*(told(p.notices.last_seq) for told in self._farewells), return_exceptions=True)
        await asyncio.wait({last}, timeout=FAREWELL_S)
        last.cancel()
        stamp = KvRow(key="clean_shutdown", value=msgspec.json.encode(1), updated_ms=p.clock.now_ms())
        await p.journal.commit(stamp)

    def _left_open(self) -> str:
        """What a person should know of what stays behind."""
        held = self._parts.floor.keeper.positions()
        bare = [position.plan.symbol for position in self._parts.floor.keeper.unprotected()]
        if bare:
            return f"open WITHOUT a stop: {', '.join(bare)}"
        names = ", ".join(f"{position.plan.symbol} {position.plan.direction.word}" for position in held)
        return f"open with their stops on the exchange: {names}" if names else "no positions are open"

    def _say_safe_mode(self, error: BaseException) -> None:
        self._parts.gauges.last_error = str(error)
        log.critical("safe_mode", reason=str(error), positions=len(self._parts.floor.keeper.positions()))

    def _greeting(self) -> str:
        health = self._parts.gauges.health({})
        pace = round(health.speed, 0 if health.speed >= 10 else 1)  # measured, and never to the last digit
        return f"engine on {health.venue}, mode {health.mode}, account {health.account}, speed {pace:g}x"


class _Stop(Exception):
    """Ends the task group."""


def _breadth(regimes: dict[str, Any]) -> str:
    counts: dict[str, int] = {}
    for regime in regimes.values():
        counts[regime.state.value] = counts.get(regime.state.value, 0) + 1
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=lambda item: -item[1]))
