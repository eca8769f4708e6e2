"""Who is being loaded, who is ready and who failed: each symbol is in exactly one of six sets.

Single event loop, no locks. The loader takes `pending` symbols and hands them over through a bounded queue; the
analyser takes `ready` ones and makes them `active`. From then on closes own them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

READY_LIMIT = 50
MIN_DONE_FOR_ETA = 2


class Place(StrEnum):
    """Where a symbol stands."""

    PENDING = "pending"
    LOADING = "loading"
    READY = "ready"
    ANALYZING = "analyzing"
    ACTIVE = "active"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far loading has come; `eta_s` is on machine time, None until it can be told."""

    total: int
    pending: int
    loading: int
    queued: int
    active: int
    failed: int
    percent: float
    eta_s: float | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a symbol is not there."""

    reason: str
    attempts: int


class SymbolLoadCoordinator:
    """Owner of the state of loading. `mono_ms` is the clock's machine time."""

    def __init__(self, mono_ms: Callable[[], float], ready_limit: int = READY_LIMIT) -> None:
        self._mono_ms = mono_ms
        self._limit = ready_limit
        self._places: dict[str, Place] = {}
        self._order: deque[str] = deque()  # pending, most wanted first
        self._queue: deque[str] = deque()  # ready, oldest first
        self._failures: dict[str, Failure] = {}
        self._changed = asyncio.Event()
        self._down = False
        self._started_ms: float | None = None
        self._done = 0

    # -- members -----------------------------------------------------------------------------------------------------

    def add(self, symbols: Iterable[str]) -> list[str]:
        """Symbols to be loaded, most wanted first; known ones stay where they are, failed ones are tried again."""
        added = []
        for symbol in symbols:
            if self._places.get(symbol, Place.FAILED) is Place.FAILED:
                self._places[symbol] = Place.PENDING
                self._order.append(symbol)
                added.append(symbol)
        self._touch()
        return added

    def remove(self, symbol: str) -> None:
        """A symbol left the universe; work under way on it ends without effect."""
        self._places.pop(symbol, None)
        self._failures.pop(symbol, None)
        if symbol in self._order:
            self._order.remove(symbol)
        if symbol in self._queue:
            self._queue.remove(symbol)
        self._touch()

    def place(self, symbol: str) -> Place | None:
        return self._places.get(symbol)

    def members(self, place: Place) -> list[str]:
        """The symbols of one set, sorted."""
        return sorted(symbol for symbol, at in self._places.items() if at is place)

    def failures(self) -> dict[str, Failure]:
        """Reasons of the failed symbols."""
        return {symbol: self._failures[symbol] for symbol in self.members(Place.FAILED)}

    # -- the loader's side -------------------------------------------------------------------------------------------

    async def take(self) -> str | None:
        """The next pending symbol, now loading; waits until there is one, None on shutdown."""
        while not self._down:
            if self._order:
                symbol = self._order.popleft()
                self._places[symbol] = Place.LOADING
                if self._started_ms is None:
                    self._started_ms = self._mono_ms()
                return symbol
            await self._wait()
        return None

    async def loaded(self, symbol: str) -> bool:
        """A symbol is ready; waits while the queue is full. False when it was removed meanwhile, or on shutdown."""
        while not self._down and self._places.get(symbol) is Place.LOADING:
            if len(self._queue) < self._limit:
                self._places[symbol] = Place.READY
                self._queue.append(symbol)
                self._touch()
                return True
            await self._wait()
        return False

    def resume_loading(self) -> None:
        """After a loader died: what it had in hand is pending again, first in line."""
        for symbol in reversed(self.members(Place.LOADING)):
            self._places[symbol] = Place.PENDING
            self._order.appendleft(symbol)
        self._touch()

    def resume_analysing(self) -> None:
        """After an analyser died: what it had in hand is ready again, first in line."""
        for symbol in reversed(self.members(Place.ANALYZING)):
            self._places[symbol] = Place.READY
            self._queue.appendleft(symbol)
        self._touch()

    def fail(self, symbol: str, reason: str) -> None:
        """Loading or analysing went wrong; the reason is kept until the symbol is added again and succeeds."""
        if self._places.get(symbol) in (Place.LOADING, Place.ANALYZING, Place.READY):
            if symbol in self._queue:
                self._queue.remove(symbol)
            self._places[symbol] = Place.FAILED
            before = self._failures.get(symbol)
            self._failures[symbol] = Failure(reason, (before.attempts if before else 0) + 1)
            self._done += 1
            self._touch()

    # -- the analyser's side -----------------------------------------------------------------------------------------

    async def next(self, timeout_s: float = 1.0) -> str | None:
        """The next ready symbol, now being analysed; None when none came in time, or on shutdown. Never raises."""
        try:
            async with asyncio.timeout(timeout_s):
                while not self._down:
                    if self._queue:
                        symbol = self._queue.popleft()
                        self._places[symbol] = Place.ANALYZING
                        self._touch()
                        return symbol
                    await self._wait()
        except TimeoutError:
            pass
        return None

    def mark_active(self, symbol: str) -> bool:
        """A symbol was analysed; False when it is not being analysed any more."""
        if self._places.get(symbol) is not Place.ANALYZING:
            return False
        self._places[symbol] = Place.ACTIVE
        self._failures.pop(symbol, None)
        self._done += 1
        self._touch()
        return True

    # -- how far it is -----------------------------------------------------------------------------------------------

    def progress(self) -> LoadProgress:
        count = dict.fromkeys(Place, 0)
        for place in self._places.values():
            count[place] += 1
        total = len(self._places)
        over = count[Place.ACTIVE] + count[Place.FAILED]
        left = total - over
        eta_s = 0.0 if left == 0 else None
        if left and self._started_ms is not None and self._done >= MIN_DONE_FOR_ETA:
            eta_s = (self._mono_ms() - self._started_ms) / 1000.0 / self._done * left
        return LoadProgress(
            total,
            count[Place.PENDING],
            count[Place.LOADING],
            count[Place.READY] + count[Place.ANALYZING],
            count[Place.ACTIVE],
            count[Place.FAILED],
            100.0 * over / total if total else 100.0,
            eta_s,
        )

    def is_complete(self) -> bool:
        """Every symbol is active or failed; nothing to load is complete."""
        return all(place in (Place.ACTIVE, Place.FAILED) for place in self._places.values())

    @property
    def is_down(self) -> bool:
        """Whether `shutdown` was called."""
        return self._down

    def shutdown(self) -> None:
        """Wake whoever waits; they all end."""
        self._down = True
        self._touch()

    def _touch(self) -> None:
        # A fresh event for each change: everybody who waited on the old one looks again.
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _wait(self) -> None:
        await self._changed.wait()
