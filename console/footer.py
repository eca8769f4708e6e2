"""The last line: the keys that matter here, or for a while what was just said."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from console.actions import Action
from console.keymap import Keymap
from console.rows import Row, fit, width_of


class Footer:
    """Hints from the action table, covered by messages that run out."""

    def __init__(self, keymap: Keymap, mono_s: Callable[[], float]) -> None:
        self._keymap = keymap
        self._mono_s = mono_s
        self._message: tuple[str, str, float] | None = None

    def say(self, text: str, role: str, seconds: float) -> None:
        """Show a sentence in place of the hints."""
        self._message = (text, role, self._mono_s() + seconds)

    def line(self, place: str, width: int, *, replay: bool, only: Iterable[str] = ()) -> Row:
        """The line for a place; `only` narrows the hints to some actions."""
        if self._message is not None and self._mono_s() <= self._message[2]:
            return fit(((" " + self._message[0], self._message[1]),), width)
        wanted = frozenset(only)
        actions = self._keymap.here(place, replay=replay)
        hints = [each for each in actions if (each.id in wanted if wanted else each.footer)]
        row: Row = ()
        for action in sorted(hints, key=lambda each: each.footer):
            piece = self._hint(action)
            if width_of(row) + width_of(piece) > width:
                break
            row += piece
        return fit(row, width)

    def _hint(self, action: Action) -> Row:
        return ((" " + self._keymap.key_of(action.id), "key"), (f" {action.label} ", "muted"))
