"""The line-rendered base of everything drawn: rows in, changed cells out.

A canvas is handed a list of rows and repaints only the rows that differ from the last ones; of these the compositor
writes the cells that changed. No layout, no style sheet and no child widget takes part, which is what keeps a live
screen cheap.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from console.look import Look
from console.rows import Row, fit


class Canvas(Widget):
    """A rectangle of rows."""

    def __init__(self, look: Look, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.look = look
        self._rows: list[Row] = []
        self._strips: list[Strip | None] = []
        self._drawn_size = Size(0, 0)

    def draw(self, rows: Sequence[Row]) -> None:
        """Show these rows, cut and padded to the widget; only rows that changed are repainted."""
        width, height = self.size
        fresh = [fit(row, width) for row in rows[:height]]
        fresh += [fit((), width)] * (height - len(fresh))
        if self._drawn_size != self.size:
            self._drawn_size = self.size
            self._rows, self._strips = fresh, [None] * height
            self.refresh()
            return
        dirty: list[Region] = []
        for y, row in enumerate(fresh):
            if row != self._rows[y]:
                self._rows[y], self._strips[y] = row, None
                if dirty and dirty[-1].bottom == y:
                    dirty[-1] = Region(0, dirty[-1].y, width, y + 1 - dirty[-1].y)
                else:
                    dirty.append(Region(0, y, width, 1))
        if dirty:
            self.refresh(*dirty)

    @property
    def picture(self) -> list[Row]:
        """The rows as last drawn."""
        return self._rows

    def render_lines(self, crop: Region) -> list[Strip]:
        return [self._strip(y).crop(crop.x, crop.right) for y in crop.line_range]

    def _strip(self, y: int) -> Strip:
        if not 0 <= y < len(self._rows) or self._drawn_size != self.size:
            return Strip.blank(self.size.width)
        strip = self._strips[y]
        if strip is None:
            look = self.look
            segments = [Segment(look.text(text), look.style(role)) for text, role in self._rows[y] if text]
            strip = self._strips[y] = Strip(segments, self.size.width)
        return strip
