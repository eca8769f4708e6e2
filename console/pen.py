"""Cells to terminal codes, with as few of them as the picture needs.

A cell is a character and the number of a style. Numbers stand for styles that look different in a terminal: colours
that are the terminal's own anyway are left out, and a blank has style 0 unless its style shows on blanks.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from itertools import pairwise

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style

PLAIN = 0

# Characters of one cell that need no look into a table of widths.
_SINGLE = frozenset(string.printable[:-5] + "─│┌┐└┘├┤┬┴┼╭╮╰╯█▉▊▋▌▍▎▏▁▂▃▄▅▆▇▀▓▒░┃╹╻╿╽╵╷┄●○▸◂▲▼✓✗·…×−")

_JUMP_BYTES = 4  # `ESC [ 5 C`
_ON = {"bold": "1", "dim": "2", "italic": "3", "underline": "4", "reverse": "7", "strike": "9"}
_OFF = {
    "bold": "22", "dim": "22", "italic": "23", "underline": "24", "reverse": "27", "strike": "29", "color": "39",
    "bgcolor": "49",
}  # fmt: skip

_number: dict[Style | None, int] = {None: PLAIN}
_styles: list[Style] = [Style.null()]
_on_blank: list[int] = [PLAIN]
_codes: dict[tuple[ColorSystem | None, int, int], str] = {}


def number_of(style: Style | None) -> int:
    """The number of the style as it looks in a terminal."""
    found = _number.get(style)
    if found is None:
        assert style is not None
        seen = _without_defaults(style)
        found = _number.get(seen)
        if found is None:
            found = _number[seen] = len(_styles)
            shows = bool(seen.bgcolor or seen.reverse or seen.underline or seen.strike)
            _styles.append(seen)
            _on_blank.append(found if shows else PLAIN)
        _number[style] = found
    return found


def _without_defaults(style: Style) -> Style:
    return Style(
        color=None if style.color is None or style.color.is_default else style.color,
        bgcolor=None if style.bgcolor is None or style.bgcolor.is_default else style.bgcolor,
        bold=style.bold or None, dim=style.dim or None, italic=style.italic or None,
        underline=style.underline or None, reverse=style.reverse or None, strike=style.strike or None,
    )  # fmt: skip


_number[Style.null()] = PLAIN


def cells_of(segments: Iterable[Segment]) -> tuple[list[str], list[int]]:
    """Characters and styles, one entry a cell; the second half of a wide character is empty."""
    chars: list[str] = []
    styles: list[int] = []
    for given, style, _ in segments:
        number = number_of(style)
        blank = _on_blank[number]
        text = given
        if _SINGLE.issuperset(text):
            chars += text
        else:
            text = _spread(given, chars)
        if blank == number or " " not in text:
            styles += [number] * len(text)
        else:
            styles += [blank if char == " " else number for char in text]
    return chars, styles


def _spread(text: str, chars: list[str]) -> str:
    """Add one entry a cell, marks without a cell to the cell before; answers a text as long as there were cells."""
    before = len(chars)
    for char in text:
        width = cell_len(char)
        if width:
            chars += [char, *[""] * (width - 1)]
        elif len(chars) > before:
            chars[-1] += char
    return "".join(char or "x" for char in (cell[:1] for cell in chars[before:]))


class Pen:
    """Writes changed cells of a terminal so many columns wide; knows where the cursor stands and which style is on."""

    def __init__(self, colors: ColorSystem | None, width: int) -> None:
        self._colors = colors
        self._width = width
        self._out: list[str] = []
        self._x = self._y = -1
        self._sure = False  # that no glyph since the last address was wider than we think
        self._style = PLAIN

    def write(self, x: int, y: int, chars: Sequence[str], styles: Sequence[int], changed: Sequence[int]) -> None:
        """Write those cells of a piece at (x, y) whose indices are given, in rising order.

        A line whose last style is on already is written from its end: columns of one style meet, line after line,
        and the style is switched half as often.
        """
        runs = _runs(chars, styles, changed)
        if runs[-1][2] == self._style != runs[0][2] and _apart(runs):
            runs.reverse()
        for start, end, style in runs:
            if self._y != y or self._x != x + start:
                self._go(x, y, start, chars, styles)
            if not self._shows(chars[start:end], style):
                self._out.append(self._switch(style))
            text = "".join(chars[start:end])
            self._out.append(text)
            self._x = x + end
            self._sure = self._sure and text.isascii()
            if self._x >= self._width:
                self._y = -1  # the cursor hangs between two lines

    def text(self) -> str:
        """All that was written; the terminal is left without a style."""
        if self._style != PLAIN:
            self._out.append("\x1b[m")
            self._style = PLAIN
        return "".join(self._out)

    def _go(self, x: int, y: int, at: int, chars: Sequence[str], styles: Sequence[int]) -> None:
        """To cell `at` of the piece, over a short gap by writing it again."""
        address = f"\x1b[{y + 1};{x + at + 1}H" if x + at else f"\x1b[{y + 1}H"
        if self._y < 0:
            code = address
        else:
            right, down = x + at - self._x, y - self._y
            code = min(address, _steps(right, down), key=len) if self._sure and down >= 0 else address
            if not down and 0 < right <= min(at, len(code)):
                gap = range(at - right, at)
                if all(chars[i].isascii() and chars[i] and self._shows(chars[i], styles[i]) for i in gap):
                    code = "".join(chars[at - right : at])
        self._sure = self._sure or code is address
        self._out.append(code)
        self._x, self._y = x + at, y

    def _shows(self, chars: Sequence[str], style: int) -> bool:
        """Whether the style that is on shows these as they should be."""
        if style == self._style:
            return True
        return style == PLAIN and _on_blank[self._style] == PLAIN and all(char == " " for char in chars)

    def _switch(self, style: int) -> str:
        key = (self._colors, self._style, style)
        found = _codes.get(key)
        if found is None:
            found = _codes[key] = _change(_styles[self._style], _styles[style], self._colors)
        self._style = style
        return found


def _runs(chars: Sequence[str], styles: Sequence[int], changed: Sequence[int]) -> list[tuple[int, int, int]]:
    """Neighbours of one style as (first, one past the last, style), over gaps that are shorter than a jump."""
    runs: list[tuple[int, int, int]] = []
    start = end = changed[0]
    style = styles[start]
    for i in changed:
        if i - end <= _JUMP_BYTES and all(
            styles[j] == style and (chars[j] or j == i == end) for j in range(end, i + 1)
        ):
            end = i + 1
        else:
            runs.append((start, end, style))
            start, end, style = i, i + 1, styles[i]
    runs.append((start, end, style))
    return runs


def _apart(runs: Sequence[tuple[int, int, int]]) -> bool:
    """Whether there is a jump after each run anyway, so that going backwards adds none."""
    return all(end < start for (_, end, _), (start, _, _) in pairwise(runs))


def _steps(right: int, down: int) -> str:
    """So many cells right (left if negative) and down, without naming a place."""
    # One line down is an index, which every terminal since the VT100 has; the line below exists, so nothing scrolls.
    code = "" if not down else "\x1bD" if down == 1 else f"\x1b[{down}B"
    if right > 0:
        return code + ("\x1b[C" if right == 1 else f"\x1b[{right}C")
    return code + ("\b" * -right if right >= -4 else f"\x1b[{-right}D")


def _change(old: Style, new: Style, colors: ColorSystem | None) -> str:
    """The shortest code from one style to another: what differs switched on and off, or all of it anew."""
    steps = dict.fromkeys(code for name, code in _OFF.items() if getattr(old, name) and not getattr(new, name))
    for name, code in _ON.items():
        ended = "22" in steps and name in ("bold", "dim")  # one code ends both
        if getattr(new, name) and (ended or not getattr(old, name)):
            steps[code] = None
    for name in ("color", "bgcolor"):
        value = getattr(new, name)
        if value is not None and value != getattr(old, name):
            steps[_code(Style(**{name: value}), colors)] = None
    anew = _code(new, colors)
    fresh = f"\x1b[0;{anew}m" if anew else "\x1b[m"
    changed = f"\x1b[{';'.join(filter(None, steps))}m"
    return changed if any(steps) and len(changed) < len(fresh) else fresh


def _code(style: Style, colors: ColorSystem | None) -> str:
    """The parameters that switch a style on."""
    return style.render("\n", color_system=colors).partition("\n")[0].removeprefix("\x1b[").removesuffix("m")
