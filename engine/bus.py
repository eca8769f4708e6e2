"""Typed events inside the engine: write state first, then tell.

Each subscription has a bound and a manner: `Latest` keeps only the newest value per key, `Bounded` keeps order
and raises when its reader has fallen too far behind, because a lost event there would be a lie.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable
from typing import Any, Generic, TypeVar

from engine.errors import InvariantBroken

E = TypeVar("E")


class Bounded(Generic[E]):
    """An ordered queue of events with a bound; overflow is a bug of the reader, not a silent loss."""

    def __init__(self, limit: int, name: str = "") -> None:
        self._queue: deque[E] = deque()
        self._limit = limit
        self._name = name
        self._wake = asyncio.Event()

    def put(self, event: E) -> None:
        if len(self._queue) >= self._limit:
            raise InvariantBroken(f"subscription {self._name!r} overflowed its bound of {self._limit}")
        self._queue.append(event)
        self._wake.set()

    def __len__(self) -> int:
        return len(self._queue)

    async def get(self) -> E:
        while not self._queue:
            self._wake.clear()
            await self._wake.wait()
        return self._queue.popleft()

    async def __aiter__(self) -> AsyncIterator[E]:
        while True:
            yield await self.get()


class Latest(Generic[E]):
    """The newest event per key; a slow reader skips, it never lags."""

    def __init__(self, key: Callable[[E], Hashable] = lambda _: None) -> None:
        self._slots: dict[Hashable, E] = {}
        self._key = key
        self._wake = asyncio.Event()

    def put(self, event: E) -> None:
        self._slots[self._key(event)] = event
        self._wake.set()

    async def take(self) -> list[E]:
        """All newest values since the last call; waits until there is one."""
        while not self._slots:
            self._wake.clear()
            await self._wake.wait()
        taken = list(self._slots.values())
        self._slots.clear()
        return taken


class Bus:
    """Publishes typed events to whoever subscribed to their type (or a base of it)."""

    def __init__(self) -> None:
        self._sinks: dict[type, list[Callable[[Any], None]]] = {}

    def subscribe(self, event_type: type[E], sink: Callable[[E], None]) -> Callable[[], None]:
        """Call `sink` for each event of `event_type`; the returned function ends it. Sinks must not block."""
        sinks = self._sinks.setdefault(event_type, [])
        sinks.append(sink)

        def end() -> None:
            if sink in sinks:
                sinks.remove(sink)

        return end

    def publish(self, event: object) -> None:
        for event_type in type(event).__mro__:
            for sink in tuple(self._sinks.get(event_type, ())):
                sink(event)
