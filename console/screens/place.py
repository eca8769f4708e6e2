"""Where each part of the desk goes at each size of terminal. Pure, so that every size can be tried."""

from __future__ import annotations

from collections.abc import Sequence

from textual.geometry import NULL_OFFSET, Region, Size
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

PANES = ("book", "regime", "signals", "why", "positions", "limits")

URGENT_PANES = ("signals", "why", "positions")  # decided on, or money at risk: they never wait for the beat

WIDE, TWO = 140, 100
MIN_WIDTH, MIN_HEIGHT = 60, 16
TOUR_HEIGHT = 7
_LOW = 32  # rows below which a column holds fewer panes


def form(width: int, height: int) -> str:
    """wide, two, one or tiny."""
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        return "tiny"
    return "wide" if width >= WIDE else "two" if width >= TWO else "one"


def place(
    width: int, height: int, recent: Sequence[str], banner: bool = False, tour: bool = False
) -> dict[str, Region]:
    """Regions by part; a part without one is not shown. `recent` are the panes by last use, newest first."""
    shape = form(width, height)
    status = min(2 if banner and shape != "tiny" else 1, height)
    foot = 1 if height > 2 else 0
    parts = {"status": Region(0, 0, width, status)}
    if foot:
        parts["footer"] = Region(0, height - 1, width, 1)
    if tour and shape != "tiny":
        # Over the lower edge of whatever is there.
        wide = min(width - 2, 100)
        parts["tour"] = Region((width - wide) // 2, height - foot - TOUR_HEIGHT, wide, TOUR_HEIGHT)
    top, room = status, height - status - foot
    if room <= 0:
        return parts
    if shape == "tiny":
        parts["positions"] = Region(0, top, width, room)
    elif shape == "one":
        parts["waiting"] = Region(0, top, width, 1)
        parts[recent[0]] = Region(0, top + 1, width, room - 1)
    elif shape == "two":
        left = max(width * 38 // 100, 42)
        parts |= _column(_shares(room, recent, {"book": 0, "regime": 10, "limits": 9}), 0, top, left)
        right = {"signals": 11, "why": 0, "positions": 12} if room >= _LOW else {"signals": 8, "why": 0}
        if room < _LOW and _newer(recent, "positions", "why"):
            right = {"signals": 8, "positions": 0}
        parts |= _column(_fill(right, room), left, top, width - left)
    else:
        # A very wide screen gives the book room for the tape of trades.
        left = width * 30 // 100 if width >= 180 else max(width * 26 // 100, 36)
        last = max(width * 32 // 100, 45)
        middle = width - left - last
        parts |= _column(_shares(room, recent, {"book": 0, "regime": 12}), 0, top, left)
        parts |= _column(_fill({"signals": 0, "positions": max(room * 45 // 100, 6)}, room), left, top, middle)
        parts |= _column(_shares(room, recent, {"why": 0, "limits": 11}), left + middle, top, last)
    return parts


def _newer(recent: Sequence[str], one: str, other: str) -> bool:
    return list(recent).index(one) < list(recent).index(other)


def _shares(room: int, recent: Sequence[str], heights: dict[str, int]) -> dict[str, int]:
    """All panes of a column where there is room, else the one used last."""
    if room < _LOW:
        return {min(heights, key=list(recent).index): room}
    return _fill(heights, room)


def _fill(heights: dict[str, int], room: int) -> dict[str, int]:
    """Give what is left to the pane whose height is 0."""
    rest = room - sum(heights.values())
    return {name: height or rest for name, height in heights.items()}


def _column(heights: dict[str, int], x: int, y: int, width: int) -> dict[str, Region]:
    regions: dict[str, Region] = {}
    for name, height in heights.items():
        regions[name] = Region(x, y, width, height)
        y += height
    return regions


class DeskLayout(Layout):
    """Arranges a container's children by their ids as `place` says."""

    name = "desk"

    def __init__(self) -> None:
        self.recent: list[str] = ["signals", "why", "book", "positions", "regime", "limits"]
        self.banner = False
        self.tour = False
        self._size = Size(0, 0)

    def use(self, pane: str) -> bool:
        """This pane was used last; True when that moves anything."""
        before = self._parts()
        self.recent.remove(pane)
        self.recent.insert(0, pane)
        return self._parts() != before

    def _parts(self) -> dict[str, Region]:
        return place(self._size.width, self._size.height, self.recent, self.banner, self.tour)

    def arrange(self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True) -> ArrangeResult:
        self._size = size
        parts = self._parts()
        placements: list[WidgetPlacement] = []
        for order, child in enumerate(children):
            region = parts.get(child.id or "")
            if region is not None and region.area:
                margin = child.styles.margin
                placements.append(
                    WidgetPlacement(region, NULL_OFFSET, margin, child, order, overlay=child.id == "tour")
                )
        return placements
