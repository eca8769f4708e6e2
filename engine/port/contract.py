"""The port: three calls, the same in one process, over a socket, and in a test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from engine.port.commands import AnyCommand, Reply
from engine.port.notices import AnyNotice
from engine.port.views import AnyView

PORT_VERSION = 1


class EnginePort(Protocol):
    """What every seat holds. Nothing else of the engine is visible to it."""

    async def submit(self, command: AnyCommand) -> Reply:
        """Ask for something; a refusal is a value. Raises `ConnectionError` when the engine is gone."""
        ...

    def watch(self, topic: str, max_hz: float = 4.0, args: Mapping[str, str] | None = None) -> AsyncIterator[AnyView]:
        """Newest view of a topic, at most `max_hz` times a second, only when it changed; slow readers skip.

        `args` narrows a topic: {"symbol": ...} for book, chart ({"tf": ...} too) and regime, {"signal_id": ...} for
        breakdown. Ends with `ConnectionError` when the engine is gone.
        """
        ...

    def notices(self, after: int = 0) -> AsyncIterator[AnyNotice]:
        """Ordered log from `after` (exclusive) on, then live."""
        ...
