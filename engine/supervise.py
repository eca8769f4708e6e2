"""Keeps every loop: a background task has a name, an owner and a policy, and nobody dies unseen.

    VITAL        journal, executor, keeper, reconcile    a failure ends the engine in safe mode
    RESTART      streams, account, history, pipeline     back-off 0.5 s to 30 s; five in ten minutes pause the desk
    BEST_EFFORT  telegram, tape                          back-off without limit; health turns amber

Cancellation and `InvariantBroken` pass through unchanged, whatever the policy.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

import structlog

from engine.clock import Clock
from engine.errors import InvariantBroken

T = TypeVar("T")

log = structlog.get_logger("engine")

FIRST_BACKOFF_S = 0.5
LAST_BACKOFF_S = 30.0
MAX_RESTARTS = 5
RESTART_WINDOW_MS = 600_000.0
LAG_TICK_S = 0.05


class Policy(Enum):
    VITAL = "vital"
    RESTART = "restart"
    BEST_EFFORT = "best effort"


@dataclass
class Service:
    """What is known of one kept loop."""

    name: str
    policy: Policy
    state: str = "starting"  # ok | starting | degraded | failed | stopped
    detail: str = ""
    restarts: int = 0
    failures_mono_ms: deque[float] = field(default_factory=deque)


class VitalServiceFailed(Exception):
    """A vital loop ended with an error; carries its name, the cause is chained."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"vital service {self.name} failed: {self.__cause__}"


class Supervisor:
    """Runs services by policy and knows their health."""

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        on_exhausted: Callable[[str, str], None] = lambda _name, _why: None,
        on_error: Callable[[str, BaseException], None] = lambda _name, _error: None,
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._on_exhausted = on_exhausted
        self._on_error = on_error
        self.services: dict[str, Service] = {}

    def report(self, name: str, state: str, detail: str = "") -> None:
        """A service says how it is."""
        service = self.services.get(name)
        if service is not None:
            service.state, service.detail = state, detail

    async def keep(self, name: str, run: Callable[[], Awaitable[None]], policy: Policy) -> None:
        """Run a loop until it returns or is cancelled, restarting it by policy.

        Raises VitalServiceFailed for a vital loop that raised, InvariantBroken from any.
        """
        service = self.services.setdefault(name, Service(name, policy))
        delay_s = FIRST_BACKOFF_S
        while True:
            service.state, started_ms = "ok", self._clock.mono_ms()
            try:
                await run()
            except InvariantBroken:
                service.state = "failed"
                raise
            except Exception as raised:
                error = _cause(raised)
                if isinstance(error, InvariantBroken):
                    service.state = "failed"
                    raise error from raised
                self._on_error(name, error)
                log.exception("service_failed", service=name, policy=policy.value)
                service.state, service.detail = "degraded", f"{type(error).__name__}: {error}"
                if policy is Policy.VITAL:
                    service.state = "failed"
                    raise VitalServiceFailed(name) from error
                self._count(service)
            else:
                service.state, service.detail = "stopped", ""
                return
            if self._clock.mono_ms() - started_ms > RESTART_WINDOW_MS / 10:
                delay_s = FIRST_BACKOFF_S
            await self._clock.sleep(delay_s * self._rng.uniform(0.5, 1.0))
            delay_s = min(delay_s * 2, LAST_BACKOFF_S)
            service.restarts += 1

    def _count(self, service: Service) -> None:
        now = self._clock.mono_ms()
        failures = service.failures_mono_ms
        failures.append(now)
        while failures and now - failures[0] > RESTART_WINDOW_MS:
            failures.popleft()
        if service.policy is Policy.RESTART and len(failures) >= MAX_RESTARTS:
            failures.clear()
            self._on_exhausted(service.name, service.detail)


def attempt(name: str, work: Callable[[], T], logged: bool = True) -> T | Failure:
    """Do work of somebody else's making (a strategy, a user's file) whose failure must not reach its neighbours.

    Not `logged`: whoever asked tells the failure in its own way.
    """
    try:
        return work()
    except InvariantBroken:
        raise
    except Exception as error:
        if logged:
            log.exception("attempt_failed", what=name)
        return Failure(name, error)


@dataclass(frozen=True)
class Failure:
    """What an attempt ended with."""

    name: str
    error: Exception

    @property
    def text(self) -> str:
        return f"{type(self.error).__name__}: {self.error}"


def _cause(error: Exception) -> Exception:
    """What went wrong in a loop that runs tasks of its own and fails with a group; a broken invariant counts most."""
    if not isinstance(error, ExceptionGroup):
        return error
    leaves = [_cause(inner) for inner in error.exceptions]
    return next((leaf for leaf in leaves if isinstance(leaf, InvariantBroken)), leaves[0])


class LagMeter:
    """How late the loop wakes its sleepers: the number that says whether an order would have waited."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._samples: deque[tuple[float, float]] = deque(maxlen=12_000)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_TICK_S
            await asyncio.sleep(LAG_TICK_S)
            self._samples.append((self._clock.mono_ms(), max(0.0, (loop.time() - due) * 1000.0)))

    @property
    def beat_age_ms(self) -> float:
        """How long ago the loop last woke this meter; 0 before the first time."""
        return self._clock.mono_ms() - self._samples[-1][0] if self._samples else 0.0

    @property
    def p99_ms(self) -> float:
        """99th percentile over the last ten minutes; 0 before the first sample."""
        lags = sorted(lag for _, lag in self._samples)
        return lags[min(len(lags) - 1, int(len(lags) * 0.99))] if lags else 0.0

    def max_ms(self, window_ms: float = 10_000.0) -> float:
        """Worst lag within the last `window_ms`."""
        since = self._clock.mono_ms() - window_ms
        worst = 0.0
        for at, lag in reversed(self._samples):
            if at < since:
                break
            worst = max(worst, lag)
        return worst
