"""What every row of the store is."""

from __future__ import annotations

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Base of everything the journal stores."""


class Deleted(msgspec.Struct, frozen=True):
    """Asks the journal to remove the row with the primary key of `row`."""

    row: Row
