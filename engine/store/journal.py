"""The journal: what the desk writes down before it says so.

Two lanes share one writer. `commit` returns when the rows are on disk (intents, fills, decisions); `put` leaves them
for the next batch (excursions, metrics). A row put lazily is dropped once a newer one of the same key is
committed, so the slow lane never overwrites the fast one.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

from sqlalchemy import Connection

from engine.clock import Clock
from engine.errors import StoreError
from engine.store.database import Database
from engine.store.lane import WriterLane
from engine.store.rows import Deleted, Row
from engine.store.statements import Change, key_of, write

T = TypeVar("T")
BATCH_S = 0.25
MAX_WAITING = 50_000
LATENCY_SAMPLES = 500


class Journal:
    """Writer of one database. Open it, keep `run` running for the lazy lane, close it last."""

    def __init__(self, database: Database, clock: Clock, executor: Executor | None = None) -> None:
        self._lane = WriterLane(database, executor)
        self._clock = clock
        self._waiting: dict[tuple[Any, ...], Row] = {}
        self._numbers = itertools.count()
        self._latencies_ms: deque[float] = deque(maxlen=LATENCY_SAMPLES)

    @property
    def database(self) -> Database:
        return self._lane.database

    @property
    def waiting(self) -> int:
        """Rows in the lazy lane."""
        return len(self._waiting)

    @property
    def latency_p95_ms(self) -> float:
        """95th percentile of the time from `commit` to durable, over the last commits; 0 before the first."""
        ordered = sorted(self._latencies_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))] if ordered else 0.0

    async def open(self) -> None:
        """Connect. The tables must be there (`migrate`). Raises StoreError."""
        await self._lane.open()

    async def commit(self, *rows: Change) -> None:
        """Write rows in one transaction: by key if they exist, anew if not, in the given order.

        Returns when they are durable. Raises StoreError; then none of them was written and nothing may be acknowledged.
        """
        if not rows:
            return
        started_ms = self._clock.mono_ms()
        superseded: dict[tuple[Any, ...], Row] = {}
        for row in rows:
            key = key_of(row.row if isinstance(row, Deleted) else row)
            if key is not None and key in self._waiting:
                superseded[key] = self._waiting.pop(key)
        try:
            await self._lane.run(lambda connection: write(connection, rows))
        except StoreError:
            self._waiting = {**superseded, **self._waiting}
            raise
        self._latencies_ms.append(self._clock.mono_ms() - started_ms)

    def put(self, *rows: Row) -> None:
        """Leave rows for the next batch; a newer row of the same key replaces the waiting one.

        Raises StoreError when the batches cannot keep up.
        """
        for row in rows:
            key = key_of(row) or ("new", next(self._numbers))
            self._waiting.pop(key, None)  # a replaced row moves to the end, after those it may refer to
            self._waiting[key] = row
        if len(self._waiting) > MAX_WAITING:
            raise StoreError(f"{self.database.location}: more than {MAX_WAITING} rows wait to be written")

    async def flush(self) -> None:
        """Write what waits in the lazy lane. Raises StoreError and keeps the rows."""
        if not self._waiting:
            return
        taken, self._waiting = self._waiting, {}
        try:
            await self._lane.run(lambda connection: write(connection, taken.values()))
        except StoreError:
            # Rows that were put meanwhile are newer than those taken.
            self._waiting = {**taken, **self._waiting}
            raise

    async def run(self) -> None:
        """Keep the lazy lane moving; ends only by cancellation or StoreError."""
        while True:
            await self._clock.sleep(BATCH_S)
            await self.flush()

    async def transact(self, work: Callable[[Connection], T]) -> T:
        """Do `work` on the writer's connection in one transaction, for what is not a row (pruning, bulk candles)."""
        return await self._lane.run(work)

    async def close(self) -> None:
        """Flush and let go. Safe to call twice."""
        try:
            await self.flush()
        finally:
            await self._lane.close()
