"""Pictures as data: a row is a tuple of (text, role) spans, so panes stay pure and tests read them as text.

Roles are words (`up`, `muted`, `danger strong`); `console.look` turns them into styles.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len, set_cell_size

Span = tuple[str, str]
Row = tuple[Span, ...]

BLANK: Row = ()


def width_of(row: Row) -> int:
    """Cells a row takes on the screen."""
    return sum(len(text) if text.isascii() else cell_len(text) for text, _ in row)


def left(text: str, width: int, role: str = "") -> Span:
    """`text` left-aligned in exactly `width` cells; what does not fit ends in an ellipsis."""
    return (_sized(text, width), role)


def right(text: str, width: int, role: str = "") -> Span:
    """`text` right-aligned in exactly `width` cells. A number is never cut silently: it becomes `#` signs."""
    missing = width - (len(text) if text.isascii() else cell_len(text))
    if missing < 0:
        return ("#" * max(width, 0), role)
    return (" " * missing + text, role)


def _sized(text: str, width: int) -> str:
    if width <= 0:
        return ""
    size = len(text) if text.isascii() else cell_len(text)
    if size <= width:
        return text + " " * (width - size)
    return set_cell_size(text, width - 1) + "…"


def fit(row: Row, width: int) -> Row:
    """The row cut or padded to exactly `width` cells."""
    out: list[Span] = []
    room = width
    for text, role in row:
        size = len(text) if text.isascii() else cell_len(text)
        if size > room:
            if room > 0:
                out.append((_sized(text, room), role))
            room = 0
            break
        if size:
            out.append((text, role))
            room -= size
    if room > 0:
        out.append((" " * room, ""))
    return tuple(out)


def spread(start: Row, end: Row, width: int, fill: str = " ", role: str = "") -> Row:
    """`start` at the left edge and `end` at the right edge, with `fill` between; `end` keeps its room."""
    gap = width - width_of(start) - width_of(end)
    if gap >= 0:
        return (*start, (fill * gap, role), *end)
    return (*fit(start, max(width - width_of(end), 0)), *end) if width_of(end) <= width else fit(start, width)


def wrap(text: str, width: int, role: str = "", indent: str = "") -> list[Row]:
    """A sentence as rows of at most `width` cells, broken between words."""
    rows: list[Row] = []
    line = ""
    for word in text.split():
        candidate = f"{line} {word}" if line else word
        if cell_len(candidate) > width - (cell_len(indent) if rows else 0) and line:
            rows.append(((indent + line if rows else line, role),))
            line = word
        else:
            line = candidate
    if line:
        rows.append(((indent + line if rows else line, role),))
    return rows


def flow(items: Iterable[Row], width: int, gap: str = "  ") -> list[Row]:
    """Items side by side, in as many rows as their widths need."""
    rows: list[list[Span]] = []
    used = 0
    for item in items:
        size = width_of(item)
        if rows and used + len(gap) + size <= width:
            rows[-1].append((gap, ""))
            rows[-1].extend(item)
            used += len(gap) + size
        else:
            rows.append(list(item))
            used = size
    return [tuple(row) for row in rows]


def plain(row: Row) -> str:
    """The row without its roles."""
    return "".join(text for text, _ in row)


def recolour(row: Row, role: str) -> Row:
    """The row with every role replaced: how a stale picture is shaded."""
    return tuple((text, role) for text, _ in row)
