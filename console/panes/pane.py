"""A pane: a box with a title and a state line, a window of rows, and a shade when its data are old."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from textual import events
from textual.message import Message

from console import render
from console.look import Look
from console.panes.canvas import Canvas
from console.rows import Row, fit, recolour, spread, width_of, wrap
from engine.port.views import AnyView

STALE_MS = 3_000.0


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What a picture may know besides its view."""

    width: int  # cells inside the box
    height: int  # rows inside the box
    now_ms: int  # exchange time
    age_ms: float | None = 0.0  # since the view, or a sign of life of its engine, was received
    selected: str = ""
    focused: bool = False
    wide: bool = True


class Picture(msgspec.Struct, frozen=True):
    """What a pane shows: its title, its state at the right of the title, its rows and where the selection is."""

    title: Row
    state: Row
    rows: Sequence[Row]
    selected_row: int | None = None
    selected_rows: int = 1
    blanked: bool = False  # data would mislead: never shaded, already says why


def empty(text: str, width: int) -> list[Row]:
    """The rows of a pane that has nothing to show: why."""
    return wrap(text, max(width, 1), "muted")


class Pane(Canvas, can_focus=True):
    """Base of the six panes. A subclass says which topic it shows and draws a `Picture` of it."""

    TOPIC: ClassVar[str] = ""
    TITLE: ClassVar[str] = ""
    CONTEXTS: ClassVar[tuple[str, ...]] = ("desk",)

    class Focused(Message):
        """The keyboard moved to this pane."""

        def __init__(self, pane: Pane) -> None:
            super().__init__()
            self.pane = pane

    def __init__(self, look: Look, *, id: str | None = None) -> None:
        super().__init__(look, id=id)
        self.view: AnyView | None = None
        self.selected = ""
        self.top = 0
        self._frame: Frame | None = None

    def picture_of(self, frame: Frame) -> Picture:
        """Draw the present view; called at each beat, so it is a function of the view and the frame."""
        return Picture(((self.TITLE, "title"),), (), empty("nothing to show", frame.width))

    def items(self) -> list[str]:
        """Ids a selection may rest on, in order."""
        return []

    def waiting_text(self) -> str:
        """What to say before the first view came."""
        return "waiting for the engine"

    def paint(self, now_ms: int, age_ms: float | None) -> None:
        """Draw the present state; cheap when nothing changed."""
        width, height = self.size
        if width < 4 or height < 2:
            self.draw([])
            return
        frame = Frame(
            width=width - 4,
            height=height - 2,
            now_ms=now_ms,
            age_ms=age_ms,
            selected=self.selected,
            focused=self.has_focus,
            wide=self.app.size.width >= 140,
        )
        self._frame = frame
        if self.view is None:
            picture = Picture(((self.TITLE, "title"),), (), empty(self.waiting_text(), frame.width))
        else:
            picture = self.picture_of(frame)
        self.draw(self._boxed(picture, frame))

    def repaint(self) -> None:
        """Draw again at once, on the time of the last beat: after a key, before the next beat."""
        if self._frame is not None:
            self.paint(self._frame.now_ms, self._frame.age_ms)

    def _boxed(self, picture: Picture, frame: Frame) -> list[Row]:
        rows = list(picture.rows)
        self.top = _window(self.top, len(rows), frame.height, picture.selected_row, picture.selected_rows)
        visible = rows[self.top : self.top + frame.height]
        stale = self.view is not None and (frame.age_ms is None or frame.age_ms > STALE_MS)
        state = picture.state
        if stale:
            visible = visible if picture.blanked else [recolour(row, "stale") for row in visible]
            state = ((f"STALE {render.age(frame.age_ms)}", "warn strong"),)
        edge = "focus" if frame.focused else "border"
        visible += [()] * (frame.height - len(visible))
        body = [(("│ ", edge), *fit(row, frame.width), (" │", edge)) for row in visible]
        more = len(rows) - self.top - frame.height
        notes = [f"↑{self.top}"] * (self.top > 0) + [f"↓{more}"] * (more > 0)
        return [
            _edge(picture.title, state, frame.width + 4, "┌", "┐", edge),
            *body,
            _edge((), ((" ".join(notes), "muted"),) if notes else (), frame.width + 4, "└", "┘", edge),
        ]

    def move(self, step: int) -> bool:
        """Move the selection, or scroll where there is nothing to select; True when the selection changed."""
        items = self.items()
        if not items:
            self.top = max(self.top + step, 0)
            self.repaint()
            return False
        try:
            index = items.index(self.selected) + step
        except ValueError:
            index = 0
        chosen = items[max(0, min(index, len(items) - 1))]
        changed = chosen != self.selected
        self.selected = chosen
        self.repaint()
        return changed

    def page(self) -> int:
        return max((self.size.height - 2) // 2, 1)

    def watch_has_focus(self, has_focus: bool) -> None:
        """Draw the box anew once the keyboard is here or gone; the event of focus comes before that.

        The style sheet has no say in it, so it is not asked.
        """
        self.repaint()

    def on_focus(self, event: events.Focus) -> None:
        self.post_message(self.Focused(self))

    def on_resize(self, event: events.Resize) -> None:
        self.repaint()


def _edge(start: Row, end: Row, width: int, first: str, last: str, role: str) -> Row:
    """A horizontal edge with a text at each side; the state keeps its room, the title yields."""
    inner = width - 2
    right: Row = ((" ", role), *end, (" ", role)) if end and width_of(end) <= inner - 4 else ()
    room = inner - width_of(right) - 2
    if start and width_of(start) > room - 2:
        start = fit(start, max(room - 2, 0))
    left: Row = ((" ", role), *start, (" ", role)) if start and room > 2 else ()
    middle = spread(left, right, inner, "─", role)
    return ((first, role), *middle, (last, role))


def _window(top: int, total: int, height: int, selected: int | None, size: int) -> int:
    """First visible row: keeps the selection in sight and never scrolls past the end."""
    if selected is not None:
        if selected < top:
            top = selected
        elif selected + size > top + height:
            top = selected + size - height
    return max(0, min(top, total - height))
