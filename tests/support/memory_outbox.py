"""The outbox of the second seat in memory."""

from __future__ import annotations

from console.telegram.outbox import Message


class MemoryOutbox:
    """Keeps messages by key, as the database does, for as long as the test lasts."""

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self.ids: dict[str, int] = {}

    async def add(self, message: Message) -> bool:
        known = message.key in self.messages
        self.messages.setdefault(message.key, message)
        return not known

    async def due(self, now_ms: int, limit: int) -> list[Message]:
        open_ones = [m for key, m in self.messages.items() if key not in self.ids and m.next_ms <= now_ms]
        return sorted(open_ones, key=lambda m: -m.priority)[:limit]

    async def sent(self, key: str, now_ms: int, message_id: int) -> None:
        self.ids[key] = message_id

    async def retry(self, key: str, attempts: int, next_ms: int) -> None:
        old = self.messages[key]
        self.messages[key] = Message(
            key, old.chat, old.text, old.priority, old.buttons, attempts, next_ms, old.edits, old.photo
        )

    async def message_id(self, key: str) -> int | None:
        return self.ids.get(key)
