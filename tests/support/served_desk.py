"""A served exchange and an engine on it, each a process of its own, and what they use of the machine.

with ServedDesk(folder, symbols="all", speed=10) as desk:
    desk.start()
    desk.logged("load_done", 300)
    desk.cpu_s(), desk.rss_mb()
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
from collections import defaultdict
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parents[2]
TICKS = os.sysconf("SC_CLK_TCK")
POLL_S = 0.1
ADDRESS = "127.0.0.3"  # where the questions of tests come from


class ServedDesk:
    """Leaving the block ends both processes."""

    def __init__(self, folder: Path, symbols: str, speed: float) -> None:
        self.home = folder / "home"
        self._symbols = symbols
        self._speed = speed
        self._exchange: subprocess.Popen[str] | None = None
        self._engine: subprocess.Popen[str] | None = None
        self.ready: dict[str, Any] = {}
        self.rss_mb_at_stop = 0.0
        self._told = (0, time.monotonic())

    def __enter__(self) -> ServedDesk:
        options = ["--port", "0", "--symbols", self._symbols, "--speed", repr(self._speed), "--control"]
        self._exchange = subprocess.Popen(
            [sys.executable, "-m", "engine.sim.serve", *options],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self._exchange.stdout is not None
        self.ready = json.loads(self._exchange.stdout.readline())
        self._told = int(self.ready["server_time"]), time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in (self._engine, self._exchange):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
            if process is not None and process.stdout is not None:
                process.stdout.close()

    # -- the exchange --------------------------------------------------------------------------------------------------

    def set_speed(self, speed: float) -> None:
        """Exchange seconds per second."""
        self._speed = speed
        body = json.dumps({"speed": speed}).encode()
        request = urllib.request.Request(f"{self.ready['rest']}/sim/speed", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()

    def server_ms(self) -> int:
        """What the exchange's clock says; while it refuses to answer, what it should say by now.

        Asked from an address of its own, so that the desk pays for nothing that is asked here.
        """
        host, _, port = str(self.ready["rest"]).removeprefix("http://").partition(":")
        link = HTTPConnection(host, int(port), timeout=10, source_address=(ADDRESS, 0))
        # Not in time: a fault, or a machine that has too much to do.
        with contextlib.closing(link), contextlib.suppress(TimeoutError):
            link.request("GET", "/fapi/v1/time")
            answer = link.getresponse()
            body = answer.read()
            if answer.status == HTTPStatus.OK:
                self._told = int(json.loads(body)["serverTime"]), time.monotonic()
                return self._told[0]
        return self._told[0] + round((time.monotonic() - self._told[1]) * 1000 * self._speed)

    def await_ms(self, at_ms: int) -> None:
        """Wait until the exchange's clock has come to `at_ms`."""
        while self.server_ms() < at_ms:
            time.sleep(POLL_S / 2)

    # -- the engine ----------------------------------------------------------------------------------------------------

    def start(self, **environment: str) -> None:
        """Start the engine alone, on this exchange."""
        given = {
            "PERPDECK_API_KEY": self.ready["api_key"], "PERPDECK_API_SECRET": self.ready["api_secret"], **environment,
        }  # fmt: skip
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PERPDECK")}
        self._engine = subprocess.Popen(
            [sys.executable, "-m", "console", "run", "--headless", "--venue", "sim", "--sim-url", self.ready["rest"],
             "--home", str(self.home)],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
            env={**kept, **given},
        )  # fmt: skip

    def stop(self) -> int:
        """End the engine in good order; its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """End the engine in the middle of whatever it does."""
        return self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> int:
        assert self._engine is not None
        self.rss_mb_at_stop = self.rss_mb()
        self._engine.send_signal(number)
        return self._engine.wait(timeout=60)

    def cpu_s(self) -> float:
        """Processor time the engine has used."""
        fields = (Path("/proc") / str(self._pid) / "stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def rss_mb(self) -> float:
        """Memory of the engine that is in use."""
        lines = (Path("/proc") / str(self._pid) / "status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

    def open_files(self) -> int:
        """File descriptors the engine holds."""
        return len(list((Path("/proc") / str(self._pid) / "fd").iterdir()))

    def connections(self) -> int:
        """Those of them that lead to the exchange."""
        peer = f":{int(str(self.ready['rest']).rpartition(':')[2]):04X}"
        rows = [line.split() for line in (Path("/proc") / str(self._pid) / "net/tcp").read_text().splitlines()[1:]]
        theirs = {f"socket:[{row[9]}]" for row in rows if row[2].endswith(peer)}
        found = 0
        for file in (Path("/proc") / str(self._pid) / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found += str(file.readlink()) in theirs
        return found

    @property
    def _pid(self) -> int:
        assert self._engine is not None
        assert self._engine.poll() is None, f"the engine ended with {self._engine.returncode}"
        return self._engine.pid

    # -- what it wrote -------------------------------------------------------------------------------------------------

    def events(self, log: str) -> Iterator[dict[str, Any]]:
        """Everything of one log file, oldest first."""
        with contextlib.suppress(FileNotFoundError), open(self.home / "logs" / f"{log}.log", encoding="utf-8") as lines:
            for line in lines:
                with contextlib.suppress(json.JSONDecodeError):
                    yield json.loads(line)

    def logged(self, event: str, timeout_s: float, log: str = "market", count: int = 1) -> dict[str, Any]:
        """The `count`-th event of a name, waited for."""
        deadline = time.monotonic() + timeout_s
        while True:
            found = [one for one in self.events(log) if one.get("event") == event]
            if len(found) >= count:
                return found[count - 1]
            assert time.monotonic() < deadline, f"no {event} within {timeout_s:g} s"
            assert self._engine is None or self._engine.poll() is None, "the engine ended"
            time.sleep(POLL_S)

    @contextlib.contextmanager
    def history(self) -> Iterator[sqlite3.Connection]:
        """The database of bars, to look at."""
        file = max((self.home / "sim").glob("*/history.sqlite"), key=lambda one: one.stat().st_mtime)
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as database:
            yield database

    def holes(self, since_ms: int, until_ms: int) -> dict[str, list[int]]:
        """Open times of 15m bars in [since, until) that are not stored, by symbol; symbols without one left out."""
        expected = set(range(since_ms, until_ms, 900_000))
        stored: defaultdict[str, set[int]] = defaultdict(set)
        with self.history() as database:
            for symbol, open_ms in database.execute(
                "SELECT c.symbol, c.open_time FROM candles c WHERE c.tf = '15m' AND c.open_time >= ? "
                "AND c.open_time < ? UNION SELECT DISTINCT symbol, -1 FROM candles", (since_ms, until_ms),
            ):  # fmt: skip
                stored[symbol].add(open_ms)
        return {symbol: sorted(expected - found) for symbol, found in stored.items() if expected - found}
