"""The operator log as a hash chain: a row that was changed or removed later breaks every row after it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from engine.store.rows import OperatorLogRow

GENESIS = "0" * 64


def digest(row: OperatorLogRow) -> str:
    """SHA-256 over everything the row says, its own link included."""
    said = (row.at_ms, row.kind, row.who, row.text, row.channel, row.severity, row.payload.decode(), row.prev_hash)
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()


def link(row: OperatorLogRow, before: OperatorLogRow | None) -> OperatorLogRow:
    """The row, to be numbered anew and chained to the one before it (None for the first)."""
    return msgspec.structs.replace(row, id=None, prev_hash=GENESIS if before is None else digest(before))


def first_broken(rows: Iterable[OperatorLogRow]) -> OperatorLogRow | None:
    """The first row whose link does not fit the row before it, oldest first; None when the chain holds."""
    expected = GENESIS
    for row in rows:
        if row.prev_hash != expected:
            return row
        expected = digest(row)
    return None
