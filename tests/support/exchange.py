"""A served exchange and what a client of it needs: signing, sockets, waiting for a condition."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp

from engine.sim.serve import ServeOptions, serve

FIXTURES = Path(__file__).resolve().parents[3] / "shared" / "spec" / "fixtures"
MIDDAY_MS = 1_767_225_600_000 + 453_123  # seven minutes and a half into a bar


class Client:
    """One user of a served exchange."""

    def __init__(self, session: aiohttp.ClientSession, ready: dict[str, Any]) -> None:
        self.session, self.ready = session, ready

    async def get(self, path: str, **params: object) -> tuple[int, Any, dict[str, str]]:
        query = f"?{urlencode(params)}" if params else ""
        async with self.session.get(f"{self.ready['rest']}{path}{query}") as answer:
            return answer.status, await answer.json(), dict(answer.headers)

    async def signed(self, method: str, path: str, **params: object) -> tuple[int, Any, dict[str, str]]:
        _, now, _ = await self.get("/fapi/v1/time")
        query = urlencode(params | {"timestamp": now["serverTime"]})
        signature = hmac.new(self.ready["api_secret"].encode(), query.encode(), hashlib.sha256).hexdigest()
        return await self.send(method, f"{path}?{query}&signature={signature}")

    async def keyed(self, method: str, path: str) -> Any:
        return (await self.send(method, path))[1]

    async def send(
        self, method: str, target: str, body: str | None = None, key: str | None = ""
    ) -> tuple[int, Any, dict[str, str]]:
        """A request as it is, bytes untouched; `key` "" stands for the user's own, None for none."""
        from yarl import URL

        headers = {} if key is None else {"X-MBX-APIKEY": key or self.ready["api_key"]}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        url = URL(f"{self.ready['rest']}{target}", encoded=True)
        async with self.session.request(method, url, data=body, headers=headers) as answer:
            return answer.status, await answer.json(), dict(answer.headers)

    def socket(self, path: str) -> Any:
        return self.session.ws_connect(f"{self.ready['ws']}{path}", autoping=True)

    async def control(self, name: str, **fields: object) -> Any:
        async with self.session.post(f"{self.ready['rest']}/sim/{name}", json=fields) as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def served(**options: Any) -> AsyncIterator[Client]:
    """An exchange on loopback in this process, and a client of it."""
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(ServeOptions(port=0, **options), ready.set_result, stop))
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    async with aiohttp.ClientSession() as session:
        try:
            yield Client(session, ready.result())
        finally:
            stop.set()
            await task


async def hear(ws: aiohttp.ClientWebSocketResponse, want: Callable[[Any], bool], within_s: float = 5.0) -> Any:
    """The first message that is wanted; AssertionError when none comes in time or the socket ends."""
    seen = []
    try:
        async with asyncio.timeout(within_s):
            while True:
                message = await ws.receive()
                if message.type is not aiohttp.WSMsgType.TEXT:
                    raise AssertionError(f"the socket ended with {message.type!r}; before that: {seen[-3:]}")
                value = json.loads(message.data)
                if want(value):
                    return value
                seen.append(value)
    except TimeoutError:
        raise AssertionError(f"nothing wanted within {within_s} s; heard {len(seen)}: {seen[-3:]}") from None


async def heard_within(ws: aiohttp.ClientWebSocketResponse, seconds: float) -> list[Any]:
    """Everything a socket says in a stretch of time."""
    seen: list[Any] = []
    try:
        async with asyncio.timeout(seconds):
            while (message := await ws.receive()).type is aiohttp.WSMsgType.TEXT:
                seen.append(json.loads(message.data))
    except TimeoutError:
        pass
    return seen


def fixture(name: str) -> Any:
    """A documented payload."""
    return json.loads((FIXTURES / name).read_text())


def difference(documented: Any, ours: Any, where: str = "") -> list[str]:
    """Where the keys or JSON types of two values differ; lists are compared by their first items."""
    if isinstance(documented, dict) and isinstance(ours, dict):
        found = [f"{where}: missing {key}" for key in documented if key not in ours]
        found += [f"{where}: unexpected {key}" for key in ours if key not in documented]
        for key in documented.keys() & ours.keys():
            found += difference(documented[key], ours[key], f"{where}.{key}")
        return found
    if isinstance(documented, list) and isinstance(ours, list):
        return difference(documented[0], ours[0], f"{where}[]") if documented and ours else []
    if documented is not None and ours is not None and type(documented) is not type(ours):
        return [f"{where}: {type(ours).__name__} instead of {type(documented).__name__}"]
    return []
