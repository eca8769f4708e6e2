"""The chart of the symbol in focus: candles with zones, levels, own orders and fills."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from console import depth, render
from console.candles import chart_rows
from console.rows import Row, wrap
from console.screens.page import Page
from engine.port.views import BookView, ChartView

if TYPE_CHECKING:
    from console.app import PerpdeckApp

TIMEFRAMES = ("15m", "1h", "4h", "1d")
DEPTH_FROM = 180  # columns with room for the depth beside the candles


class ChartPage(Page):
    """`t`; `[` and `]` change the timeframe, up and down go back and forth in time."""

    PLACE = "chart"

    def __init__(self, app: PerpdeckApp, symbol: str, timeframe: str = "15m") -> None:
        super().__init__(app)
        self.symbol = symbol
        self._at = TIMEFRAMES.index(timeframe)
        self._back = 0

    def on_mount(self) -> None:
        super().on_mount()
        self._watch()

    def on_unmount(self) -> None:
        super().on_unmount()
        self.desk_app.feed.unwatch("chart")

    def look_at(self, symbol: str) -> None:
        self.symbol, self._back = symbol, 0
        self._watch()

    def _watch(self) -> None:
        self.desk_app.feed.watch("chart", {"symbol": self.symbol, "tf": TIMEFRAMES[self._at]})

    def _view(self) -> ChartView | None:
        view = self.desk_app.feed.view("chart", ChartView)
        return view if view is not None and view.symbol == self.symbol else None

    def heading(self) -> Row:
        frames: list[tuple[str, str]] = [(f"{self.symbol}  ", "title")]
        for index, name in enumerate(TIMEFRAMES):
            chosen = index == self._at
            frames.append((f"[{name}]" if chosen else f" {name} ", "accent" if chosen else "muted"))
        return tuple(frames)

    def state(self) -> Row:
        view = self._view()
        if view is None or not view.bars:
            return ()
        bar = view.bars[-1]
        digits = render.decimals(view.tick)
        role = "up" if bar.close >= bar.open else "down"
        prices = zip("OHLC", (bar.open, bar.high, bar.low, bar.close), strict=True)
        facts = " ".join(f"{name} {price:.{digits}f}" for name, price in prices)
        age = render.age(self.desk_app.feed.age_ms("chart"))
        back = f"  {self._back} bars back" if self._back else ""
        return ((facts, role), (back, "warn"), (f"  {age}", "muted"))

    def rows(self, width: int, height: int) -> Sequence[Row]:
        view = self._view()
        if view is None:
            return wrap(f"waiting for {TIMEFRAMES[self._at]} candles of {self.symbol}", width, "muted")
        self._back = max(0, min(self._back, len(view.bars) - 1))
        if width < DEPTH_FROM:
            return chart_rows(view, width, height, self._back)
        book = self.desk_app.feed.view("book", BookView)
        deep = depth.depth_rows(book if book is not None and book.symbol == self.symbol else None, depth.WIDTH, height)
        room = width - depth.WIDTH - 1
        return depth.beside(chart_rows(view, room, height, self._back), deep, room, depth.WIDTH)

    def act_shorter(self) -> None:
        self._turn(-1)

    def act_longer(self) -> None:
        self._turn(1)

    def _turn(self, step: int) -> None:
        self._at = max(0, min(self._at + step, len(TIMEFRAMES) - 1))
        self._back = 0
        self._watch()

    def act_up(self) -> None:
        self._back += 1

    def act_down(self) -> None:
        self._back = max(self._back - 1, 0)

    def act_page_up(self) -> None:
        self._back += 40

    def act_page_down(self) -> None:
        self._back = max(self._back - 40, 0)
