"""Writes only the cells that changed.

The stock compositor widens a changed region to the left edge of its widget, which costs a poor link several times
the bytes of the change. Screens that show live numbers use this one.
"""

from __future__ import annotations

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate, Compositor


class _LeanUpdate(ChopsUpdate):
    """A partial update cut to its spans on both sides."""

    def render_segments(self, console: Console) -> str:
        out: list[str] = []
        for y, x1, x2 in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                if strip is None or x >= x2 or end <= x1:
                    continue
                start = max(x1, x)
                piece = strip if start == x and end <= x2 else strip.crop(start - x, min(end, x2) - x)
                out.append(Control.move_to(start, y).segment.text)
                out.append(piece.render(console))
        return "".join(out)


class LeanCompositor(Compositor):
    """A compositor whose partial updates are cut to the cell."""

    def render_partial_update(self) -> ChopsUpdate | None:
        update = super().render_partial_update()
        if update is None:
            return None
        return _LeanUpdate(update.chops, update.spans, update.chop_ends)
