"""The base of full-screen pages: status on top, a window of rows, keys at the bottom. The desk lives on behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import Screen

from console.actions import Action
from console.keymap import typed
from console.lean import LeanCompositor
from console.panes.canvas import Canvas
from console.panes.status import StatusLine
from console.rows import Row, fit, left, right, spread
from console.screens.leave import Leaving
from console.screens.sized import Sized

if TYPE_CHECKING:
    from console.app import PerpdeckApp


class Page(Leaving[None], Sized, Screen[None], inherit_bindings=False):
    """A scrollable page. A subclass names its context and topics and draws its rows."""

    AUTO_FOCUS = ""
    PLACE: ClassVar[str] = "log"
    TOPICS: ClassVar[tuple[str, ...]] = ()

    def __init__(self, app: PerpdeckApp) -> None:
        super().__init__()
        self._compositor = LeanCompositor(lambda: app.shadow)
        look = app.options.look
        self.status = StatusLine(look, id="page-status")
        self.body = Canvas(look, id="page-body")
        self.footer = Canvas(look, id="page-footer")
        self.top = 0

    @property
    def desk_app(self) -> PerpdeckApp:
        return cast("PerpdeckApp", self.app)

    def look_at(self, symbol: str) -> None:
        """Another symbol was chosen: a page about one turns to it."""

    def heading(self) -> Row:
        """The page's own header line."""
        return ()

    def state(self) -> Row:
        """What stands at the right of the header."""
        return ()

    def rows(self, width: int, height: int) -> Sequence[Row]:
        """All rows; the page shows a window of them."""
        return ()

    def compose(self) -> ComposeResult:
        with Vertical():
            yield self.status
            yield self.body
            yield self.footer

    def on_mount(self) -> None:
        for topic in self.TOPICS:
            self.desk_app.feed.watch(topic)

    def on_unmount(self) -> None:
        for topic in self.TOPICS:
            self.desk_app.feed.unwatch(topic)

    def on_beat(self) -> None:
        """Draw the present state."""
        app = self.desk_app
        width, height = self.body.size
        if not width or height < 2:
            return
        rows = list(self.rows(width - 2, height - 1))
        self.top = max(0, min(self.top, len(rows) - (height - 1)))
        visible = rows[self.top : self.top + height - 1]
        more = len(rows) - self.top - len(visible)
        state = (
            *self.state(),
            (f"  ↑{self.top}" if self.top else "", "muted"),
            (f"  ↓{more}" if more else "", "muted"),
        )
        head = spread(((" ", ""), *self.heading()), (*state, (" ", "")), width)
        self.body.draw([head, *(((" ", ""), *fit(row, width - 2)) for row in visible)])
        self.status.paint(app.feed.health, app.link_state(), app.feed.now_ms())
        self.footer.draw([app.footer_line(self.PLACE, self.footer.size.width)])

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self.on_beat)

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        if self.desk_app.typed_ahead(event):
            return
        action = self.desk_app.keymap.find(
            self.PLACE, typed(event.key, event.character), replay=self.desk_app.is_replay()
        )
        if action is not None:
            self.act(action)

    def act(self, action: Action) -> None:
        """Do an action of the table here, or leave it to the desk."""
        local = getattr(self, f"act_{action.id}", None)
        if local is not None:
            local()
        elif self.desk_app.acts_anywhere(action):
            self.desk_app.act(action)
        else:
            self.dismiss()
            self.desk_app.desk.act(action)
            return
        self.on_beat()

    def act_back(self) -> None:
        self.dismiss()

    def act_quit(self) -> None:
        self.dismiss()

    def act_down(self) -> None:
        self.top += 1

    def act_up(self) -> None:
        self.top = max(self.top - 1, 0)

    def act_page_down(self) -> None:
        self.top += max(self.body.size.height // 2, 1)

    def act_page_up(self) -> None:
        self.top = max(self.top - max(self.body.size.height // 2, 1), 0)

    def act_top(self) -> None:
        self.top = 0

    def act_bottom(self) -> None:
        self.top = 1_000_000


def table(columns: Sequence[tuple[str, int, bool]], lines: Sequence[Sequence[tuple[str, str]]]) -> list[Row]:
    """Rows of aligned cells under a header; a column is (title, width, right-aligned)."""
    rows: list[Row] = []
    header = [right(name, size, "muted") if flush else left(name, size, "muted") for name, size, flush in columns]
    for cells in (header, *lines):
        row: list[tuple[str, str]] = []
        for (_, size, flush), (text, role) in zip(columns, cells, strict=True):
            row += [right(text, size, role) if flush else left(text, size, role), ("  ", "")]
        rows.append(tuple(row))
    return rows
