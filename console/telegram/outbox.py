"""Messages on their way out: written before they are sent, sent once, urgent ones first.

Where they are kept is the composition root's business; the seat knows this shape only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

PER_MINUTE = 20
FIRST_RETRY_MS = 1_000
LAST_RETRY_MS = 300_000

SAFETY, TRADE, SIGNAL, INFO = 30, 20, 10, 0


class Message(msgspec.Struct, frozen=True):
    """One message to one chat. The same `key` is sent once.

    `edits` names the message this one replaces, `answers` the one it belongs below. `edition` tells later texts of the
    same key apart. With `photo`, PNG bytes, the text is its caption.
    """

    key: str
    chat: int
    text: str
    priority: int = INFO
    buttons: tuple[tuple[tuple[str, str], ...], ...] = ()  # rows of (label, callback data)
    attempts: int = 0
    next_ms: int = 0
    edits: str = ""
    photo: bytes = b""
    answers: str = ""
    edition: int = 0


class Shut(msgspec.Struct, frozen=True):
    """A chat that takes nothing below a priority now, except the message `but`."""

    chat: int
    below: int
    but: str = ""


class Outbox(Protocol):
    """Durable queue of messages."""

    async def add(self, message: Message) -> bool:
        """Keep a message; False when its key was known."""
        ...

    async def replace(self, message: Message) -> None:
        """Keep a message in the place of whatever has its key, to be sent (again)."""
        ...

    async def due(self, now_ms: int, limit: int, shut: Sequence[Shut] = ()) -> list[Message]:
        """Unsent messages whose time has come: urgent first, then in the order they came.

        What a chat does not take now is left out, so that a long queue is neither read nor hides what others wait for.
        """
        ...

    async def edits(self) -> list[Message]:
        """Unsent messages that replace another one, in the order they came; also those a chat does not take now."""
        ...

    async def sent(self, message: Message, now_ms: int, message_id: int) -> None:
        """It went out; ignored where a later edition has taken its place meanwhile."""
        ...

    async def retry(self, message: Message, attempts: int, next_ms: int) -> None:
        """It did not; ignored where a later edition has taken its place meanwhile."""
        ...

    async def message_id(self, key: str) -> int | None:
        """What the chat knows a sent message by; None while it was not sent, 0 when the chat did not take it."""
        ...

    async def unsent(self, key: str) -> Message | None:
        """A message that still waits."""
        ...


def retry_after_ms(attempts: int) -> int:
    """Pause before the next try: 1 s doubling to 300 s."""
    return int(min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** min(attempts, 12)))
