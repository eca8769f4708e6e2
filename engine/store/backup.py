"""A consistent copy of a database file while others read and write it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from engine.errors import StoreError
from engine.store.database import Database, describe

PAGES_AT_ONCE = 4096  # between two steps writers get their turn


def back_up(database: Database, copy: Path) -> Path:
    """Copy the file behind `database` to `copy`, which must not exist. Raises StoreError."""
    if database.path is None:
        raise StoreError(f"{database.location} is no file; copy it with the tools of its server")
    if copy.exists():
        raise StoreError(f"{copy} is there already and was left as it is")
    try:
        with (
            closing(sqlite3.connect(f"{database.path.absolute().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target, pages=PAGES_AT_ONCE)
    except sqlite3.Error as error:
        copy.unlink(missing_ok=True)
        raise StoreError(describe(database, error)) from error
    return copy
