"""Questions about one open position: close how much of it, and where to move its stop."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual import events
from textual.widget import Widget

from console.panes.pane import Frame
from console.panes.positions import block
from console.rows import Row, wrap
from console.screens.dialog import Dialog, Field, hints
from engine.port.views import PositionRow

Find = Callable[[], PositionRow | None]

# By the shares of the tiers, counted from the whole position.
PARTS = (100.0, 70.0, 40.0, 30.0)


def tightens(row: PositionRow, stop: float) -> bool:
    """Whether a stop risks less than the working one."""
    if row.stop is None:
        return True
    return stop >= float(row.stop) if row.side == "long" else stop <= float(row.stop)


class _AboutPosition:
    """Live rows of the position a dialog is about."""

    def __init__(self, find: Find) -> None:
        self.find = find

    def rows(self, now_ms: int, age_ms: float | None, width: int) -> list[Row]:
        row = self.find()
        if row is None:
            return [(("the position is closed", "warn"),)]
        frame = Frame(width=width, height=4, now_ms=now_ms, age_ms=age_ms)
        return block(row, frame, chosen=False)


class ClosePart(Dialog[float]):
    """How much to close at market; the whole position unless the arrows say otherwise."""

    def __init__(self, symbol: str, find: Find) -> None:
        super().__init__(f"Close {symbol}", tone="warn")
        self._about = _AboutPosition(find)
        self._at = 0

    def rows(self, width: int) -> list[Row]:
        feed = self.desk_app.feed
        rows = self._about.rows(feed.now_ms(), feed.age_ms("positions"), width)
        choice: list[tuple[str, str]] = [("close ", "muted")]
        for index, part in enumerate(PARTS):
            text = f" {part:.0f}% "
            chosen = index == self._at
            choice.append((f"▸{text}" if chosen else f" {text}", "title" if chosen else "muted"))
        note = "at market, reduce-only; the stop rests until it is flat"
        return [*rows, (), tuple(choice), *wrap(note, width, "muted")]

    def foot(self) -> Row:
        return hints(("Enter", f"close {PARTS[self._at]:.0f}%"), ("←→", "part"), ("Esc", "back"), lit=self.armed)

    def key(self, event: events.Key) -> None:
        step = {"right": 1, "l": 1, "tab": 1, "left": -1, "h": -1, "shift+tab": -1}.get(event.key, 0)
        self._at = max(0, min(self._at + step, len(PARTS) - 1))
        self.on_beat()

    def enter(self) -> None:
        if self._about.find() is None:
            self.note = ("nothing to close", "warn")
            return
        self.busy = True
        self.dismiss(PARTS[self._at])


class StopDialog(Dialog[str]):
    """A new stop. One that tightens goes on Enter; one that widens wants Enter twice, with the guard between."""

    def __init__(self, symbol: str, find: Find) -> None:
        super().__init__(f"Move stop {symbol}", tone="warn")
        self._about = _AboutPosition(find)
        self._widening = ""

    def fields(self) -> Iterable[Widget]:
        row = self._about.find()
        yield Field(row.stop or "" if row is not None else "", placeholder="stop price", id="stop")

    def rows(self, width: int) -> list[Row]:
        feed = self.desk_app.feed
        return [*self._about.rows(feed.now_ms(), feed.age_ms("positions"), width), (), self._verdict()]

    def _verdict(self) -> Row:
        row, stop = self._about.find(), self._stop()
        if row is None or stop is None:
            return (("type a price", "muted"),)
        entry, now = float(row.entry), row.stop
        moved = f"{now or 'none'} → {stop:g}  {(stop / entry - 1) * 100:+.2f}% of entry"
        return (("tightens  ", "good") if tightens(row, stop) else ("WIDENS the risk  ", "danger strong"), (moved, ""))

    def _stop(self) -> float | None:
        try:
            value = float(self.field("stop").value)
        except ValueError:
            return None
        return value if value > 0 else None

    def changed(self) -> None:
        self._widening = ""

    def foot(self) -> Row:
        verb = "widen it, really" if self._widening else "move the stop"
        return hints(("Enter", verb), ("Esc", "back"), lit=self.armed)

    def enter(self) -> None:
        row, stop = self._about.find(), self._stop()
        text = self.field("stop").value.strip()
        if row is None or stop is None:
            self.note = ("not a price", "danger")
        elif row.stop is not None and stop == float(row.stop):
            self.note = ("that is where it rests", "warn")
        elif tightens(row, stop) or self._widening == text:
            self.busy = True
            self.dismiss(text)
        else:
            self._widening = text
            self.note = ("this adds risk; the engine refuses beyond the initial one", "warn")
            self.guard_again()
