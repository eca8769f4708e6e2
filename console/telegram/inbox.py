"""Texts and buttons. Allowed people get answers, operators may command; strangers get nothing, and are counted.

Commands ask back, their button carries a nonce and dies after 20 s; buttons of a signal carry its card's nonce and die
with the decision. Whatever is odd about an update changes nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import telegram
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, ReplyKeyboardMarkup, Update

from console.telegram import cards
from console.telegram.asker import Asker
from console.telegram.commands import ALIASES, COMMANDS, KEYBOARD, BotCommand, export_csv
from console.telegram.courier import quietly, say
from console.telegram.guests import Guests, Role
from console.telegram.herald import Herald
from console.telegram.mutes import Mutes
from console.telegram.quiet import HUSH, hush
from engine.port.commands import ApproveSignal, Done, RejectSignal, SnoozeSignal
from engine.port.contract import EnginePort

CONFIRM_S = 20.0
SNOOZE_S = 120.0
OLD_ORDER_S = 120.0
LONGEST_TEXT = 500
MOST_ANSWER = 190
SNOOZED = " on the screen; its card here stays, and expires as it says"


@dataclass(frozen=True)
class _Asked:
    """A command that waits for its button."""

    until_s: float
    user: int
    command: BotCommand
    args: list[str]


class Inbox:
    """Answers updates; `wall_ms` dates what people wrote, None leaves old orders undated."""

    def __init__(
        self, port: EnginePort, account: str, guests: Guests, herald: Herald, mutes: Mutes,
        mono_s: Callable[[], float], now_ms: Callable[[], int], wall_ms: Callable[[], int] | None,
    ) -> None:  # fmt: skip
        self._port = port
        self._account = account
        self._guests = guests
        self._herald = herald
        self._mutes = mutes
        self._mono_s = mono_s
        self._now_ms = now_ms
        self._wall_ms = wall_ms
        self._asked: dict[str, _Asked] = {}
        self._ids = 0

    async def on_update(self, bot: telegram.Bot, update: Update) -> None:
        """One update."""
        if update.callback_query is not None:
            await self._on_button(bot, update.callback_query)
        elif update.message is not None and update.message.text and update.message.from_user is not None:
            await self._on_text(bot, update.message, update.message.from_user)

    # -- texts ---------------------------------------------------------------------------------------------------------

    async def _on_text(self, bot: telegram.Bot, message: telegram.Message, user: telegram.User) -> None:
        text = (message.text or "").strip()
        chat = message.chat.id
        if text.startswith("/pair"):
            await self._pair(bot, message, user, text.removeprefix("/pair"))
            return
        role = self._guests.role_in(chat, user.id)
        if role is None:
            self._guests.strangers += 1
            return
        name, args = _words(text)
        if name in HUSH:
            await say(bot, chat, hush(self._mutes, chat, name, args, self._now_ms()))
            return
        command = COMMANDS.get(name)
        if command is None:
            await say(bot, chat, "unknown command; /help lists them")
        elif command.control and role != "operator":
            await say(bot, chat, "only operators may do that")
        elif command.control and self._is_old(message):
            await say(bot, chat, f"/{command.name} was said too long ago; say it again if it still holds")
        else:
            await self._answer(bot, chat, user.id, command, args)

    def _is_old(self, message: telegram.Message) -> bool:
        """An order that waited while nobody listened must not be carried out hours later."""
        return self._wall_ms is not None and self._wall_ms() / 1000 - message.date.timestamp() > OLD_ORDER_S

    async def _answer(self, bot: telegram.Bot, chat: int, user: int, command: BotCommand, args: list[str]) -> None:
        if command.typed and (not args or args[0] != self._account):
            await say(bot, chat, f"type the account's name to confirm: /{command.name} {self._account}")
            return
        if command.control and not command.typed:
            await self._ask_back(bot, chat, user, command, args)
            return
        asker = self._asker(user)
        if command.name == "export":
            await quietly(bot.send_document(chat, await export_csv(asker, args), filename="signals.csv"))
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
            text = escape(text) if command.typed else text
        except (LookupError, ConnectionError) as error:
            text = escape(str(error))
        await say(bot, chat, text, markup)

    async def _ask_back(self, bot: telegram.Bot, chat: int, user: int, command: BotCommand, args: list[str]) -> None:
        now_s = self._mono_s()
        self._asked = {nonce: one for nonce, one in self._asked.items() if one.until_s >= now_s}
        nonce = secrets.token_hex(4)
        self._asked[nonce] = _Asked(now_s + CONFIRM_S, user, command, args)
        keyboard = InlineKeyboardMarkup([[InlineKeyboardButton(f"yes, {command.name}", callback_data=f"c:{nonce}")]])
        said = escape(" ".join([f"/{command.name}", *args]))
        await say(bot, chat, f"{said}: sure? {CONFIRM_S:g} s", keyboard)

    async def _pair(self, bot: telegram.Bot, message: telegram.Message, user: telegram.User, code: str) -> None:
        role = self._guests.pair(user.id, message.chat.id, user.full_name, code)
        if role is None:
            self._guests.strangers += 1
            return
        await say(bot, message.chat.id, f"paired as {role}; /help lists what you can ask")

    # -- buttons -------------------------------------------------------------------------------------------------------

    async def _on_button(self, bot: telegram.Bot, query: telegram.CallbackQuery) -> None:
        user, data = query.from_user.id, query.data or ""
        role = self._guests.role_in(query.message.chat.id, user) if query.message is not None else None
        if role is None or query.message is None:
            self._guests.strangers += 1
            return
        chat = query.message.chat.id
        kind, _, rest = data.partition(":")
        if kind == "c":
            said = await self._confirmed(bot, chat, user, rest)
        elif kind in ("a", "r", "w", "z"):
            signal_id, _, nonce = rest.rpartition(":")
            said = await self._decided(bot, chat, query, kind, signal_id, nonce, role)
        else:
            said = "that button is not one of ours"
        await quietly(query.answer(said[:MOST_ANSWER]))

    async def _confirmed(self, bot: telegram.Bot, chat: int, user: int, nonce: str) -> str:
        asked = self._asked.get(nonce)
        if asked is None or asked.until_s < self._mono_s() or asked.user != user:
            return "too late; ask again"
        del self._asked[nonce]
        said = await asked.command.answer(self._asker(user), asked.args)
        await say(bot, chat, f"/{asked.command.name}: {escape(said)}")
        return said

    async def _decided(
        self, bot: telegram.Bot, chat: int, query: telegram.CallbackQuery, kind: str, signal_id: str, nonce: str,
        role: Role,
    ) -> str:  # fmt: skip
        card = self._herald.card(signal_id)
        if card is None or not secrets.compare_digest(card.nonce.encode(), nonce.encode()):
            return "that button is too old"
        asker = self._asker(query.from_user.id)
        if kind == "w":
            try:
                await say(bot, chat, cards.why_card(await asker.query("signal", id=signal_id)))
            except LookupError as error:
                return str(error)
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
        if isinstance(reply, Done):
            said = (reply.text or "done") + (SNOOZED if kind == "z" else "")
        else:
            said = f"refused: {reply.detail or reply.reason}"
        return said.replace(signal_id, card.name or signal_id)

    def _asker(self, user: int) -> Asker:
        return Asker(self._port, f"telegram:{user}", self._next_id)

    def _next_id(self) -> str:
        self._ids += 1
        return f"telegram-{secrets.token_hex(8)}-{self._ids}"


def _words(text: str) -> tuple[str, list[str]]:
    """Name of the command and its words; a keyboard's label stands for its command."""
    words = ALIASES.get(text, text[:LONGEST_TEXT]).split()
    if not words:
        return "", []
    return words[0].removeprefix("/").split("@")[0].lower(), words[1:]
