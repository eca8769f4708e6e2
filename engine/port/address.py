"""Where the engine of a home directory listens, and who holds its lock."""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path

LONGEST_SOCKET_PATH = 100  # the kernel allows 107 bytes


def socket_path(home: Path) -> Path:
    """Path of the port's socket; a home with a long name gets one in an owner-only folder for temporary files."""
    near = home / "run" / "port.sock"
    if len(os.fsencode(near)) <= LONGEST_SOCKET_PATH:
        return near
    name = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:16]
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/tmp/perpdeck-{os.getuid()}")
    return base / f"perpdeck-{name}" / "port.sock"


class EngineLock:
    """Exclusive lock of one home: one engine per account. Released by the kernel when its process dies."""

    def __init__(self, home: Path) -> None:
        self._file = home / "engine.lock"
        self._descriptor: int | None = None

    def take(self) -> int | None:
        """Take the lock; answers None, or the pid of the engine that holds it (0 when it does not say)."""
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip()
            os.close(descriptor)
            return int(holder) if holder.isdigit() else 0
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor
        return None

    def release(self) -> None:
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def engine_pid(home: Path) -> int | None:
    """Pid of the engine that holds the lock of `home`, None when nobody does."""
    file = home / "engine.lock"
    if not file.exists():
        return None
    descriptor = os.open(file, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 32).decode(errors="replace").strip()
        return int(holder) if holder.isdigit() else 0
    else:
        return None
    finally:
        os.close(descriptor)
