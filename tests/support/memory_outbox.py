"""The outbox of the second seat in memory."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from console.telegram.outbox import Message, Shut


class MemoryOutbox:
    """Keeps messages by key, as the database does, for as long as the test lasts."""

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self.ids: dict[str, int] = {}

    async def add(self, message: Message) -> bool:
        known = message.key in self.messages
        self.messages.setdefault(message.key, message)
        return not known

    async def replace(self, message: Message) -> None:
        self.messages[message.key] = message
        self.ids.pop(message.key, None)

    async def due(self, now_ms: int, limit: int, shut: Sequence[Shut] = ()) -> list[Message]:
        open_ones = [m for key, m in self.messages.items() if key not in self.ids and m.next_ms <= now_ms]
        for one in shut:
            open_ones = [m for m in open_ones if m.chat != one.chat or m.priority >= one.below or m.key == one.but]
        return sorted(open_ones, key=lambda m: -m.priority)[:limit]

    async def edits(self) -> list[Message]:
        return [self.messages[key] for key in self.waiting_edits()]

    async def sent(self, message: Message, now_ms: int, message_id: int) -> None:
        if self.messages[message.key].edition == message.edition:
            self.ids[message.key] = message_id

    async def retry(self, message: Message, attempts: int, next_ms: int) -> None:
        old = self.messages[message.key]
        if old.edition == message.edition:
            self.messages[message.key] = msgspec.structs.replace(old, attempts=attempts, next_ms=next_ms)

    async def message_id(self, key: str) -> int | None:
        return self.ids.get(key)

    async def unsent(self, key: str) -> Message | None:
        return self.messages.get(key) if key not in self.ids else None

    def waiting_edits(self) -> list[str]:
        """Edits that were not carried yet."""
        return [key for key, message in self.messages.items() if message.edits and key not in self.ids]
