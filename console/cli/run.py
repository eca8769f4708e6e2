"""Commands that bring the desk up, show it, and take it down."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from console.cli.durations import Duration
from console.cli.failure import CommandFailed, Exit, not_running
from console.cli.invocation import Invocation, confirm_name, need_terminal, shared
from console.cli.playable import refuse_unknown
from console.cli.seat import actor, ask, command_id, query
from engine.port.address import engine_pid, socket_path
from engine.port.client import PortClient
from engine.port.commands import StopEngine

if TYPE_CHECKING:
    from console.memory import SeatMemory
    from console.options import ConsoleOptions

F = TypeVar("F", bound=Callable[..., Any])
DEMO_SPEED_SCREEN = 20.0
DEMO_SPEED_HEADLESS = 600.0
DEMO_SIGNAL_WALL_S = 60.0
DEMO_PIPE_S = 60.0
# A cross of the slow average is confirmed at the close of this bar of the tape, and reaches its first target soon.
DEMO_START_BAR = 3805
DEMO_INTO_BAR_S = 500.0
DEMO_LOADING_S = 6.0


def screen_options(command: F) -> F:
    """Flags of how the screen looks."""
    for option in (
        click.option("--link", type=click.Choice(["fast", "slow", "auto"])),
        click.option("--theme", type=click.Choice(["classic", "blue-orange", "mono"])),
        click.option("--ascii", "ascii_", is_flag=True, default=None, help="Plain glyphs."),
        click.option("--read-only", is_flag=True, help="Look, do not touch."),
    ):
        command = option(command)
    return command


@click.command()
@click.option("--venue", type=click.Choice(["paper", "testnet", "live", "sim"]))
@click.option("--mode", type=click.Choice(["signals", "approve", "auto"]))
@click.option("--headless", is_flag=True, help="The engine alone, in the foreground.")
@click.option("--inline", is_flag=True, help="Engine and screen in one process.")
@click.option("--symbols", metavar="A,B")
@click.option("--max-symbols", type=click.IntRange(min=0))
@click.option("--sim-url", metavar="URL", help="Trade on an exchange served elsewhere.")
@click.option("--record", is_flag=True, help="Keep the session for `perpdeck replay`.")
@click.option("--confirm", metavar="ACCOUNT", help="Needed for live, and for auto outside sim and paper.")
@screen_options
@shared
def run(call: Invocation, **given: Any) -> int:
    """Start the engine, and its screen unless --headless."""
    overrides = {
        "venue": given["venue"], "mode": given["mode"], "universe.symbols": _symbols(given["symbols"]),
        "universe.max_symbols": given["max_symbols"], "sim.url": given["sim_url"],
    }  # fmt: skip
    settings = call.load(overrides).settings
    if settings.venue == "sim" and not settings.sim.url:
        refuse_unknown(settings.universe.symbols, settings.sim.scenario)
    _gate(call, settings, given["confirm"])
    if given["headless"]:
        from console.engine_process import run_headless

        return run_headless(call.load(overrides), call.home, record=given["record"])
    need_terminal(call)
    _refuse_second(call.home)
    if given["inline"]:
        from console.engine_process import run_inline
        from console.memory import SeatMemory

        memory = SeatMemory(call.home / "seat.json")
        choices = screen_choices(call, given, None, memory, demo=False)
        return run_inline(call.load(overrides), call.home, choices, record=given["record"])
    return _start_and_show(call, overrides, given, demo=False)


@click.command()
@click.option("--speed", type=click.FloatRange(min=0, min_open=True, max=10_000), help="Exchange seconds per second.")
@click.option("--seed", type=int)
@click.option("--symbols", metavar="A,B")
@click.option("--headless", is_flag=True, help="No screen; tells its story and ends with a summary.")
@click.option("--mode", type=click.Choice(["approve", "auto", "signals"]))
@click.option("--for", "for_s", type=Duration(), help="End after this much wall time (headless).")
@click.option("--scenario", hidden=True)
@click.option("--crash-at", hidden=True)
@screen_options
@shared
def demo(call: Invocation, **given: Any) -> int:
    """The whole desk on recorded data: no key, no network."""
    refuse_unknown(_symbols(given["symbols"]), given["scenario"])
    headless = given["headless"] or not sys.stdout.isatty()
    speed = given["speed"] or (DEMO_SPEED_HEADLESS if headless else DEMO_SPEED_SCREEN)
    overrides: dict[str, Any] = {
        "venue": "sim", "mode": given["mode"] or ("auto" if headless and not given["headless"] else "approve"),
        "sim.speed": speed, "sim.seed": given["seed"], "sim.symbols": _symbols(given["symbols"]),
        "sim.scenario": given["scenario"], "sim.crash_at": given["crash_at"],
        "sim.start_bar": _start_bar(speed), "sim.into_bar_s": DEMO_INTO_BAR_S,
        "approval.unattended": True,
        "approval.min_wall_s": DEMO_SIGNAL_WALL_S,
    }  # fmt: skip
    if headless:
        from console.engine_process import run_headless

        for_s = given["for_s"] or (None if given["headless"] else DEMO_PIPE_S)
        return run_headless(
            call.load(overrides), call.home, for_s=for_s, summary=True, story=not call.json, as_json=call.json
        )
    need_terminal(call)
    call.load(overrides)
    if engine_pid(call.home) is not None:
        return _show(call, given, demo=True)
    return _start_and_show(call, overrides, given, demo=True)


@click.command()
@screen_options
@shared
def attach(call: Invocation, **given: Any) -> int:
    """Return to the running engine's screen."""
    need_terminal(call)
    if engine_pid(call.home) is None:
        raise not_running()
    return _show(call, given, demo=False)


