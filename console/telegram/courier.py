"""Carries messages from the outbox to Telegram: at its pace, in its formats, and again when it fails."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import msgspec
import telegram
from telegram import InlineKeyboardButton, InlineKeyboardMarkup
from telegram.constants import ParseMode
from telegram.error import BadRequest, Forbidden, NetworkError, RetryAfter, TelegramError

from console.telegram.markup import parts, plain_text
from console.telegram.outbox import INFO, PER_MINUTE, SAFETY, TRADE, Message, Outbox, Shut, retry_after_ms

# The library's coming way to say how long to wait; without it every hint is a deprecation warning.
os.environ.setdefault("PTB_TIMEDELTA", "1")

SEND_EVERY_S = 0.3
AT_ONCE = 60
KEPT_FOR_SAFETY, KEPT_FOR_TRADES = 3, 3
NOTHING = SAFETY + 1
MOST_CAPTION = 1024
ANSWER_TRIES, LONGEST_WAIT_S = 3, 5.0


def quiet_at(hours: str, now_ms: int) -> bool:
    """Whether `hours`, as "23:00-07:00" in UTC, holds now; the end is not part of it, an empty text never holds.

    Raises ValueError for anything else.
    """
    if not hours:
        return False
    first, last = (time.fromisoformat(part.strip()) for part in hours.split("-", 1))
    now = datetime.fromtimestamp(now_ms / 1000, UTC).time()
    return first <= now < last if first <= last else now >= first or now < last


class Courier:
    """One sender for all chats, at most as many a minute as a chat may have.

    In quiet hours everything still arrives, but only what endangers a position makes a sound. The text of a message
    that still waits is renewed in place, so an hour without a link ends with one message and not with its history.
    What came first is told first: behind a message that did not get through everything waits that is not more urgent.
    """

    def __init__(
        self, outbox: Outbox, mono_s: Callable[[], float], now_ms: Callable[[], int], quiet_hours: str = ""
    ) -> None:
        self._quiet_hours = quiet_hours
        self._outbox = outbox
        self._mono_s = mono_s
        self._now_ms = now_ms
        self._sent_s: dict[int, list[float]] = {}
        self._shut_until_ms: dict[int, int] = {}
        self._failed: dict[int, dict[int, str]] = {}  # chat -> priority -> key of what did not get through yet

    async def run(self, bot: telegram.Bot) -> None:
        """Send what is due until cancelled."""
        while True:
            for newer in await self._outbox.edits():
                first = await self._outbox.unsent(newer.edits)
                if first is not None:
                    await self._renew(first, newer)
            for message in await self._outbox.due(self._now_ms(), AT_ONCE, self._shut()):
                if self._may_send(message):
                    await self._deliver(bot, message)
            await asyncio.sleep(SEND_EVERY_S)

    def _shut(self) -> list[Shut]:
        """What the chats do not take now."""
        floors = ((chat, self._floor(chat)) for chat in {*self._sent_s, *self._shut_until_ms})
        shut = [Shut(chat, floor) for chat, floor in floors if floor > INFO]
        return shut + [Shut(chat, max(failed) + 1, failed[max(failed)]) for chat, failed in self._failed.items()]

    def _may_send(self, message: Message) -> bool:
        failed = self._failed.get(message.chat, {})
        if any(priority >= message.priority and key != message.key for priority, key in failed.items()):
            return False
        return message.priority >= self._floor(message.chat)

    def _floor(self, chat: int) -> int:
        """The least priority with room this minute; the last of it is kept for trades, the very last for alarms."""
        if self._now_ms() < self._shut_until_ms.get(chat, 0):
            return NOTHING
        sent = self._sent_s[chat] = [at for at in self._sent_s.get(chat, []) if self._mono_s() - at < 60]
        left = PER_MINUTE - len(sent)
        if left <= 0:
            return NOTHING
        if left <= KEPT_FOR_SAFETY:
            return SAFETY
        return TRADE if left <= KEPT_FOR_SAFETY + KEPT_FOR_TRADES else INFO

    async def _deliver(self, bot: telegram.Bot, message: Message) -> None:
        try:
            message_id = await self._transmit(bot, message)
        except RetryAfter as error:
            # The server names the chat, not the message: nothing goes there before the time it gave.
            self._shut_until_ms[message.chat] = self._now_ms() + round(_seconds(error.retry_after) * 1000)
            await self._outbox.retry(message, message.attempts + 1, self._shut_until_ms[message.chat])
        except (BadRequest, Forbidden):
            # The chat refuses this very text, or us; nothing would come of sending it again.
            self._passed(message)
            await self._outbox.sent(message, self._now_ms(), 0)
        except TelegramError:
            if not message.photo:
                self._failed.setdefault(message.chat, {})[message.priority] = message.key
            await self._outbox.retry(message, message.attempts + 1, self._now_ms() + retry_after_ms(message.attempts))
        else:
            self._passed(message)
            self._sent_s.setdefault(message.chat, []).append(self._mono_s())
            await self._outbox.sent(message, self._now_ms(), message_id)

    def _passed(self, message: Message) -> None:
        """A message is through: nothing waits behind it any longer."""
        failed = self._failed.pop(message.chat, {})
        if left := {priority: key for priority, key in failed.items() if key != message.key}:
            self._failed[message.chat] = left

    async def _renew(self, first: Message, newer: Message) -> None:
        await self._outbox.replace(
            msgspec.structs.replace(
                first, text=newer.text, buttons=newer.buttons, edition=first.edition + 1,
                priority=max(first.priority, newer.priority),
            )
        )  # fmt: skip
        await self._outbox.sent(newer, self._now_ms(), 0)

    async def _transmit(self, bot: telegram.Bot, message: Message) -> int:
        known = await self._outbox.message_id(message.edits) if message.edits else None
        if known and await _edited(bot, message, known):
            return known
        silent = message.priority < SAFETY and quiet_at(self._quiet_hours, self._now_ms())
        if message.photo:
            above = await self._outbox.message_id(message.answers) if message.answers else None
            sent = await bot.send_photo(
                message.chat, message.photo, caption=message.text[:MOST_CAPTION], disable_notification=True,
                reply_to_message_id=above or None, allow_sending_without_reply=True,
            )  # fmt: skip
            return sent.message_id
        return (await _html_or_plain(bot, message.chat, message.text, _keyboard(message), silent)).message_id


async def _edited(bot: telegram.Bot, message: Message, known: int) -> bool:
    """Whether the chat shows the new text now; a message that can no longer be edited is sent anew."""
    try:
        await bot.edit_message_text(
            message.text, chat_id=message.chat, message_id=known, parse_mode=ParseMode.HTML,
            reply_markup=_keyboard(message),
        )  # fmt: skip
    except BadRequest as error:
        return "not modified" in str(error).lower()
    return True


def _keyboard(message: Message) -> InlineKeyboardMarkup | None:
    if not message.buttons:
        return None
    return InlineKeyboardMarkup(
        [[InlineKeyboardButton(label, callback_data=data) for label, data in row] for row in message.buttons]
    )


async def say(bot: telegram.Bot, chat: int, text: str, markup: Any = None) -> None:
    """An answer at once, past the outbox, in as many messages as it needs; buttons stand below the last."""
    whole = parts(text)
    for index, part in enumerate(whole):
        below = markup if index == len(whole) - 1 else None
        for _ in range(ANSWER_TRIES):
            try:
                await _html_or_plain(bot, chat, part, below)
            except RetryAfter as error:
                await asyncio.sleep(min(_seconds(error.retry_after), LONGEST_WAIT_S))
            except BadRequest:
                break
            except NetworkError:
                await asyncio.sleep(1.0)
            except TelegramError:
                break
            else:
                break


async def _html_or_plain(
    bot: telegram.Bot, chat: int, text: str, markup: Any, silent: bool = False
) -> telegram.Message:
    """A formatting error falls back to plain text."""
    try:
        return await bot.send_message(
            chat, text, parse_mode=ParseMode.HTML, reply_markup=markup, disable_notification=silent
        )
    except BadRequest as error:
        if "parse" not in str(error).lower():
            raise
        return await bot.send_message(chat, plain_text(text), reply_markup=markup, disable_notification=silent)


def _seconds(hint: float | timedelta) -> float:
    return hint.total_seconds() if isinstance(hint, timedelta) else float(hint)


async def quietly(sending: Any) -> None:
    """An answer that cannot be given is not worth the bot's life."""
    try:
        await sending
    except TelegramError:
        return
