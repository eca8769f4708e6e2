"""The seam to the network, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from websockets.asyncio.server import ServerConnection, serve

from engine.errors import Transient
from engine.exchange.transport import AiohttpTransport, NotSent, SocketClosed, WebsocketsTransport


@pytest.fixture
async def http() -> AsyncIterator[AiohttpTransport]:
    transport = AiohttpTransport(connect_timeout_s=2.0, proxied=False)
    yield transport
    await transport.close()


async def served(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> tuple[web.AppRunner, str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    return runner, f"http://{host}:{port}"


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_the_bytes_that_were_signed_are_the_bytes_that_arrive(http: AiohttpTransport) -> None:
    query = "symbol=%E5%B8%81USDT&note=a%20b%26c%3Dd&signature=ab%2Bc%3D"

    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"raw": request.rel_url.raw_query_string}, headers={"X-MBX-USED-WEIGHT-1M": "7"})

    runner, url = await served(handler)
    try:
        answer = await http.request("POST", f"{url}/fapi/v1/order?{query}", {"X-MBX-APIKEY": "K"}, 5.0)
    finally:
        await runner.cleanup()
    assert (answer.status, answer.headers["x-mbx-used-weight-1m"]) == (200, "7")
    assert query.encode() in answer.body


async def test_a_refusal_is_an_answer_not_an_exception(http: AiohttpTransport) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response({"code": -1003, "msg": "no"}, status=429, headers={"Retry-After": "3"})

    runner, url = await served(handler)
    try:
        answer = await http.request("GET", url + "/x", {}, 5.0)
    finally:
        await runner.cleanup()
    assert (answer.status, answer.headers["retry-after"]) == (429, "3")


async def test_no_answer_in_time_may_have_arrived_and_no_connection_cannot_have(http: AiohttpTransport) -> None:
    reached = asyncio.Event()

    async def handler(_request: web.Request) -> web.Response:
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    runner, url = await served(handler)
    try:
        with pytest.raises(Transient, match="no answer") as late:
            await http.request("POST", url + "/x", {}, 0.2)
    finally:
        await runner.cleanup()
    assert reached.is_set()
    assert not isinstance(late.value, NotSent)
    with pytest.raises(NotSent):
        await http.request("POST", f"http://127.0.0.1:{closed_port()}/x", {}, 1.0)


async def test_a_connection_cut_in_mid_answer_leaves_the_outcome_open(http: AiohttpTransport) -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        writer.close()

    server = await asyncio.start_server(cut, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(Transient) as failure:
            await http.request("POST", f"http://127.0.0.1:{port}/x", {}, 2.0)
    assert not isinstance(failure.value, NotSent)


async def test_a_stream_that_ends_says_why() -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.send(await connection.recv())
        await connection.close(1008, "Too many requests")

    transport = WebsocketsTransport(proxied=False)
    async with serve(handler, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        opened = await transport.open(f"ws://127.0.0.1:{port}/public/stream")
        await opened.send("hello")
        assert await opened.receive() == b"hello"
        with pytest.raises(SocketClosed, match="1008 Too many requests"):
            await opened.receive()
        with pytest.raises(SocketClosed):
            await opened.send("anyone")
        await opened.close()


async def test_a_stream_that_cannot_be_opened_was_not_sent() -> None:
    with pytest.raises(NotSent):
        await WebsocketsTransport(proxied=False).open(f"ws://127.0.0.1:{closed_port()}/x")
