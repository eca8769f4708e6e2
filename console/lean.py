"""Writes only the cells that changed, over the whole screen and over a change of screens.

The stock compositor widens a change to the left edge of its widget, and writes the whole terminal when a dialog opens
or closes. On a poor link that is seconds between a key and its ticket. Here one `Shadow` knows what stands in the
terminal, and every update, partial or full, is cut to what differs from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from rich.console import Console
from textual._compositor import ChopsUpdate, Compositor, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from console.pen import PLAIN, Pen, cells_of

_UNKNOWN = "?!"  # no cell holds two characters of one cell each: everything differs from it


class Shadow:
    """What stands in the terminal, cell by cell; unknown cells differ from everything."""

    def __init__(self) -> None:
        self._chars: list[list[str]] = []
        self._styles: list[list[int]] = []
        self.width = 0

    def forget(self) -> None:
        """The terminal may show anything now: the next full update writes all of it."""
        self._chars, self._styles = [], []

    def fit(self, width: int, height: int) -> None:
        """The terminal has this size; another one than before shows nothing that is known."""
        if width != self.width or height != len(self._chars):
            self.width = width
            self._chars = [[_UNKNOWN] * width for _ in range(height)]
            self._styles = [[PLAIN] * width for _ in range(height)]

    def put(self, pen: Pen, x: int, y: int, strip: Iterable[tuple[str, object, object]]) -> None:
        """A piece of a line is to be this: write what differs."""
        chars, styles = cells_of(strip)  # type: ignore[arg-type]
        if y >= len(self._chars):
            pen.write(x, y, chars, styles, range(len(chars)))
            return
        line, looks, end = self._chars[y], self._styles[y], x + len(chars)
        old, old_styles = line[x:end], looks[x:end]
        if old == chars and old_styles == styles:
            return
        changed = [
            i for i, (a, b, s, t) in enumerate(zip(old, chars, old_styles, styles, strict=False)) if a != b or s != t
        ]
        changed += range(len(old), len(chars))
        line[x:end], looks[x:end] = chars[: len(old)], styles[: len(old)]
        pen.write(x, y, chars, styles, changed)


class _LeanUpdate(ChopsUpdate):
    """A partial update: what of its pieces differs from the terminal."""

    def __init__(
        self,
        shadow: Shadow,
        chops: Sequence[Mapping[int, Strip | None]],
        spans: list[tuple[int, int, int]],
        chop_ends: list[list[int]],
    ) -> None:
        super().__init__(chops, spans, chop_ends)
        self._shadow = shadow

    def render_segments(self, console: Console) -> str:
        pen = Pen(console._color_system, self._shadow.width)
        done: set[tuple[int, int]] = set()
        for y, x1, x2 in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                if strip is not None and x < x2 and end > x1 and (x, y) not in done:
                    done.add((x, y))
                    self._shadow.put(pen, x, y, strip)
        return pen.text()


class _LeanFrame(LayoutUpdate):
    """A full update, of which only what differs from the terminal is written."""

    def __init__(self, shadow: Shadow, strips: list[Iterable[Strip]], region: Region) -> None:
        super().__init__([list(line) for line in strips], region)
        self._shadow = shadow

    def render_segments(self, console: Console) -> str:
        self._shadow.fit(self.region.width, len(self.strips))
        pen = Pen(console._color_system, self._shadow.width)
        for y, line in enumerate(self.strips):
            self._shadow.put(pen, 0, y, Strip.join(line))
        return pen.text()


class LeanCompositor(Compositor):
    """A compositor that writes no cell which already stands there. `shadow` is the one of the terminal."""

    def __init__(self, shadow: Callable[[], Shadow]) -> None:
        super().__init__()
        self._shadow_of = shadow

    def render_partial_update(self) -> ChopsUpdate | None:
        update = super().render_partial_update()
        if update is None:
            return None
        return _LeanUpdate(self._shadow_of(), update.chops, update.spans, update.chop_ends)

    def render_full_update(self, simplify: bool = False) -> LayoutUpdate:
        update = super().render_full_update(simplify)
        return _LeanFrame(self._shadow_of(), update.strips, update.region)
