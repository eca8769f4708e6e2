"""A home directory of its own with real processes in it: commands, a running desk, and nothing left behind.

with Home(tmp_path) as home:
    home.start("demo", "--headless", "--mode", "approve")
    home.wait("running", lambda status: status["state"] == "RUNNING", 30)
    home.json("positions")
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from engine.port.address import engine_pid

POLL_S = 0.1
T = TypeVar("T")

PERPDECK = (sys.executable, "-m", "console")


def clean_environment(folder: Path, **more: str) -> dict[str, str]:
    """The environment without anybody's settings, keys or terminal."""
    foreign = ("PERPDECK", "TMUX", "NO_COLOR", "LC_", "COVERAGE", "COLUMNS", "LINES")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    root = str(Path(__file__).parents[2])
    return {**kept, "PERPDECK_HOME": str(folder), "PYTHONPATH": root, "LANG": "C.UTF-8", **more}


class Home:
    """One home. Leaving the block ends every process that was started in it, by its id."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder / "home"
        self.environment = clean_environment(self.folder, **environment)
        self.started: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Home:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()

    # -- processes -----------------------------------------------------------------------------------------------------

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start a command and let it run."""
        process = subprocess.Popen(
            [*PERPDECK, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env={**self.environment, **environment},
        )  # fmt: skip
        self.started.append(process)
        return process

    def run(self, *arguments: str, timeout_s: float = 60.0, **environment: str) -> subprocess.CompletedProcess[str]:
        """A command to its end."""
        return subprocess.run(
            [*PERPDECK, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            timeout=timeout_s, env={**self.environment, **environment},
        )  # fmt: skip

    def json(self, *arguments: str, code: int = 0) -> Any:
        """The one JSON value of a command that ends with this code."""
        done = self.run(*arguments, "--json")
        assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    def status(self) -> dict[str, Any]:
        """The status, also while there is no engine."""
        done = self.run("status", "--json")
        value = json.loads(done.stdout) if done.stdout.strip() else {"state": "STOPPED"}
        assert isinstance(value, dict)
        return value

    def running(self, timeout_s: float = 40.0) -> dict[str, Any]:
        """The status, once the desk is open."""
        return self.wait("desk open", lambda: (s := self.status()).get("state") == "RUNNING" and s, timeout_s)  # type: ignore[return-value]

    @staticmethod
    def wait(what: str, ask: Callable[[], T], timeout_s: float) -> T:
        """The first true answer; an error naming what was waited for and the last answer otherwise."""
        deadline = time.monotonic() + timeout_s
        while not (answer := ask()):
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: not within {timeout_s:g} s; last answer {answer!r}")
            time.sleep(POLL_S)
        return answer

    def set_speed(self, speed: float) -> None:
        """Make the embedded exchange run at this many seconds per second."""
        exchange = self.exchange
        assert exchange is not None
        body = json.dumps({"speed": speed}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{exchange['rest']}/sim/speed", body, headers)
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert answer.status == 200

    # -- what runs, what was kept --------------------------------------------------------------------------------------

    @property
    def engine_pid(self) -> int | None:
        return engine_pid(self.folder) if self.folder.exists() else None

    @property
    def exchange(self) -> dict[str, Any] | None:
        """Address and keys of the embedded exchange, None when none is known."""
        file = self.folder / "exchange.json"
        return json.loads(file.read_text()) if file.exists() else None

    def pids(self) -> list[int]:
        """Processes of this home that are alive: engine and exchange."""
        known = (self.engine_pid, (self.exchange or {}).get("pid"))
        return [pid for pid in known if pid and alive(pid)]

    def journal(self) -> Path:
        """The newest trading database of the embedded exchange."""
        return max((self.folder / "sim").glob("*/trading.sqlite"), key=lambda file: file.stat().st_mtime)

    def rows(self, statement: str) -> list[dict[str, Any]]:
        """Rows of the journal."""
        with contextlib.closing(sqlite3.connect(f"file:{self.journal()}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(statement)]


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be buried does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"
