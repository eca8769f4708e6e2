"""The one writer of a database: a thread that owns its connection and does one transaction at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection, Engine

from engine.errors import StoreError
from engine.store.database import Database, damaged, translated

T = TypeVar("T")


class WriterLane:
    """Transactions in the order they were asked for.

    Without `executor` the lane has a thread of its own; on virtual time pass the executor that runs inline.
    """

    def __init__(self, database: Database, executor: Executor | None = None) -> None:
        self.database = database
        self._own = None if executor else ThreadPoolExecutor(1, thread_name_prefix=f"store-{database.which}")
        self._executor = executor or self._own
        self._engine: Engine | None = None
        self._closed = False

    async def open(self) -> None:
        """Connect and look the file over. Raises StoreError, which names the file and the way out."""
        await self._submit(self._open)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in one transaction and return once it is durable. Raises StoreError; then nothing was written."""
        if self._closed:
            raise StoreError(f"{self.database.location} is closed")
        return await self._submit(lambda: self._transact(work))

    async def close(self) -> None:
        """Finish what was asked for and let go of the file. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        await self._submit(self._close)
        if self._own is not None:
            self._own.shutdown(wait=True)

    async def _submit(self, work: Callable[[], T]) -> T:
        # Shielded: a cancelled caller must not take back a write that is already in line.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._executor, work))

    def _open(self) -> None:
        with translated(self.database):
            engine = self.database.writer()
            with engine.connect() as connection:
                if self.database.path is not None and self.database.which == "trading":
                    # The history file is large and replaceable; it is looked over as it is read.
                    verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
                    if verdict != "ok":
                        raise StoreError(damaged(self.database, str(verdict)))
            self._engine = engine

    def _transact(self, work: Callable[[Connection], T]) -> T:
        if self._engine is None:
            raise StoreError(f"{self.database.location} is not open")
        with translated(self.database), self._engine.begin() as connection:
            return work(connection)

    def _close(self) -> None:
        if self._engine is None:
            return
        engine, self._engine = self._engine, None
        with translated(self.database):
            if self.database.path is not None:
                with engine.connect() as connection:
                    connection.commit()
                    connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            engine.dispose()
