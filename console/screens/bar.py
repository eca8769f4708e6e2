"""The command bar: one line at the bottom, with completion and history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual import events
from textual.widget import Widget

from console import bar
from console.rows import Row, left
from console.screens.dialog import Dialog, Field, hints

_SHOWN = 6


class CommandBar(Dialog[str]):
    """Answers the line that was typed. Tab completes, up and down walk the history."""

    WIDTH = 100

    def __init__(self, history: list[str], symbols: Sequence[str]) -> None:
        super().__init__(":")
        self._history = history
        self._symbols = symbols
        self._at = len(history)

    def offer(self, symbols: Sequence[str]) -> None:
        """The symbols arrived."""
        self._symbols = symbols
        self.on_beat()

    def on_mount(self) -> None:
        self.styles.align = ("center", "bottom")
        super().on_mount()

    def fields(self) -> Iterable[Widget]:
        yield Field(placeholder="pause 30m, block SOLUSDT short 4h, mode auto, find eth ...", id="line")

    def _field(self) -> Field:
        return self.field("line")

    def rows(self, width: int) -> list[Row]:
        about = dict(bar.names())
        rows: list[Row] = []
        for line in bar.complete(self._field().value, self._symbols)[:_SHOWN]:
            rows.append((left(line, 34), (about.get(line, ""), "muted")))
        return rows + [()] * (_SHOWN - len(rows))

    def foot(self) -> Row:
        return hints(("Enter", "do"), ("Tab", "complete"), ("↑↓", "history"), ("Esc", "back"))

    def key(self, event: events.Key) -> None:
        field = self._field()
        if event.key == "tab":
            found = bar.complete(field.value, self._symbols)
            if found:
                field.value = found[0] + " "
                field.cursor_position = len(field.value)
        elif event.key in ("up", "down"):
            self._at = max(0, min(self._at + (1 if event.key == "down" else -1), len(self._history)))
            field.value = self._history[self._at] if self._at < len(self._history) else ""
            field.cursor_position = len(field.value)
        self.on_beat()

    def enter(self) -> None:
        line = self._field().value.strip()
        if line and (not self._history or self._history[-1] != line):
            self._history.append(line)
        self.dismiss(line or None)
