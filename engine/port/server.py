"""The engine's end of the socket: owner-only, the peer's user checked, one slow seat never felt by another."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from engine.port.commands import FocusSymbol, PreviewTicket, Query, Refused
from engine.port.contract import PORT_VERSION, EnginePort
from engine.port.frames import (
    Answer,
    Follow,
    FromEngine,
    Goodbye,
    Hello,
    Leave,
    Shown,
    Submit,
    Told,
    Watch,
    Welcome,
    from_seat,
    pack,
    read_body,
)

_UCRED = struct.Struct("3i")
READS = (Query, PreviewTicket, FocusSymbol)


class PortServer:
    """Serves an `EnginePort` on a unix socket until closed."""

    def __init__(self, port: EnginePort, path: Path) -> None:
        self._port = port
        self._path = path
        self._server: asyncio.Server | None = None
        self._seats: set[_Seat] = set()

    @property
    def seats(self) -> int:
        """Screens and other seats attached now; one-shot command lines do not watch and do not count."""
        return sum(1 for seat in self._seats if seat.watching)

    async def start(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._welcome, str(self._path))
        finally:
            os.umask(before)

    async def close(self, reason: str = "the engine stopped") -> None:
        if self._server is not None:
            self._server.close()
        for seat in tuple(self._seats):
            await seat.dismiss(reason)
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seat = _Seat(self._port, reader, writer)
        self._seats.add(seat)
        try:
            await seat.serve()
        finally:
            self._seats.discard(seat)


class _Seat:
    """One connection: a reader of requests, and one task for each of its streams."""

    def __init__(self, port: EnginePort, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._port = port
        self._reader = reader
        self._writer = writer
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._streams: set[int] = set()
        self._read_only = False

    @property
    def watching(self) -> bool:
        return bool(self._streams)

    async def serve(self) -> None:
        try:
            if await self._introduced():
                while True:
                    self._take(from_seat.decode(await read_body(self._reader)))
        except (ConnectionError, msgspec.MsgspecError):
            pass
        finally:
            for task in self._tasks.values():
                task.cancel()
            self._writer.close()

    async def dismiss(self, reason: str) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(0.5):
                await self._send(Goodbye(reason))
        self._writer.close()

    async def _introduced(self) -> bool:
        uid = _peer_uid(self._writer)
        if uid is not None and uid != os.getuid():
            await self._send(Goodbye(f"user {uid} does not own this engine"))
            return False
        hello = from_seat.decode(await read_body(self._reader))
        if not isinstance(hello, Hello) or hello.version != PORT_VERSION:
            theirs = hello.version if isinstance(hello, Hello) else "none"
            await self._send(Goodbye(f"the engine speaks port version {PORT_VERSION}, this seat {theirs}"))
            return False
        self._read_only = hello.read_only
        await self._send(Welcome(PORT_VERSION, os.getpid()))
        return True

    def _take(self, frame: object) -> None:
        match frame:
            case Submit(n=n):
                self._start(n, lambda: self._answer(frame))
            case Watch(n=n):
                self._streams.add(n)
                self._start(n, lambda: self._show(frame))
            case Follow(n=n):
                self._start(n, lambda: self._tell(frame))
            case Leave(n=n):
                self._streams.discard(n)
                if task := self._tasks.pop(n, None):
                    task.cancel()

    def _start(self, n: int, run: Callable[[], Awaitable[None]]) -> None:
        async def guarded() -> None:
            with contextlib.suppress(ConnectionError):
                await run()

        task = asyncio.create_task(guarded(), name=f"seat-{n}")
        self._tasks[n] = task
        task.add_done_callback(lambda _: self._tasks.pop(n, None))

    async def _answer(self, frame: Submit) -> None:
        if self._read_only and not isinstance(frame.command, READS):
            await self._send(Answer(frame.n, Refused("read_only", "this seat may only look")))
        else:
            await self._send(Answer(frame.n, await self._port.submit(frame.command)))

    async def _show(self, frame: Watch) -> None:
        async for view in self._port.watch(frame.topic, frame.max_hz, frame.args):
            await self._send(Shown(frame.n, view))

    async def _tell(self, frame: Follow) -> None:
        async for notice in self._port.notices(frame.after):
            await self._send(Told(frame.n, notice))

    async def _send(self, frame: FromEngine) -> None:
        if self._writer.is_closing():
            raise ConnectionError("the seat is gone")
        self._writer.write(pack(frame))
        # Waiting here holds back only this stream: its next view is built when the seat has taken this one.
        await self._writer.drain()


def _peer_uid(writer: asyncio.StreamWriter) -> int | None:
    raw = writer.get_extra_info("socket")
    if raw is None or not hasattr(socket, "SO_PEERCRED"):
        return None
    _, uid, _ = _UCRED.unpack(raw.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return int(uid)
