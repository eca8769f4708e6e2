"""A seat's end of the socket; loads nothing of the engine but the port."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from engine.port.commands import AnyCommand, Reply
from engine.port.contract import PORT_VERSION
from engine.port.frames import (
    Answer,
    Follow,
    FromSeat,
    Goodbye,
    Hello,
    Leave,
    Shown,
    Submit,
    Told,
    Watch,
    Welcome,
    from_engine,
    pack,
    read_body,
)
from engine.port.notices import AnyNotice
from engine.port.views import AnyView

T = TypeVar("T")
MAX_NOTICES_WAITING = 10_000


class PortClient:
    """An `EnginePort` over the socket. Build with `connect`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pid: int) -> None:
        self.engine_pid = pid
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Reply]] = {}
        self._views: dict[int, _Slot[AnyView]] = {}
        self._told: dict[int, asyncio.Queue[AnyNotice | None]] = {}
        self._gone: str | None = None
        self._pump = asyncio.create_task(self._read(), name="port-client")

    @classmethod
    async def connect(cls, path: Path, actor: str, read_only: bool = False, timeout_s: float = 5.0) -> PortClient:
        """Attach to the engine behind `path`; raises ConnectionError when there is none or it declines."""
        try:
            async with asyncio.timeout(timeout_s):
                reader, writer = await asyncio.open_unix_connection(str(path))
                writer.write(pack(Hello(PORT_VERSION, actor, read_only)))
                await writer.drain()
                first = from_engine.decode(await read_body(reader))
        except TimeoutError as error:
            raise ConnectionError("the engine does not answer") from error
        except OSError as error:
            raise ConnectionError(f"no engine behind {path}") from error
        if isinstance(first, Welcome):
            return cls(reader, writer, first.pid)
        writer.close()
        raise ConnectionError(first.reason if isinstance(first, Goodbye) else "unexpected answer of the engine")

    async def submit(self, command: AnyCommand) -> Reply:
        n = next(self._numbers)
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._answers[n] = future
        try:
            await self._send(Submit(n, command))
            return await future
        finally:
            self._answers.pop(n, None)

    async def watch(
        self, topic: str, max_hz: float = 4.0, args: Mapping[str, str] | None = None
    ) -> AsyncGenerator[AnyView, None]:
        n = next(self._numbers)
        slot = self._views[n] = _Slot[AnyView]()
        try:
            await self._send(Watch(n, topic, max_hz, dict(args or {})))
            while True:
                yield await slot.take(self)
        finally:
            self._views.pop(n, None)
            await self._leave(n)

    async def notices(self, after: int = 0) -> AsyncGenerator[AnyNotice, None]:
        n = next(self._numbers)
        queue = self._told[n] = asyncio.Queue[AnyNotice | None](MAX_NOTICES_WAITING)
        try:
            await self._send(Follow(n, after))
            while (notice := await queue.get()) is not None:
                yield notice
            raise ConnectionError(self._gone or "the engine is gone")
        finally:
            self._told.pop(n, None)
            await self._leave(n)

    async def close(self) -> None:
        """Detach; the engine goes on."""
        self._pump.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._pump
        self._writer.close()

    @property
    def gone(self) -> str | None:
        """Why the connection ended; None while it lasts."""
        return self._gone

    async def _send(self, frame: FromSeat) -> None:
        if self._gone is not None:
            raise ConnectionError(self._gone)
        self._writer.write(pack(frame))
        await self._writer.drain()

    async def _leave(self, n: int) -> None:
        if self._gone is None:
            with contextlib.suppress(ConnectionError, OSError):
                self._writer.write(pack(Leave(n)))

    async def _read(self) -> None:
        try:
            while True:
                self._deliver(from_engine.decode(await read_body(self._reader)))
        except ConnectionError as error:
            self._gone = self._gone or str(error)
        finally:
            self._gone = self._gone or "detached"
            for future in self._answers.values():
                if not future.done():
                    future.set_exception(ConnectionError(self._gone))
            for slot in self._views.values():
                slot.wake()
            for queue in self._told.values():
                with contextlib.suppress(asyncio.QueueFull):
                    queue.put_nowait(None)

    def _deliver(self, frame: object) -> None:
        match frame:
            case Answer(n=n, reply=reply):
                future = self._answers.get(n)
                if future is not None and not future.done():
                    future.set_result(reply)
            case Shown(n=n, view=view):
                if (slot := self._views.get(n)) is not None:
                    slot.put(view)
            case Told(n=n, notice=notice):
                if (queue := self._told.get(n)) is not None and not queue.full():
                    queue.put_nowait(notice)
            case Goodbye(reason=reason):
                self._gone = reason


class _Slot(Generic[T]):
    """Keeps only the newest view."""

    def __init__(self) -> None:
        self._value: T | None = None
        self._event = asyncio.Event()

    def put(self, value: T) -> None:
        self._value = value
        self._event.set()

    def wake(self) -> None:
        self._event.set()

    async def take(self, client: PortClient) -> T:
        while self._value is None:
            if client.gone is not None:
                raise ConnectionError(client.gone)
            self._event.clear()
            await self._event.wait()
        value, self._value = self._value, None
        return value
