"""The base of every dialog: a box over the living desk, deaf to keys typed before it appeared."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from textual import events
from textual.app import ComposeResult
from textual.color import Color
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input

from console.lean import LeanCompositor
from console.look import Look
from console.panes.canvas import Canvas
from console.rows import Row, wrap
from console.screens.leave import Leaving
from console.screens.sized import Sized

if TYPE_CHECKING:
    from console.app import PerpdeckApp

T = TypeVar("T")

# Keys a dialog answers although a field has the keyboard.
_OURS = frozenset(
    {"escape", "enter", "tab", "shift+tab", "up", "down", "pageup", "pagedown", "ctrl+n", "ctrl+p", "ctrl+c", "ctrl+l"}
)


def hints(*pairs: tuple[str, str], lit: bool = True) -> Row:
    """Keys and what they do; unlit while the dialog is still deaf to the first of them."""
    spans: list[tuple[str, str]] = []
    for index, (key, label) in enumerate(pairs):
        bright = lit or index > 0
        spans += [("   " if index else "", ""), (f"{key} ", "key" if bright else "muted")]
        spans += [(label, "" if index == 0 and bright else "muted")]
    return tuple(spans)


class Field(Input):
    """One line of text in a dialog."""

    def __init__(self, value: str = "", *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(value, placeholder=placeholder, id=id, compact=True, select_on_focus=False)


class Dialog(Leaving[T | None], Sized, ModalScreen[T | None], Generic[T]):
    """A box of rows, fields and a line of keys.

    Keys and pastes that were typed before the box could be read, and until the guard has passed, are thrown away;
    only Esc is heard at once, for it never does anything. A subclass gives `rows`, `foot`, optionally `fields`, and
    answers `enter`.
    """

    AUTO_FOCUS = ""
    WIDTH = 74

    def __init__(self, title: str, *, tone: str = "accent") -> None:
        super().__init__()
        self._compositor = LeanCompositor(lambda: self.desk_app.shadow)
        self.heading = title
        self.tone = tone
        self.armed = False
        self.busy = False
        self.note: tuple[str, str] = ("", "")
        self._opens_s = math.inf
        self.made: dict[str, Widget] = {}  # the fields and choices by their ids
        self._body: Canvas | None = None
        self._foot: Canvas | None = None

    @property
    def desk_app(self) -> PerpdeckApp:
        return cast("PerpdeckApp", self.app)

    @property
    def look(self) -> Look:
        return self.desk_app.options.look

    def rows(self, width: int) -> list[Row]:
        return []

    def foot(self) -> Row:
        return hints(("Esc", "back"))

    def fields(self) -> Iterable[Widget]:
        return ()

    def enter(self) -> None:
        """Enter was pressed after the guard."""

    def first_focus(self) -> Widget | None:
        """What has the keyboard once the guard has passed."""
        return next((widget for widget in self.made.values() if isinstance(widget, Field)), None)

    def field(self, name: str) -> Field:
        """A field by its id."""
        widget = self.made[name]
        assert isinstance(widget, Field)
        return widget

    def compose(self) -> ComposeResult:
        self._body, self._foot = Canvas(self.look, id="body"), Canvas(self.look, id="foot")
        with Vertical(id="box", classes=self.tone) as box:
            box.border_title = self.look.text(self.heading)
            yield self._body
            for widget in self.fields():
                self.made[widget.id or ""] = widget
                yield widget
            yield self._foot

    def on_mount(self) -> None:
        self._fit_box()
        self.call_after_refresh(self._appeared)

    def _appeared(self) -> None:
        # The guard counts in the clock that stamps the keys, from the moment the box stood on the screen.
        guard_s = self.desk_app.options.guard_ms / 1_000
        self._opens_s = events.Event().time + guard_s
        self.set_timer(max(guard_s, 0.001), self._arm)
        self.on_beat()

    def _arm(self) -> None:
        self.armed = True
        if (widget := self.first_focus()) is not None:
            widget.focus()
        self.on_beat()

    def guard_again(self) -> None:
        """What is shown changed under the reader: the same guard once more."""
        self.armed = False
        self._appeared()

    def too_early(self, event: events.Event) -> bool:
        """Whether a key belongs to the time before this dialog could be read."""
        if isinstance(event, events.Key) and event.key == "escape":
            return False
        return not self.armed or event.time < self._opens_s

    def on_beat(self) -> None:
        """Draw the live numbers again."""
        if self._body is None or self._foot is None or self._opens_s == math.inf:
            return  # not yet composed
        width = self._inner_width()
        rows = self.rows(width)
        text, role = self.note
        if text:
            rows += [(), *wrap(text, width, role)]
        height = max(min(len(rows), self.app.size.height - 4 - len(self.made)), 1)
        if self._body.styles.height is None or self._body.styles.height.value != height:
            self._body.styles.height = height
        self._body.draw(rows)
        self._foot.draw([self.foot()])

    def _inner_width(self) -> int:
        return max(min(self.WIDTH, self.app.size.width - 2) - 4, 10)

    def _fit_box(self) -> None:
        box = self.query_one("#box")
        box.styles.width = min(self.WIDTH, self.app.size.width - 2)
        kind, colour = box.styles.border_top
        if self.look.palette == "mono":
            colour = Color.parse("ansi_default")
        box.styles.border = ("ascii" if self.look.ascii else kind, colour)

    def on_resize(self, event: events.Resize) -> None:
        self._fit_box()
        self.call_after_refresh(self.on_beat)

    def on_key(self, event: events.Key) -> None:
        if isinstance(self.focused, Field) and event.key not in _OURS:
            return  # the field's own editing keys
        event.stop()
        if event.key == "escape" and not self.busy:
            self.dismiss(None)
        elif event.key == "ctrl+l":
            self.desk_app.repaint_all()
        elif event.key == "enter":
            event.prevent_default()
            self._enter_once()
        else:
            self.key(event)

    def key(self, event: events.Key) -> None:
        """Any other key, after the guard."""

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._enter_once()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.changed()
        self.on_beat()

    def changed(self) -> None:
        """A field changed."""

    def _enter_once(self) -> None:
        if self.armed and not self.busy:
            self.enter()
            self.on_beat()
