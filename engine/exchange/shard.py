"""One connection's worth of streams, kept alive over drops and over planned rotations.

A connection is replaced before the exchange cuts it. The new one is subscribed and buffered while the old one still
delivers, and takes over behind the last position the old one delivered: nothing is missed, nothing comes twice, and
no book has to be fetched again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Protocol

import msgspec
import structlog

from engine.clock import Clock
from engine.exchange.sockets import Sink, StreamLink
from engine.exchange.transport import NotSent, SocketClosed

log = structlog.get_logger("exchange")

FIRST_BACKOFF_S = 1.0
LAST_BACKOFF_S = 60.0
CALM_MS = 60_000.0
OVERLAP_S = 2.0
OVERLAP_TIMEOUT_S = 30.0
ROTATION_RETRY_MS = 60_000
HOUR_MS = 3_600_000


class Deliver(Protocol):
    """Decodes and hands on one payload unless it lies at or before `after`; returns its position in its stream."""

    def __call__(self, stream: str, payload: msgspec.Raw, received_mono_ms: float, after: int = -1) -> int: ...


class Shard:
    """Keeps `names` subscribed on one route; `on_link(names, up)` tells when they stop and when they flow."""

    def __init__(
        self,
        route: str,
        open_link: Callable[[set[str], Sink], StreamLink],
        deliver: Deliver,
        on_link: Callable[[frozenset[str], bool], None],
        clock: Clock,
        rng: random.Random,
        rotate_after_h: float,
        overlap_s: float = OVERLAP_S,
    ) -> None:
        self.route = route
        self.names: set[str] = set()
        self.up = False
        self.reconnects = 0
        self.rotations = 0
        self._open_link = open_link
        self._deliver = deliver
        self._on_link = on_link
        self._clock = clock
        self._rng = rng
        self._rotate_ms = rotate_after_h * HOUR_MS
        self._overlap_s = overlap_s
        self._links: list[StreamLink] = []
        self._reading: dict[StreamLink, asyncio.Task[None]] = {}

    @property
    def received_mono_ms(self) -> float:
        """Machine time of the newest message; 0 while there is no connection."""
        return max((link.received_mono_ms for link in self._reading), default=0.0)

    def retarget(self) -> None:
        """`names` changed."""
        for link in self._reading:
            link.retarget()

    async def run(self) -> None:
        """Keep the connection; ends by cancellation only."""
        attempts = 0
        while True:
            since_ms = self._clock.mono_ms()
            try:
                await self._live()
            except (SocketClosed, NotSent) as end:
                self._tell(False)
                log.warning("stream_lost", route=self.route, streams=len(self.names), reason=str(end))
            finally:
                await self._end(*self._reading)
            attempts = 0 if self._clock.mono_ms() - since_ms >= CALM_MS else attempts
            delay_s = min(LAST_BACKOFF_S, FIRST_BACKOFF_S * 2.0**attempts) * self._rng.uniform(0.5, 1.0)
            attempts, self.reconnects = attempts + 1, self.reconnects + 1
            await self._clock.sleep(delay_s)

    async def _live(self) -> None:
        """From a connect to the first unplanned end, over any number of rotations."""
        link = self._begin(self._direct)
        wait_ms = self._rotate_ms
        while True:
            due = asyncio.create_task(self._due(link, wait_ms))
            try:
                await asyncio.wait({self._reading[link], due}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                due.cancel()
                await asyncio.gather(due, return_exceptions=True)
            if self._reading[link].done():
                self._reading[link].result()
            fresh = await self._rotate(link)
            wait_ms = self._rotate_ms if fresh is not None else ROTATION_RETRY_MS
            link = fresh or link

    async def _due(self, link: StreamLink, wait_ms: float) -> None:
        await link.settled.wait()
        self._tell(True)
        await self._clock.sleep_until(self._clock.now_ms() + int(wait_ms))

    async def _rotate(self, old: StreamLink) -> StreamLink | None:
        """The connection that took over, or None where the old one had to stay. Raises what ended both."""
        last: dict[str, int] = {}
        held: list[tuple[str, msgspec.Raw, float]] = []

        def record(stream: str, payload: msgspec.Raw, received_mono_ms: float) -> None:
            last[stream] = self._deliver(stream, payload, received_mono_ms)

        def hold(stream: str, payload: msgspec.Raw, received_mono_ms: float) -> None:
            held.append((stream, payload, received_mono_ms))

        old.sink = record
        new = self._begin(hold)
        ready = asyncio.create_task(self._overlap(new))
        watched = {ready, self._reading[old], self._reading[new]}
        try:
            await asyncio.wait(watched, timeout=OVERLAP_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
            await asyncio.gather(ready, return_exceptions=True)
        if not new.settled.is_set() or self._reading[new].done():
            log.warning("rotation_failed", route=self.route)
            old.sink = self._direct
            await self._end(new)
            return None
        # From here to the new sink nothing is awaited: the two connections change places between two messages.
        old.sink = _drop
        for stream, payload, received_mono_ms in held:
            self._deliver(stream, payload, received_mono_ms, last.get(stream, -1))
        new.sink = self._direct
        await self._end(old)
        self.rotations += 1
        log.info("stream_rotated", route=self.route, streams=len(self.names))
        return new

    async def _overlap(self, new: StreamLink) -> None:
        await new.settled.wait()
        await self._clock.sleep(self._overlap_s)

    def _begin(self, sink: Sink) -> StreamLink:
        link = self._open_link(self.names, sink)
        self._reading[link] = asyncio.create_task(link.run())
        return link

    async def _end(self, *links: StreamLink) -> None:
        tasks = [self._reading.pop(link) for link in links]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _direct(self, stream: str, payload: msgspec.Raw, received_mono_ms: float) -> None:
        self._deliver(stream, payload, received_mono_ms)

    def _tell(self, up: bool) -> None:
        if up != self.up:
            self.up = up
            self._on_link(frozenset(self.names), up)


def _drop(_stream: str, _payload: msgspec.Raw, _received_mono_ms: float) -> None:
    """Where the messages of a connection go that was replaced."""
