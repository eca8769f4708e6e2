"""Messages on their way out: written before they are sent, sent once, urgent ones first.

Where they are kept is the composition root's business; the seat knows this shape only.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

SPLIT_AT = 4000
PER_MINUTE = 20
FIRST_RETRY_MS = 1_000
LAST_RETRY_MS = 300_000

SAFETY, TRADE, SIGNAL, INFO = 30, 20, 10, 0


class Message(msgspec.Struct, frozen=True):
    """One message to one chat. The same `key` is sent once; `edits` names the key of a message to be replaced."""

    key: str
    chat: int
    text: str
    priority: int = INFO
    buttons: tuple[tuple[tuple[str, str], ...], ...] = ()  # rows of (label, callback data)
    attempts: int = 0
    next_ms: int = 0
    edits: str = ""
    photo: bytes = b""


class Outbox(Protocol):
    """Durable queue of messages."""

    async def add(self, message: Message) -> bool:
        """Keep a message; False when its key was known."""
        ...

    async def due(self, now_ms: int, limit: int) -> list[Message]:
        """Unsent messages whose time has come: urgent first, then in the order they came."""
        ...

    async def sent(self, key: str, now_ms: int, message_id: int) -> None: ...

    async def retry(self, key: str, attempts: int, next_ms: int) -> None: ...

    async def message_id(self, key: str) -> int | None:
        """What the chat knows a sent message by."""
        ...


def retry_after_ms(attempts: int) -> int:
    """Pause before the next try: 1 s doubling to 300 s."""
    return int(min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** min(attempts, 12)))


def split(text: str, limit: int = SPLIT_AT) -> list[str]:
    """Parts below the limit, cut at line ends; a longer line is cut where it must be."""
    parts: list[str] = []
    current = ""
    for line in text.split("\n"):
        while len(line) > limit:
            if current:
                parts.append(current)
                current = ""
            parts.append(line[:limit])
            line = line[limit:]  # noqa: PLW2901 - what is left of an oversized line
        if len(current) + len(line) + 1 > limit and current:
            parts.append(current)
            current = line
        else:
            current = f"{current}\n{line}" if current else line
    if current or not parts:
        parts.append(current)
    return parts
