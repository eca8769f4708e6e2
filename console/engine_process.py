"""The engine as a process: in the foreground without a screen, or in one process with it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from console.cli.failure import CommandFailed, Exit
from console.cli.seat import actor, command_id
from console.drills import Score, keep, play
from console.pocket import add_telegram
from console.story import tell_story
from engine.build import build_engine
from engine.embedded import ExchangeDidNotStart
from engine.embedded import stop as stop_exchange
from engine.exchange.signing import KeyUnusable
from engine.port.address import EngineLock
from engine.port.commands import Done, Query

if TYPE_CHECKING:
    from config import Loaded
    from console.options import ConsoleOptions
    from engine.runtime import Engine


def run_headless(
    loaded: Loaded,
    home: Path,
    *,
    record: bool = False,
    for_s: float | None = None,
    summary: bool = False,
    story: bool = False,
    as_json: bool = False,
) -> int:
    """Run the engine until it is told to stop, a signal comes, or `for_s` of wall time has passed; its exit code."""
    with _locked(home):
        return asyncio.run(_headless(loaded, home, record, for_s, summary, story, as_json))


def run_inline(loaded: Loaded, home: Path, options: ConsoleOptions, *, record: bool = False) -> int:
    """Engine and screen on one loop; leaving the screen stops both."""
    with _locked(home):
        return asyncio.run(_inline(loaded, home, options, record))


def run_drill(loaded: Loaded, home: Path, name: str, for_s: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Run one drill in this process; its score as plain data."""
    with _locked(home):
        score = asyncio.run(_drill(loaded, home, name, for_s, say))
    keep(home, score)
    value: dict[str, Any] = msgspec.to_builtins(score)
    return value


async def _drill(loaded: Loaded, home: Path, name: str, for_s: float, say: Callable[[str], None]) -> Score:
    engine = await _built(loaded, home, record=False)
    _obey_signals(engine)
    running = asyncio.create_task(engine.run())
    try:
        return await play(engine, name, for_s, say)
    finally:
        engine.stop("the drill is over")
        await running
        stop_exchange(home)


async def _headless(
    loaded: Loaded, home: Path, record: bool, for_s: float | None, summary: bool, story: bool, as_json: bool
) -> int:
    engine = await _built(loaded, home, record=record)
    _obey_signals(engine)
    teller = asyncio.create_task(tell_story(engine.port, click.echo)) if story else None
    timer = asyncio.create_task(_stop_after(engine, for_s)) if for_s is not None else None
    try:
        code = await engine.run()
        if summary:
            await _summarise(engine, as_json)
    finally:
        for task in (teller, timer):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        if summary and loaded.settings.venue == "sim":
            stop_exchange(home)
    return code


async def _inline(loaded: Loaded, home: Path, options: ConsoleOptions, record: bool) -> int:
    from console.app import PerpdeckApp

    engine = await _built(loaded, home, record=record)
    running = asyncio.create_task(engine.run())
    try:
        await engine.opened.wait()
        await PerpdeckApp(engine.port, options).run_async(mouse=False)
    finally:
        engine.stop("the screen was left")
    return await running


async def _built(loaded: Loaded, home: Path, *, record: bool) -> Engine:
    try:
        engine = await build_engine(loaded, home, record=record)
    except ExchangeDidNotStart as error:
        raise CommandFailed(Exit.EXCHANGE, str(error), name="exchange_did_not_start") from error
    except KeyUnusable as error:
        raise CommandFailed(Exit.SECRET, str(error), name="key_unusable", hint="perpdeck doctor --online") from error
    add_telegram(engine, loaded)
    return engine


def _obey_signals(engine: Engine) -> None:
    """First SIGTERM or SIGINT stops, a second skips the waiting; a hang-up is nothing to an engine."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, engine.stop, signal.Signals(number).name)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)


async def _stop_after(engine: Engine, seconds: float) -> None:
    await engine.opened.wait()
    await asyncio.sleep(seconds)
    engine.stop(f"{seconds:g} s have passed")


async def _summarise(engine: Engine, as_json: bool) -> None:
    reply = await engine.port.submit(Query(id=command_id(), actor=actor(), what="summary"))
    if not isinstance(reply, Done):
        return
    value = json.loads(reply.data)
    if as_json:
        click.echo(json.dumps(value))
    else:
        width = max(map(len, value))
        click.echo("\n".join(f"  {name.replace('_', ' '):<{width}}  {item}" for name, item in value.items()))


@contextlib.contextmanager
def _locked(home: Path) -> Iterator[None]:
    _leave_no_core()
    lock = EngineLock(home)
    holder = lock.take()
    if holder is not None:
        raise CommandFailed(
            Exit.ERROR, f"an engine is running on this home already, pid {holder}", name="already_running",
            where=str(home), hint="perpdeck attach, or perpdeck stop",
        )  # fmt: skip
    try:
        yield
    finally:
        lock.release()


def _leave_no_core() -> None:
    """A crash leaves no image of the memory behind: the keys are in it."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
