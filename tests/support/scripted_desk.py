"""A scripted, lively engine as a process of its own, behind the real port: `perpdeck attach` finds it in its home.

with ScriptedDesk(folder) as desk:
    ...                       # screens attach to desk.home
    desk.commands(), desk.slowest_beat_ms()

It notes every command it gets, with the time, and how long its loop ever went without a beat.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import msgspec

from engine.port import commands as ask
from engine.port.address import EngineLock, socket_path
from engine.port.server import PortServer
from tests.support.fake_port import FakePort
from tests.support.show_console import live

BEAT_S = 0.01
HARMLESS = {"FocusSymbol", "Query", "PreviewTicket"}


class ScriptedDesk:
    """Leaving the block ends the process."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.scripted_desk", str(self.home)],
            cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> ScriptedDesk:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """End it in good order; what it noted stays readable."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(timeout=20) == 0
        if self._process.stdout is not None:
            self._process.stdout.close()

    @property
    def environment(self) -> dict[str, str]:
        """Of a screen that attaches to this desk."""
        foreign = ("PERPDECK", "TMUX", "NO_COLOR", "LC_", "COLUMNS", "LINES")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        return {
            **kept, "PERPDECK_HOME": str(self.home), "PYTHONPATH": str(Path(__file__).parents[2]),
            "LANG": "C.UTF-8", "TERM": "xterm-256color",
        }  # fmt: skip

    def commands(self) -> list[dict[str, Any]]:
        """Commands that would change something, each with `type` and `at_s` of this machine."""
        lines = (self.home / "commands.jsonl").read_text().splitlines()
        return [one for one in map(json.loads, lines) if one["type"] not in HARMLESS]

    def slowest_beat_ms(self) -> float:
        """The longest its loop went without a beat since `forgive`; known a moment after it happened."""
        return float((self.home / "pulse").read_text())

    def forgive(self) -> None:
        """Start counting anew."""
        self._process.send_signal(signal.SIGUSR1)


class _Noting(FakePort):
    """Every command to a file, at once."""

    def __init__(self, file: TextIO) -> None:
        super().__init__()
        self._file = file

    async def submit(self, command: ask.AnyCommand) -> ask.Reply:
        noted = {**msgspec.to_builtins(command), "type": type(command).__name__, "at_s": time.monotonic()}
        self._file.write(json.dumps(noted) + "\n")
        return await super().submit(command)


class _Pulse:
    """Beats, and keeps the longest gap."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.slowest_s = 0.0

    async def run(self) -> None:
        last_s = written_s = time.monotonic()
        while True:
            await asyncio.sleep(BEAT_S)
            now_s = time.monotonic()
            self.slowest_s = max(self.slowest_s, now_s - last_s)
            last_s = now_s
            if now_s - written_s > 0.2:
                written_s = now_s
                self._file.write_text(f"{self.slowest_s * 1e3:.1f}")

    def forgive(self) -> None:
        self.slowest_s = 0.0


async def serve(home: Path) -> None:
    """Until SIGTERM."""
    lock, pulse, ended = EngineLock(home), _Pulse(home / "pulse"), asyncio.Event()
    assert lock.take() is None
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    loop.add_signal_handler(signal.SIGUSR1, pulse.forgive)
    with (home / "commands.jsonl").open("w", buffering=1) as file:
        port = _Noting(file)
        server = PortServer(port, socket_path(home))
        await server.start()
        work = [asyncio.create_task(pulse.run()), asyncio.create_task(live(port, demo=False))]
        print("ready", flush=True)
        await asyncio.wait([asyncio.create_task(ended.wait()), *work], return_when=asyncio.FIRST_COMPLETED)
        for task in work:
            if task.done():
                task.result()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await server.close()
        await asyncio.sleep(0.1)  # the seats' tasks end by themselves
    lock.release()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
