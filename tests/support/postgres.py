"""A throwaway PostgreSQL: started on a socket of its own when its programs are installed, stopped afterwards."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path


class NoPostgres(Exception):
    """Why there is no server to test against."""


class Cluster:
    """A running server; `url` makes a new, empty database and names it."""

    def __init__(self, socket_dir: Path) -> None:
        self._socket_dir = socket_dir
        self._numbers = count(1)

    def url(self) -> str:
        import psycopg

        name = f"desk{next(self._numbers)}"
        with psycopg.connect(f"host={self._socket_dir} user=postgres dbname=postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql://postgres@/{name}?host={self._socket_dir}"


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Start a server, stop it at the end. Raises NoPostgres with the reason when that is impossible."""
    try:
        import psycopg  # noqa: F401
    except ModuleNotFoundError as error:
        raise NoPostgres("psycopg is not installed (extra: postgres)") from error
    programs = _programs()
    as_user = _unprivileged()
    home = Path(tempfile.mkdtemp(prefix="desk-pg-", dir="/tmp"))
    try:
        if as_user:
            shutil.chown(home, "postgres")
        data = home / "data"
        _call([*as_user, str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-N"])
        options = f"-c listen_addresses='' -c unix_socket_directories='{home}' -c fsync=off"
        control = [*as_user, str(programs / "pg_ctl"), "-D", str(data), "-w", "-t", "60"]
        _call([*control, "-l", str(home / "log"), "-o", options, "start"])
        try:
            yield Cluster(home)
        finally:
            _call([*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _programs() -> Path:
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/pg_ctl"))
    if found:
        return Path(found[-1]).parent
    on_path = shutil.which("pg_ctl")
    if on_path is None:
        raise NoPostgres("the PostgreSQL server is not installed (Debian: apt-get install postgresql)")
    return Path(on_path).resolve().parent


def _unprivileged() -> list[str]:
    """The server refuses to run as root; as root it is started as the system's postgres user."""
    if os.geteuid() != 0:
        return []
    runuser = shutil.which("runuser")
    known = subprocess.run(["id", "postgres"], capture_output=True, check=False).returncode == 0
    if runuser is None or not known:
        raise NoPostgres("running as root and there is no postgres user to run the server as")
    return [runuser, "-u", "postgres", "--"]


def _call(command: list[str]) -> None:
    with open(os.devnull, "rb") as nothing:
        done = subprocess.run(
            command, stdin=nothing, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False, cwd="/tmp",
            timeout=90, text=True,
        )  # fmt: skip
    if done.returncode != 0:
        raise NoPostgres(f"{command[-1]} failed: {done.stderr.strip()[-300:]}")
