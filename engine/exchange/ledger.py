"""The one place where every request to the exchange waits for its turn.

Pure parts decide (`limits`, `gate`); this shell keeps their state, lets callers sleep, and wakes all of them whenever
a refusal changes what they wait for. Nobody sleeps while holding anything another lane needs. Within a lane the first
to ask is the first to go.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog

from config.schema import ExchangeSettings
from engine.clock import Clock
from engine.errors import ExchangeError, Throttled
from engine.exchange import gate as gates
from engine.exchange.gate import Gate, GateState
from engine.exchange.limits import (
    MINUTE_MS,
    Forecast,
    Lane,
    Pool,
    Ticket,
    WaitUntil,
    Window,
    forecast,
    pace,
    reserve_all,
    roll,
    settle,
)

log = structlog.get_logger("exchange")

JITTER_MS = 250.0
CLOCK_DOUBT_MS = 100  # a ping that arrives while the exchange still counts the ban makes it longer
LONGEST_NAP_S = 1.0  # the exchange's clock may change its pace while we sleep
ENTRY = "entry"
EXIT = "exit"

OnBan = Callable[[int, str], Awaitable[None]]
Probe = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class PoolUse:
    """One budget as a person may see it; `lanes` is what each lane or order kind took."""

    name: str
    used: int
    limit: int
    resets_ms: int
    lanes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Permit:
    """What a request must bring back when it was answered."""

    tickets: Mapping[Pool, Ticket]
    lane: str


class _Waiter:
    __slots__ = ("woken",)

    def __init__(self) -> None:
        self.woken = asyncio.Event()


async def _nobody(_until_ms: int, _reason: str) -> None:
    """A ban nobody wants to remember."""


class Ledger:
    """Reserves budget before a request and settles it after; the gate of all REST callers."""

    def __init__(
        self, settings: ExchangeSettings, clock: Clock, rng: random.Random, on_ban: OnBan | None = None
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._on_ban = on_ban or _nobody
        self._probe: Probe | None = None
        self._gate = Gate()
        self._shares = {
            Lane.TRADING: settings.share_trading,
            Lane.INTERACTIVE: settings.share_interactive,
            Lane.LIVE: settings.share_live,
            Lane.BACKGROUND: settings.share_background,
        }
        self._order_shares = {ENTRY: settings.entry_order_share, EXIT: settings.exit_order_share}
        now_ms = clock.now_ms()
        self._windows = {
            Pool.WEIGHT: roll(Window(2400), now_ms),
            Pool.ORDERS_10S: roll(Window(300, 10_000), now_ms),
            Pool.ORDERS_1M: roll(Window(1200), now_ms),
            Pool.FUNDING: roll(Window(500, 5 * MINUTE_MS), now_ms),
            Pool.STATISTICS: roll(Window(1000, 5 * MINUTE_MS), now_ms),
        }
        self._queues: dict[tuple[str, ...], deque[_Waiter]] = {}

    # -- asking ----------------------------------------------------------------------------------------------------

    async def acquire(
        self, costs: Mapping[Pool, int], lane: Lane, kind: str = EXIT, deadline_mono_ms: float | None = None
    ) -> Permit:
        """Wait until `costs` may be spent on behalf of `lane` and take them.

        `kind` says whether an order opens or closes risk. Raises Throttled as soon as it is known that the wait would
        outlast the deadline (machine time): a late request is worse than none.
        """
        # One queue for each kind of wait: nobody stands behind somebody who waits for another budget.
        queue = self._queues.setdefault((lane, kind, *costs), deque())
        waiter = _Waiter()
        queue.append(waiter)
        try:
            while True:
                until_ms = gates.opens_ms(self._gate, tuple(costs), lane, self._clock.now_ms())
                if gates.probe_due(self._gate, self._clock.now_ms() - CLOCK_DOUBT_MS):
                    await self._ask_whether_open()
                    continue
                if until_ms <= self._clock.now_ms() and queue[0] is waiter:
                    answer = self._take(costs, lane, kind)
                    if isinstance(answer, Permit):
                        return answer
                    until_ms = answer.at_ms
                await self._wait(waiter, until_ms, queue[0] is waiter, deadline_mono_ms)
        finally:
            first = queue[0] is waiter
            queue.remove(waiter)
            if first and queue:
                queue[0].woken.set()

    def settle(self, permit: Permit, headers: Mapping[Pool, int | None] | None = None) -> None:
        """The request of `permit` ended, with these uses reported by the exchange."""
        now_ms = self._clock.now_ms()
        for pool, ticket in permit.tickets.items():
            header = headers.get(pool) if headers else None
            self._windows[pool] = settle(self._windows[pool], ticket, header, now_ms)

    def _take(self, costs: Mapping[Pool, int], lane: Lane, kind: str) -> Permit | WaitUntil:
        now_ms = self._clock.now_ms()
        ceilings = {pool: self._ceiling(pool, lane, kind, now_ms) for pool in costs}
        owner = kind if Pool.ORDERS_1M in costs else lane
        self._windows, answer = reserve_all(self._windows, costs, owner, now_ms, ceilings)
        return answer if isinstance(answer, WaitUntil) else Permit(answer, lane)

    def _ceiling(self, pool: Pool, lane: Lane, kind: str, now_ms: int) -> int:
        match pool:
            case Pool.WEIGHT:
                share = self._shares[lane]
            case Pool.ORDERS_10S | Pool.ORDERS_1M:
                share = self._order_shares[kind]
            case Pool.FUNDING:
                share = 0.5
            case Pool.STATISTICS:
                share = 0.6
        return int(self._windows[pool].limit * share * self._gate.share(now_ms) + 1e-9)

    async def _wait(self, waiter: _Waiter, until_ms: int, first: bool, deadline_mono_ms: float | None) -> None:
        wait_ms = max(0.0, (until_ms - self._clock.now_ms()) / max(self._clock.rate, 1e-9))
        if deadline_mono_ms is not None:
            left_ms = deadline_mono_ms - self._clock.mono_ms()
            if wait_ms > left_ms or left_ms <= 0:
                raise self.refusal(until_ms)
        seconds = min(LONGEST_NAP_S, (wait_ms + self._rng.uniform(0.0, JITTER_MS)) / 1000.0) if first else None
        if deadline_mono_ms is not None:
            seconds = left_ms / 1000.0 if seconds is None else min(seconds, left_ms / 1000.0)
        try:
            async with asyncio.timeout(seconds):
                await waiter.woken.wait()
        except TimeoutError:
            pass
        waiter.woken.clear()

    def refusal(self, until_ms: int) -> Throttled:
        """What a caller is told who cannot wait."""
        now_ms = self._clock.now_ms()
        state = self._gate.state(now_ms)
        return Throttled(max(until_ms, now_ms), state in (GateState.BANNED, GateState.PROBING), state.value)

    # -- refusals ----------------------------------------------------------------------------------------------------

    async def too_many(self, pool: Pool, retry_after_ms: int | None) -> Throttled:
        """429: close what must close, wake everybody, and say until when."""
        now_ms = self._clock.now_ms()
        if self._gate.closed is GateState.PROBING:
            return await self.banned("", retry_after_ms)
        self._gate = gates.on_too_many(self._gate, pool, retry_after_ms, now_ms)
        until_ms = self._gate.cooling[pool]
        log.warning("throttled", pool=pool.value, until_ms=until_ms)
        self._wake_all()
        return Throttled(until_ms, False, f"too many requests ({pool.value})")

    async def banned(self, message: str, retry_after_ms: int | None) -> Throttled:
        """418: everything stops; the ban is remembered before anything else happens."""
        self._gate = gates.on_banned(self._gate, message, retry_after_ms, self._clock.now_ms())
        until_ms = self._gate.until_ms
        self._wake_all()
        await self._on_ban(until_ms, message)
        log.error("banned", until_ms=until_ms)
        return Throttled(until_ms, True, message or "banned")

    def blocked(self) -> Throttled:
        """403: a firewall refused us."""
        self._gate = gates.on_blocked(self._gate, self._clock.now_ms())
        log.error("blocked", until_ms=self._gate.until_ms)
        self._wake_all()
        return Throttled(self._gate.until_ms, False, "refused by the exchange's firewall")

    def restore_ban(self, until_ms: int) -> None:
        """A ban remembered from before a restart: not a single request before it is over."""
        if until_ms > self._clock.now_ms():
            self._gate = gates.restore_ban(self._gate, until_ms)
            self._wake_all()

    def unblock(self) -> None:
        """A person lifts a block."""
        self._gate = gates.unblock(self._gate)
        self._wake_all()

    def probe_with(self, probe: Probe) -> None:
        """The one request that may be sent at the end of a ban; it raises what it meets."""
        self._probe = probe

    async def _ask_whether_open(self) -> None:
        self._gate = gates.on_probing(self._gate)
        try:
            if self._probe is not None:
                await self._probe()
        except Throttled:
            pass  # the gate already knows
        except ExchangeError as error:
            log.warning("probe_lost", reason=str(error))
        else:
            self._gate = gates.on_probe_passed(self._gate, self._clock.now_ms())
            log.info("gate_open")
        finally:
            if self._gate.closed is GateState.PROBING:
                self._gate = gates.on_probe_lost(self._gate, self._clock.now_ms())
            self._wake_all()

    def _wake_all(self) -> None:
        for queue in self._queues.values():
            for waiter in queue:
                waiter.woken.set()

    # -- what is known -------------------------------------------------------------------------------------------

    def set_limits(self, limits: Mapping[Pool, int]) -> None:
        """Limits the exchange stated; they rule over ours."""
        for pool, limit in limits.items():
            window = roll(self._windows[pool], self._clock.now_ms())
            self._windows[pool] = Window(
                limit, window.window_ms, window.index, window.local_sent, window.header_max,
                window.open, window.by_lane, window.next_number, window.header_before,
            )  # fmt: skip

    @property
    def gate_state(self) -> str:
        """open, cooling, banned, probing or blocked."""
        return self._gate.state(self._clock.now_ms()).value

    @property
    def banned_until_ms(self) -> int:
        """Exchange time at which the present ban ends; 0 without one."""
        return self._gate.until_ms if self._gate.closed in (GateState.BANNED, GateState.PROBING) else 0

    def used(self, pool: Pool = Pool.WEIGHT) -> int:
        """Use of a pool in its present window."""
        return roll(self._windows[pool], self._clock.now_ms()).used

    def ceiling(self, lane: Lane) -> int:
        """How much weight a minute may hold before this lane waits."""
        return self._ceiling(Pool.WEIGHT, lane, EXIT, self._clock.now_ms())

    def limit(self, pool: Pool = Pool.WEIGHT) -> int:
        return self._windows[pool].limit

    def plan(self, weights: list[int], lane: Lane) -> Forecast:
        """When a batch of requests would be through, if nobody else sent anything."""
        return forecast(weights, self._windows[Pool.WEIGHT], self.ceiling(lane), self._clock.now_ms())

    def pools(self) -> tuple[PoolUse, ...]:
        """Every budget as it stands."""
        now_ms = self._clock.now_ms()
        rolled = {pool: roll(window, now_ms) for pool, window in self._windows.items()}
        return tuple(
            PoolUse(pool.value, window.used, window.limit, window.resets_ms(), dict(window.by_lane))
            for pool, window in rolled.items()
        )

    def forecast_text(self) -> str:
        """Where the weight of this minute is heading, in words."""
        window = self._windows[Pool.WEIGHT]
        return f"weight heads for {pace(window, self._clock.now_ms())} of {window.limit} this minute"
