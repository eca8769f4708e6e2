"""While you were away."""

from __future__ import annotations

from textual import events

from console.rows import Row
from console.screens.dialog import Dialog, hints


class Digest(Dialog[None]):
    """Shown once on return, again with its key; Enter or Esc closes."""

    WIDTH = 90

    def __init__(self, rows: list[Row]) -> None:
        super().__init__("While you were away")
        self._rows = rows or [(("nothing happened that the desk would tell", "muted"),)]

    def rows(self, width: int) -> list[Row]:
        return list(self._rows)

    def foot(self) -> Row:
        return hints(("Enter", "to the desk"), lit=self.armed)

    def key(self, event: events.Key) -> None:
        if event.key == "q":
            self.dismiss(None)

    def enter(self) -> None:
        self.dismiss(None)
