"""A screen at a scripted desk on a terminal that behaves badly: slow, deaf, resized, suspended, in a monkey's hands."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import signal
import struct
import sys
import termios
import threading
import time
from pathlib import Path
from types import TracebackType

import pyte

from tests.support.scripted_desk import ScriptedDesk
from tests.support.terminal import PseudoTerminal

KEYS = (
    *"abcdefghijklmnoprstuvwxyzGKFLUIT0123456789+-[]/:?!.,= ", "\r", "\x1b", "\t", "\x7f", "\x03", "\x0c", "\x10",
    "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[Z", "\x1b[5~", "\x1b[6~", "\x1bOP", "ж", "币",
)  # fmt: skip
"""What a monkey types; `q` is left out, for the walk is to last, and ctrl+z, for that has a test of its own."""


class RoughSeat:
    """One `perpdeck attach`. `rate` is how many bytes a second its terminal takes; 0 is none at all."""

    def __init__(self, desk: ScriptedDesk, columns: int = 120, rows: int = 40, *options: str) -> None:
        self.size = (columns, rows)
        self.terminal = PseudoTerminal(
            [sys.executable, "-m", "console", "attach", *options], columns, rows, desk.environment
        )
        self.rate = float("inf")
        self.said = b""
        self.typed: list[tuple[float, str]] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> RoughSeat:
        self.until(b"RUNNING", 30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hang_up()

    # -- the terminal --------------------------------------------------------------------------------------------------

    def resize(self, columns: int, rows: int) -> None:
        """The window has another size; the program is told by the kernel."""
        self.size = (columns, rows)
        fcntl.ioctl(self.terminal.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: str) -> None:
        self.typed.append((time.monotonic(), keys))
        self.terminal.write(keys.encode())

    def monkey(self, count: int, seed: int, keys: tuple[str, ...] = KEYS) -> int:
        """Random keys, in bursts such as a cat makes and with pauses such as a person makes; how many were typed.

        It may find the way out, through the palette for one.
        """
        dice = random.Random(seed)
        left = count
        while left > 0 and not self.ended:
            burst = min(dice.choice((1, 1, 1, 2, 3, 8)), left)
            self.type("".join(dice.choice(keys) for _ in range(burst)))
            left -= burst
            time.sleep(dice.choice((0.0, 0.005, 0.02, 0.05)) if dice.random() < 0.97 else 0.4)
        return count - left

    def hang_up(self) -> None:
        """Close the terminal under the program."""
        if not self._closing.is_set():
            self._closing.set()
            self._reader.join(timeout=10)
            self.terminal.close()

    # -- what it shows -------------------------------------------------------------------------------------------------

    def until(self, what: bytes, timeout_s: float, since: int = 0) -> None:
        """Wait until it wrote these bytes, counted from `since` of all it wrote."""
        deadline = time.monotonic() + timeout_s
        while what not in self.said[since:]:
            assert not self.ended, self.last_words()
            assert time.monotonic() < deadline, f"{what!r} not within {timeout_s:g} s: {self.last_words()}"
            time.sleep(0.02)

    def quiet(self, timeout_s: float = 20.0) -> None:
        """Wait until every key typed so far has surely been read: the program answers a redraw."""
        before = len(self.said)
        self.type("\x0c")
        deadline = time.monotonic() + timeout_s
        while len(self.said) - before < 1_500:
            assert not self.ended, self.last_words()
            assert time.monotonic() < deadline, f"no redraw within {timeout_s:g} s: {self.last_words()}"
            time.sleep(0.02)

    def screen(self) -> str:
        """What a terminal of the present size shows after all that was written since the last full redraw."""
        with self._lock:
            said = self.said
        screen = pyte.Screen(*self.size)
        pyte.ByteStream(screen).feed(said)
        return "\n".join(line.rstrip() for line in screen.display)

    @property
    def ended(self) -> bool:
        return self.terminal.ended

    def state(self) -> str:
        """One letter of the kernel: R or S runs, T is stopped."""
        return Path(f"/proc/{self.terminal.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.terminal.pid, number)

    def last_words(self) -> str:
        return self.said[-3_000:].decode(errors="replace")

    def leave(self) -> str:
        """Back to the desk, and out by `q`; all it said."""
        deadline = time.monotonic() + 20
        while not self.ended:
            assert time.monotonic() < deadline, f"it does not leave: {self.screen()}"
            with contextlib.suppress(OSError):
                self.type("\x1b")
                time.sleep(0.3)
                self.type("q")
            time.sleep(0.3)
        return self.said.decode(errors="replace")

    def _read(self) -> None:
        while not self._closing.is_set():
            rate = self.rate
            if rate == float("inf"):
                data = self.terminal.read(0.05)
            else:
                time.sleep(0.05)
                data = self.terminal.read(0.0, most=max(int(rate * 0.05), 1)) if rate else b""
            with self._lock:
                self.said += data
            if not data and self.ended:
                return
