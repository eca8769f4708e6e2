"""What the screen costs: the book pane beside stock widgets, keys while everything closes, the first paint.

Run as `python -m tests.bench.bench_console [panes|keys|paint ...]`, all of them without an argument. Every part runs
real programs on pseudo-terminals. Bytes and ratios hardly depend on the machine; wall times do.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench import book_panes, book_source
from tests.support.terminal import PseudoTerminal

BEATS, HZ = 150, 10.0
ENVIRONMENT = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}


def panes() -> None:
    """Bytes and processor time of one book pane, ours and of stock widgets, on the same book at the same rate."""
    sources = ("recorded", "made") if book_source.CAPTURE.exists() else ("made",)
    for source in sources:
        costs = {name: pane_cost(name, source) for name in book_panes.APPS}
        bare, addressed = book_panes.floor_bytes(source, BEATS)
        print(f"book pane, {source} book, {BEATS} updates at {HZ:g} a second")
        ours = costs["ours"]
        for name, cost in costs.items():
            per_beat, busy_ms = cost["bytes"] / (BEATS - 1), cost["cpu_s"] / (BEATS - 1) * 1e3
            print(
                f"  {name:<7} {per_beat:7.0f} bytes {busy_ms:6.2f} ms of a core an update"
                + (
                    f"; ours is {cost['bytes'] / ours['bytes']:.1f}x fewer bytes and "
                    f"{ours['cpu_s'] / cost['cpu_s']:.2f}x its processor time"
                    if name != "ours"
                    else ""
                )
            )
        print(
            f"  floor   {bare / (BEATS - 1):7.0f} bytes of changed characters, ours is {ours['bytes'] / bare:.2f}x; "
            f"with an address for each run and a code for each style {addressed / (BEATS - 1):.0f} bytes, "
            f"ours is {ours['bytes'] / addressed:.2f}x"
        )


def pane_cost(name: str, source: str) -> dict[str, float]:
    """Bytes and processor seconds of one version, measured by itself in a process and a terminal of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cost.json"
        arguments = [sys.executable, "-m", "tests.bench.book_panes", name, source, str(BEATS), str(HZ), str(file)]
        terminal = PseudoTerminal(arguments, 100, 45, ENVIRONMENT)
        said = b""
        while not terminal.ended:
            said += terminal.read(0.1)
        terminal.close()
        if not file.exists():
            raise RuntimeError(f"{name} measured nothing; it said {said[-2000:].decode(errors='replace')}")
        value: dict[str, float] = json.loads(file.read_text())
        return value


PARTS: dict[str, Callable[[], None]] = {"panes": panes}


def main(names: list[str]) -> None:
    for name in names or PARTS:
        PARTS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
