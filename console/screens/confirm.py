"""Questions before risk: a plain one answered with Enter, and the grave one that wants the account's name."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual import events
from textual.widget import Widget

from console.look import Look
from console.panes.canvas import Canvas
from console.rows import Row, wrap
from console.screens.dialog import Dialog, Field, hints

Live = Callable[[int], list[Row]]


class Choice(Canvas, can_focus=True):
    """A word that can have the keyboard, such as Cancel."""

    def __init__(self, look: Look, text: str, *, id: str | None = None) -> None:
        super().__init__(look, id=id, classes="choice")
        self._text = text

    def paint(self) -> None:
        role = "title reverse" if self.has_focus else "muted"
        self.draw([((f"[ {self._text} ]", role),)])

    def on_focus(self, event: events.Focus) -> None:
        self.paint()

    def on_blur(self, event: events.Blur) -> None:
        self.paint()

    def on_resize(self, event: events.Resize) -> None:
        self.paint()


class Confirm(Dialog[bool]):
    """A risky thing with its live numbers; Enter does it, once."""

    def __init__(self, title: str, live: Live, verb: str, *, tone: str = "warn") -> None:
        super().__init__(title, tone=tone)
        self._live = live
        self._verb = verb

    def rows(self, width: int) -> list[Row]:
        return self._live(width)

    def foot(self) -> Row:
        return hints(("Enter", self._verb), ("Esc", "back"), lit=self.armed)

    def enter(self) -> None:
        self.busy = True
        self.dismiss(True)


class Grave(Dialog[str]):
    """Something that cannot be taken back: Cancel has the keyboard, and only the account's name goes on.

    Typing moves to the field. The answer is the name as typed, which the engine checks once more.
    """

    def __init__(self, title: str, live: Live, account: str, verb: str) -> None:
        super().__init__(title, tone="danger")
        self._live = live
        self._account = account
        self._verb = verb

    def rows(self, width: int) -> list[Row]:
        ask = wrap(f"Type the account name, {self._account}, to {self._verb}.", width)
        return [*self._live(width), (), *ask]

    def fields(self) -> Iterable[Widget]:
        yield Field(placeholder="account name", id="account")
        yield Choice(self.look, "Cancel", id="cancel")

    def first_focus(self) -> Widget | None:
        return self.made["cancel"]

    def foot(self) -> Row:
        verb = self._verb if self._matches() else "cancel"
        return hints(("Enter", verb), ("Tab", "field or Cancel"), ("Esc", "back"), lit=self.armed)

    def _field(self) -> Field:
        return self.field("account")

    def _matches(self) -> bool:
        return not self.made["cancel"].has_focus and self._field().value == self._account

    def key(self, event: events.Key) -> None:
        field, cancel = self._field(), self.made["cancel"]
        if event.key in ("tab", "shift+tab", "up", "down"):
            (cancel if field.has_focus else field).focus()
            self.call_after_refresh(self.on_beat)
        elif event.is_printable and event.character and cancel.has_focus:
            field.focus()
            field.insert_text_at_cursor(event.character)

    def enter(self) -> None:
        if self.made["cancel"].has_focus:
            self.dismiss(None)
        elif self._matches():
            self.busy = True
            self.dismiss(self._field().value)
        else:
            self.note = ("that is not the account name; nothing was done", "warn")
