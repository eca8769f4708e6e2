"""`perpdeck sim`: the exchange alone, for any client."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import click

from console.cli.failure import CommandFailed, Exit
from console.cli.invocation import Invocation, shared


@click.group()
def sim() -> None:
    """Serve the simulated exchange, or list what it can play."""


@sim.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8777, show_default=True, help="0 picks a free one.")
@click.option("--scenario", default="recorded", show_default=True)
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--speed", type=click.FloatRange(min=0, min_open=True, max=10_000), default=1.0, show_default=True)
@click.option("--seed", type=int, default=7, show_default=True)
@click.option("--symbols", default="", metavar="A,B|all")
@click.option("--faults", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--lenient", multiple=True, metavar="NAME")
@click.option("--balance", type=click.FloatRange(min=0, min_open=True), default=10_000.0, show_default=True)
@click.option("--ban-seconds", type=click.FloatRange(min=0, min_open=True), default=120.0, show_default=True)
@click.option("--control", is_flag=True, help="POST /sim/price and /sim/fault.")
@shared
def serve(call: Invocation, **given: object) -> None:
    """Serve until interrupted; one JSON line on stdout when ready."""
    from engine.sim.serve import InvalidOption, ServeOptions
    from engine.sim.serve import serve as run_server

    symbols = tuple(name for name in str(given.pop("symbols")).upper().split(",") if name)
    try:
        options = ServeOptions(symbols=("all",) if symbols == ("ALL",) else symbols, **given)  # type: ignore[arg-type]
    except InvalidOption as error:
        raise CommandFailed(Exit.USAGE, str(error), name="usage") from error

    async def go() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await run_server(options, lambda ready: click.echo(json.dumps(ready)), stop)

    try:
        asyncio.run(go())
    except InvalidOption as error:
        raise CommandFailed(Exit.USAGE, str(error), name="usage") from error


@sim.command()
@shared
def scenarios(call: Invocation) -> None:
    """What the exchange can play."""
    from engine.sim.scenarios import SCENARIOS

    rows = [{"name": name, "description": text} for name, text in SCENARIOS.items()]
    width = max(len(row["name"]) for row in rows)
    call.data(rows, "\n".join(f"{row['name']:<{width}}  {row['description']}" for row in rows))
