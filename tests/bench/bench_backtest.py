"""How quick the laboratory is: its own strategies, its cost over months, and the same rule in other back-testers.

Run as `python -m tests.bench.bench_backtest [--data DIR] [--peers DIR]`. Peers live in environments of their own below
`.bench`, pinned and made by `make peers`; one that is not there is skipped with a word. All run one rule: long when
EMA20 crosses above EMA50 with RSI14 between 40 and 70, entered at the next open, stop 2 % below and target 4 % above
the fill. Wall times depend on the machine; ratios of one run hardly do.

Conventions in which they differ, allowed for and counted: backtesting.py lays its bracket around the close before the
fill, which it cannot know yet, and ours does the same beside it; averages begin with other seeds, so trades count once
those agree; a trade still open at the end of the data is closed there by some, and counts for nobody.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from engine.research.backtest import Job, run, run_symbol
from engine.research.data import files_of, read_tape
from engine.research.prices import path_of
from engine.research.walk import Fees, Terms, follow
from engine.trading.plan import ExitPlan
from strategies.indicators import ema, relative_strength
from tests.bench.table import note
from tests.support.series import RECORDED

STOP, TARGET, BAND = 0.02, 0.04, (40, 70)
FOREVER = ExitPlan(atr=1.0, bar_ms=900_000, time_stop_min_mfe_atr=0.0, absolute_ms=1 << 60)
SETTLED = 2000  # bars after which averages seeded in different ways agree
MONTH_MS = 30 * 86_400_000


def ours(folder: Path, symbol: str, before_fill: bool = False) -> tuple[float, int, list[list[int]]]:
    """The bracket rule with the laboratory's own pieces: seconds without reading, bars, trades.

    `before_fill` lays the bracket around the close of the signal.
    """
    bars = read_tape(folder, symbol, minutes=False).bars
    started = perf_counter()
    fast, slow, rsi = ema(bars.close, 20), ema(bars.close, 50), relative_strength(bars.close)
    signal = np.zeros(len(bars), dtype=np.bool_)
    signal[1:] = (fast[:-1] <= slow[:-1]) & (fast[1:] > slow[1:])
    signal &= (rsi > BAND[0]) & (rsi < BAND[1])
    path, fees = path_of(bars), Fees(0.0005, 0.0005, 0.0)
    found: list[list[int]] = []
    free = 0
    for bar in np.flatnonzero(signal[:-1]).tolist():
        if bar < free:
            continue
        entry = path.open[bar + 1]
        middle = path.close[bar] if before_fill else entry
        top = middle * (1 + TARGET)
        ended = follow(path, bar + 1, Terms(1, entry, middle * (1 - STOP), top, top, (0.0, 1.0, 0.0), FOREVER), fees)
        free = ended.last
        found.append([path.open_ms[bar + 1], ended.exit_ms])
    return perf_counter() - started, len(bars), found


def peer(python: Path, script: str, file: Path) -> dict[str, object] | None:
    """What another back-tester says; None where it is not installed."""
    if not python.exists():
        return None
    done = subprocess.run(
        [python, Path(__file__).parent / script, file], capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode:
        print(f"  {script}: {done.stderr.strip().splitlines()[-1]}")
        return None
    found: dict[str, object] = json.loads(done.stdout)
    return found


def beside_peers(folder: Path, peers: Path, symbol: str = "SOLUSDT") -> None:
    """One rule, one symbol, everybody."""
    file = files_of(folder)[symbol]
    seconds, bars, trades = min((ours(folder, symbol) for _ in range(5)), key=lambda one: one[0])
    print(f"EMA/RSI bracket rule, {symbol}, {bars:,} bars: ours {bars / seconds:,.0f} bars/s, {len(trades)} trades")
    times = read_tape(folder, symbol, minutes=False).bars.open_time
    since, until = int(times[SETTLED]), int(times[-1])

    def settled(rows: list[list[int]]) -> list[list[int]]:
        return [one for one in rows if one[0] >= since and one[1] < until]

    for name in ("freqtrade", "backtesting", "vectorbt"):
        found = peer(peers / name / "bin" / "python", f"peer_{name}.py", file)
        if found is None:
            print(f"  {name}: not installed below {peers}, skipped")
            continue
        mine = settled(ours(folder, symbol, before_fill=name == "backtesting")[2])
        theirs = settled(found["trades"])  # type: ignore[arg-type]
        same = sum(one in theirs for one in mine)
        speed = bars / float(found["seconds"])  # type: ignore[arg-type]
        print(
            f"  {name}: {speed:,.0f} bars/s, ours {bars / seconds / speed:.1f}x; of {len(mine)} settled trades "
            f"{same} are the same in entry and exit, they have {len(theirs)}"
        )
        goal = {"freqtrade": 5.0}.get(name)
        note(f"back-test, bars a second to {name}", bars / seconds / speed, goal=goal, at_least=True)


def over_months(folder: Path, symbol: str = "SOLUSDT") -> None:
    """Cost of a bar from one month to twelve, in processor time.

    The same twelve months each time, cut into runs of so many months: months differ in how much happens, runs do not.
    Every run reads and measures the whole file first, for its warm-up; that is the set-up, shown by itself.
    """
    last = int(read_tape(folder, symbol, minutes=False).bars.open_time[-1])

    def spent(from_ms: int, to_ms: int) -> tuple[float, int]:
        job = Job(folder=str(folder), symbols=(symbol,), from_ms=from_ms, to_ms=to_ms, draws=0)
        started = process_time()
        result = run_symbol(job, symbol)
        return process_time() - started, result.bars

    for months in (1, 3, 6, 12):
        setup = evaluated = 0.0
        bars = 0
        for before in range(0, 12, months):
            to_ms = last - before * MONTH_MS
            start, _ = spent(to_ms, to_ms)
            whole, counted = spent(to_ms - months * MONTH_MS, to_ms)
            setup, evaluated, bars = setup + start, evaluated + whole - start, bars + counted
        runs = 12 // months
        print(
            f"  runs of {months:2} months: {evaluated / bars * 1e6:5.1f} µs a bar, "
            f"and {setup / runs * 1e3:3.0f} ms of set-up a run"
        )


def pool(folder: Path, symbols: int = 24) -> None:
    """Every strategy over some symbols on one process and on two: by the clock, and by processor time spent.

    By the clock other programs take part; by processor time a second process costs what it spends beyond the first.
    """
    names = tuple(list(files_of(folder))[:symbols])
    job = Job(folder=str(folder), symbols=names, draws=0)
    walls, spent = [], []
    for workers in (1, 2):
        before, started = _spent(), perf_counter()
        bars = sum(result.bars for result in run(job, workers))
        walls.append(perf_counter() - started)
        spent.append(_spent() - before)
        print(f"  all strategies, {symbols} symbols, {workers} process(es): {bars / walls[-1]:,.0f} bars/s")
    print(
        f"  two processes are {walls[0] / walls[1]:.2f}x one by the clock, and spend {spent[1] / spent[0]:.2f}x its "
        f"processor time: {2 * spent[0] / spent[1]:.2f}x one on cores of their own"
    )
    note("back-test, two processes to one by the clock", walls[0] / walls[1], goal=1.7, at_least=True)


def _spent() -> float:
    """Processor time of this process and of children that have ended."""
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=RECORDED / "klines" / "um")
    parser.add_argument("--peers", type=Path, default=Path(".bench"))
    given = parser.parse_args()
    if not given.data.is_dir():
        print(f"recorded candles are not at hand: {given.data}")
        return
    beside_peers(given.data, given.peers)
    over_months(given.data)
    pool(given.data)


if __name__ == "__main__":
    main()
