"""The bot: one poller, one sender, one listener to what the desk tells. Its death is shown, never felt.

Each person's updates are answered in their order and beside everybody else's, so that an answer that hangs keeps
nobody from stopping the desk; a fault in one answer ends that answer and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import telegram
from telegram import Update
from telegram.error import Conflict, NetworkError, RetryAfter, TelegramError
from telegram.request import HTTPXRequest

from console.telegram.courier import Courier
from console.telegram.guests import Guests
from console.telegram.herald import Herald
from console.telegram.inbox import Inbox
from console.telegram.mutes import Mutes
from console.telegram.outbox import Outbox
from console.telegram.wire import PollRequest
from engine.port.contract import EnginePort
from engine.port.notices import AnyNotice

POLL_S = 20
FIRST_RETRY_S, LAST_RETRY_S = 1.0, 60.0
MOST_WAITING = 100


def _nothing(_value: bytes) -> None:
    return


@dataclass(frozen=True)
class Shelf:
    """What is kept over a restart under one name: the value found, and how to keep a new one."""

    stored: bytes = b""
    save: Callable[[bytes], None] = _nothing


@dataclass(frozen=True)
class BotOptions:
    """What the composition root decides. `wall_ms` dates orders; None takes them however old they are."""

    token: str
    base_url: str = ""
    account: str = "main"
    muted: frozenset[str] = frozenset()
    quiet_hours: str = ""
    notices_after: int = 0
    wall_ms: Callable[[], int] | None = None
    cards: Shelf = field(default_factory=Shelf)
    mutes: Shelf = field(default_factory=Shelf)
    offset: Shelf = field(default_factory=Shelf)


class TelegramSeat:
    """A seat on the port. `run` is a best-effort service of the engine; `report` says how it is."""

    def __init__(
        self,
        port: EnginePort,
        options: BotOptions,
        guests: Guests,
        outbox: Outbox,
        mono_s: Callable[[], float],
        now_ms: Callable[[], int],
        report: Callable[[str], None],
    ) -> None:
        self._options = options
        self._guests = guests
        self._courier = Courier(outbox, mono_s, now_ms, options.quiet_hours)
        self._report = report
        mutes = Mutes(options.muted, options.mutes.stored, options.mutes.save)
        self._herald = Herald(
            port, guests, outbox, mutes, now_ms, options.notices_after, options.cards.stored, options.cards.save
        )
        self._inbox = Inbox(port, options.account, guests, self._herald, mutes, mono_s, now_ms, options.wall_ms)
        self._turns: dict[int, asyncio.Lock] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self.conflicts = 0
        self.faults = 0

    async def run(self) -> None:
        """Poll, listen and send until cancelled; network trouble is waited out."""
        patience_s = POLL_S + 10.0
        bot = telegram.Bot(
            self._options.token,
            base_url=self._options.base_url or "https://api.telegram.org/bot",
            request=HTTPXRequest(connection_pool_size=8, read_timeout=patience_s),
            get_updates_request=PollRequest(read_timeout=patience_s),
        )
        try:
            async with bot, asyncio.TaskGroup() as tasks:
                tasks.create_task(self._poll(bot), name="telegram poll")
                tasks.create_task(self._herald.listen(), name="telegram listen")
                tasks.create_task(self._aside(self._herald.greet), name="telegram greet")
                tasks.create_task(self._aside(self._herald.digests), name="telegram digests")
                tasks.create_task(self._herald.draw_pictures(), name="telegram pictures")
                tasks.create_task(self._courier.run(bot), name="telegram send")
        finally:
            for answering in self._answering:
                answering.cancel()

    async def on_update(self, bot: telegram.Bot, update: Update) -> None:
        """Answer one update."""
        await self._inbox.on_update(bot, update)

    async def on_notice(self, notice: AnyNotice) -> None:
        """Queue what one notice says."""
        await self._herald.on_notice(notice)

    async def last_words(self, seq: int) -> None:
        """Wait until people have what notice `seq` says."""
        while not await self._herald.has_told(seq):  # noqa: ASYNC110 - the outbox is a table, it sets no event
            await asyncio.sleep(0.05)

    async def _poll(self, bot: telegram.Bot) -> None:
        kept = self._options.offset.stored
        offset, delay_s = int(kept) if kept.isdigit() else 0, FIRST_RETRY_S
        while True:
            try:
                updates = await bot.get_updates(
                    offset=offset, timeout=POLL_S, allowed_updates=["message", "callback_query"]
                )
            except Conflict:
                # Another instance polls this bot: it gets the questions, we go on telling.
                self.conflicts += 1
                self._report("another instance polls this bot")
                await asyncio.sleep(LAST_RETRY_S)
                continue
            except (NetworkError, RetryAfter, TelegramError) as error:
                self._report(f"unreachable: {type(error).__name__}")
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, LAST_RETRY_S)
                continue
            self._report("ok" if not self._guests.strangers else f"ok, {self._guests.strangers} strangers turned away")
            delay_s = FIRST_RETRY_S
            for update in updates:
                offset = update.update_id + 1
                self._take(bot, update)
            if updates:
                self._options.offset.save(str(offset).encode())

    def _take(self, bot: telegram.Bot, update: Update) -> None:
        if len(self._answering) >= MOST_WAITING:
            return  # somebody writes faster than can be answered
        user = update.effective_user.id if update.effective_user is not None else 0
        task = asyncio.create_task(self._in_turn(user, bot, update), name="telegram answer")
        self._answering.add(task)
        task.add_done_callback(self._answered)

    async def _in_turn(self, user: int, bot: telegram.Bot, update: Update) -> None:
        async with self._turns.setdefault(user, asyncio.Lock()):
            await self.on_update(bot, update)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answering.discard(task)
        if not self._answering:
            self._turns.clear()
        if not task.cancelled() and (error := task.exception()) is not None:
            self.faults += 1
            self._report(f"an answer failed: {type(error).__name__}")

    async def _aside(self, work: Callable[[], Awaitable[None]]) -> None:
        """Something that is left out where the desk does not answer."""
        try:
            await work()
        except (LookupError, ConnectionError) as error:
            self._report(f"left out: {error}")
