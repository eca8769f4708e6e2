"""`perpdeck drill`: practise a failure on the embedded exchange."""

from __future__ import annotations

from typing import Any

import click

from console.cli.durations import Duration
from console.cli.failure import CommandFailed, Exit
from console.cli.invocation import Invocation, shared
from console.cli.tables import table

CRASH = "crash:"
DRILL_SPEED = 120.0
DRILL_S = 60.0
# One signal is taken before the trouble, which comes after half a minute, and one into it.
START_BAR = 3803
INTO_BAR_S = 300.0


@click.group()
def drill() -> None:
    """List, run and score drills."""


@drill.command("list")
@shared
def list_drills(call: Invocation) -> None:
    """Everything that can be made to go wrong."""
    from engine.sim.faults import KINDS
    from engine.trading.crash import CRASH_POINTS

    rows = [{"name": name, "description": kind.words, "parameters": dict(kind.params)} for name, kind in KINDS.items()]
    rows += [{"name": CRASH + point, "description": words, "parameters": {}} for point, words in CRASH_POINTS.items()]
    call.data(rows, table(("drill", "what happens"), [(row["name"], row["description"]) for row in rows]))  # type: ignore[misc]


@drill.command()
@click.argument("name")
@click.option("--headless", is_flag=True, help="Without the screen, in mode auto, ending with the score.")
@click.option("--for", "for_s", type=Duration(), default=DRILL_S, show_default=True)
@click.option("--speed", type=click.FloatRange(min=0, min_open=True, max=10_000))
@shared
def run(call: Invocation, name: str, headless: bool, for_s: float, speed: float | None) -> int:
    """Live through one failure; with a terminal on the real screen."""
    import sys

    from engine.sim.faults import KINDS
    from engine.trading.crash import CRASH_POINTS

    crash_at = name.removeprefix(CRASH) if name.startswith(CRASH) else ""
    if name not in KINDS and crash_at not in CRASH_POINTS:
        raise CommandFailed(
            Exit.USAGE, f"unknown drill {name!r}", name="unknown_drill", hint="perpdeck drill list shows them all"
        )
    scenario = "" if crash_at else name
    if not headless and sys.stdout.isatty():
        from console.cli.run import demo

        given: dict[str, Any] = {"scenario": scenario or None, "speed": speed, "crash_at": crash_at or None}
        return int(click.get_current_context().invoke(demo, **given) or 0)
    from console.engine_process import run_drill

    overrides = {
        "venue": "sim", "mode": "auto", "sim.scenario": scenario or None, "sim.speed": speed or DRILL_SPEED,
        "approval.unattended": True, "sim.start_bar": START_BAR, "sim.into_bar_s": INTO_BAR_S,
    }  # fmt: skip
    if crash_at:
        die_first(call, overrides, crash_at, for_s)
    score = run_drill(call.load(overrides), call.home, name, for_s, call.say)
    verdict = "passed" if score["passed"] else "FAILED"
    call.data(score, "\n".join([f"{name}: {verdict}", table(("", ""), [(k, str(v)) for k, v in score.items()])]))
    return int(Exit.OK if score["passed"] else Exit.ERROR)


def die_first(call: Invocation, overrides: dict[str, Any], point: str, for_s: float) -> None:
    """An engine of its own process trades until it dies at a journal point; the embedded exchange lives on.

    Raises CommandFailed when it does not come to the point in time.
    """
    from console.drills import live_until_killed
    from console.host import EngineStart
    from engine.trading.client_ids import EXIT

    call.say(f"an engine trades until it dies at {point}")
    start = EngineStart(call.home, call.config, call.profile, {**overrides, "sim.crash_at": point})
    if not live_until_killed(start, for_s, leaving=point.startswith(f"{EXIT}.")):
        raise CommandFailed(Exit.TIMEOUT, f"the engine did not come to {point} within {for_s:g} s", name="timeout")
    call.say("it is dead; the next one finds what it left")


@drill.command()
@shared
def score(call: Invocation) -> None:
    """The newest score of each drill that was run."""
    import msgspec

    from console.drills import read

    rows = [msgspec.to_builtins(one) for one in read(call.home)]
    names = ("drill", "passed", "naked_ms_max", "orders_doubled", "state_equal", "net_usdt", "entries")
    cells = [tuple(str(row[name]) for name in names) for row in rows]
    call.data(rows, table(names, cells) if rows else "no drill was run on this home yet")
