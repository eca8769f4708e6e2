"""`perpdeck validate`: the honesty tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console.cli.failure import CommandFailed, Exit
from console.cli.invocation import Invocation, shared
from console.cli.lab_options import Day, job_of, laboratory, measuring, own_files, read_yaml, stored, workers_of
from console.cli.progress import Progress
from console.cli.tables import table

if TYPE_CHECKING:
    from engine.research.backtest import SymbolResult
    from engine.research.result import Result

PRESENT_GRID: dict[str, list[Any]] = {"strategies.action_price.standard_score": [6.0]}


@click.group()
def validate() -> None:
    """Check that a result is honest before believing it."""


@validate.command()
@laboratory
@click.option("--cuts", type=click.IntRange(1, 200), default=4, show_default=True, help="Moments to cut at, a symbol.")
@shared
def lookahead(call: Invocation, **given: Any) -> int:
    """Cut histories and compare all that was known; ends with 1 when something knew the future."""
    from engine.research.lookahead import inspect

    job = job_of(call, given)
    progress = Progress(len(job.symbols), "cuts", quiet=call.quiet)
    found = []
    with measuring(progress):
        for symbol in job.symbols:
            found.append(inspect(job, symbol, given["cuts"]))
            progress.step(given["cuts"])
    leaks = [leak for one in found for leak in one.leaks]
    compared: dict[str, int] = {}
    for one in found:
        for kind, count in one.compared.items():
            compared[kind] = compared.get(kind, 0) + count
    value = {
        "ok": not leaks, "symbols": len(found), "cuts": sum(one.cuts for one in found), "compared": compared,
        "leaks": [
            {"kind": leak.kind, "what": leak.what, "symbol": leak.symbol, "cut_ms": leak.cut_ms, "detail": leak.detail}
            for leak in leaks
        ],
    }  # fmt: skip
    counts = ", ".join(f"{count:,} {kind}s" for kind, count in compared.items())
    head = f"{value['cuts']} cuts of {len(found)} symbols, compared {counts}"
    rows = [(leak.kind, leak.what, leak.symbol, leak.detail) for leak in leaks[:50]]
    shown = table(("kind", "what", "symbol", "difference"), rows) if rows else "nothing knew the future"
    call.data(value, f"{head}\n{shown}")
    return int(Exit.ERROR if leaks else Exit.OK)


@validate.command()
@laboratory
@shared
def warmup(call: Invocation, **given: Any) -> None:
    """How values change with more history."""
    from engine.research.warmup import LENGTHS
    from engine.research.warmup import warmup as measure

    job = job_of(call, given)
    with measuring():
        rows = measure(job, job.symbols[0])
    value = {
        "symbol": job.symbols[0],
        "rows": [{"tf": row.tf, "name": row.name, "unit": row.unit, "by_bars": row.by_bars} for row in rows],
    }
    head = ("tf", "value", "unit", *(f"{bars} bars" for bars in LENGTHS))
    cells = [(row.tf, row.name, row.unit, *(_plain(row.by_bars[str(bars)]) for bars in LENGTHS)) for row in rows]
    call.data(value, f"largest difference to the whole history, {job.symbols[0]}\n{table(head, cells)}")


@validate.command()
@laboratory
@click.option("--sets", "draws", type=click.IntRange(10, 10_000), default=100, show_default=True, help="Random sets.")
@click.option("--trials", type=click.IntRange(min=1), default=1, show_default=True, help="Rules tried so far.")
@shared
def significance(call: Invocation, **given: Any) -> None:
    """The result against matched random entries, with the number of trials counted."""
    from console.cli.research import measure
    from engine.research.significance import significance as judge

    job = job_of(call, given, draws=given["draws"])
    result = measure(call, job, workers_of(given))
    found = judge(result.symbols, given["trials"])
    lines = [f"{name:<24} {_shown(value)}" for name, value in found.items()]
    call.data({**found, **_counted(result)}, "\n".join((*lines, _said(result))))


@validate.command()
@laboratory
@click.option("--grid", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="GRID.yaml")
@click.option("--folds", type=click.IntRange(2, 50), default=5, show_default=True)
@click.option("--embargo-days", type=click.FloatRange(min=0), default=7.0, show_default=True)
@shared
def walkforward(call: Invocation, **given: Any) -> None:
    """Parameters chosen on the past only, judged on what came after."""
    from engine.research.backtest import trades_of
    from engine.research.grid import GridFault, applied, cells_of, grid_of
    from engine.research.result import Result
    from engine.research.sweep import cell_results
    from engine.research.walkforward import walk_forward

    job = job_of(call, given, draws=0)
    try:
        grid = grid_of(read_yaml(given["grid"]) if given["grid"] is not None else {"parameters": PRESENT_GRID})
        cells = cells_of(grid)
        jobs = [applied(job, cell) for cell in cells]
    except GridFault as fault:
        raise CommandFailed(Exit.USAGE, str(fault), name="bad_grid", where=str(given["grid"] or "")) from fault
    progress = Progress(len(cells) * len(job.symbols), "bars", quiet=call.quiet)

    def seen(result: SymbolResult) -> None:
        progress.step(result.bars)

    with measuring(progress):
        results = cell_results(jobs, workers_of(given), seen)
    found = walk_forward(cells, [trades_of(one) for one in results], given["folds"], given["embargo_days"])
    present = Result(jobs[0], tuple(results[0]), progress.elapsed_s)
    folds = [
        {
            "train_to": fold.train_to, "test_from": fold.test_from, "test_to": fold.test_to, "chosen": fold.chosen,
            "trained": fold.trained.row(), "tested": fold.tested.row(),
        }
        for fold in found.folds
    ]  # fmt: skip
    value = {
        "trials": found.trials,
        "folds": folds,
        "out_of_sample": found.joined.row(),
        "unchosen": found.unchosen.row(),
        **_counted(present),
    }
    rows = [
        (fold.test_from, fold.test_to, str(fold.trained.trades), _plain(fold.trained.expectancy_r),
         str(fold.tested.trades), _plain(fold.tested.expectancy_r), str(fold.chosen))
        for fold in found.folds
    ]  # fmt: skip
    head = ("test from", "to", "trained", "expect. R", "tested", "expect. R", "chosen")
    tail = [
        f"out of sample: {found.joined.trades} trades, PF {_plain(found.joined.profit_factor)}, "
        f"expectancy {_plain(found.joined.expectancy_r)} R {_shown(found.joined.expectancy_ci95)}, "
        f"{found.trials} trials",
        f"without choosing: {found.unchosen.trades} trades, PF {_plain(found.unchosen.profit_factor)}, "
        f"expectancy {_plain(found.unchosen.expectancy_r)} R {_shown(found.unchosen.expectancy_ci95)}",
        _said(present),
    ]
    call.data(value, "\n".join((table(head, rows), *tail)))


@validate.command()
@laboratory
@click.option("--write-measured", is_flag=True, help="Put what scores have earned beside signals (into --home).")
@click.option("--write-weights", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.yaml")
@shared
def calibration(call: Invocation, **given: Any) -> None:
    """What scores have earned, and whether a higher one earns more; fitted in sample, reported out of sample."""
    import msgspec

    from console.cli.research import measure
    from engine.research.calibration import calibrate, score_groups, weights_file
    from engine.research.measured import table_of, write

    job = job_of(call, given, draws=0)
    result = measure(call, job, workers_of(given))
    trades = result.trades
    found = {name: one for name in job.names if (one := calibrate(trades, name)) is not None}
    measured = table_of(result)
    value: dict[str, Any] = {
        "calibration": {name: msgspec.to_builtins(one) for name, one in found.items()},
        "scores": {name: score_groups([t for t in trades if t.strategy == name]) for name in found},
        "buckets": msgspec.to_builtins(measured.buckets),
        **_counted(result),
    }
    if given["write_measured"]:
        call.say(f"{len(measured.buckets)} groups written to {write(call.home, measured)}")
    if given["write_weights"] is not None:
        if "action_price" not in found:
            raise CommandFailed(Exit.ERROR, "too few trades of action_price to suggest weights", name="too_few")
        import yaml

        given["write_weights"].write_text(yaml.safe_dump(weights_file(found["action_price"])), encoding="utf-8")
        call.say(f"suggested weights written to {given['write_weights']}; name it with --config to use them")
    call.data(value, f"{_calibrated(value)}\n{_said(result)}")


@validate.command()
@click.option("--from", "from_ms", type=Day(), metavar="DATE", help="First day, UTC; default the first decision.")
@click.option("--to", "to_ms", type=Day(), metavar="DATE", help="Day after the last one, UTC.")
@click.option("--slippage-bps", type=click.FloatRange(min=0), default=1.0, show_default=True)
@shared
def parity(call: Invocation, from_ms: int | None, to_ms: int | None, slippage_bps: float) -> None:
    """What the desk of this home decided and filled, against the replay of the same stretch."""
    from console.cli.records import read
    from engine.research.parity import compare, row_of
    from engine.research.replay import Rules
    from engine.research.walk import Fees

    settings = call.load().settings
    rows = read(call, lambda queries: queries.signals())
    if not rows:
        raise CommandFailed(Exit.ERROR, "the desk of this home has decided nothing yet", name="nothing_recorded")
    incidents = read(call, lambda queries: queries.incidents())
    first = from_ms if from_ms is not None else min(row.decided_ms for row in rows)
    last = to_ms if to_ms is not None else max(row.decided_ms for row in rows) + 1
    taker, maker = settings.risk.taker_bps / 1e4, settings.risk.maker_bps / 1e4
    rules = Rules(settings.strategies, settings.exits, settings.risk, Fees(taker, maker, slippage_bps / 1e4))
    found = compare(rows, incidents, stored(call), rules, first, last, own_files(call, settings))
    head = (
        f"{found.live} live signals, {found.replayed} replayed, {found.same} the same; "
        f"{found.fills_compared} fills, median slippage {_plain(found.median_slippage_bps)} bp"
    )
    cells = [(one.what, one.symbol, one.strategy, one.side, one.why, one.detail) for one in found.differences[:100]]
    shown = table(("what", "symbol", "strategy", "side", "why", "detail"), cells) if cells else "no difference"
    call.data(row_of(found), f"{head}\n{shown}")


def _counted(result: Result) -> dict[str, Any]:
    """Which costs the figures carry, and what they do not show by themselves."""
    return {"costs": result.costs, "notes": result.notes()}


def _said(result: Result) -> str:
    from engine.research.terminal import charged

    return "\n".join((charged(result.costs), *(f"note: {note}" for note in result.notes())))


def _calibrated(value: dict[str, Any]) -> str:
    parts: list[str] = []
    for name, one in value["calibration"].items():
        rows = [
            (score, str(row["trades"]), _plain(row["win_rate"]), _plain(row["expectancy_r"]),
             _shown(row["expectancy_ci95"])) for score, row in value["scores"][name].items()
        ]  # fmt: skip
        parts.append(f"{name}: score and net R correlate by {_plain(one['score_correlation'])}")
        parts.append(table(("score", "trades", "win rate", "expect. R", "95 %"), rows))
        loss = "  ".join(f"{which} {number:.4f}" for which, number in one["log_loss"].items())
        parts.append(f"log loss out of sample ({one['tested']} trades): {loss}")
        if one["log_loss"]["logistic"] >= one["log_loss"]["base rate"]:
            parts.append("the fitted weights do not beat the plain win rate on later trades: they are not worth using")
        parts_of = [
            (part["name"], f"{part['mean_points']:+.2f}", _plain(part["correlation"]), f"{part['coefficient']:+.3f}",
             f"{part['log_loss_without']:.4f}", f"{part['suggested_weight']:g}") for part in one["components"]
        ]  # fmt: skip
        parts.append(table(("component", "mean", "corr. R", "fitted", "loss without", "weight"), parts_of))
    return "\n".join(parts) if parts else "too few trades to calibrate"


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(f"{one:+.3f}" for one in value) + "]"
    return "-" if value is None else str(value)
