"""One database behind its URL: how it is opened for writing and for reading, and how its failures are named.

SQLite in WAL mode by default, PostgreSQL by URL. The trading database waits for the disk at every commit; the history
database, which can be fetched again, does not.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from engine.errors import StoreError

Which = Literal["trading", "history"]
LOAD_CACHE_KIB = 64 * 1024  # a bulk load of candles touches the leaves of every symbol
CACHE_KIB = 8 * 1024  # for the rest the system's own cache serves as well, and is given back when needed


@dataclass(frozen=True, slots=True)
class Database:
    """Where a database is and how patient to be with it.

    `url` is a SQLAlchemy URL or a file path (SQLite). `durable` off trades safety for speed in simulations.
    """

    url: str
    which: Which
    busy_timeout_ms: int = 5000
    durable: bool = True

    @property
    def location(self) -> str:
        """The file, or the URL with its password masked; for messages."""
        return str(self.path) if self.path is not None else repr(self._parsed())

    @property
    def path(self) -> Path | None:
        """The file of a SQLite database; None for a server."""
        parsed = self._parsed()
        return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None

    def writer(self) -> Engine:
        """An engine for the one writer. Raises StoreError when the URL or its driver is unusable."""
        return self._engine(read_only=False)

    def reader(self) -> Engine:
        """An engine whose connections cannot write."""
        return self._engine(read_only=True)

    def _parsed(self) -> URL:
        if "://" not in self.url:
            return URL.create("sqlite", database=self.url)
        try:
            parsed = make_url(self.url)
        except ArgumentError as error:
            raise StoreError(f"not a database URL: {error}") from error
        if parsed.get_backend_name() == "postgresql":
            return parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() != "sqlite":
            raise StoreError(f"{parsed.get_backend_name()} is not supported; use sqlite or postgresql")
        if not parsed.database or parsed.database == ":memory:":
            raise StoreError("a database in memory cannot be shared between its writer and its readers; name a file")
        return parsed

    def _engine(self, read_only: bool) -> Engine:
        path = self.path
        if path is not None:
            return _sqlite(path, self, read_only)
        try:
            engine = create_engine(self._parsed(), pool_size=1, max_overflow=0)
        except (NoSuchModuleError, ModuleNotFoundError) as error:
            raise StoreError("PostgreSQL needs its driver: pip install perpdeck[postgres]") from error
        event.listen(engine, "connect", _prepare_postgres(self, read_only))
        return engine


def _sqlite(path: Path, database: Database, read_only: bool) -> Engine:
    def connect() -> sqlite3.Connection:
        # The pool hands the connection to one thread at a time; a reader never creates the file.
        mode = "rw" if read_only else "rwc"
        uri = f"{path.absolute().as_uri()}?mode={mode}"
        return sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)

    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {database.busy_timeout_ms}")
        if not read_only:
            cursor.execute("PRAGMA journal_mode = WAL")
            full = database.which == "trading"
            level = ("FULL" if full else "NORMAL") if database.durable else "OFF"
            cursor.execute(f"PRAGMA synchronous = {level}")
        loads = database.which == "history" and not read_only
        cursor.execute(f"PRAGMA cache_size = -{LOAD_CACHE_KIB if loads else CACHE_KIB}")
        cursor.execute("PRAGMA foreign_keys = ON")
        if read_only:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, pool_size=1, max_overflow=0)
    event.listen(engine, "connect", prepare)

    # The driver would begin late and not at all around DDL; a writer takes its lock at once and never has to upgrade.
    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def _prepare_postgres(database: Database, read_only: bool) -> Callable[[Any, object], None]:
    def prepare(connection: Any, _record: object) -> None:
        before = connection.autocommit
        connection.autocommit = True
        with connection.cursor() as cursor:
            if read_only:
                cursor.execute("SET default_transaction_read_only = on")
            elif database.which == "history" or not database.durable:
                cursor.execute("SET synchronous_commit = off")
            cursor.execute(f"SET lock_timeout = {database.busy_timeout_ms}")
        connection.autocommit = before

    return prepare


@contextmanager
def translated(database: Database) -> Iterator[None]:
    """Turns whatever the database raises inside into a StoreError that says what to do."""
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreError(describe(database, error)) from error
    except sqlite3.Error as error:
        raise StoreError(describe(database, error)) from error


def describe(database: Database, error: Exception) -> str:
    """One sentence for the operator: what failed, where, and the way out."""
    cause = getattr(error, "orig", None) or error
    reason = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
    where = database.location
    if "malformed" in reason or "not a database" in reason or "disk image" in reason:
        return damaged(database, reason)
    if "locked" in reason or "lock timeout" in reason:
        return f"{where} is locked by another program ({reason}); end it and start again"
    if "full" in reason or "No space" in reason:
        return f"no room to write {where} ({reason}); free disk space and resume"
    if "unable to open" in reason:
        return f"{where} cannot be opened; check that its directory exists and is writable"
    return f"{where}: {reason}"


def damaged(database: Database, reason: str) -> str:
    """What to do about a corrupt file."""
    if database.which == "history":
        way_out = "move it aside and start again: history is fetched anew"
    else:
        way_out = (
            "restore the newest backup beside it, or move it aside and start again: open positions are then "
            "adopted from the exchange and only protected"
        )
    return f"{database.location} is damaged ({reason}); {way_out}"
