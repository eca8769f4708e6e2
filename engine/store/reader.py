"""Reads on a connection of their own that cannot write, off the loop's thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection, Engine

from engine.errors import StoreError
from engine.store.database import Database, translated

T = TypeVar("T")


class Reader:
    """One reading connection. Sees what was committed before the read began.

    Without `executor` reads run on a thread of their own; on virtual time pass the executor that runs inline.
    """

    def __init__(self, database: Database, executor: Executor | None = None) -> None:
        self.database = database
        self._own = None if executor else ThreadPoolExecutor(1, thread_name_prefix=f"read-{database.which}")
        self._executor = executor or self._own
        self._engine: Engine | None = None
        self._closed = False

    async def run(self, work: Callable[[Connection], T]) -> T:
        """The result of `work`. Raises StoreError."""
        if self._closed:
            raise StoreError(f"{self.database.location} is closed")
        return await asyncio.get_running_loop().run_in_executor(self._executor, lambda: self.read(work))

    def read(self, work: Callable[[Connection], T]) -> T:
        """As `run`, on the calling thread; for command-line programs."""
        with translated(self.database):
            if self._engine is None:
                self._engine = self.database.reader()
            with self._engine.connect() as connection:
                return work(connection)

    async def close(self) -> None:
        """Let go of the connection. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        if self._engine is not None:
            await asyncio.get_running_loop().run_in_executor(self._executor, self._engine.dispose)
        if self._own is not None:
            self._own.shutdown(wait=True)
