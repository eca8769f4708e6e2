"""The book pane in a terminal: ours, and the same rows in stock widgets. Run by `bench_console`, one process each.

Run as `python -m tests.bench.book_panes ours|static|table SOURCE BEATS HZ FILE`: shows the same book, changed HZ times
a second, and writes to FILE what it cost. Processor time and bytes are counted from the second beat on, so neither
the start nor the first paint takes part.
"""

from __future__ import annotations

import asyncio
import json
import sys
from itertools import pairwise
from pathlib import Path
from time import process_time, thread_time

from rich.cells import cell_len
from rich.text import Text
from textual.app import App, ComposeResult
from textual.screen import Screen
from textual.widgets import DataTable, Static

from console.beat import Metered, metered
from console.lean import LeanCompositor, Shadow
from console.look import Look
from console.panes.book import BookPane
from console.panes.pane import Frame
from console.rows import Row, fit
from engine.port.views import BookView
from tests.bench.book_source import books

WIDTH, HEIGHT = 40, 40
VIEWS_HZ = 5.0
LOOK = Look()


class Shown(App[None]):
    """An app whose only content changes with the beat; counts what that costs."""

    CSS = "Screen { layout: vertical; } #pane { width: 40; height: 40; }"
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, source: str, beats: int, hz: float, file: Path) -> None:
        super().__init__(ansi_color=True)
        self._loop_s = lambda: asyncio.get_running_loop().time() if self.is_running else 0.0
        self.driver_class = metered(self.driver_class, lambda: 0.0)
        self.views = list(books(beats, VIEWS_HZ, source))
        self._pause_s, self._result = 1.0 / hz, file

    def on_mount(self) -> None:
        self.run_worker(self._beat(), exit_on_error=True)

    async def _beat(self) -> None:
        await asyncio.sleep(0.3)
        meter = self._driver._file  # type: ignore[union-attr]
        assert isinstance(meter, Metered)
        self.take(self.views[0])
        await asyncio.sleep(0.3)
        written, busy, own = meter.written, process_time(), thread_time()
        due_s = asyncio.get_running_loop().time()
        for view in self.views[1:]:
            due_s += self._pause_s
            await asyncio.sleep(max(due_s - asyncio.get_running_loop().time(), 0.0))
            self.take(view)
        await asyncio.sleep(0.2)
        figures = {
            "bytes": meter.written - written, "cpu_s": process_time() - busy, "loop_cpu_s": thread_time() - own,
        }  # fmt: skip
        self._result.write_text(json.dumps(figures))
        self.exit()

    def take(self, view: BookView) -> None:
        """Show this book now."""


class _Lean(Screen[None]):
    def __init__(self, shadow: Shadow) -> None:
        super().__init__()
        self._compositor = LeanCompositor(lambda: shadow)


class Ours(Shown):
    """The product's pane on the product's compositor."""

    def __init__(self, source: str, beats: int, hz: float, file: Path) -> None:
        super().__init__(source, beats, hz, file)
        self.pane = BookPane(LOOK, id="pane")

    def on_mount(self) -> None:
        self.push_screen(_Lean(Shadow()))
        self.call_after_refresh(self._place)
        super().on_mount()

    async def _place(self) -> None:
        await self.screen.mount(self.pane)

    def take(self, view: BookView) -> None:
        self.pane.view = view
        self.pane.paint(view.as_of_ms, 0.0)


class Plain(Shown):
    """The same rows as one renderable of a stock `Static`."""

    def compose(self) -> ComposeResult:
        yield Static(id="pane")

    def on_mount(self) -> None:
        self.source = BookPane(LOOK)
        super().on_mount()

    def take(self, view: BookView) -> None:
        text = Text(no_wrap=True)
        for number, row in enumerate(boxed(self.source, view)):
            text.append("\n" if number else "")
            for part, role in row:
                text.append(part, LOOK.style(role))
        self.query_one("#pane", Static).update(text)


class Table(Shown):
    """The same ladder in a stock `DataTable`: only cells that changed are updated."""

    def compose(self) -> ComposeResult:
        yield DataTable(id="pane", show_cursor=False, cell_padding=0)

    def on_mount(self) -> None:
        self.source = BookPane(LOOK)
        self._before: dict[tuple[int, int], tuple[str, str]] = {}
        self._widths = (2, 7, 8, 8, 15)
        table = self.query_one(DataTable)
        for column, width in enumerate(self._widths):
            table.add_column(Text("", no_wrap=True), width=width, key=str(column))
        for row in range(HEIGHT - 2):
            table.add_row(*("" for _ in self._widths), key=str(row))
        super().on_mount()

    def take(self, view: BookView) -> None:
        table = self.query_one(DataTable)
        for y, row in enumerate(boxed(self.source, view)[1:-1]):
            for column, cell in enumerate(_columns(row, self._widths)):
                if self._before.get((y, column)) != cell:
                    self._before[y, column] = cell
                    table.update_cell(str(y), str(column), Text(cell[0], LOOK.style(cell[1]), no_wrap=True))


def boxed(pane: BookPane, view: BookView) -> list[Row]:
    """The rows of our pane without the pane: what every version shows."""
    pane.view = view
    frame = Frame(width=WIDTH - 4, height=HEIGHT - 2, now_ms=view.as_of_ms)
    return [fit(row, WIDTH) for row in pane._boxed(pane.picture_of(frame), frame)]


def _columns(row: Row, widths: tuple[int, ...]) -> list[tuple[str, str]]:
    """A row of the ladder cut into columns, each in the style of its first visible character."""
    cells = [(char, role) for text, role in row[1:-1] for char in text]
    out, at = [], 0
    for width in widths:
        part = cells[at : at + width]
        at += width
        role = next((role for char, role in part if char != " "), "")
        out.append(("".join(char for char, _ in part), role))
    return out


def floor_bytes(source: str, beats: int) -> tuple[int, int]:
    """The bytes of the characters that changed and nothing else; and with the shortest way to address and style them.

    The second counts a cursor address for each run of changed cells and a style code where the style is not the one
    written last.
    """
    pane = BookPane(LOOK)
    bare = addressed = 0
    pictures = [[_cells(row) for row in boxed(pane, view)] for view in books(beats, VIEWS_HZ, source)]
    for before, after in pairwise(pictures):
        style = ""
        for y, (old, new) in enumerate(zip(before, after, strict=True)):
            run = False
            for x, (a, b) in enumerate(zip(old, new, strict=True)):
                if a == b:
                    run = False
                    continue
                if not run:
                    addressed += len(f"\x1b[{y + 1};{x + 1}H")
                run = True
                if b[1] != style:
                    addressed += len(LOOK.style(b[1]).render("x")) - 1 - 4 * bool(LOOK.style(b[1]))
                    style = b[1]
                size = len(b[0].encode())
                bare, addressed = bare + size, addressed + size
    return bare, addressed


def _cells(row: Row) -> list[tuple[str, str]]:
    assert all(cell_len(char) == 1 for text, _ in row for char in text)
    return [(char, "" if char == " " else role) for text, role in row for char in text]


APPS: dict[str, type[Shown]] = {"ours": Ours, "static": Plain, "table": Table}


def main(name: str, source: str, beats: str, hz: str, file: str) -> None:
    APPS[name](source, int(beats), float(hz), Path(file)).run(mouse=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
