"""The bot: one poller, one sender, one listener to what the desk tells. Its death is shown, never felt.

Allowed people get answers, operators may command, strangers get nothing and are counted. Buttons carry a nonce, die
with their signal, and are good once.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import telegram
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, ReplyKeyboardMarkup, Update
from telegram.error import Conflict, NetworkError, RetryAfter, TelegramError
from telegram.request import HTTPXRequest

from console.telegram import cards
from console.telegram.commands import ALIASES, COMMANDS, KEYBOARD, Asker, BotCommand, export_csv
from console.telegram.courier import Courier, quietly, say
from console.telegram.guests import Guests
from console.telegram.outbox import (
    INFO,
    SAFETY,
    SIGNAL,
    TRADE,
    Message,
    Outbox,
)
from engine.port.commands import ApproveSignal, Done, RejectSignal, SnoozeSignal
from engine.port.contract import EnginePort
from engine.port.notices import AnyNotice, SignalRaised

# The library's coming way to say how long to wait; without it every hint is a deprecation warning.
os.environ.setdefault("PTB_TIMEDELTA", "1")

CONFIRM_S = 20.0
POLL_S = 20
SNOOZE_S = 120.0
FIRST_RETRY_S, LAST_RETRY_S = 1.0, 60.0


@dataclass
class _Card:
    """A signal's message: its text, what became of it, and the nonce of its buttons."""

    text: str
    nonce: str
    steps: list[str] = field(default_factory=list)
    edits: int = 0


