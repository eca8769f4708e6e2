"""A long time of trading with trouble: `python -m tests.soak.run --hours 24 --symbols 600 --seed 1 --speed 150`.

A served exchange, an engine on it, one who approves at random, two screens that attach and leave, a chat, and faults
every few minutes. At the end trouble stops, the last close is given its time, and every promise is looked at. The page
is printed and written to `build/soak-SEED.txt`; the exit code is the number of promises that did not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import yaml

from engine.port.address import socket_path
from tests.soak.page import Page
from tests.soak.people import Approver, Chatter, Screen
from tests.soak.promises import look
from tests.soak.trouble import Trouble
from tests.soak.watch import JUDGES, WATCHERS, Exchange, Meter, Recorder, Watcher
from tests.support.bot_api import TOKEN, BotApi
from tests.support.served_desk import ServedDesk

BAR_MS, HOUR_MS = 900_000, 3_600_000
POLL_S = 0.05
REPAIR_MS = 300_000  # holes are looked for three minutes after a close
LOAD_SPEED = 20.0
SETTLED_S = 60.0
SETTINGS = {
    "mode": "approve",
    # All that the tape holds; asking for more would only make the start longer.
    "history": {"days_15m": 36, "days_1h": 36, "days_4h": 36, "days_1d": 36},
    # Random approvals lose money; the run must not end with the day's loss.
    "risk": {
        "risk_pct": 0.2, "scalp_risk_pct": 0.2, "max_open": 20, "max_same_side": 15, "max_open_risk_pct": 20,
        "max_daily_loss_pct": 90, "max_weekly_loss_pct": 90,
    },
}  # fmt: skip


@dataclass(frozen=True)
class SoakOptions:
    """How long, how wide, how fast; `fault_s` is wall time between two faults, `tail_speed` the pace of the end."""

    hours: float = 24.0
    symbols: int = 600
    seed: int = 1
    speed: float = 150.0
    fault_s: float = 6.0
    tail_speed: float = 20.0
    calm_s: float = 25.0
    folder: Path = Path("build")


@dataclass
class Soak:
    """Everybody who takes part."""

    options: SoakOptions
    desk: ServedDesk
    exchange: Exchange
    watcher: Watcher
    recorder: Recorder
    meter: Meter
    trouble: Trouble
    approver: Approver
    screens: list[Screen]
    chatter: Chatter
    since_ms: int
    until_ms: int = 0
    began_s: float = 0.0
    wall_s: float = 0.0
    cpu_share: float = 0.0
    calm_files: list[int] = field(default_factory=list)  # before trouble and after it, without connections


def soak(options: SoakOptions) -> Page:
    """Run it all; the page of the result."""
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as folder,
        ServedDesk(Path(folder), str(options.symbols), LOAD_SPEED) as desk,
    ):
        page = asyncio.run(_run(options, desk))
        if page.missed:
            kept = options.folder / f"soak-{options.seed}-home"
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(desk.home, kept, ignore=shutil.ignore_patterns("*.sock", "history.sqlite*"))
            print(f"  logs and orders of the desk are kept in {kept}", flush=True)
    page.write(options.folder / f"soak-{options.seed}.txt")
    return page


async def _run(options: SoakOptions, desk: ServedDesk) -> Page:
    rng = Random(options.seed)
    async with _bot() as api, aiohttp.ClientSession() as session:
        given = {**SETTINGS, "telegram": {"enabled": True, "api_url": api.url, "operators": [1]}}
        desk.home.mkdir(parents=True)
        (desk.home / "settings.yaml").write_text(yaml.safe_dump(given), encoding="utf-8")
        desk.start(PERPDECK_TELEGRAM_TOKEN=TOKEN)
        done = await asyncio.to_thread(desk.logged, "load_done", 900)
        print(f"  {done['symbols']} symbols live after {done['minutes']:.1f} min", flush=True)
        names = [str(symbol) for symbol in desk.ready["symbols"]]
        socket = socket_path(desk.home)
        watching, judging = Exchange(desk.ready, WATCHERS), Exchange(desk.ready, JUDGES)
        # One generator each: who comes first must not change what the others do.
        seeds = [Random(rng.random()) for _ in range(5)]
        since_ms = desk.server_ms() // BAR_MS * BAR_MS
        run = Soak(
            options, desk, judging, Watcher(watching), Recorder(socket), Meter(desk, since_ms),
            Trouble(desk.ready["rest"], session, seeds[0], options.fault_s, options.speed, names),
            Approver(socket, seeds[1]), [Screen(socket, seeds[2], names), Screen(socket, seeds[3], names)],
            Chatter(api, seeds[4]), since_ms,
        )  # fmt: skip
        try:
            await _live(run)
            return await look(run)
        finally:
            await watching.close()
            await judging.close()


async def _live(run: Soak) -> None:
    """Trade under trouble for as long as asked, then let it calm down with only the watchers looking on."""
    options, desk = run.options, run.desk
    until_ms = await asyncio.to_thread(desk.server_ms) + round(options.hours * HOUR_MS)
    run.began_s, used = time.monotonic(), desk.cpu_s()
    async with _together(run.watcher.run(), run.recorder.run(), run.meter.run()):
        await _calm(run)
        await asyncio.to_thread(desk.set_speed, options.speed)
        people = [run.approver.run(), *(screen.run() for screen in run.screens), run.chatter.run(), run.trouble.run()]
        async with _together(*people):
            await _await_ms(desk, until_ms)
        run.wall_s = time.monotonic() - run.began_s
        run.cpu_share = (desk.cpu_s() - used) / run.wall_s
        # A close at a pace that leaves stragglers and the repair of holes their turn.
        await asyncio.to_thread(desk.set_speed, options.tail_speed)
        run.until_ms = (desk.server_ms() // BAR_MS + 1) * BAR_MS
        await _await_ms(desk, run.until_ms + REPAIR_MS)
        await asyncio.to_thread(desk.set_speed, 1.0)
        await _settled(run)
        await _calm(run)
    run.watcher.finish()


async def _calm(run: Soak) -> None:
    """Let what was begun end, at the pace of a market, and count what stays open."""
    await asyncio.to_thread(run.desk.set_speed, 1.0)
    await asyncio.sleep(run.options.calm_s)
    run.calm_files.append(run.desk.open_files() - run.desk.connections())


async def _settled(run: Soak) -> None:
    """Wait until the desk says that it agrees with the exchange and every position is covered, for a while at most."""
    deadline = time.monotonic() + SETTLED_S
    while time.monotonic() < deadline:
        health = run.recorder.health
        if health is not None and health.reconciled and health.naked_ms == 0 and health.state == "RUNNING":
            return
        await asyncio.sleep(0.5)


async def _await_ms(desk: ServedDesk, at_ms: int) -> None:
    """A question at a time, so that an end by signal waits for no more than one."""
    while await asyncio.to_thread(desk.server_ms) < at_ms:  # noqa: ASYNC110 - the exchange sets no event of ours
        await asyncio.sleep(POLL_S)


@contextlib.asynccontextmanager
async def _together(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run all of these while the block lasts. One that fails ends the block with its error."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
        yield
        for task in tasks:
            task.cancel()


@contextlib.asynccontextmanager
async def _bot() -> AsyncIterator[BotApi]:
    api = BotApi()
    await api.start()
    try:
        yield api
    finally:
        await api.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Run and print the page."""
    parser = argparse.ArgumentParser(prog="tests.soak.run", description=__doc__)
    parser.add_argument("--hours", type=float, default=SoakOptions.hours)
    parser.add_argument("--symbols", type=int, default=SoakOptions.symbols)
    parser.add_argument("--seed", type=int, default=SoakOptions.seed)
    parser.add_argument("--speed", type=float, default=SoakOptions.speed)
    parser.add_argument("--fault-s", type=float, default=SoakOptions.fault_s, help="wall seconds between two faults")
    given = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))  # both processes end with this one
    page = soak(SoakOptions(**vars(given)))
    print(page.text)
    return page.missed


if __name__ == "__main__":
    sys.exit(main())
