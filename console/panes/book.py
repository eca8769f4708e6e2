"""The ladder: asks above bids, size bars, cumulative depth, spread, imbalance, own orders on their level."""

from __future__ import annotations

import math
from collections.abc import Iterable

from console import render
from console.look import Look
from console.panes.pane import Frame, Pane, Picture, empty
from console.rows import Row, fit, left, right, spread
from engine.port.views import BookView, OwnLevel, TapeTrade

GROUPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

_TAPE_WIDTH = 24
_OWN = {"entry": "entry", "stop": "STOP", "tp1": "tp1", "tp2": "tp2", "trail": "trail"}


def group(levels: Iterable[tuple[str, float]], tick: str, factor: int, *, up: bool) -> list[tuple[str, float]]:
    """Levels merged to multiples of `factor` ticks: asks round up and bids down, so depth never looks nearer."""
    step, digits = float(tick), render.decimals(tick)
    merged: dict[int, float] = {}
    for price, size in levels:
        ticks = round(float(price) / step)
        slot = (math.ceil(ticks / factor) if up else math.floor(ticks / factor)) * factor
        merged[slot] = merged.get(slot, 0.0) + size
    return [(f"{slot * step:.{digits}f}", size) for slot, size in merged.items()]


def picture(view: BookView, frame: Frame, factor: int = 1) -> Picture:
    """The ladder of a synced book; of any other, the reason why there is none."""
    title: Row = (("Book ", "title"), (view.symbol, "title"))
    if factor > 1:
        title += ((f" ×{factor}", "muted"),)
    age_ms = None if view.age_ms is None or frame.age_ms is None else view.age_ms + frame.age_ms
    if view.state != "synced":
        reason = view.reason or {"empty": "no book yet"}.get(view.state, view.state)
        rows = [*empty(reason, frame.width), (), (("last ", "muted"), (view.last or render.UNKNOWN, "muted"))]
        return Picture(title, ((view.state, "warn"),), rows, blanked=True)
    slow = age_ms is None or age_ms > 1_500
    state: Row = (("synced ", "warn" if slow else "muted"), (_coarse_age(age_ms), "warn" if slow else "muted"))
    tape = frame.width >= 30 + _TAPE_WIDTH
    width = frame.width - (_TAPE_WIDTH if tape else 0)
    rows = _ladder(view, width, frame.height, factor)
    if tape:
        side = _tape(view.trades, frame.height)
        rows = [(*fit(row, width), ("  ", ""), *trade) for row, trade in zip(rows, side, strict=False)]
    return Picture(title, state, rows)


def _coarse_age(age_ms: float | None) -> str:
    """Steps of 50 ms below half a second: an age that flickers costs bytes and tells nothing."""
    if age_ms is None or age_ms >= 1_000:
        return render.age(age_ms)
    step = 50 if age_ms < 500 else 100
    return f"{math.ceil(age_ms / step) * step:.0f}ms"


def _ladder(view: BookView, width: int, height: int, factor: int) -> list[Row]:
    asks = group(view.asks, view.tick, factor, up=True)
    bids = group(view.bids, view.tick, factor, up=False)
    foot = 1 if height >= 9 else 0
    depth = max((height - 2 - foot) // 2, 1)
    asks, bids = asks[:depth], bids[: max(height - 2 - foot - depth, depth)]
    price_width = max((len(price) for price, _ in asks + bids), default=8)
    own = _own_by_level(view.own, view.tick, factor)
    largest = max((size for _, size in asks + bids), default=0.0)
    shape = (price_width, width, largest)
    rows: list[Row] = [
        (
            right("price", price_width + 2, "muted"),
            right("size", 8, "muted"),
            right("sum", 8, "muted"),
        )
    ]
    rows += [()] * (depth - len(asks))
    rows += reversed(_side(asks, "down", shape, own))
    rows.append(_middle(view, width))
    rows += _side(bids, "up", shape, own)
    rows += [()] * (height - foot - len(rows))
    if foot:
        rows.append(_foot(view, width))
    return rows


def _side(levels: list[tuple[str, float]], role: str, shape: tuple[int, int, float], own: dict[str, str]) -> list[Row]:
    price_width, width, largest = shape
    bar_width = max(width - price_width - 2 - 8 - 8 - 1, 0)
    total = 0.0
    rows: list[Row] = []
    for price, size in levels:
        total += size
        mine = own.get(price)
        bar = render.blocks(size / largest if largest else 0.0, bar_width)
        if mine:
            bar = f"◂ {mine}"[:bar_width].ljust(bar_width)
        rows.append(
            (
                ("▸ " if mine else "  ", "accent strong"),
                right(price, price_width, "accent strong" if mine else role),
                right(render.quantity(size), 8),
                right(render.quantity(total), 8, "muted"),
                (" ", ""),
                (bar, "accent strong" if mine else f"{role}_bar"),
            )
        )
    return rows


def _middle(view: BookView, width: int) -> Row:
    spread_text = render.number(view.spread_bps, 2)
    mid = render.UNKNOWN if view.mid is None else f"{view.mid:.{render.decimals(view.tick) + (width > 30)}f}"
    return spread(((mid, "title"), (" mid", "muted")), (("spread ", "muted"), (f"{spread_text}bp", "")), width)


def _foot(view: BookView, width: int) -> Row:
    imbalance = view.imbalance
    role = render.tone(imbalance, "up", "down")
    start: Row = (("imb ", "muted"), (render.signed(imbalance), role))
    end: Row = (("mark ", "muted"), (view.mark or render.UNKNOWN, ""))
    if view.resyncs:
        end += ((f"  resync {view.resyncs}", "warn"),)
    return spread(start, end, width)


def _own_by_level(own: tuple[OwnLevel, ...], tick: str, factor: int) -> dict[str, str]:
    """Own orders by the grouped level they rest in, on whichever side that is."""
    marks: dict[str, str] = {}
    for level in own:
        for up in (True, False):
            for price, _ in group([(level.price, 0.0)], tick, factor, up=up):
                marks[price] = _OWN.get(level.kind, level.kind)
    return marks


def _tape(trades: tuple[TapeTrade, ...], height: int) -> list[Row]:
    rows: list[Row] = [(left("tape", _TAPE_WIDTH - 2, "muted"),)]
    for trade in trades[: height - 1]:
        role = "up" if trade.buyer_taker else "down"
        rows.append(
            (
                ("▲" if trade.buyer_taker else "▼", role),
                right(trade.price, _TAPE_WIDTH - 11, role),
                right(render.quantity(trade.qty), 8),
            )
        )
    return rows + [()] * (height - len(rows))


class BookPane(Pane):
    TOPIC = "book"
    TITLE = "Book"
    CONTEXTS = ("book", "desk")

    def __init__(self, look: Look, *, id: str | None = None) -> None:
        super().__init__(look, id=id)
        self._group = 0

    def regroup(self, step: int) -> int:
        """Group coarser or finer; returns the factor in ticks."""
        self._group = max(0, min(self._group + step, len(GROUPS) - 1))
        self.repaint()
        return GROUPS[self._group]

    def picture_of(self, frame: Frame) -> Picture:
        assert isinstance(self.view, BookView)
        return picture(self.view, frame, GROUPS[self._group])
