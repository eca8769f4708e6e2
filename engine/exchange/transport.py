"""The seam to the network: what the client needs of HTTP and WebSocket, and the libraries that give it.

Foreign exceptions end here. A request that found no way out at all (`NotSent`) is told apart from one that may have
arrived, because only the first may simply be repeated when it was an order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import aiohttp
import websockets
from websockets.asyncio.client import ClientConnection, connect
from yarl import URL

from engine.errors import ExchangeError, Transient

LARGEST_MESSAGE = 16 * 1024 * 1024
HANDSHAKE_TIMEOUT_S = 30.0
PING_S = 20.0


class NotSent(Transient):
    """No connection came about, so nothing can have arrived."""


class SocketClosed(ExchangeError):
    """A stream connection is over."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Status, headers (names in lower case) and body as received."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpTransport(Protocol):
    async def request(self, method: str, url: str, headers: Mapping[str, str], timeout_s: float) -> HttpAnswer:
        """One request, never repeated. Raises NotSent or Transient."""
        ...

    async def close(self) -> None: ...


class Socket(Protocol):
    """An open stream connection."""

    async def send(self, text: str) -> None:
        """Raises SocketClosed."""
        ...

    async def receive(self) -> str | bytes:
        """The next message. Raises SocketClosed."""
        ...

    async def close(self) -> None: ...


class WsTransport(Protocol):
    async def open(self, url: str) -> Socket:
        """Raises NotSent."""
        ...


class AiohttpTransport:
    """HTTP over a pool of kept connections; `proxied` honours the proxy variables of the environment."""

    def __init__(self, connect_timeout_s: float, proxied: bool = True) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._proxied = proxied
        self._session: aiohttp.ClientSession | None = None

    async def request(self, method: str, url: str, headers: Mapping[str, str], timeout_s: float) -> HttpAnswer:
        timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(self._connect_timeout_s, timeout_s))
        try:
            async with self._open().request(
                method, URL(url, encoded=True), headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                body = await response.read()
                return HttpAnswer(
                    response.status, {name.lower(): value for name, value in response.headers.items()}, body
                )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise NotSent(f"no connection: {error}") from error
        except TimeoutError as error:
            raise Transient(f"no answer within {timeout_s:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Transient(f"{type(error).__name__}: {error}") from error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=64, keepalive_timeout=55.0),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=self._proxied,
            )
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


class _WebSocket:
    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, text: str) -> None:
        try:
            await self._connection.send(text)
        except websockets.ConnectionClosed as error:
            raise SocketClosed(_why(error)) from error

    async def receive(self) -> str | bytes:
        try:
            return await self._connection.recv(decode=False)  # the decoders read bytes
        except websockets.ConnectionClosed as error:
            raise SocketClosed(_why(error)) from error

    async def close(self) -> None:
        await self._connection.close()


def _why(error: websockets.ConnectionClosed) -> str:
    if error.rcvd is None:
        return "connection lost"
    return f"closed by the exchange ({error.rcvd.code} {error.rcvd.reason})".replace(" )", ")")


class WebsocketsTransport:
    """Streams over the `websockets` library, uncompressed, with its own pings against dead peers."""

    def __init__(self, proxied: bool = True, handshake_timeout_s: float = HANDSHAKE_TIMEOUT_S) -> None:
        self._proxied = proxied
        self._handshake_timeout_s = handshake_timeout_s

    async def open(self, url: str) -> Socket:
        try:
            connection = await connect(
                url,
                compression=None,
                max_size=LARGEST_MESSAGE,
                max_queue=1024,
                open_timeout=self._handshake_timeout_s,
                close_timeout=1.0,
                ping_interval=PING_S,
                ping_timeout=PING_S,
                proxy=True if self._proxied else None,
            )
        except (OSError, TimeoutError, asyncio.IncompleteReadError, websockets.WebSocketException) as error:
            raise NotSent(f"no stream connection: {type(error).__name__}: {error}") from error
        return _WebSocket(connection)
