"""One person's question to the port, and the answer as plain data."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.port.commands import AnyCommand, Done, Query
from engine.port.contract import EnginePort


@dataclass
class Asker:
    """The port, who asks, and a fresh command id for each submission."""

    port: EnginePort
    actor: str
    next_id: Callable[[], str]

    async def query(self, what: str, **args: str) -> Any:
        """The data of a query; raises LookupError with the refusal's words."""
        reply = await self.port.submit(Query(id=self.next_id(), actor=self.actor, what=what, args=args))
        if not isinstance(reply, Done):
            raise LookupError(reply.detail or reply.reason)
        return json.loads(reply.data)

    async def submit(self, command: AnyCommand) -> str:
        """What the desk said."""
        reply = await self.port.submit(command)
        return reply.text or "done" if isinstance(reply, Done) else f"refused: {reply.detail or reply.reason}"
