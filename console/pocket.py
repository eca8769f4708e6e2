"""Hands the Telegram seat to an engine: its token, its people, and a queue of messages in the engine's own database."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from console.telegram.guests import Role
from console.telegram.outbox import Message, Shut
from engine.clock import wall_ms
from engine.store.rows import KvRow, OutboxRow

if TYPE_CHECKING:
    from config import Loaded
    from engine.runtime import Engine
    from engine.store.journal import Journal
    from engine.store.queries import TradingQueries

GUESTS_KEY = "telegram_guests"
CARDS_KEY, MUTES_KEY, OFFSET_KEY = "telegram_cards", "telegram_mutes", "telegram_offset"
REMEMBERED = 2_000
FAR_MS, WHOLE = 1 << 62, 1_000_000  # every message that waits


class StoredOutbox:
    """The outbox in the trading database; what the chat calls a sent message is kept beside its text.

    The newest are remembered here too, without their pictures, so that a card is edited without asking the disk.
    """

    def __init__(self, journal: Journal, queries: TradingQueries) -> None:
        self._journal = journal
        self._queries = queries
        self._known: dict[str, tuple[Message, int | None]] = {}
        self._edits: dict[str, Message] | None = None  # those that wait; None until the database was asked

    async def add(self, message: Message) -> bool:
        if await self._find(message.key) is not None:
            return False
        await self._keep(message, None, None)
        return True

    async def replace(self, message: Message) -> None:
        await self._keep(message, None, None)

    async def due(self, now_ms: int, limit: int, shut: Sequence[Shut] = ()) -> list[Message]:
        rows = await self._queries.outbox(now_ms, limit, [(str(one.chat), one.below, one.but) for one in shut])
        return [_message(row) for row in rows]

    async def edits(self) -> list[Message]:
        if self._edits is None:
            waiting = [_message(row) for row in await self._queries.outbox(FAR_MS, WHOLE)]
            self._edits = {one.key: msgspec.structs.replace(one, photo=b"") for one in waiting if one.edits}
        return list(self._edits.values())

    async def sent(self, message: Message, now_ms: int, message_id: int) -> None:
        if await self._is_present(message):
            await self._keep(msgspec.structs.replace(message, photo=b""), now_ms, message_id)

    async def retry(self, message: Message, attempts: int, next_ms: int) -> None:
        if await self._is_present(message):
            await self._keep(msgspec.structs.replace(message, attempts=attempts, next_ms=next_ms), None, None)

    async def message_id(self, key: str) -> int | None:
        known = await self._find(key)
        return known[1] if known is not None else None

    async def unsent(self, key: str) -> Message | None:
        known = await self._find(key)
        return known[0] if known is not None and known[1] is None else None

    async def _is_present(self, message: Message) -> bool:
        known = await self._find(message.key)
        return known is not None and known[0].edition == message.edition

    async def _find(self, key: str) -> tuple[Message, int | None] | None:
        if (known := self._known.get(key)) is not None:
            return known
        row = await self._queries.outbox_message(key)
        return None if row is None else (_message(row), msgspec.json.decode(row.body)["message_id"])

    async def _keep(self, message: Message, sent_ms: int | None, message_id: int | None) -> None:
        self._known.pop(message.key, None)
        self._known[message.key] = (msgspec.structs.replace(message, photo=b""), message_id)
        while len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        if self._edits is not None and message.edits:
            if message_id is None:
                self._edits[message.key] = message
            else:
                self._edits.pop(message.key, None)
        await self._journal.commit(_row(message, sent_ms, message_id))


def add_telegram(engine: Engine, loaded: Loaded) -> None:
    """Add the seat to an engine that is about to run; nothing without a token or with `telegram.enabled` off."""
    settings = loaded.settings.telegram
    parts = engine.parts
    if not settings.enabled or not loaded.secrets.telegram_token:
        return
    # Loaded only where the seat is wanted: the library costs a quarter of a second.
    from console.telegram.bot import BotOptions, Shelf, TelegramSeat
    from console.telegram.guests import Guests

    guests: list[Guests] = []
    first_seen: list[int] = []
    seats: list[TelegramSeat] = []

    async def shelf(key: str) -> tuple[bytes, Callable[[bytes], None]]:
        """What was kept under a key, and how to keep a new value."""
        kept = await parts.queries.kv(key)

        def save(value: bytes) -> None:
            parts.journal.put(KvRow(key=key, value=msgspec.json.encode(base64.b64encode(value).decode())))

        return (base64.b64decode(msgspec.json.decode(kept.value)) if kept is not None else b""), save

    async def run() -> None:
        people = Guests(settings.operators, settings.readers, *await shelf(GUESTS_KEY), parts.clock.now_ms)
        guests[:] = [people]
        # A start that fails begins anew; what was told meanwhile is not to be lost.
        first_seen[:] = first_seen or [parts.notices.last_seq]
        options = BotOptions(
            loaded.secrets.telegram_token, settings.api_url, loaded.settings.account.name, frozenset(settings.muted),
            settings.quiet_hours, first_seen[0], wall_ms, Shelf(*await shelf(CARDS_KEY)),
            Shelf(*await shelf(MUTES_KEY)), Shelf(*await shelf(OFFSET_KEY)),
        )  # fmt: skip

        def report(state: str) -> None:
            parts.gauges.telegram = state

        seat = TelegramSeat(
            engine.port, options, people, StoredOutbox(parts.journal, parts.queries),
            lambda: parts.clock.mono_ms() / 1000, parts.clock.now_ms, report,
        )  # fmt: skip
        seats[:] = [seat]
        try:
            await seat.run()
        finally:
            seats.clear()
            parts.gauges.telegram = "down"

    async def last_words(seq: int) -> None:
        for seat in seats:
            await seat.last_words(seq)

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
    engine.add_farewell(last_words)


def _row(message: Message, sent_ms: int | None, message_id: int | None) -> OutboxRow:
    body = {"message": msgspec.to_builtins(message), "message_id": message_id}
    return OutboxRow(
        dedupe_key=message.key, chat=str(message.chat), body=msgspec.json.encode(body).decode(),
        priority=message.priority, attempts=message.attempts, next_ms=message.next_ms, sent_ms=sent_ms,
    )  # fmt: skip


def _message(row: OutboxRow) -> Message:
    return msgspec.convert(msgspec.json.decode(row.body)["message"], Message)
