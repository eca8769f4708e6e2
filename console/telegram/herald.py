"""What the desk tells, as messages: one card a signal that grows through its life, alarms at once, the day in a digest.

The card is a message of its own and its picture another, silent, below it. A picture with the card as its caption would
hold a quarter of the text, and would make the decision wait for the drawing; this way a card is out before anything
is drawn, is edited in place, and stays what it is when no picture can be made.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from typing import Any

import msgspec

from console.telegram import cards
from console.telegram.asker import Asker
from console.telegram.guests import Guests
from console.telegram.markup import parts
from console.telegram.mutes import Mutes, always_told, is_safety
from console.telegram.news import News, is_swarm
from console.telegram.outbox import INFO, SAFETY, SIGNAL, TRADE, Message, Outbox
from console.telegram.picture import draw
from engine.port.contract import EnginePort
from engine.port.notices import AnyNotice, EngineStarted, SignalDecided, SignalRaised, TradeClosed
from engine.port.views import ChartView, HealthView

DAY_MS, DIGEST_MS = 86_400_000, 300_000  # the digest of a day comes at 00:05 UTC
OLD_NEWS_MS = 3_600_000
GATHER_MS = 1_500
KEPT_CARDS = 60
MOST_PICTURES = 20
LOOK_S = 0.5


class Card(msgspec.Struct):
    """A signal's message: its text, what became of it, the nonce of its buttons, and what people call it."""

    text: str
    nonce: str
    steps: list[str] = []
    decided: bool = False
    name: str = ""


class _Book(msgspec.Struct):
    """What outlives a restart."""

    seen: int = 0  # number of the last notice that was told
    digest_ms: int = 0  # which day was told last
    cards: dict[str, Card] = {}


