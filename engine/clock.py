"""Time is handed in: the only module that reads a clock.

Two times live side by side. *Exchange time* (`now_ms`, `sleep_until`) drives everything dated: bars, expiry,
cooldowns, time stops. *Machine time* (`mono_ms`, `sleep`) drives everything that waits for the network or
judges the age of received data. On the live exchange they run at the same rate; on the embedded exchange
exchange time may run many times faster; on virtual time neither waits.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """What every part of the desk may know about time."""

    @property
    def rate(self) -> float:
        """Milliseconds of exchange time for each millisecond of machine time."""
        ...

    def now_ms(self) -> int:
        """Exchange time, UTC milliseconds."""
        ...

    def mono_ms(self) -> float:
        """Machine time since an arbitrary start, milliseconds; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait on machine time."""
        ...

    async def sleep_until(self, at_ms: int) -> None:
        """Wait until exchange time has reached `at_ms`."""
        ...


async def sleep_or(clock: Clock, seconds: float, event: asyncio.Event) -> None:
    """Wait on machine time, or until the event is set."""
    slept, told = asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({slept, told}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        slept.cancel()
        told.cancel()


class SystemClock:
    """The machine's UTC clock, corrected by the measured offset to the exchange, optionally running faster.

    `follow` re-anchors exchange time to a measured server time; between measurements it advances at `rate`.
    """

    def __init__(self, rate: float = 1.0, start_ms: int | None = None) -> None:
        self._rate = rate
        self._anchor_mono = self.mono_ms()
        self._anchor_ms = float(start_ms if start_ms is not None else time.time_ns() // 1_000_000)

    @property
    def rate(self) -> float:
        return self._rate

    def now_ms(self) -> int:
        return int(self._anchor_ms + (self.mono_ms() - self._anchor_mono) * self._rate)

    def mono_ms(self) -> float:
        return time.monotonic_ns() / 1e6

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def sleep_until(self, at_ms: int) -> None:
        # Short naps: the rate may change (a held or quickened demo) while we wait.
        while (left_ms := at_ms - self.now_ms()) > 0:  # noqa: ASYNC110 - time is polled, no event marks it
            await asyncio.sleep(min(left_ms / max(self._rate, 1e-9) / 1000.0, 0.25))

    def follow(self, server_ms: float, at_mono_ms: float, rate: float | None = None) -> float:
        """Anchor exchange time to `server_ms`, read at machine time `at_mono_ms`; returns the jump in ms."""
        before = self._anchor_ms + (at_mono_ms - self._anchor_mono) * self._rate
        self._anchor_ms, self._anchor_mono = float(server_ms), at_mono_ms
        if rate is not None:
            self._rate = rate
        return float(server_ms) - before


def wall_ms() -> int:
    """UTC milliseconds of the machine, for file names and rendering where no engine clock exists."""
    return time.time_ns() // 1_000_000


def utc_text(at_ms: int) -> str:
    """A moment of these days as people read it, as "12:30:00 UTC"."""
    return time.strftime("%H:%M:%S UTC", time.gmtime(at_ms // 1000))


class VirtualClock:
    """Time of a `VirtualLoop`: moves only when every task waits."""

    def __init__(self, loop: VirtualLoop, epoch_ms: int) -> None:
        self._loop = loop
        self._epoch_ms = epoch_ms

    @property
    def rate(self) -> float:
        return 1.0

    def now_ms(self) -> int:
        return self._epoch_ms + round(self._loop.time() * 1000.0)

    def mono_ms(self) -> float:
        return self._loop.time() * 1000.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def sleep_until(self, at_ms: int) -> None:
        if (left_ms := at_ms - self.now_ms()) > 0:
            await asyncio.sleep(left_ms / 1000.0)


class InlineExecutor(Executor):
    """Runs work at once on the calling thread, so that virtual time stays deterministic."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - a future carries whatever its work raised
            future.set_exception(error)
        return future


class _LeapingSelector(selectors.SelectSelector):
    """Instead of waiting for a timeout, leaps over it."""

    def __init__(self, leap: Callable[[float], None]) -> None:
        super().__init__()
        self._leap = leap

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout:
            self._leap(timeout)
        elif not ready and timeout is None:
            # Nothing is scheduled and nothing is ready: only another thread could wake us.
            return super().select(1.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time starts at zero and advances only when there is nothing left to do.

    `asyncio.sleep`, `asyncio.timeout` and executor work behave as usual, deterministically and without waiting.
    """

    def __init__(self) -> None:
        self._virtual_s = 0.0
        super().__init__(_LeapingSelector(self._advance))
        self.set_default_executor(InlineExecutor())

    def _advance(self, seconds: float) -> None:
        self._virtual_s += seconds

    def time(self) -> float:
        return self._virtual_s

    def set_default_executor(self, executor: Any) -> None:
        self._default_executor = executor


def run_virtual(main: Callable[[VirtualClock], Any], epoch_ms: int) -> Any:
    """Run `main(clock)` to its end on virtual time that starts at `epoch_ms`."""
    loop = VirtualLoop()
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(main(VirtualClock(loop, epoch_ms)))
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()
