"""The depth chart: how much stands within a distance of the mid, bids to the left, asks to the right. Pure.

Both sides reach as far as the shorter of them is known, so that nothing beyond the ladder's end is made up.
"""

from __future__ import annotations

from collections.abc import Sequence

from console import render
from console.rows import BLANK, Row, fit, spread, width_of, wrap
from engine.port.views import BookView

WIDTH = 36
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_TALLEST = 16


def within(levels: Sequence[tuple[str, float]], mid: float, reach: float, columns: int) -> list[float]:
    """Cumulative quantity by column from the mid outwards; the last column is `reach` away."""
    sums: list[float] = []
    total, at = 0.0, 0
    for column in range(1, columns + 1):
        edge = reach * column / columns * (1 + 1e-9)
        while at < len(levels) and abs(float(levels[at][0]) - mid) <= edge:
            total += levels[at][1]
            at += 1
        sums.append(total)
    return sums


def depth_rows(book: BookView | None, width: int, height: int) -> list[Row]:
    """The chart with its prices and sums below; says why where there is no book."""
    title: Row = (("Depth", "title"), (" summed from the mid", "muted"))
    if book is None or book.mid is None or not book.bids or not book.asks:
        why = (book.reason or book.state) if book is not None else ""
        return [fit(title, width), *wrap(f"no book{': ' if why else ''}{why}", width, "muted")]
    mid = book.mid
    reach = min(mid - float(book.bids[-1][0]), float(book.asks[-1][0]) - mid)
    columns = (width - 1) // 2
    bids, asks = within(book.bids, mid, reach, columns), within(book.asks, mid, reach, columns)
    largest = max(bids[-1], asks[-1])
    tall = max(min(height - 3, _TALLEST), 1)
    rows = [fit(title, width)]
    for y in range(tall):
        floor = (tall - 1 - y) / tall
        low, high = (_bars(side, largest, floor, tall) for side in (bids, asks))
        rows.append(((low[::-1], "up_bar"), ("│", "border"), (high, "down_bar")))
    digits = render.decimals(book.tick)
    ends = [f"{price:.{digits}f}" for price in (mid - reach, mid + reach)]
    middle = f"{mid:.{digits}f}"
    if sum(map(len, (*ends, middle))) + 2 <= width:
        gap = max(columns - len(ends[0]) - len(middle) // 2, 1)
        rows.append(spread(((ends[0], "muted"), (" " * gap + middle, "")), ((ends[1], "muted"),), width))
    below = (f"bids {render.quantity(bids[-1])}", "up"), (f"asks {render.quantity(asks[-1])}", "down")
    rows.append(spread(below[:1], below[1:], width))
    return rows[:height]


def _bars(sums: Sequence[float], largest: float, floor: float, tall: int) -> str:
    """One row of cells: how much of it each column fills."""
    shares = (value / largest if largest > 0 else 0.0 for value in sums)
    return "".join(_EIGHTHS[round(max(0.0, min((share - floor) * tall, 1.0)) * 8)] for share in shares)


def beside(rows: Sequence[Row], more: Sequence[Row], width: int, more_width: int) -> list[Row]:
    """Two pictures side by side, a column apart."""
    out: list[Row] = []
    for at in range(max(len(rows), len(more))):
        first = rows[at] if at < len(rows) else BLANK
        second = more[at] if at < len(more) else BLANK
        pad = max(width - width_of(first), 0) + 1
        out.append((*first, (" " * pad, ""), *fit(second, more_width)))
    return out
