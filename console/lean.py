"""Writes only the cells that changed, over the whole screen and over a change of screens.

The stock compositor widens a change to the left edge of its widget, and writes the whole terminal when a dialog opens
or closes. On a poor link that is seconds between a key and its ticket. Here one `Shadow` knows what stands in the
terminal, and every update, partial or full, is cut to what differs from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.control import Control
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, Compositor, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

_NEAR = 14  # unchanged cells between two changes that cost less to write again than to jump over

Cell = tuple[str, Style | None]


class Shadow:
    """What stands in the terminal, line by line; empty when that is not known."""

    def __init__(self) -> None:
        self._lines: list[Strip] = []
        self._width = 0

    def forget(self) -> None:
        """The terminal may show anything now: the next full update writes all of it."""
        self._lines = []

    def splice(self, x: int, y: int, piece: Strip) -> list[tuple[int, Strip]]:
        """A piece of a line is to be this; the (x, piece) to write."""
        if y >= len(self._lines):
            return [(x, piece)]
        line, end = self._lines[y], x + piece.cell_length
        before = line.crop(x, end)
        if before == piece:
            return []
        self._lines[y] = Strip.join([line.crop(0, x), piece, line.crop(end, self._width)])
        return [(x + x1, piece.crop(x1, x2)) for x1, x2 in changed_spans(before, piece)]

    def replace(self, lines: list[Strip], width: int) -> list[tuple[int, int, Strip]] | None:
        """The whole screen is to be this; the (x, y, piece) to write, or None for everything."""
        old, self._lines = self._lines, lines
        known = len(old) == len(lines) and self._width == width
        self._width = width
        if not known:
            return None
        pieces: list[tuple[int, int, Strip]] = []
        for y, (before, after) in enumerate(zip(old, lines, strict=True)):
            if before != after:
                pieces += [(x1, y, after.crop(x1, x2)) for x1, x2 in changed_spans(before, after)]
        return pieces


def canonical(strip: Strip) -> Strip:
    """The same picture with the fewest codes: no default colours named, no style on blanks that does not show."""
    segments: list[tuple[str, Style | None]] = []
    for text, given, _ in strip:
        style = _without_defaults(given)
        if not text:
            continue
        last = segments[-1][1] if segments else None
        if text.isspace() and not _shows_on_blanks(style):
            style = None if _shows_on_blanks(last) else last
        if segments and last == style:
            segments[-1] = (segments[-1][0] + text, style)
        else:
            segments.append((text, style))
    return Strip([Segment(text, style) for text, style in segments], strip.cell_length)


_known: dict[Style, Style | None] = {}


def _without_defaults(style: Style | None) -> Style | None:
    """The style without colours that are the terminal's own anyway; None when nothing is left."""
    if style is None:
        return None
    found = _known.get(style, style)
    if found is style and style not in _known:
        color = None if style.color is None or style.color.is_default else style.color
        back = None if style.bgcolor is None or style.bgcolor.is_default else style.bgcolor
        found = Style(
            color=color, bgcolor=back, bold=style.bold, dim=style.dim, italic=style.italic,
            underline=style.underline, reverse=style.reverse, strike=style.strike,
        )  # fmt: skip
        _known[style] = found = found if found else None
    return found


def _shows_on_blanks(style: Style | None) -> bool:
    return style is not None and bool(style.bgcolor or style.reverse or style.underline or style.strike)


def changed_spans(before: Strip, after: Strip) -> list[tuple[int, int]]:
    """Spans of cells in which two lines differ, near ones joined, never cutting a wide character."""
    old, new = _cells(before), _cells(after)
    if len(old) != len(new):
        return [(0, len(new))]
    spans: list[tuple[int, int]] = []
    for x, (a, b) in enumerate(zip(old, new, strict=True)):
        if a == b:
            continue
        first, last = x, x + 1
        while first > 0 and not new[first][0]:
            first -= 1
        while last < len(new) and not new[last][0]:
            last += 1
        if spans and first - spans[-1][1] <= _NEAR:
            spans[-1] = (spans[-1][0], max(last, spans[-1][1]))
        else:
            spans.append((first, last))
    return spans


def _cells(strip: Strip) -> list[Cell]:
    """One entry a cell; the second half of a wide character is empty."""
    cells: list[Cell] = []
    for text, style, _ in strip:
        shown = style if style else None
        if text.isascii():
            blank = shown if _shows_on_blanks(shown) else None
            cells.extend((char, blank if char == " " else shown) for char in text)
            continue
        for char in text:
            width = cell_len(char)
            cells.extend([(char, shown), *[("", shown)] * (width - 1)] if width else [])
    return cells


class _LeanUpdate(ChopsUpdate):
    """A partial update cut to its spans on both sides."""

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
        out: list[str] = []
        for y, x1, x2 in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                if strip is None or x >= x2 or end <= x1:
                    continue
                start = max(x1, x)
                piece = canonical(strip.crop(start - x, min(end, x2) - x))
                for at, part in self._shadow.splice(start, y, piece):
                    out += [Control.move_to(at, y).segment.text, part.render(console)]
        return "".join(out)


class _LeanFrame(LayoutUpdate):
    """A full update, of which only what differs from the terminal is written."""

    def __init__(self, shadow: Shadow, strips: list[Iterable[Strip]], region: Region) -> None:
        super().__init__([list(line) for line in strips], region)
        self._shadow = shadow

    def render_segments(self, console: Console) -> str:
        lines = [canonical(Strip.join(line)) for line in self.strips]
        pieces = self._shadow.replace(lines, self.region.width)
        if pieces is None:
            pieces = [(0, y, line) for y, line in enumerate(lines)]
        out: list[str] = []
        for x, y, piece in pieces:
            out += [Control.move_to(x, y).segment.text, piece.render(console)]
        return "".join(out)


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