@click.command()
@click.option("--flatten", is_flag=True, help="Close every position at market first.")
@click.option("--confirm", metavar="ACCOUNT")
@shared
def stop(call: Invocation, flatten: bool, confirm: str | None) -> int:
    """End the engine; positions keep their stops on the exchange."""
    from console.host import wait_stopped
    from engine.embedded import stop as stop_exchange

    if engine_pid(call.home) is None:
        stop_exchange(call.home)
        raise not_running()
    before = query(call, "status")
    if flatten:
        confirm_name(call, confirm, str(before["account"]), "stop --flatten closes every position")
    elif before["venue"] != "sim" and before["positions_open"] and call.may_ask:
        click.confirm(
            f"{before['positions_open']} positions stay open with their stops on the exchange. Stop?",
            abort=True,
            err=True,
        )
    done = ask(call, StopEngine(id=command_id(), actor=actor(), flatten=flatten))
    if not wait_stopped(call.home):
        raise CommandFailed(Exit.TIMEOUT, "the engine is still stopping after 30 s", name="timeout")
    if before["venue"] == "sim":
        stop_exchange(call.home)
    call.data({"state": "STOPPED", "text": done.text}, done.text or "stopped")
    return int(Exit.OK)


@click.command()
@click.option("--watch", is_flag=True, help="Again every second.")
@shared
def status(call: Invocation, watch: bool) -> int:
    """How the engine is; exit 3 when none runs."""
    import time

    while True:
        if engine_pid(call.home) is None:
            call.data({"state": "STOPPED"}, "no engine is running; start one with: perpdeck run, or perpdeck demo")
            return int(Exit.NOT_RUNNING)
        value = query(call, "status")
        width = max(map(len, value))
        call.data(value, "\n".join(f"{name:<{width}}  {item}" for name, item in value.items()))
        if not watch:
            return int(Exit.OK)
        time.sleep(1.0)


def default(call: Invocation) -> int:
    """`perpdeck` alone: attach, else start as configured; on a first run offer demo or paper."""
    if engine_pid(call.home) is not None:
        need_terminal(call)
        return _show(call, {}, demo=False)
    first_run = not any((call.home / name).exists() for name in ("settings.yaml", "engine.lock"))
    need_terminal(call)
    if first_run and call.may_ask:
        choice = click.prompt(
            "First run. Start the [demo] (recorded data, nothing needed) or [paper] (live data, no orders)?",
            type=click.Choice(["demo", "paper"]), default="demo", err=True, show_choices=False,
        )  # fmt: skip
        if choice == "demo":
            return int(click.get_current_context().invoke(demo) or 0)
    return int(click.get_current_context().invoke(run) or 0)


def _start_bar(speed: float) -> int:
    """So many bars before the one that matters as pass while history is loaded."""
    return DEMO_START_BAR - math.floor(speed * DEMO_LOADING_S / 900.0)


def _symbols(text: str | None) -> list[str] | None:
    return [name for name in text.upper().split(",") if name] if text else None


