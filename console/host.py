"""Starts an engine process, waits until it answers, and finds it again; the screen is its guest.

The engine is detached from the terminal: it survives a hang-up, and leaving the screen leaves it running.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from engine.port.address import engine_pid, socket_path
from engine.port.client import PortClient

START_TIMEOUT_S = 40.0
STOP_TIMEOUT_S = 30.0
POLL_S = 0.05


class EngineDidNotStart(Exception):
    """The engine process ended before it answered; carries its exit code and its last words."""

    def __init__(self, code: int | None, said: str) -> None:
        super().__init__(code, said)
        self.code = code
        self.said = said

    def __str__(self) -> str:
        return (
            f"the engine did not start (exit {self.code}): {self.said.strip() or 'see the logs in the home directory'}"
        )


@dataclass(frozen=True)
class EngineStart:
    """How to start an engine: its home, settings files, and overrides by dotted key."""

    home: Path
    config: tuple[Path, ...] = ()
    profile: str | None = None
    overrides: Mapping[str, Any] | None = None
    record: bool = False


def spawn(start: EngineStart) -> subprocess.Popen[bytes]:
    """Start the engine process, detached; its words go to `logs/engine.err`."""
    logs = start.home / "logs"
    logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    arguments = [sys.executable, "-m", "console", "run", "--headless", "--home", str(start.home), "--no-input"]
    for file in start.config:
        arguments += ["--config", str(file)]
    if start.profile:
        arguments += ["--profile", start.profile]
    if start.record:
        arguments.append("--record")
    with (logs / "engine.err").open("ab") as errors, open(os.devnull, "rb") as nothing:
        return subprocess.Popen(
            arguments, stdin=nothing, stdout=errors, stderr=errors, start_new_session=True,
            env={**os.environ, **environment_of(start.overrides or {})},
        )  # fmt: skip


def environment_of(overrides: Mapping[str, Any]) -> dict[str, str]:
    """Overrides as the environment variables that stand for them."""
    return {
        f"PERPDECK__{key.upper().replace('.', '__')}": _scalar(value)
        for key, value in overrides.items()
        if value is not None
    }  # fmt: skip


def _scalar(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True).strip().removesuffix("...").strip()


async def wait_ready(home: Path, process: subprocess.Popen[bytes], actor: str, read_only: bool = False) -> PortClient:
    """The port of the engine just started.

    Raises EngineDidNotStart when the process ended, TimeoutError when it neither ends nor answers.
    """
    async with asyncio.timeout(START_TIMEOUT_S):
        while True:
            with contextlib.suppress(ConnectionError):
                return await PortClient.connect(socket_path(home), actor, read_only)
            if process.poll() is not None:
                raise EngineDidNotStart(process.returncode, _last_words(home / "logs" / "engine.err"))
            await asyncio.sleep(POLL_S)


def wait_stopped(home: Path, timeout_s: float = STOP_TIMEOUT_S) -> bool:
    """Whether the engine of this home is gone within the time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if engine_pid(home) is None:
            return True
        time.sleep(POLL_S)
    return False


def _last_words(file: Path) -> str:
    try:
        return "\n".join(file.read_text(errors="replace").splitlines()[-3:])
    except OSError:
        return ""
