"""The laboratory on the command line: `backtest`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console.cli.invocation import Invocation, finite, shared
from console.cli.lab_options import job_of, laboratory, measuring, workers_of
from console.cli.progress import Progress

if TYPE_CHECKING:
    from engine.research.backtest import Job
    from engine.research.result import Result


@click.command()
@laboratory
@click.option("--no-minutes", is_flag=True, help="Walk on 15m bars also where 1m bars were recorded.")
@click.option("--draws", type=click.IntRange(min=0), default=3, show_default=True, help="Matched random sets.")
@click.option("--trades", "trades_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.jsonl")
@click.option("--report", "report_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.html")
@shared
def backtest(call: Invocation, **given: Any) -> None:
    """Run the decision code of the desk over recorded candles, costs included."""
    from engine.research.terminal import page

    job = job_of(call, given, minutes=not given["no_minutes"], draws=given["draws"])
    result = measure(call, job, workers_of(given))
    if given["trades_file"] is not None:
        write_trades(given["trades_file"], result)
    if given["report_file"] is not None:
        from engine.research.html import report

        given["report_file"].write_text(report(result), encoding="utf-8")
        call.say(f"report written to {given['report_file']}")
    call.data(result.row() if call.json else None, None if call.json else page(result))


def measure(call: Invocation, job: Job, workers: int) -> Result:
    """Run a job with a progress bar. Raises CommandFailed for what is wrong with a file."""
    from engine.research.backtest import SymbolResult, run
    from engine.research.result import Result

    progress = Progress(len(job.symbols), "bars", quiet=call.quiet)

    def seen(result: SymbolResult) -> None:
        progress.step(result.bars)

    with measuring(progress):
        results = run(job, workers, seen)
    for result in results:
        for fault_text in result.faults:
            call.say(f"left out {fault_text}")
    return Result(job, tuple(results), progress.elapsed_s)


def write_trades(file: Path, result: Result) -> None:
    """One JSON object a line, in the order of entry."""
    from engine.research.trades import in_order

    lines = [json.dumps(finite(trade.row())) for trade in in_order(result.trades)]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
