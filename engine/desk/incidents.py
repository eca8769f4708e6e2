"""Which of the things seats are told went wrong for good: kept as incidents, for the digest of a day and for reports.

Bad data has incidents of its own, one for each symbol (`data_alerts`); a book that fell out of step mends itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from engine.port.notices import AnyNotice, Degraded, DeskStateChanged
from engine.store.rows import IncidentRow

_KINDS = {"stop": "naked", "link": "link", "quantity": "mismatch", "limit": "limit"}
_ELSEWHERE = ("data", "book")
DATA = "data_"
DESK = "desk"  # who changed the desk when nobody did


def incident_of(notice: AnyNotice) -> IncidentRow | None:
    """The row to keep; None for what is no incident."""
    if isinstance(notice, Degraded):
        kind = "" if notice.what in _ELSEWHERE else _KINDS.get(notice.what, "service")
    else:
        held = isinstance(notice, DeskStateChanged) and notice.actor == DESK and notice.desk == "reducing"
        kind = "hold" if held else ""
    if not kind:
        return None
    return IncidentRow(
        at_ms=notice.at_ms, kind=kind, severity=notice.severity, text=notice.text, symbol=notice.symbol
    )  # fmt: skip


def told(rows: Sequence[IncidentRow], most: int) -> dict[str, Any]:
    """Incidents, oldest first, as a report has them: how many of each kind, and the newest `most` in words.

    A symbol without its bar is one of hundreds: counted, and put into words where nothing worse wants the room.
    """
    worse = [row for row in rows if not row.kind.startswith(DATA)][-most:]
    room = most - len(worse)
    data = [row for row in rows if row.kind.startswith(DATA)][-room:] if room else []
    shown = sorted([*worse, *data], key=lambda row: row.at_ms)
    return {
        "incidents": [{"at_ms": row.at_ms, "kind": row.kind, "text": row.text} for row in shown],
        "incident_counts": dict(Counter(row.kind for row in rows).most_common()),
    }
