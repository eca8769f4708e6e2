"""A small stream server on loopback: routes, control messages, and whatever trouble a test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve


class Connection:
    """One client as the server sees it."""

    def __init__(self, socket: ServerConnection, path: str) -> None:
        self.socket = socket
        self.path = path
        self.streams: set[str] = set()
        self.control: list[dict[str, Any]] = []
        self.control_at: list[float] = []

    @property
    def route(self) -> str:
        return self.path.split("/")[1]

    async def push(self, stream: str, event: Any) -> None:
        await self.socket.send(json.dumps({"stream": stream, "data": event}))


class StreamServer:
    """Acknowledges subscriptions and pushes what it is told to those who asked for it."""

    def __init__(self) -> None:
        self.open: list[Connection] = []
        self.past: list[Connection] = []
        self.acknowledge = True
        self.refuse = False
        self.refused = 0
        self._server: Server | None = None
        self._changed = asyncio.Event()

    @property
    def url(self) -> str:
        assert self._server is not None
        port = next(iter(self._server.sockets)).getsockname()[1]
        return f"ws://127.0.0.1:{port}"

    async def _handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        connection = Connection(socket, socket.request.path)
        if self.refuse:
            self.refused += 1
            self._changed.set()
            return
        self.open.append(connection)
        self._changed.set()
        try:
            async for text in socket:
                await self._control(connection, json.loads(text))
        finally:
            self.open.remove(connection)
            self.past.append(connection)
            self._changed.set()

    async def _control(self, connection: Connection, request: dict[str, Any]) -> None:
        connection.control.append(request)
        connection.control_at.append(asyncio.get_running_loop().time())
        if request["method"] == "SUBSCRIBE":
            connection.streams.update(request["params"])
        else:
            connection.streams.difference_update(request["params"])
        if self.acknowledge:
            await connection.socket.send(json.dumps({"result": None, "id": request["id"]}))
        self._changed.set()

    async def push(self, stream: str, event: Any) -> int:
        """Send an event to every subscriber; how many there were."""
        subscribers = [connection for connection in self.open if stream in connection.streams]
        for connection in subscribers:
            await connection.push(stream, event)
        return len(subscribers)

    async def until(self, condition: Callable[[StreamServer], bool], timeout_s: float = 10.0) -> None:
        """Wait until the server's state satisfies `condition`."""
        async with asyncio.timeout(timeout_s):
            while not condition(self):
                self._changed.clear()
                await self._changed.wait()

    async def carried(self, *streams: str) -> None:
        """Wait until somebody is subscribed to each of these streams."""
        await self.until(lambda server: all(any(s in c.streams for c in server.open) for s in streams))


@asynccontextmanager
async def stream_server() -> AsyncIterator[StreamServer]:
    server = StreamServer()
    async with serve(server._handle, "127.0.0.1", 0, close_timeout=0.2) as running:
        server._server = running
        yield server
