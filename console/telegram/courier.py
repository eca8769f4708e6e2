"""Carries messages from the outbox to Telegram: at its pace, in its formats, and again when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import telegram
from telegram import InlineKeyboardButton, InlineKeyboardMarkup
from telegram.constants import ParseMode
from telegram.error import BadRequest, RetryAfter, TelegramError

from console.telegram.outbox import PER_MINUTE, SAFETY, Message, Outbox, retry_after_ms, split

SEND_EVERY_S = 0.3


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

    In quiet hours everything still arrives, but only what endangers a position makes a sound.
    """

    def __init__(
        self, outbox: Outbox, mono_s: Callable[[], float], now_ms: Callable[[], int], quiet_hours: str = ""
    ) -> None:
        self._quiet_hours = quiet_hours
        self._outbox = outbox
        self._mono_s = mono_s
        self._now_ms = now_ms
        self._sent_s: dict[int, list[float]] = {}

    async def run(self, bot: telegram.Bot) -> None:
        """Send what is due until cancelled."""
        while True:
            for message in await self._outbox.due(self._now_ms(), 20):
                if self._may_send(message.chat):
                    await self._deliver(bot, message)
            await asyncio.sleep(SEND_EVERY_S)

    def _may_send(self, chat: int) -> bool:
        sent = [at for at in self._sent_s.get(chat, []) if self._mono_s() - at < 60]
        self._sent_s[chat] = sent
        return len(sent) < PER_MINUTE

    async def _deliver(self, bot: telegram.Bot, message: Message) -> None:
        try:
            message_id = await self._transmit(bot, message)
        except RetryAfter as error:
            wait_ms = round(_seconds(error.retry_after) * 1000)
            await self._outbox.retry(message.key, message.attempts + 1, self._now_ms() + wait_ms)
        except BadRequest:
            # The chat refuses this very text; nothing would come of sending it again.
            await self._outbox.sent(message.key, self._now_ms(), 0)
        except TelegramError:
            await self._outbox.retry(
                message.key, message.attempts + 1, self._now_ms() + retry_after_ms(message.attempts)
            )
        else:
            self._sent_s.setdefault(message.chat, []).append(self._mono_s())
            await self._outbox.sent(message.key, self._now_ms(), message_id)

    async def _transmit(self, bot: telegram.Bot, message: Message) -> int:
        if message.edits:
            known = await self._outbox.message_id(message.edits)
            if known:
                await bot.edit_message_text(
                    message.text, chat_id=message.chat, message_id=known, parse_mode=ParseMode.HTML
                )
                return known
        markup = None
        if message.buttons:
            markup = InlineKeyboardMarkup(
                [[InlineKeyboardButton(label, callback_data=data) for label, data in row] for row in message.buttons]
            )
        silent = message.priority < SAFETY and quiet_at(self._quiet_hours, self._now_ms())
        sent = await _html_or_plain(bot, message.chat, message.text, markup, silent)
        return sent.message_id


async def say(bot: telegram.Bot, chat: int, text: str, markup: Any = None) -> None:
    """An answer at once, past the outbox, in as many messages as it needs."""
    for part in split(text):
        await quietly(_html_or_plain(bot, chat, part, markup))


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
        return await bot.send_message(chat, text, reply_markup=markup, disable_notification=silent)


def _seconds(hint: float | timedelta) -> float:
    return hint.total_seconds() if isinstance(hint, timedelta) else float(hint)


async def quietly(sending: Any) -> None:
    """An answer that cannot be given is not worth the bot's life."""
    try:
        await sending
    except TelegramError:
        return
