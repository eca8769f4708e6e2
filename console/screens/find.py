"""Find one of many by typing: symbols, actions, anything with a name. Ranked, never blocking, 600 rows or more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec
from textual import events
from textual.widget import Widget

from console.rows import Row, fit, left, spread
from console.screens.dialog import Dialog, Field, hints


class Entry(msgspec.Struct, frozen=True):
    """One thing that can be found: its name, what is said about it, and a mark at the right."""

    id: str
    name: str
    about: str = ""
    mark: str = ""


def rank(entries: Iterable[Entry], pattern: str) -> list[Entry]:
    """Entries that match, best first: same name, begins so, contains, has the letters in order, is described so."""
    wanted = pattern.lower().replace(" ", "")
    if not wanted:
        return list(entries)
    scored: list[tuple[int, int, int, Entry]] = []
    for at, entry in enumerate(entries):
        name = entry.name.lower().replace(" ", "")
        if name == wanted:
            grade = 0
        elif name.startswith(wanted):
            grade = 1
        elif wanted in name:
            grade = 2
        elif _in_order(wanted, name):
            grade = 3
        elif wanted in entry.about.lower().replace(" ", ""):
            grade = 4
        else:
            continue
        scored.append((grade, len(name) if grade else 0, at, entry))
    return [entry for *_, entry in sorted(scored, key=lambda item: item[:3])]


def _in_order(letters: str, text: str) -> bool:
    rest = iter(text)
    return all(letter in rest for letter in letters)


class Finder(Dialog[str]):
    """A field and the entries that match; answers the id of the chosen one.

    With `free` set, Enter on a pattern without a match answers `free` plus the pattern.
    """

    def __init__(self, title: str, entries: Sequence[Entry], *, hint: str = "", free: str = "") -> None:
        super().__init__(title)
        self._entries = entries
        self._hint = hint
        self._free = free
        self._at = 0
        self._found: list[Entry] = list(entries)

    def fields(self) -> Iterable[Widget]:
        yield Field(placeholder=self._hint, id="pattern")

    def offer(self, entries: Sequence[Entry]) -> None:
        """The entries arrived or changed."""
        self._entries = entries
        self.changed()
        self.on_beat()

    def _height(self) -> int:
        return max(min(14, self.app.size.height - 8), 3)

    def rows(self, width: int) -> list[Row]:
        height = self._height()
        top = max(0, min(self._at - height // 2, len(self._found) - height))
        name_width = min(max((len(entry.name) for entry in self._found[top : top + height]), default=8) + 2, 24)
        rows: list[Row] = []
        for index, entry in enumerate(self._found[top : top + height], top):
            chosen = index == self._at
            row = spread(
                (
                    ("▸ " if chosen else "  ", "accent strong"),
                    left(entry.name, name_width, "title" if chosen else ""),
                    (entry.about, "" if chosen else "muted"),
                ),
                ((f" {entry.mark}", "key" if chosen else "muted"),),
                width,
            )
            rows.append(fit(row, width))
        if not self._found:
            rows.append((("nothing matches", "muted"),))
        return rows + [()] * (height - len(rows))

    def foot(self) -> Row:
        count = f"{len(self._found)} of {len(self._entries)}"
        return (*hints(("Enter", "choose"), ("↑↓", "move"), ("Esc", "back")), (f"   {count}", "muted"))

    def changed(self) -> None:
        self._found = rank(self._entries, self.field("pattern").value)
        self._at = 0

    def key(self, event: events.Key) -> None:
        step = {"down": 1, "ctrl+n": 1, "tab": 1, "up": -1, "ctrl+p": -1, "shift+tab": -1}.get(event.key, 0)
        step = {"pagedown": self._height(), "pageup": -self._height()}.get(event.key, step)
        if step:
            self._at = max(0, min(self._at + step, len(self._found) - 1))
            self.on_beat()

    def enter(self) -> None:
        pattern = self.field("pattern").value.strip()
        if self._found:
            self.dismiss(self._found[self._at].id)
        elif self._free and pattern:
            self.dismiss(self._free + pattern)


class Choose(Dialog[str]):
    """A few named choices, moved through with the arrows."""

    def __init__(
        self, title: str, entries: Sequence[Entry], *, at: str = "", above: Callable[[int], list[Row]] | None = None
    ) -> None:
        super().__init__(title)
        self._entries = entries
        self._at = next((i for i, entry in enumerate(entries) if entry.id == at), 0)
        self._above = above

    def rows(self, width: int) -> list[Row]:
        rows = list(self._above(width)) if self._above is not None else []
        for index, entry in enumerate(self._entries):
            chosen = index == self._at
            rows.append(
                (
                    ("▸ " if chosen else "  ", "accent strong"),
                    left(entry.name, 12, "title" if chosen else ""),
                    (entry.about, "" if chosen else "muted"),
                )
            )
        return rows

    def foot(self) -> Row:
        return hints(("Enter", "choose"), ("↑↓", "move"), ("Esc", "back"))

    def key(self, event: events.Key) -> None:
        step = {"down": 1, "j": 1, "tab": 1, "up": -1, "k": -1, "shift+tab": -1}.get(event.key, 0)
        if step:
            self._at = (self._at + step) % len(self._entries)
            self.on_beat()

    def enter(self) -> None:
        self.dismiss(self._entries[self._at].id)
