"""Serves the exchange: as a task of a program, or as a process of its own (`python -m engine.sim.serve`)."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.clock import SystemClock
from engine.sim.clockwork import Clockwork
from engine.sim.exchange import LENIENT, Exchange
from engine.sim.faults import BadFault, faults_of_scenario, read_faults
from engine.sim.opening import DEFAULT_START_BAR, UnknownSymbol, contracts_of, open_market, play_capture, recordings_of
from engine.sim.path import BAR_MS
from engine.sim.scenarios import SCENARIOS
from engine.sim.server import SOCKET_API_PATH, Server
from engine.sim.tape_files import BadData, read_recordings

FASTEST = 10_000.0
DAY_MS = 86_400_000


class InvalidOption(Exception):
    """An option that makes no sense; nothing has been started."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How to serve; checked as soon as it is made. Raises InvalidOption."""

    host: str = "127.0.0.1"
    port: int = 8777
    scenario: str = "recorded"
    data: Path | None = None
    speed: float = 1.0
    seed: int = 7
    faults: Path | None = None
    lenient: tuple[str, ...] = ()
    balance: float = 10_000.0
    ban_seconds: float = 120.0
    control: bool = False
    symbols: tuple[str, ...] = ()
    embedded: bool = False
    idle_exit_s: float | None = None
    start_bar: int | None = None
    into_bar_s: float | None = None  # open at the tape's own time of day, so far into the bar

    def __post_init__(self) -> None:
        unknown = [name for name in self.lenient if name not in LENIENT]
        rules = (
            (self.scenario in SCENARIOS, f"unknown scenario {self.scenario!r}; it is one of {', '.join(SCENARIOS)}"),
            (0 <= self.port <= 65_535, f"port must be from 0 to 65535, was {self.port}"),
            (0 < self.speed <= FASTEST, f"speed must be above 0 and at most {FASTEST:g}, was {self.speed:g}"),
            (self.balance > 0, f"balance must be positive, was {self.balance:g}"),
            (self.ban_seconds > 0, f"ban seconds must be positive, were {self.ban_seconds:g}"),
            (not unknown, f"unknown leniency {', '.join(unknown)}; it is one of {', '.join(LENIENT)}"),
            (
                self.into_bar_s is None or 0 <= self.into_bar_s < BAR_MS / 1000,
                f"a bar lasts {BAR_MS // 1000} s, so into bar cannot be {self.into_bar_s}",
            ),
            (self.start_bar is None or self.start_bar >= 0, f"start bar must not be negative, was {self.start_bar}"),
        )
        for holds, reason in rules:
            if not holds:
                raise InvalidOption(reason)


async def serve(options: ServeOptions, ready: Callable[[dict[str, Any]], None], stop: asyncio.Event) -> None:
    """Serve until `stop` is set; `ready` gets the ready line once connections are accepted. Raises InvalidOption."""
    clock = Clockwork(options.speed, _tape_time_ms(options))
    exchange = open_exchange(options, clock)
    server = Server(exchange, clock, options.control, options.embedded or options.control)
    try:
        port = await server.start(options.host, options.port)
    except OSError as error:
        raise InvalidOption(f"cannot listen on {options.host}:{options.port}: {error.strerror}") from error
    exchange.trouble.schedule(_faults(options))
    ready(ready_line(options, exchange, port))
    try:
        await server.run(stop, options.idle_exit_s)
    finally:
        await server.close()


def open_exchange(options: ServeOptions, clock: Clockwork) -> Exchange:
    """The exchange of these options at its clock's present. Raises InvalidOption."""
    try:
        recordings = read_recordings(options.data) if options.data is not None else recordings_of(options.scenario)
        contracts = contracts_of(options.symbols, recordings)
    except (UnknownSymbol, BadData) as error:
        raise InvalidOption(str(error)) from error
    market = open_market(contracts, recordings, options.scenario, options.seed, clock.now_ms(), options.start_bar)
    if options.scenario == "capture":
        start_ms = clock.wall_ms()
        play_capture(market, lambda: clock.wall_ms() - start_ms)
    balance = Decimal(repr(options.balance))
    return Exchange(market, clock, options.seed, balance, options.lenient, options.ban_seconds)


def _tape_time_ms(options: ServeOptions) -> int | None:
    """Yesterday, at the time of day the start bar was recorded at; None for the system's present.

    Longer bars then fold as they did when the tape was recorded, so the same start brings the same signals at any hour.
    """
    if options.into_bar_s is None:
        return None
    bar = DEFAULT_START_BAR if options.start_bar is None else options.start_bar
    day_ms = SystemClock().now_ms() // DAY_MS * DAY_MS - DAY_MS
    return day_ms + bar * BAR_MS % DAY_MS + round(options.into_bar_s * 1000)


def ready_line(options: ServeOptions, exchange: Exchange, port: int) -> dict[str, Any]:
    """Where the exchange listens and how to sign for it."""
    host = "127.0.0.1" if options.host in ("", "0.0.0.0") else options.host
    keys = exchange.keys
    return {
        "rest": f"http://{host}:{port}",
        "ws": f"ws://{host}:{port}",
        "ws_api": f"ws://{host}:{port}{SOCKET_API_PATH}",
        "api_key": keys.api_key,
        "api_secret": keys.api_secret,
        "symbols": [s for s, lane in exchange.market.lanes.items() if lane.contract.rules.status == "TRADING"],
        "speed": options.speed,
        "server_time": exchange.clock.now_ms(),
        "ed25519_api_key": keys.ed25519_api_key,
        "ed25519_private_key": keys.ed25519_private_key,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run as a process: one JSON line on stdout when ready; SIGTERM ends it with 0, nonsense with 2."""
    try:
        options = _options(argv)
        asyncio.run(_run(options))
    except InvalidOption as error:
        print(error, file=sys.stderr)  # noqa: T201 - the message of a command
        return 2
    return 0


async def _run(options: ServeOptions) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def ready(line: dict[str, Any]) -> None:
        gc.freeze()  # the tape lives as long as the process; collections need not look at it again
        print(json.dumps(line), flush=True)  # noqa: T201 - the ready line

    await serve(options, ready, stop)


def _faults(options: ServeOptions) -> list[Any]:
    try:
        scripted = read_faults(options.faults) if options.faults is not None else []
    except (BadFault, OSError) as error:
        raise InvalidOption(str(error)) from error
    return [*scripted, *faults_of_scenario(options.scenario)]


def _options(argv: Sequence[str] | None) -> ServeOptions:
    parser = argparse.ArgumentParser(prog="engine.sim.serve", description="Serve the simulated exchange.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8777)
    parser.add_argument("--scenario", default="recorded")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--faults", type=Path)
    parser.add_argument("--lenient", action="append", default=[])
    parser.add_argument("--balance", type=float, default=10_000.0)
    parser.add_argument("--ban-seconds", type=float, default=120.0)
    parser.add_argument("--control", action="store_true")
    parser.add_argument("--symbols", default="")
    parser.add_argument("--embedded", action="store_true")
    parser.add_argument("--idle-exit", type=float, dest="idle_exit_s")
    parser.add_argument("--start-bar", type=int)
    parser.add_argument("--into-bar", type=float, dest="into_bar_s")
    given = vars(parser.parse_args(argv))
    names = tuple(name.upper() for name in given.pop("symbols").split(",") if name)
    symbols = ("all",) if names == ("ALL",) else names
    return ServeOptions(**{**given, "lenient": tuple(given["lenient"]), "symbols": symbols})


if __name__ == "__main__":
    sys.exit(main())