@dataclass(frozen=True)
class BotOptions:
    """What the composition root decides."""

    token: str
    base_url: str = ""
    account: str = "main"
    muted: frozenset[str] = frozenset()
    quiet_hours: str = ""
    notices_after: int = 0


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
        self._port = port
        self._options = options
        self._guests = guests
        self._outbox = outbox
        self._mono_s = mono_s
        self._now_ms = now_ms
        self._report = report
        self._cards: dict[str, _Card] = {}
        self._asked: dict[str, tuple[float, int, BotCommand, list[str]]] = {}
        self._ids = 0
        self.conflicts = 0

    async def run(self) -> None:
        """Poll, listen and send until cancelled; network trouble is waited out."""
        patience_s = POLL_S + 10.0
        bot = telegram.Bot(
            self._options.token,
            base_url=self._options.base_url or "https://api.telegram.org/bot",
            request=HTTPXRequest(connection_pool_size=8, read_timeout=patience_s),
            get_updates_request=HTTPXRequest(read_timeout=patience_s),
        )
        courier = Courier(self._outbox, self._mono_s, self._now_ms, self._options.quiet_hours)
        async with bot, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._poll(bot), name="telegram poll")
            tasks.create_task(self._listen(), name="telegram listen")
            tasks.create_task(courier.run(bot), name="telegram send")

    # -- in ------------------------------------------------------------------------------------------------------------

    async def _poll(self, bot: telegram.Bot) -> None:
        offset, delay_s = 0, FIRST_RETRY_S
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
            self._report("ok")
            delay_s = FIRST_RETRY_S
            for update in updates:
                offset = update.update_id + 1
                await self.on_update(bot, update)

    async def on_update(self, bot: telegram.Bot, update: Update) -> None:
        """One update; whatever is odd about it changes nothing."""
        if update.callback_query is not None:
            await self._on_button(bot, update.callback_query)
        elif update.message is not None and update.message.text and update.message.from_user is not None:
            await self._on_text(bot, update.message, update.message.from_user)

    async def _on_text(self, bot: telegram.Bot, message: telegram.Message, user: telegram.User) -> None:
        text = (message.text or "").strip()
        chat = message.chat.id
        role = self._guests.role(user.id)
        if text.startswith("/pair"):
            await self._pair(bot, message, user, text.removeprefix("/pair"))
            return
        if role is None:
            self._guests.strangers += 1
            return
        words = (ALIASES.get(text) or text.lstrip("/").split("@")[0]).split() if text else []
        if text.startswith("/") and "@" in text.split()[0]:
            words = [text.split()[0].lstrip("/").split("@")[0], *text.split()[1:]]
        command = COMMANDS.get(words[0].lower()) if words else None
        if command is None:
            await say(bot, chat, "unknown command; /help lists them")
            return
        if command.control and role != "operator":
            await say(bot, chat, "only operators may do that")
            return
        await self._answer(bot, chat, user.id, command, words[1:])

    async def _answer(self, bot: telegram.Bot, chat: int, user: int, command: BotCommand, args: list[str]) -> None:
        if command.typed and (not args or args[0] != self._options.account):
            await say(bot, chat, f"type the account's name to confirm: /{command.name} {self._options.account}")
            return
        if command.control and not command.typed:
            nonce = secrets.token_hex(4)
            self._asked[nonce] = (self._mono_s() + CONFIRM_S, user, command, args)
            keyboard = InlineKeyboardMarkup(
                [[InlineKeyboardButton(f"yes, {command.name}", callback_data=f"c:{nonce}")]]
            )
            await say(bot, chat, f"/{command.name} {' '.join(args)}: sure? {CONFIRM_S:g} s", keyboard)
            return
        asker = self._asker(user)
        if command.name == "export":
            await bot.send_document(chat, await export_csv(asker, args), filename="signals.csv")
            return
        markup: Any = None
        if command.name in ("start", "menu"):
            hide = args[:1] == ["hide"]
            markup = (
                telegram.ReplyKeyboardRemove()
                if hide
                else ReplyKeyboardMarkup([[label for label, _ in row] for row in KEYBOARD], resize_keyboard=True)
            )
        try:
            text = await command.answer(asker, args)
        except (LookupError, ConnectionError) as error:
            text = str(error)
        await say(bot, chat, text, markup)

    async def _pair(self, bot: telegram.Bot, message: telegram.Message, user: telegram.User, code: str) -> None:
        role = self._guests.pair(user.id, message.chat.id, user.full_name, code)
        if role is None:
            self._guests.strangers += 1
            return
        await say(bot, message.chat.id, f"paired as {role}; /help lists what you can ask")

    async def _on_button(self, bot: telegram.Bot, query: telegram.CallbackQuery) -> None:
        user, data = query.from_user.id, query.data or ""
        role = self._guests.role(user)
        if role is None:
            self._guests.strangers += 1
            return
        kind, _, rest = data.partition(":")
        if kind == "c":
            said = await self._confirmed(user, rest)
        elif kind in ("a", "r", "w", "z"):
            signal_id, _, nonce = rest.partition(":")
            said = await self._decided(bot, query, kind, signal_id, nonce, role)
        else:
            said = "that button is not one of ours"
        await quietly(query.answer(said[:190]))

    async def _confirmed(self, user: int, nonce: str) -> str:
        asked = self._asked.pop(nonce, None)
        if asked is None or asked[0] < self._mono_s() or asked[1] != user:
            return "too late; ask again"
        return await asked[2].answer(self._asker(user), asked[3])

    async def _decided(
        self, bot: telegram.Bot, query: telegram.CallbackQuery, kind: str, signal_id: str, nonce: str, role: str
    ) -> str:
        card = self._cards.get(signal_id)
        if card is None or not secrets.compare_digest(card.nonce, nonce):
            return "that button is too old"
        asker = self._asker(query.from_user.id)
        if kind == "w":
            try:
                text = cards.why_card(await asker.query("signal", id=signal_id))
            except LookupError as error:
                return str(error)
            if query.message is not None:
                await say(bot, query.message.chat.id, text)
            return "why"
        if role != "operator":
            return "only operators may decide"
        # The update's own id: the same press delivered twice is one command.
        command_id = f"telegram-{query.id}"
        if kind == "a":
            reply = await self._port.submit(ApproveSignal(id=command_id, actor=asker.actor, signal_id=signal_id))
        elif kind == "r":
            reply = await self._port.submit(RejectSignal(id=command_id, actor=asker.actor, signal_id=signal_id))
        else:
            reply = await self._port.submit(
                SnoozeSignal(id=command_id, actor=asker.actor, signal_id=signal_id, for_s=SNOOZE_S)
            )
        return reply.text or "done" if isinstance(reply, Done) else f"refused: {reply.detail or reply.reason}"

    # -- what the desk tells -------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        async for notice in self._port.notices(after=self._options.notices_after):
            await self.on_notice(notice)

    async def on_notice(self, notice: AnyNotice) -> None:
        """Turn a notice into messages, or into an edit of the message of its signal."""
        kind = type(notice).__name__
        signal_id = getattr(notice, "signal_id", "")
        if isinstance(notice, SignalRaised):
            await self._raise(notice)
            return
        if signal_id and (card := self._cards.get(signal_id)) is not None:
            card.steps.append(notice.text)
            card.edits += 1
            text = cards.life(card.text, card.steps)
            for chat in self._guests.chats():
                key = f"{signal_id}:{chat}"
                await self._outbox.add(Message(f"{key}:{card.edits}", chat, text, TRADE, edits=key))
            return
        important = cards.is_safety(notice) or cards.is_trade(notice)
        if kind in self._options.muted and not important:
            return
        priority = SAFETY if cards.is_safety(notice) else TRADE if important else INFO
        for chat in self._guests.chats():
            await self._outbox.add(Message(f"n{notice.seq}:{chat}", chat, cards.notice_text(notice), priority))

    async def _raise(self, notice: SignalRaised) -> None:
        asker = Asker(self._port, "telegram", self._next_id)
        try:
            signal = await asker.query("signal", id=notice.signal_id)
        except LookupError:
            return
        card = _Card(
            cards.signal_card(signal, str(signal.get("measured", "unmeasured")), self._now_ms()), secrets.token_hex(3)
        )
        self._cards[notice.signal_id] = card
        while len(self._cards) > 200:
            self._cards.pop(next(iter(self._cards)))
        tail = f"{notice.signal_id}:{card.nonce}"
        row = (("approve", f"a:{tail}"), ("reject", f"r:{tail}"), ("why", f"w:{tail}"), ("snooze", f"z:{tail}"))
        for chat, role in self._guests.chats().items():
            buttons = (row,) if role == "operator" else ((row[2],),)
            await self._outbox.add(Message(f"{notice.signal_id}:{chat}", chat, card.text, SIGNAL, buttons))

    def _asker(self, user: int) -> Asker:
        return Asker(self._port, f"telegram:{user}", self._next_id)

    def _next_id(self) -> str:
        self._ids += 1
        return f"telegram-{secrets.token_hex(8)}-{self._ids}"
