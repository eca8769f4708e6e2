"""What the screen costs: the book pane beside stock widgets, keys while everything closes, the first paint.

Run as `python -m tests.bench.bench_console [panes|keys|paint ...]`, all of them without an argument. Every part runs
real programs on pseudo-terminals. Bytes and ratios hardly depend on the machine; wall times do.
"""

from __future__ import annotations

import compileall
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyte

from tests.bench import book_panes, book_source
from tests.bench.table import note
from tests.support.scripted_desk import ScriptedDesk
from tests.support.terminal import PseudoTerminal

BEATS, HZ = 150, 10.0
STARTS = 9
KEYS, SYMBOLS = 400, 600
CORNER = "┌".encode()
SIZE = (140, 40)
PAINT_WITHIN_S = 2.5
WHOLE_DESK = ("RUNNING", "mid  ", "confirm_depth", "mark 312", "TREND", "weight 1m")
"""A word of each pane: the frame with all of them is the whole desk."""
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
        static = costs["static"]
        name = f"book pane, {source} book"
        note(f"{name}: bytes of Static to ours", static["bytes"] / ours["bytes"], goal=8.0, at_least=True)
        note(f"{name}: processor, to Static", ours["cpu_s"] / static["cpu_s"], goal=0.35)
        note(f"{name}: bytes, to changed characters", ours["bytes"] / bare, goal=4.0)


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


def paint() -> None:
    """From the start of a process to its first full frame: a seat at a running desk, beside a bare Textual app.

    Compiled before, as an installation is: nobody else waits for that either.
    """
    for package in ("console", "engine", "config", "strategies"):
        compileall.compile_dir(package, quiet=1)
    ours: list[tuple[float, float]] = []
    bare: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder, ScriptedDesk(Path(folder)) as desk:
        for number in range(STARTS + 1):
            costs = (
                first_paint([sys.executable, "-m", "tests.bench.bare_app"], desk.environment, ("ready",)),
                first_paint([sys.executable, "-m", "console", "attach"], desk.environment, WHOLE_DESK),
            )
            if number:  # the first warms the disk's cache
                bare.append(costs[0])
                ours.append(costs[1])
    for name, costs in (("bare app", bare), ("attach", ours)):
        wall, busy = (statistics.median(column) for column in zip(*costs, strict=True))
        print(f"first paint, {name:<9} {wall:.3f} s, {busy:.3f} s of a core, median of {STARTS}")
    ratios = [
        statistics.median(column)
        for column in zip(*(_ratios(a, b) for a, b in zip(ours, bare, strict=True)), strict=True)
    ]
    note("first paint, to a bare Textual app", ratios[0], goal=1.5)
    print(f"  attach takes {ratios[0]:.2f}x as long as a bare app, and {ratios[1]:.2f}x its processor time")


def _ratios(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return one[0] / other[0], one[1] / other[1]


def first_paint(arguments: list[str], environment: dict[str, str], shows: tuple[str, ...]) -> tuple[float, float]:
    """Seconds, and seconds of a core, from the start until all of this stood on the screen.

    What came is only written down, with its time; an emulator reads it afterwards.
    """
    started_s = time.perf_counter()
    terminal = PseudoTerminal(arguments, *SIZE, environment)
    came: list[tuple[float, float, bytes]] = []
    while (now_s := time.perf_counter() - started_s) < PAINT_WITHIN_S:
        data = terminal.read(PAINT_WITHIN_S - now_s)
        if data:
            came.append((time.perf_counter() - started_s, cpu_s(terminal.pid), data))
    terminal.close()
    screen = pyte.Screen(*SIZE)
    stream = pyte.ByteStream(screen)
    for at_s, busy_s, data in came:
        stream.feed(data)
        text = "\n".join(screen.display)
        if all(word in text for word in shows):
            return at_s, busy_s
    raise RuntimeError(f"{arguments} did not paint within {PAINT_WITHIN_S} s:\n" + "\n".join(screen.display))


def cpu_s(pid: int) -> float:
    """Processor seconds a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def keys() -> None:
    """From a key to its answer on the screen while 600 symbols close without end."""
    for inline in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder) / "home"
            environment = {**ENVIRONMENT, "PERPDECK_HOME": str(home)}
            desk = [sys.executable, "-m", "tests.bench.closing_desk", str(home), str(SYMBOLS)]
            if inline:
                waits = answers([*desk, "inline"], environment)
            else:
                engine = subprocess.Popen(desk, stdout=subprocess.PIPE, text=True)
                try:
                    assert engine.stdout is not None
                    assert engine.stdout.readline() == "ready\n"
                    waits = answers([sys.executable, "-m", "console", "attach"], environment)
                finally:
                    engine.terminate()
                    engine.communicate(timeout=20)
            closes, last_ms = (home / "closes").read_text().split()
        waits.sort()
        quantiles = "  ".join(f"{name} {waits[int(len(waits) * at)]:.1f}" for name, at in (("p50", 0.5), ("p99", 0.99)))
        print(
            f"key to screen, {'one process with the engine' if inline else 'engine in a process of its own'}: "
            f"{quantiles}  max {waits[-1]:.1f} ms of {len(waits)} keys; "
            f"{closes} closes of {SYMBOLS} symbols meanwhile, the last {last_ms} ms"
        )
        name = "key to screen during closes, p99" + (", one process" if inline else "")
        note(name, waits[int(len(waits) * 0.99)], unit=" ms", goal=50.0)


def answers(arguments: list[str], environment: dict[str, str]) -> list[float]:
    """Milliseconds from each key to the box it draws: the keyboard goes to and fro between two panes.

    Nothing but a change of focus writes the corner of a box.
    """
    dice, waits = random.Random(1), []
    terminal = PseudoTerminal(arguments, *SIZE, environment)
    try:
        _drain(terminal, until=b"confirm_dep", within_s=120.0)
        _drain(terminal, until=None, within_s=2.0)
        for number in range(KEYS):
            terminal.write(b"53"[number % 2 : number % 2 + 1])
            sent_s = time.perf_counter()
            _drain(terminal, until=CORNER, within_s=5.0)
            waits.append((time.perf_counter() - sent_s) * 1e3)
            _drain(terminal, until=None, within_s=dice.uniform(0.05, 0.15))
        terminal.write(b"q")
        _drain(terminal, until=None, within_s=1.0)
    finally:
        terminal.close()
    return waits


def _drain(terminal: PseudoTerminal, until: bytes | None, within_s: float) -> None:
    """Read until this was written, or for so long."""
    said, ends_s = b"", time.perf_counter() + within_s
    while (left_s := ends_s - time.perf_counter()) > 0:
        said += terminal.read(left_s)
        if until is not None and until in said:
            return
    if until is not None:
        raise RuntimeError(f"{until!r} did not come within {within_s} s: {said[-1000:].decode(errors='replace')}")


PARTS: dict[str, Callable[[], None]] = {"panes": panes, "keys": keys, "paint": paint}


def main(names: list[str]) -> None:
    for name in names or PARTS:
        PARTS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
