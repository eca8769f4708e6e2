"""One-shot seats: connect to the engine of a home, ask one thing, print the answer."""

from __future__ import annotations

import asyncio
import getpass
import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from console.cli.failure import CommandFailed, not_running
from console.cli.invocation import Invocation
from engine.port.address import engine_pid, socket_path
from engine.port.client import PortClient
from engine.port.commands import AnyCommand, Done, Query, Refused

T = TypeVar("T")
ANSWER_TIMEOUT_S = 30.0


def actor() -> str:
    """Who asks, for the record."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli:unknown"


def command_id() -> str:
    """A fresh command id."""
    return uuid.uuid4().hex


def with_engine(call: Invocation, use: Callable[[PortClient], Awaitable[T]], timeout_s: float = ANSWER_TIMEOUT_S) -> T:
    """Connect, use, detach. Ends with 3 when no engine runs and 5 when it does not answer in time."""

    async def go() -> T:
        if engine_pid(call.home) is None:
            raise not_running()
        client = await PortClient.connect(socket_path(call.home), actor())
        try:
            async with asyncio.timeout(timeout_s):
                return await use(client)
        finally:
            await client.close()

    return asyncio.run(go())


def ask(call: Invocation, command: AnyCommand, timeout_s: float = ANSWER_TIMEOUT_S) -> Done:
    """Submit one command; a refusal ends with the exit code it carries."""
    return accepted(with_engine(call, lambda client: client.submit(command), timeout_s))


def accepted(reply: Done | Refused) -> Done:
    """The reply when it is `Done`; otherwise the failure it stands for."""
    if isinstance(reply, Refused):
        raise CommandFailed(reply.code, reply.detail or reply.reason, name=reply.reason)
    return reply


def query(call: Invocation, what: str, **args: str | None) -> Any:
    """Ask for a list or an object of the contract."""
    given = {name: value for name, value in args.items() if value is not None}
    done = ask(call, Query(id=command_id(), actor=actor(), what=what, args=given))
    return json.loads(done.data)
