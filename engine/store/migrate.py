"""Brings a database to the version this program was written for: forward only, backed up first, one at a time.

SQLite files are guarded by a lock file beside them and copied before they change; on PostgreSQL an advisory lock
guards, and the change is one transaction that happens wholly or not at all.
"""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, MetaData, inspect

from engine.errors import StoreError
from engine.store.base import HistoryBase, TradingBase
from engine.store.database import Database, Which, damaged, translated

HEAD: dict[Which, str] = {"trading": "0001", "history": "0001"}
_ADVISORY_LOCK = 7_205_759_403
_SCRIPTS = Path(__file__).parent / "migrations"


def migrate(url: str, which: Which, busy_timeout_ms: int = 5000) -> str:
    """Create or upgrade the database behind `url`; returns its revision, which is then HEAD.

    Raises StoreError: damaged file, locked, written by a newer version, no driver. A failed upgrade leaves the
    database as it was.
    """
    import engine.store.tables  # noqa: F401, PLC0415 - fills the metadata; only here, to keep `current` light

    database = Database(url, which, busy_timeout_ms)
    if database.path is not None:
        database.path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(database):
        found = current(url, which)
        if found == HEAD[which]:
            return found
        if database.path is not None and found is not None:
            _back_up(database.path, found)
        _upgrade(database, found)
    return HEAD[which]


def current(url: str, which: Which) -> str | None:
    """Revision of the database; None when it does not exist or is empty. Raises StoreError."""
    database = Database(url, which)
    path = database.path
    if path is not None and not path.exists():
        return None
    with translated(database):
        engine = database.reader()
        try:
            with engine.connect() as connection:
                if not inspect(connection).has_table("alembic_version"):
                    return None
                row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
                return str(row[0]) if row else None
        finally:
            engine.dispose()


def _upgrade(database: Database, found: str | None) -> None:
    # Alembic costs a third of a second to import; most starts find nothing to do.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util.exc import CommandError  # noqa: PLC0415

    with translated(database):
        engine = database.writer()
        try:
            with engine.connect() as connection:
                _refuse_damage(database, connection)
                config = Config()
                config.set_main_option("script_location", str(_SCRIPTS))
                config.set_main_option("version_locations", str(_SCRIPTS / database.which))
                config.set_main_option("path_separator", "os")
                config.attributes["connection"] = connection
                config.attributes["metadata"] = _metadata(database.which)
                command.upgrade(config, "head")
                connection.commit()
        except CommandError as error:
            raise StoreError(
                f"{database.location} has version {found}, which this program does not know; "
                "it was written by a newer one: upgrade the program"
            ) from error
        finally:
            engine.dispose()


def _metadata(which: Which) -> MetaData:
    return TradingBase.metadata if which == "trading" else HistoryBase.metadata


def _refuse_damage(database: Database, connection: Connection) -> None:
    if database.path is None:
        return
    verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    connection.commit()
    if verdict != "ok":
        raise StoreError(damaged(database, str(verdict)))


def _back_up(path: Path, revision: str) -> Path:
    """A consistent copy beside the file, named for the version it holds."""
    copy = path.with_name(f"{path.name}.before-{revision}.bak")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


@contextmanager
def _locked(database: Database) -> Iterator[None]:
    if database.path is not None:
        with open(database.path.with_name(database.path.name + ".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        return
    with translated(database):
        engine = database.writer()
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql(f"SELECT pg_advisory_lock({_ADVISORY_LOCK})")
                connection.commit()
                try:
                    yield
                finally:
                    connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_ADVISORY_LOCK})")
                    connection.commit()
        finally:
            engine.dispose()
