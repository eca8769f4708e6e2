"""One signal on the whole screen: every component, every condition, the plan and the ticket."""

from __future__ import annotations

from collections.abc import Sequence

from console.panes.breakdown import detail_rows, title_of
from console.rows import Row, wrap
from console.screens.page import Page
from engine.port.views import BreakdownView


class ExplainPage(Page):
    """`Enter` on a signal. It shows the selected one; approving and rejecting work from here."""

    PLACE = "explain"

    def _view(self) -> BreakdownView | None:
        return self.desk_app.feed.view("breakdown", BreakdownView)

    def heading(self) -> Row:
        view = self._view()
        return title_of(view.signal if view is not None else None)

    def state(self) -> Row:
        view = self._view()
        if view is None or view.signal is None:
            return ()
        return ((view.signal.state, "warn" if view.signal.state == "refused" else "muted"),)

    def rows(self, width: int, height: int) -> Sequence[Row]:
        view = self._view()
        if view is None:
            return wrap("waiting for the engine", width, "muted")
        return detail_rows(view, min(width, 110))
