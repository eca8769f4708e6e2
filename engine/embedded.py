"""The embedded exchange: a process of its own beside the engine, found again after a crash, ended with the desk.

It runs apart so that neither spoils the other's loop, and so that an engine that was killed finds its positions again.
Its address and keys stand in an owner-only file in the home directory; they open nothing but this loopback exchange.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import msgspec

READY_TIMEOUT_S = 30.0
IDLE_EXIT_S = 60


class EmbeddedExchange(msgspec.Struct, frozen=True):
    """Where the exchange listens and how to sign for it."""

    rest: str
    ws: str
    ws_api: str
    api_key: str
    api_secret: str
    symbols: tuple[str, ...]
    speed: float
    pid: int
    options: tuple[str, ...] = ()


class ExchangeDidNotStart(Exception):
    """The exchange process ended or said nothing; carries what it printed."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said

    def __str__(self) -> str:
        return f"the embedded exchange did not start: {self.said.strip() or 'it said nothing'}"


def running_exchange(home: Path) -> EmbeddedExchange | None:
    """The exchange this home has started, as far as its file says; None when there is none."""
    return _read(home / "exchange.json")


async def start_or_adopt(home: Path, options: Sequence[str]) -> EmbeddedExchange:
    """The exchange of this home: the running one with the same options, else a new one. Raises ExchangeDidNotStart."""
    file = home / "exchange.json"
    running = _read(file)
    if running is not None and await _answers(running):
        return running
    started = await _start(options, home / "logs" / "exchange.err")
    _write(file, started)
    return started


def stop(home: Path) -> bool:
    """End the exchange of this home; False when none was known."""
    file = home / "exchange.json"
    running = _read(file)
    with contextlib.suppress(FileNotFoundError):
        file.unlink()
    if running is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(running.pid, signal.SIGTERM)
    return True


async def _start(options: Sequence[str], errors: Path) -> EmbeddedExchange:
    errors.parent.mkdir(parents=True, exist_ok=True)
    with errors.open("wb") as error_file:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "engine.sim.serve", "--port", "0", "--idle-exit", str(IDLE_EXIT_S), "--embedded",
            *options, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=error_file,
            start_new_session=True,
        )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(READY_TIMEOUT_S):
            line = await process.stdout.readline()
    except TimeoutError:
        line = b""
    if not line:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise ExchangeDidNotStart(_tail(errors))
    ready = json.loads(line)
    return msgspec.convert({**ready, "pid": process.pid, "options": tuple(options)}, EmbeddedExchange)


async def _answers(exchange: EmbeddedExchange) -> bool:
    try:
        timeout = aiohttp.ClientTimeout(total=2.0)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{exchange.rest}/fapi/v1/ping") as answer,
        ):
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


def _tail(file: Path) -> str:
    return file.read_text(errors="replace")[-2000:]


def _read(file: Path) -> EmbeddedExchange | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=EmbeddedExchange)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def _write(file: Path, exchange: EmbeddedExchange) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(msgspec.json.encode(exchange))
