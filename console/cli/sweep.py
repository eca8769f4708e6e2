"""`perpdeck sweep`: a grid of settings over recorded candles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console.cli.failure import CommandFailed, Exit
from console.cli.invocation import Invocation, shared
from console.cli.lab_options import job_of, laboratory, measuring, read_yaml, workers_of
from console.cli.progress import Progress
from console.cli.tables import table

if TYPE_CHECKING:
    from engine.research.backtest import SymbolResult
    from engine.research.sweep import CellResult, Runner


@click.command()
@click.argument("grid_file", metavar="GRID.yaml", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@laboratory
@click.option("--scheduler", metavar="URL", help="A Dask cluster, instead of processes here.")
@click.option("--keep", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.jsonl",
              help="Finished cells; default beside the grid. A sweep goes on from it.")  # fmt: skip
@shared
def sweep(call: Invocation, grid_file: Path, **given: Any) -> None:
    """Try every combination of a grid; interrupted, it goes on where it stopped."""
    from engine.research.grid import GridFault, cells_of, grid_of
    from engine.research.sweep import cluster, processes
    from engine.research.sweep import sweep as run

    job = job_of(call, given, draws=0)
    keep: Path = given["keep"] if given["keep"] is not None else grid_file.with_suffix(".results.jsonl")
    try:
        cells = cells_of(grid_of(read_yaml(grid_file)))
        runner: Runner = cluster(given["scheduler"]) if given["scheduler"] else processes(workers_of(given))
    except GridFault as fault:
        raise CommandFailed(Exit.USAGE, str(fault), name="bad_grid", where=str(grid_file)) from fault
    except ImportError as error:
        hint = "pip install 'perpdeck[cluster]'"
        raise CommandFailed(Exit.USAGE, "a cluster needs dask", name="usage", hint=hint) from error
    progress = Progress(len(cells) * len(job.symbols), "bars", quiet=call.quiet)

    def seen(result: SymbolResult) -> None:
        progress.step(result.bars)

    def skipped(count: int) -> None:
        if count:
            call.say(f"{count} of {len(cells)} cells are known from {keep}")
        for _ in range(count * len(job.symbols)):
            progress.step(0)

    with measuring(progress):
        try:
            found = run(job, cells, runner, keep, seen, skipped)
        except GridFault as fault:
            raise CommandFailed(Exit.USAGE, str(fault), name="bad_grid", where=str(grid_file)) from fault
    call.data(_value(found), _text(found))


def _value(found: list[CellResult]) -> dict[str, Any]:
    import msgspec

    from engine.research.deflation import deflated

    ordered = _best_first(found)
    return {"trials": len(found), "cells": msgspec.to_builtins(ordered), "best": deflated(ordered)}


def _text(found: list[CellResult]) -> str:
    from engine.research.deflation import deflated

    ordered = _best_first(found)
    rows = [
        (str(one.trades), *(("-" if value is None else f"{value:.3f}") for value in
         (one.win_rate, one.profit_factor, one.expectancy_r)),
         "  ".join(f"{name.rpartition('.')[2]}={value}" for name, value in one.cell.items()))
        for one in ordered[:20]
    ]  # fmt: skip
    best = deflated(ordered)
    said = "-" if best is None else f"{best['chance']:.3f}"
    return (
        f"{table(('trades', 'win rate', 'PF', 'expect. R', 'cell'), rows)}\n{len(found)} trials; chance that the best "
        f"of so many would look this good without any edge: {said}"
    )


def _best_first(found: list[CellResult]) -> list[CellResult]:
    def merit(one: CellResult) -> tuple[float, str]:
        return (-(one.expectancy_r if one.expectancy_r is not None else -1e9), one.id)

    return sorted(found, key=merit)
