"""The keys of the place one is in, taken from the action table."""

from __future__ import annotations

from textual import events

from console.actions import Action, Danger
from console.keymap import Keymap, shown
from console.rows import Row, left, spread
from console.screens.dialog import Dialog, hints

_GUARD = {
    Danger.READ: ("", "muted"),
    Danger.SAFE: ("one key", "muted"),
    Danger.RISKY: ("asks, Enter", "warn"),
    Danger.GRAVE: ("asks account", "danger"),
}


def help_rows(actions: list[Action], width: int) -> list[Row]:
    """Grouped by danger: what reads, what acts at once, what asks."""
    rows: list[Row] = []
    for title, kinds in (("decide and act", (Danger.RISKY, Danger.SAFE, Danger.GRAVE)), ("look", (Danger.READ,))):
        rows += [*([()] if rows else []), ((title, "title"),)]
        for action in actions:
            if action.danger in kinds:
                guard, role = _GUARD[action.danger]
                keys = " ".join(shown(key) for key in action.key_list)
                rows.append(spread((left(keys, 10, "key"), (action.help, "")), ((f"  {guard}", role),), width))
    return rows


class Help(Dialog[None]):
    """Scrollable list of keys; any of the usual keys moves, Esc or ? leaves."""

    WIDTH = 96

    def __init__(self, place: str, keymap: Keymap, *, replay: bool) -> None:
        super().__init__(f"Keys: {place}")
        self._actions = keymap.here(place, replay=replay)
        self._top = 0

    def rows(self, width: int) -> list[Row]:
        rows = help_rows(self._actions, width)
        room = max(self.app.size.height - 5, 1)
        self._top = max(0, min(self._top, len(rows) - room))
        return rows[self._top : self._top + room]

    def foot(self) -> Row:
        return hints(("j k", "move"), ("Esc", "back"))

    def key(self, event: events.Key) -> None:
        if event.key in ("question_mark", "q"):
            self.dismiss(None)
            return
        page = max(self.app.size.height // 2, 1)
        steps = {"j": 1, "down": 1, "k": -1, "up": -1, "pagedown": page, "pageup": -page, "g": -999, "G": 999}
        self._top = max(0, self._top + steps.get(event.character or "", steps.get(event.key, 0)))
        self.on_beat()

    def enter(self) -> None:
        self.dismiss(None)
