"""Hands the Telegram seat to an engine: its token, its people, and a queue of messages in the engine's own database."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from console.telegram.guests import Role
from console.telegram.outbox import Message
from engine.store.rows import KvRow, OutboxRow

if TYPE_CHECKING:
    from config import Loaded
    from engine.runtime import Engine
    from engine.store.journal import Journal
    from engine.store.queries import TradingQueries

GUESTS_KEY = "telegram_guests"


class StoredOutbox:
    """The outbox in the trading database; what the chat calls a sent message is kept beside its text."""

    def __init__(self, journal: Journal, queries: TradingQueries) -> None:
        self._journal = journal
        self._queries = queries
        self._known: dict[str, tuple[Message, int | None]] = {}

    async def add(self, message: Message) -> bool:
        if message.key in self._known:
            return False
        self._known[message.key] = (message, None)
        await self._journal.commit(_row(message, None, None))
        return True

    async def due(self, now_ms: int, limit: int) -> list[Message]:
        rows = await self._queries.outbox(now_ms, limit)
        return [_message(row) for row in rows]

    async def sent(self, key: str, now_ms: int, message_id: int) -> None:
        message = await self._find(key)
        if message is not None:
            self._known[key] = (message, message_id)
            await self._journal.commit(_row(message, now_ms, message_id))

    async def retry(self, key: str, attempts: int, next_ms: int) -> None:
        message = await self._find(key)
        if message is not None:
            later = msgspec.structs.replace(message, attempts=attempts, next_ms=next_ms)
            self._known[key] = (later, None)
            await self._journal.commit(_row(later, None, None))

    async def message_id(self, key: str) -> int | None:
        known = self._known.get(key)
        return known[1] if known is not None else None

    async def _find(self, key: str) -> Message | None:
        if (known := self._known.get(key)) is not None:
            return known[0]
        rows = await self._queries.outbox(1 << 62, 10_000)
        return next((_message(row) for row in rows if row.dedupe_key == key), None)


def add_telegram(engine: Engine, loaded: Loaded) -> None:
    """Add the seat to an engine that is about to run; nothing without a token or with `telegram.enabled` off."""
    settings = loaded.settings.telegram
    parts = engine.parts
    if not settings.enabled or not loaded.secrets.telegram_token:
        return
    # Loaded only where the seat is wanted: the library costs a quarter of a second.
    from console.telegram.bot import BotOptions, TelegramSeat
    from console.telegram.guests import Guests

    guests: list[Guests] = []

    async def run() -> None:
        kept = await parts.queries.kv(GUESTS_KEY)

        def save(value: bytes) -> None:
            row = KvRow(key=GUESTS_KEY, value=msgspec.json.encode(base64.b64encode(value).decode()))
            parts.journal.put(row)

        stored = base64.b64decode(msgspec.json.decode(kept.value)) if kept is not None else b""
        people = Guests(settings.operators, settings.readers, stored, save, parts.clock.now_ms)
        guests[:] = [people]
        options = BotOptions(
            loaded.secrets.telegram_token, settings.api_url, loaded.settings.account.name, frozenset(settings.muted),
            settings.quiet_hours, parts.notices.last_seq,
        )  # fmt: skip

        def report(state: str) -> None:
            parts.gauges.telegram = state

        seat = TelegramSeat(
            engine.port, options, people, StoredOutbox(parts.journal, parts.queries),
            lambda: parts.clock.mono_ms() / 1000, parts.clock.now_ms, report,
        )  # fmt: skip
        try:
            await seat.run()
        finally:
            parts.gauges.telegram = "down"

    async def pair(args: Mapping[str, str]) -> dict[str, Any]:
        role: Role = "operator" if args.get("role") == "operator" else "reader"
        return {"code": guests[0].new_code(role) if guests else None, "role": role, "minutes": 5}

    async def people(_args: Mapping[str, str]) -> list[dict[str, Any]]:
        return [msgspec.to_builtins(guest) for guest in guests[0].guests()] if guests else []

    async def revoke(args: Mapping[str, str]) -> dict[str, Any]:
        user = args.get("user", "")
        return {"revoked": bool(guests) and user.lstrip("-").isdigit() and guests[0].revoke(int(user))}

    parts.answers.join({"telegram_pair": pair, "telegram_guests": people, "telegram_revoke": revoke})
    parts.gauges.telegram = "starting"
    engine.add_service("telegram", run)


def _row(message: Message, sent_ms: int | None, message_id: int | None) -> OutboxRow:
    body = {"message": msgspec.to_builtins(message), "message_id": message_id}
    return OutboxRow(
        dedupe_key=message.key, chat=str(message.chat), body=msgspec.json.encode(body).decode(),
        priority=message.priority, attempts=message.attempts, next_ms=message.next_ms, sent_ms=sent_ms,
    )  # fmt: skip


def _message(row: OutboxRow) -> Message:
    return msgspec.convert(msgspec.json.decode(row.body)["message"], Message)
