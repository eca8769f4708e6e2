"""Everything the desk told, newest first."""

from __future__ import annotations

from collections.abc import Sequence

from console import render
from console.rows import Row, left, wrap
from console.screens.page import Page
from engine.port.notices import AnyNotice, Forgotten

SEVERITY_ROLE = {"info": "", "good": "good", "warn": "warn", "danger": "danger strong"}


def notice_row(notice: AnyNotice) -> Row:
    """Time, symbol, sentence."""
    role = SEVERITY_ROLE.get(notice.severity, "")
    mark = {"good": "● ", "warn": "▲ ", "danger": "✗ "}.get(notice.severity, "  ")
    text = notice.text or type(notice).__name__
    if isinstance(notice, Forgotten):
        text = f"{notice.missed} older notices are no longer held"
    return (
        (f"{render.clock_seconds(notice.at_ms)}  ", "muted"),
        (mark, role),
        left(notice.symbol, 13, "title"),
        (text, role),
    )


class LogPage(Page):
    """`L`."""

    PLACE = "log"

    def heading(self) -> Row:
        return (("Log", "title"),)

    def state(self) -> Row:
        return ((f"{len(self.desk_app.notices)} notices  UTC", "muted"),)

    def rows(self, width: int, height: int) -> Sequence[Row]:
        notices = self.desk_app.notices
        if not notices:
            return wrap("the desk has told nothing yet", width, "muted")
        return [notice_row(notice) for notice in reversed(notices)]
