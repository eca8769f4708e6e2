"""A grid over a folder: tasks of one cell and one symbol, on this machine's processes or on a Dask cluster.

Finished cells are written down at once, so a sweep that was interrupted goes on where it stopped, and the same cell
has the same fingerprint wherever it ran.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from engine.research.backtest import Job, SymbolResult, run_jobs, run_symbol, trades_of
from engine.research.data import files_of
from engine.research.fingerprint import fingerprint
from engine.research.grid import Cell, applied, cell_id
from engine.research.stats import summary

Task = tuple[int, str]
CLUSTER_S: Final = 10  # to find a scheduler
Done = tuple[Task, SymbolResult]


class Runner(Protocol):
    """Runs tasks somewhere and yields them as they finish."""

    def __call__(self, jobs: Sequence[Job], tasks: Sequence[Task]) -> Iterator[Done]: ...


class CellResult(msgspec.Struct, frozen=True):
    """One cell of a sweep."""

    id: str
    cell: dict[str, Any]
    trades: int
    win_rate: float | None
    profit_factor: float | None
    expectancy_r: float | None
    expectancy_ci95: tuple[float, float] | None
    max_drawdown_r: float
    fingerprint: str


def sweep(
    job: Job,
    cells: Sequence[Cell],
    runner: Runner,
    kept: Path | None = None,
    seen: Callable[[SymbolResult], None] = lambda _result: None,
    skipped: Callable[[int], None] = lambda _cells: None,
) -> list[CellResult]:
    """Every cell, in the order given. Raises GridFault and DataFault; what had finished stays in `kept`."""
    jobs = [applied(job, cell) for cell in cells]
    ids = [cell_id(job, cell) for cell in cells]
    finished = {one.id: one for one in _read(kept)} if kept is not None else {}
    left = [k for k, name in enumerate(ids) if name not in finished]
    skipped(len(cells) - len(left))
    parts: dict[int, list[SymbolResult]] = {}
    for (k, _), result in runner(jobs, [(k, symbol) for k in left for symbol in job.symbols]):
        seen(result)
        parts.setdefault(k, []).append(result)
        if len(parts[k]) == len(job.symbols):
            done = _cell(ids[k], cells[k], jobs[k], parts.pop(k))
            finished[done.id] = done
            if kept is not None:
                with kept.open("ab") as file:
                    file.write(msgspec.json.encode(done) + b"\n")
    return [finished[name] for name in ids]


def cell_results(
    jobs: Sequence[Job], workers: int, seen: Callable[[SymbolResult], None] = lambda _result: None
) -> list[list[SymbolResult]]:
    """Every symbol of every job, for walk-forward; a symbol is evaluated once for all jobs of one analysis."""
    symbols = jobs[0].symbols
    parts: dict[str, list[SymbolResult]] = {}
    for symbol, found in _by_symbol(jobs, symbols, min(workers, len(symbols))):
        parts[symbol] = found
        for result in found:
            seen(result)
    return [[parts[symbol][k] for symbol in sorted(symbols)] for k in range(len(jobs))]


def _by_symbol(jobs: Sequence[Job], symbols: Sequence[str], workers: int) -> Iterator[tuple[str, list[SymbolResult]]]:
    if workers == 1:
        for symbol in symbols:
            yield symbol, run_jobs(jobs, symbol)
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(run_jobs, jobs, symbol): symbol for symbol in symbols}
        try:
            for future in as_completed(running):
                yield running[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def here(jobs: Sequence[Job], tasks: Sequence[Task]) -> Iterator[Done]:
    """One after the other, in this process."""
    for k, symbol in tasks:
        yield (k, symbol), run_symbol(jobs[k], symbol)


def processes(workers: int) -> Runner:
    """On this machine's cores."""

    def runner(jobs: Sequence[Job], tasks: Sequence[Task]) -> Iterator[Done]:
        if workers == 1:
            yield from here(jobs, tasks)
            return
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            ordered = largest_first(jobs, tasks)
            running = {pool.submit(run_symbol, jobs[k], symbol): (k, symbol) for k, symbol in ordered}
            try:
                for future in as_completed(running):
                    yield running[future], future.result()
            finally:
                pool.shutdown(cancel_futures=True)

    return runner


def largest_first(jobs: Sequence[Job], tasks: Sequence[Task]) -> list[Task]:
    """Long histories first, so that no worker is left with one at the end while the others are done."""
    sizes: dict[str, dict[str, int]] = {}
    for job in jobs:
        if job.folder not in sizes:
            sizes[job.folder] = {symbol: file.stat().st_size for symbol, file in files_of(Path(job.folder)).items()}
    return sorted(tasks, key=lambda task: (task[0], -sizes[jobs[task[0]].folder][task[1]], task[1]))


def cluster(url: str) -> Runner:
    """On a Dask cluster; its workers see the same files under the same paths. Raises OSError when it is not there."""
    from distributed import Client  # noqa: PLC0415 - an extra
    from distributed import as_completed as finished  # noqa: PLC0415

    def runner(jobs: Sequence[Job], tasks: Sequence[Task]) -> Iterator[Done]:
        with Client(url, timeout=CLUSTER_S) as client:
            ordered = largest_first(jobs, tasks)
            running = {client.submit(run_symbol, jobs[k], symbol, pure=False): (k, symbol) for k, symbol in ordered}
            for future in finished(list(running)):
                yield running[future], future.result()

    return runner


def _cell(name: str, cell: Cell, job: Job, results: Iterable[SymbolResult]) -> CellResult:
    trades = trades_of(sorted(results, key=lambda result: result.symbol))
    found = summary(trades)
    return CellResult(
        name, dict(cell), found.trades, found.win_rate, found.profit_factor, found.expectancy_r,
        found.expectancy_ci95, found.max_drawdown_r, fingerprint(trades, job.settings, job.exits, job.fees),
    )  # fmt: skip


def _read(kept: Path) -> list[CellResult]:
    """Cells finished before; a last line cut off by an interruption is done again."""
    found: list[CellResult] = []
    if not kept.is_file():
        return found
    for line in kept.read_text(encoding="utf-8").splitlines():
        try:
            found.append(msgspec.convert(json.loads(line), CellResult))
        except (json.JSONDecodeError, msgspec.ValidationError):
            continue
    return found
