"""Block a symbol: which side, which strategy, for how long. Enter with nothing changed blocks it whole."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from textual import events
from textual.widget import Widget

from console import render
from console.rows import Row, left, wrap
from console.screens.dialog import Dialog, Field, hints

_SIDES = ("both", "long", "short")
_STRATEGIES = ("all", *render.STRATEGY_SHORT)


class Block(msgspec.Struct, frozen=True):
    """What to block; None means all, and without an end."""

    symbol: str
    side: str | None = None
    strategy: str | None = None
    for_s: float | None = None


class BlockDialog(Dialog[Block]):
    """Arrows change the side and the strategy, the field takes how long."""

    def __init__(self, symbol: str) -> None:
        super().__init__(f"Block {symbol}")
        self._symbol = symbol
        self._row = 0
        self._side = 0
        self._strategy = 0

    def fields(self) -> Iterable[Widget]:
        yield Field(placeholder="how long: 30m, 4h, 2d (empty: until unblocked)", id="for")

    def first_focus(self) -> Widget | None:
        return None

    def rows(self, width: int) -> list[Row]:
        choices = (("side", _SIDES[self._side]), ("strategy", _STRATEGIES[self._strategy]), ("for", "below"))
        rows: list[Row] = wrap("No new entries; an open position is looked after as always.", width, "muted")
        for index, (name, value) in enumerate(choices):
            chosen = index == self._row
            arrows = ("← ", " →") if index < 2 else ("", "")
            rows.append(
                (
                    ("▸ " if chosen else "  ", "accent strong"),
                    left(name, 10, "muted"),
                    (f"{arrows[0]}{value}{arrows[1]}", "title" if chosen else ""),
                )
            )
        return rows

    def foot(self) -> Row:
        return hints(("Enter", "block"), ("↑↓ ←→", "change"), ("Esc", "back"), lit=self.armed)

    def key(self, event: events.Key) -> None:
        field = self.field("for")
        if event.key in ("down", "tab", "up", "shift+tab") or (event.key in ("j", "k") and not field.has_focus):
            self._row = (self._row + (1 if event.key in ("down", "tab", "j") else -1)) % 3
            if self._row == 2:
                field.focus()
            else:
                self.set_focus(None)
        elif event.key in ("left", "right", "h", "l") and self._row < 2:
            step = 1 if event.key in ("right", "l") else -1
            if self._row == 0:
                self._side = (self._side + step) % len(_SIDES)
            else:
                self._strategy = (self._strategy + step) % len(_STRATEGIES)
        self.on_beat()

    def enter(self) -> None:
        try:
            for_s = render.parse_span(self.field("for").value)
        except ValueError as error:
            self.note = (str(error), "danger")
            return
        self.busy = True
        side, strategy = _SIDES[self._side], _STRATEGIES[self._strategy]
        self.dismiss(
            Block(self._symbol, None if side == "both" else side, None if strategy == "all" else strategy, for_s)
        )