def _look(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "console.link": given.get("link"),
        "console.theme": given.get("theme"),
        "console.ascii": given.get("ascii_") or None,
    }


def _gate(call: Invocation, settings: Any, confirm: str | None) -> None:
    """Going live, and auto outside sim and paper, need the account's name typed."""
    from config import Settings

    assert isinstance(settings, Settings)
    name = settings.account.name
    grave = settings.venue == "live" or (settings.mode == "auto" and settings.venue == "testnet")
    if not grave:
        return
    what = "trading live" if settings.venue == "live" else "auto on testnet"
    given = confirm_name(call, confirm, name, what)
    if given != name:
        raise CommandFailed(Exit.REFUSED, f"{given!r} is not the account name", name="not_confirmed")


def _refuse_second(home: Path) -> None:
    if (pid := engine_pid(home)) is not None:
        raise CommandFailed(
            Exit.ERROR, f"an engine is running on this home already, pid {pid}", name="already_running",
            where=str(home), hint="perpdeck attach, or perpdeck stop",
        )  # fmt: skip


def _start_and_show(call: Invocation, overrides: dict[str, Any], given: dict[str, Any], *, demo: bool) -> int:
    from console.host import EngineDidNotStart, EngineStart, spawn, wait_ready

    start = EngineStart(call.home, call.config, call.profile, overrides, bool(given.get("record")))
    process = spawn(start)

    async def first() -> PortClient:
        return await wait_ready(call.home, process, screen_actor(), bool(given.get("read_only")))

    try:
        return _screen(call, given, first, demo=demo)
    except EngineDidNotStart as error:
        raise CommandFailed(
            error.code or Exit.ERROR, str(error), name="engine_did_not_start", where=str(call.home / "logs")
        ) from error


def _show(call: Invocation, given: dict[str, Any], *, demo: bool) -> int:
    return _screen(call, given, lambda: _attached(call, given), demo=demo)


async def _attached(call: Invocation, given: dict[str, Any]) -> PortClient:
    """The port of whatever engine runs on this home now; raises ConnectionError when none does."""
    return await PortClient.connect(socket_path(call.home), screen_actor(), bool(given.get("read_only")))


def _screen(call: Invocation, given: dict[str, Any], first: Callable[[], Awaitable[PortClient]], *, demo: bool) -> int:
    """Show the desk at the port that `first` opens; a lost engine is looked for again, not started."""
    from console.app import PerpdeckApp
    from console.memory import SeatMemory

    memory = SeatMemory(call.home / "seat.json")
    options = screen_choices(call, given, lambda: _attached(call, given), memory, demo=demo)

    async def go() -> PerpdeckApp:
        client = await first()
        app = PerpdeckApp(client, options)
        try:
            await app.run_async(mouse=False)
        finally:
            memory.save()
            with contextlib.suppress(ConnectionError):
                await client.close()
        return app

    app = asyncio.run(go())
    if engine_pid(call.home) is not None and not app.terminal_gone:
        call.say("the engine goes on; perpdeck attach returns to it, perpdeck stop ends it")
    return int(Exit.ERROR if app.return_code else Exit.OK)


def screen_choices(
    call: Invocation,
    given: dict[str, Any],
    open_port: Callable[[], Awaitable[PortClient]] | None,
    memory: SeatMemory,
    *,
    demo: bool,
) -> ConsoleOptions:
    """What settings and flags decide about a screen."""
    from console.options import ConsoleOptions

    settings = call.load_console(_look(given))
    return ConsoleOptions(
        theme=settings.theme, ascii=settings.ascii or not _unicode(call), link=settings.link, red_up=settings.red_up,
        bell=settings.bell,
        keys=dict(settings.keys), read_only=bool(given.get("read_only")), demo=demo, tour=demo and memory.first_time,
        actor=screen_actor(), reconnect=open_port, notices_after=memory.notices_after, seen=memory.saw,
        history=memory.history, no_color=call.no_color or bool(call.environment.get("NO_COLOR")),
    )  # fmt: skip


def screen_actor() -> str:
    """Who sits at this screen, for the record."""
    return f"console:{os.environ.get('USER') or 'local'}"


def _unicode(call: Invocation) -> bool:
    """Whether the locale can show our glyphs; LANG=C cannot."""
    names = (call.environment.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    chosen = next((name for name in names if name), "C")
    return "utf" in chosen.lower()