class Herald:
    """Listens to the port and fills the outbox; `stored` and `save` keep its place over a restart."""

    def __init__(
        self, port: EnginePort, guests: Guests, outbox: Outbox, mutes: Mutes, now_ms: Callable[[], int],
        after: int = 0, stored: bytes = b"", save: Callable[[bytes], None] = lambda _value: None,
    ) -> None:  # fmt: skip
        self._port = port
        self._guests = guests
        self._outbox = outbox
        self._mutes = mutes
        self._now_ms = now_ms
        self._save = save
        self._book = msgspec.json.decode(stored, type=_Book) if stored else _Book(seen=after)
        self._news = News(outbox, now_ms)
        self._wanted: asyncio.Queue[str] = asyncio.Queue(MOST_PICTURES)
        self._asker = Asker(port, "telegram", lambda: f"telegram-{secrets.token_hex(8)}")

    def card(self, signal_id: str) -> Card | None:
        """The message of a signal, while it is remembered."""
        return self._book.cards.get(signal_id)

    # -- services ------------------------------------------------------------------------------------------------------

    async def listen(self) -> None:
        """Tell what happens until cancelled; goes on where it was before a restart."""
        async for notice in self._port.notices(after=self._book.seen):
            await self.on_notice(notice)
            self._book.seen = notice.seq
            self._keep()

    async def greet(self) -> None:
        """Say once that the desk is open."""
        async for view in self._port.watch("health", max_hz=1.0):
            if not isinstance(view, HealthView) or view.state != "RUNNING":
                continue
            with contextlib.suppress(LookupError):
                text = cards.greeting(await self._asker.query("vitals"))
                await self._tell(f"start-{view.started_ms}", text, INFO, muted_as="desk")
                break

    async def digests(self) -> None:
        """Say at 00:05 UTC how the day was, until cancelled; a day is told once, and as soon as the desk answers."""
        self._book.digest_ms = self._book.digest_ms or self._due_ms()
        while True:
            due_ms = self._due_ms()
            with contextlib.suppress(LookupError):
                if due_ms > self._book.digest_ms:
                    await self.digest()
                    self._book.digest_ms = due_ms
                    self._keep()
            await asyncio.sleep(LOOK_S)

    async def digest(self) -> None:
        """The digest of the day that ended last."""
        period = await self._asker.query("period", days="1")
        text = cards.daily(period, await self._asker.query("vitals"))
        await self._tell(f"digest-{self._due_ms()}", text, INFO, muted_as="digest")

    async def draw_pictures(self) -> None:
        """Draw the charts of new signals beside the loop, until cancelled."""
        while True:
            signal_id = await self._wanted.get()
            (drawn,) = await asyncio.gather(self._picture(signal_id), return_exceptions=True)
            if isinstance(drawn, asyncio.CancelledError):
                raise drawn

    async def has_told(self, seq: int) -> bool:
        """Whether a notice and what came before it is with everybody who is told."""
        keys = [f"n{seq}:{chat}" for chat in self._guests.chats()]
        return self._book.seen >= seq and not any([await self._outbox.unsent(key) for key in keys])

    # -- notices -------------------------------------------------------------------------------------------------------

    async def on_notice(self, notice: AnyNotice) -> None:
        """Turn a notice into messages, or into an edit of the message of its signal."""
        if isinstance(notice, SignalRaised):
            await self._raise(notice)
            return
        signal_id = getattr(notice, "signal_id", "")
        if signal_id and (card := self.card(signal_id)) is not None:
            await self._grow(signal_id, card, notice)
            return
        if isinstance(notice, EngineStarted) and notice.text.startswith("engine on "):
            return  # the greeting says it, when it is true
        important = always_told(notice)
        if not important and notice.at_ms < self._now_ms() - OLD_NEWS_MS:
            return
        priority = SAFETY if is_safety(notice) else TRADE if important else INFO
        for chat in self._guests.chats():
            if self._mutes.silent(chat, notice, self._now_ms()):
                continue
            if is_swarm(notice):
                await self._news.tell(f"n{notice.seq}:{chat}", chat, cards.notice_text(notice))
            else:
                await self._queue(f"n{notice.seq}:{chat}", chat, cards.notice_text(notice), priority)

    async def _raise(self, notice: SignalRaised) -> None:
        try:
            signal = await self._asker.query("card", id=notice.signal_id)
        except LookupError:
            return
        name = f"{signal['symbol']} {signal['side']}"
        card = Card(cards.signal_card(signal, self._now_ms()), secrets.token_hex(3), name=name)
        self._book.cards[notice.signal_id] = card
        while len(self._book.cards) > KEPT_CARDS:
            self._book.cards.pop(next(iter(self._book.cards)))
        tail = f"{notice.signal_id}:{card.nonce}"
        row = (("approve", f"a:{tail}"), ("reject", f"r:{tail}"), ("why", f"w:{tail}"), ("snooze", f"z:{tail}"))
        for chat, role in self._guests.chats().items():
            if not self._mutes.silent(chat, notice, self._now_ms()):
                buttons = (row,) if role == "operator" else ((row[2],),)
                await self._outbox.add(Message(f"{notice.signal_id}:{chat}", chat, card.text, SIGNAL, buttons))
        if not self._wanted.full():
            self._wanted.put_nowait(notice.signal_id)

    async def _grow(self, signal_id: str, card: Card, notice: AnyNotice) -> None:
        """One more line below the card; with the decision its buttons go, but for the question why."""
        card.steps.append(notice.text)
        card.decided = card.decided or isinstance(notice, SignalDecided | TradeClosed)
        text = cards.life(card.text, card.steps)
        why = ((("why", f"w:{signal_id}:{card.nonce}"),),)
        for chat in self._guests.chats():
            first = f"{signal_id}:{chat}"
            told = await self._outbox.message_id(first) is not None or await self._outbox.unsent(first) is not None
            if told:
                waiting = await self._outbox.unsent(f"{first}:edit")
                # An entry, its stop and its targets come within a moment: one edit tells them.
                due_ms = self._now_ms() + GATHER_MS if waiting is None else waiting.next_ms
                await self._outbox.replace(
                    Message(f"{first}:edit", chat, text, TRADE, why, 0, due_ms, first, edition=len(card.steps))
                )  # fmt: skip
            elif always_told(notice):
                await self._queue(f"n{notice.seq}:{chat}", chat, cards.notice_text(notice), TRADE)

    async def _picture(self, signal_id: str) -> None:
        signal = await self._asker.query("signal", id=signal_id)
        args = {"symbol": signal["symbol"], "tf": signal["timeframe"]}
        async for view in self._port.watch("chart", max_hz=1.0, args=args):
            if isinstance(view, ChartView):
                png = await asyncio.to_thread(draw, view, signal)
                await self._show(signal_id, signal, png)
            break

    async def _show(self, signal_id: str, signal: dict[str, Any], png: bytes) -> None:
        caption = f"{signal['symbol']} {signal['side']} {signal['strategy']}, {signal['timeframe']}"
        for chat in self._guests.chats():
            card_key = f"{signal_id}:{chat}"
            if await self._outbox.message_id(card_key) is not None or await self._outbox.unsent(card_key) is not None:
                await self._outbox.add(
                    Message(f"{card_key}:chart", chat, caption, INFO, photo=png, answers=card_key)
                )  # fmt: skip

    # -- out -----------------------------------------------------------------------------------------------------------

    async def _tell(self, key: str, text: str, priority: int, muted_as: str) -> None:
        for chat in self._guests.chats():
            if muted_as not in self._mutes.types(chat):
                await self._queue(f"{key}:{chat}", chat, text, priority)

    async def _queue(self, key: str, chat: int, text: str, priority: int) -> None:
        for index, part in enumerate(parts(text)):
            await self._outbox.add(Message(f"{key}:{index}" if index else key, chat, part, priority))

    def _due_ms(self) -> int:
        """The newest 00:05 UTC that has passed."""
        return (self._now_ms() - DIGEST_MS) // DAY_MS * DAY_MS + DIGEST_MS

    def _keep(self) -> None:
        self._save(msgspec.json.encode(self._book))
