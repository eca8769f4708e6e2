"""A real terminal with a program in it: tmux where there is one, else a pseudo-terminal read by an emulator.

    with Terminal(["perpdeck", "demo"], 140, 40, environment) as screen:
        screen.wait_for(r"1 waiting", 60)
        screen.press("a")

Keys carry the names of tmux: plain characters, `Enter`, `Escape`, `Space`, `Tab`, `C-c`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import shlex
import shutil
import signal
import struct
import subprocess
import termios
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol

POLL_S = 0.05

Condition = str | Callable[[list[str]], bool]


class NotShown(AssertionError):
    """What was waited for did not appear; carries the last frame."""

    def __init__(self, what: object, timeout_s: float, frame: Sequence[str]) -> None:
        super().__init__(f"not on the screen within {timeout_s:g} s: {what}\n" + "\n".join(frame))


class _Device(Protocol):
    def send(self, keys: Sequence[str]) -> None: ...
    def lines(self) -> list[str]: ...
    def child_pid(self) -> int | None: ...
    def close(self) -> None: ...


class Terminal:
    """One program in one terminal of a size; ended, with its terminal, when the block is left."""

    def __init__(
        self,
        arguments: Sequence[str],
        columns: int,
        rows: int,
        environment: Mapping[str, str],
        *,
        tmux: bool | None = None,
    ) -> None:
        clean = {**environment, "TERM": environment.get("TERM", "xterm-256color"), "LANG": "C.UTF-8"}
        wanted = shutil.which("tmux") is not None if tmux is None else tmux
        self.started_s = time.monotonic()
        self._device: _Device = (_Tmux if wanted else _Emulated)(arguments, columns, rows, clean)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._device.close()

    def press(self, *keys: str) -> None:
        """Send keys, in the names of tmux."""
        self._device.send(keys)

    def frame(self) -> list[str]:
        """What stands on the screen now, one string a line, without trailing blanks."""
        return [line.rstrip() for line in self._device.lines()]

    def text(self) -> str:
        return "\n".join(self.frame())

    def shows(self, what: Condition) -> bool:
        """Whether a pattern is on the screen, or a condition of its lines holds."""
        frame = self.frame()
        return re.search(what, "\n".join(frame)) is not None if isinstance(what, str) else what(frame)

    def wait_for(self, what: Condition, timeout_s: float) -> float:
        """Wait until it is on the screen; the seconds since the program was started. Raises NotShown."""
        deadline = time.monotonic() + timeout_s
        while not self.shows(what):
            if time.monotonic() > deadline:
                raise NotShown(what, timeout_s, self.frame())
            time.sleep(POLL_S)
        return time.monotonic() - self.started_s

    @property
    def pid(self) -> int:
        """Pid of the program itself. Raises LookupError when it has ended."""
        pid = self._device.child_pid()
        if pid is None:
            raise LookupError("the program in the terminal has ended")
        return pid

    @property
    def running(self) -> bool:
        return self._device.child_pid() is not None


class _Tmux:
    """A tmux server of its own, so that no other and no configuration has a say."""

    def __init__(self, arguments: Sequence[str], columns: int, rows: int, environment: Mapping[str, str]) -> None:
        self._socket = f"walk-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._environment = {name: value for name, value in environment.items() if name not in ("TMUX", "TMUX_PANE")}
        self._tmux(
            "new-session", "-d", "-x", str(columns), "-y", str(rows), "exec " + shlex.join(arguments),
            ";", "set-option", "-g", "remain-on-exit", "on", ";", "set-option", "-g", "status", "off",
        )  # fmt: skip
        self._server = int(self._tmux("display-message", "-p", "#{pid}"))

    def send(self, keys: Sequence[str]) -> None:
        self._tmux("send-keys", *keys)

    def lines(self) -> list[str]:
        return self._tmux("capture-pane", "-p").split("\n")[:-1]

    def child_pid(self) -> int | None:
        dead, pid = self._tmux("display-message", "-p", "#{pane_dead} #{pane_pid}").split()
        return int(pid) if dead == "0" else None

    def close(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self._tmux("kill-server")

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._socket, "-f", os.devnull, *arguments],
            capture_output=True, text=True, check=True, timeout=20, env=dict(self._environment),
        )  # fmt: skip
        return done.stdout


_KEYS = {"Enter": "\r", "Escape": "\x1b", "Space": " ", "Tab": "\t", "C-c": "\x03", "BSpace": "\x7f"}


class PseudoTerminal:
    """A program on a pseudo-terminal that is read only when asked to: the terminal of somebody whose link hangs."""

    def __init__(self, arguments: Sequence[str], columns: int, rows: int, environment: Mapping[str, str]) -> None:
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            try:
                os.execvpe(arguments[0], list(arguments), dict(environment))
            finally:
                os._exit(127)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._ended = False

    def read(self, timeout_s: float, most: int = 65_536) -> bytes:
        """What the program wrote, as far as it is there within the time; empty when nothing came."""
        ready, _, _ = select.select([self.master], [], [], timeout_s)
        if not ready:
            return b""
        try:
            return os.read(self.master, most)
        except OSError:  # the other end is closed
            return b""

    def write(self, data: bytes) -> None:
        os.write(self.master, data)

    @property
    def ended(self) -> bool:
        """Whether the program has ended."""
        if not self._ended:
            self._ended = os.waitpid(self.pid, os.WNOHANG)[0] != 0
        return self._ended

    def close(self) -> None:
        """Hang up, and end the program if that did not."""
        os.close(self.master)
        deadline = time.monotonic() + 5.0
        while not self.ended and time.monotonic() < deadline:
            time.sleep(POLL_S)
        if not self.ended:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self._ended = True


class _Emulated:
    """A pseudo-terminal read all the time by a thread that feeds an emulator."""

    def __init__(self, arguments: Sequence[str], columns: int, rows: int, environment: Mapping[str, str]) -> None:
        import pyte

        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._line = PseudoTerminal(arguments, columns, rows, environment)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def send(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._line.write(_KEYS.get(key, key).encode())

    def lines(self) -> list[str]:
        with self._lock:
            return list(self._screen.display)

    def child_pid(self) -> int | None:
        return None if self._line.ended else self._line.pid

    def close(self) -> None:
        self._closing.set()
        self._reader.join(timeout=5.0)
        self._line.close()

    def _read(self) -> None:
        while not self._closing.is_set():
            data = self._line.read(0.1)
            with self._lock:
                self._stream.feed(data)


def save_frame(file: Path, frame: Sequence[str]) -> None:
    """Keep a frame as plain text."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(frame).rstrip("\n") + "\n", encoding="utf-8")
