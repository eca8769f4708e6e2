"""One card a signal, its picture below it: told once, over restarts and through trouble."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import telegram

from console.telegram.cards import life, signal_card
from console.telegram.courier import Courier
from console.telegram.guests import Guests
from console.telegram.herald import GATHER_MS, Herald
from console.telegram.markup import size
from console.telegram.mutes import Mutes
from console.telegram.outbox import SIGNAL, Message
from engine.port.commands import AnyCommand, Done, Query, Refused, Reply
from engine.port.notices import (
    AnyNotice,
    SignalDecided,
    SignalRaised,
    StopMoved,
    TradeClosed,
)
from engine.port.views import AnyView, ChartBar, ChartView
from tests.console.telegram.test_bot import ANSWERS, Port
from tests.console.telegram.test_bot import SIGNAL as SIGNAL_JSON
from tests.support.bot_api import TOKEN, BotApi
from tests.support.console_views import health
from tests.support.memory_outbox import MemoryOutbox

NOON_MS = 1_767_268_800_000
BARS = tuple(ChartBar(n * 900_000, 1.2, 1.3, 1.1, 1.25, 1.0) for n in range(30))
RAISED = SignalRaised(seq=1, at_ms=NOON_MS, severity="good", text="raised", signal_id="s1", score=4.0, expires_ms=1)
DECIDED = SignalDecided(
    seq=2, at_ms=NOON_MS, severity="info", text="approved by a", signal_id="s1", state="approved", actor="a"
)
CLOSED = TradeClosed(
    seq=3, at_ms=NOON_MS, severity="good", text="closed by tp2: +1.20R net", signal_id="s1", net_r=1.2, net_usdt=5.0,
    reason="tp2",
)  # fmt: skip


class Room(Port):
    """A port that shows a chart, or cannot."""

    def __init__(self, bars: tuple[ChartBar, ...] = BARS) -> None:
        super().__init__()
        self.bars = bars
        self.deaf, self.refused = False, 0  # no question is answered
        self.uptime_s = 60

    async def submit(self, command: AnyCommand) -> Reply:
        if self.deaf:
            self.refused += 1
            return Refused("timeout", "too busy")
        reply = await super().submit(command)
        if isinstance(command, Query) and command.what == "vitals" and isinstance(reply, Done):
            return Done(data=json.dumps({**json.loads(reply.data), "uptime_s": self.uptime_s}).encode())
        return reply

    async def watch(
        self, topic: str, max_hz: float = 4.0, args: Mapping[str, str] | None = None
    ) -> AsyncIterator[AnyView]:
        while topic == "health":
            yield health(started_ms=NOON_MS + 4_500)
            await asyncio.sleep(0.01)
        assert topic in ("chart", "health")
        yield ChartView(revision=1, as_of_ms=0, symbol="X", timeframe="15m", tick="0.1", bars=self.bars)


class Desk:
    """A herald, what it queued, and what it keeps over a restart."""

    def __init__(self, port: Room | None = None, stored: bytes = b"", outbox: MemoryOutbox | None = None) -> None:
        self.now_ms, self.kept = NOON_MS, stored
        self.outbox = outbox or MemoryOutbox()
        self.port = port or Room()
        guests = Guests((1,), (2,), b"", lambda _: None, lambda: self.now_ms)
        self.mutes = Mutes(frozenset(), b"", lambda _: None)
        self.herald = Herald(self.port, guests, self.outbox, self.mutes, lambda: self.now_ms, 0, stored, self.keep)

    def keep(self, value: bytes) -> None:
        self.kept = value

    async def told(self, *some: AnyNotice) -> None:
        """Hand on notices as the port does, and wait until their place is kept."""
        for notice in some:
            self.port.news.put_nowait(notice)
        listening = asyncio.create_task(self.herald.listen())
        await until(lambda: self.herald._book.seen == some[-1].seq)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        self.now_ms += GATHER_MS

    async def drawn(self) -> None:
        drawing = asyncio.create_task(self.herald.draw_pictures())
        await until(lambda: self.herald._wanted.empty() and any(m.photo for m in self.outbox.messages.values()))
        drawing.cancel()
        await asyncio.gather(drawing, return_exceptions=True)


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not what():  # noqa: ASYNC110 - the other side runs beside, it sets no event of ours
            await asyncio.sleep(0.01)


@asynccontextmanager
async def carrying(desk: Desk) -> AsyncIterator[BotApi]:
    api = BotApi()
    await api.start()
    async with telegram.Bot(TOKEN, base_url=api.url) as bot:
        running = asyncio.create_task(Courier(desk.outbox, time.monotonic, lambda: desk.now_ms).run(bot))
        try:
            yield api
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await api.close()


async def test_picture_comes_below_the_card_and_silently() -> None:
    desk = Desk()
    await desk.told(RAISED)
    await desk.drawn()
    async with carrying(desk) as api:
        await until(lambda: len(api.photos()) == 2)
        for chat in (1, 2):
            card, picture = [message for message in api.sent if int(message["chat_id"]) == chat]
            assert "币安人生USDT" in card["text"]
            assert picture["photo"].startswith(b"\x89PNG")
            assert picture["text"] == "币安人生USDT long action_price, 15m"
            assert picture["disable_notification"] == "true"
            assert str(card["message_id"]) in picture["reply_parameters"]


async def test_card_stands_without_a_picture_when_none_can_be_drawn() -> None:
    desk = Desk(Room(bars=()))
    await desk.told(RAISED)
    drawing = asyncio.create_task(desk.herald.draw_pictures())
    await until(desk.herald._wanted.empty)
    await asyncio.sleep(0.05)
    assert not drawing.done()
    drawing.cancel()
    await asyncio.gather(drawing, return_exceptions=True)
    assert sorted(desk.outbox.messages) == ["s1:1", "s1:2"]


async def test_life_of_a_card_survives_a_restart_in_one_message() -> None:
    desk = Desk()
    await desk.told(RAISED)
    async with carrying(desk) as api:
        await until(lambda: len(api.sent) == 2)
        again = Desk(stored=desk.kept, outbox=desk.outbox)
        assert again.herald.card("s1").nonce == desk.herald.card("s1").nonce  # type: ignore[union-attr]
        await again.told(DECIDED, CLOSED)
        desk.now_ms = again.now_ms
        await until(lambda: len(api.edits) >= 2 and all("closed by tp2" in text for text in api.texts()))
        assert len(api.sent) == 2
        assert "approved by a" in api.texts(1)[0]
        buttons = [message["reply_markup"] for message in api.sent]
        assert all("approve" not in markup and "why" in markup for markup in buttons)


async def test_hour_without_a_link_ends_with_one_message_that_knows_it_all() -> None:
    desk = Desk()
    async with carrying(desk) as api:
        api.down = True
        await desk.told(RAISED)
        await until(lambda: all(message.attempts for message in desk.outbox.messages.values()))
        await desk.told(DECIDED, CLOSED)
        taken = ["s1:1:edit", "s1:2:edit"]
        await until(lambda: sorted(desk.outbox.ids) == taken and not desk.outbox.waiting_edits())
        api.down = False
        desk.now_ms += 3_600_000
        await until(lambda: len(api.sent) == 2)
        assert [t[-90:] for t in api.texts() if "closed by tp2" not in t or "approved by a" not in t] == []
        assert api.edits == []


async def test_later_text_of_a_card_never_loses_to_an_earlier_one() -> None:
    outbox = MemoryOutbox()
    first = Message("k", 1, "one", SIGNAL, edition=1)
    await outbox.replace(first)
    await outbox.replace(Message("k", 1, "two", SIGNAL, edition=2))
    await outbox.sent(first, 0, 7)
    assert [message.text for message in await outbox.due(0, 9)] == ["two"]


async def test_card_that_can_no_longer_be_edited_is_told_anew() -> None:
    desk = Desk()
    await desk.told(RAISED)
    async with carrying(desk) as api:
        await until(lambda: len(api.sent) == 2)
        api.sent.clear()  # both chats deleted the message
        await desk.told(DECIDED)
        await until(lambda: len(api.sent) == 2)
        assert all("approved by a" in text for text in api.texts())


async def test_muted_signal_is_not_told_but_its_trade_is() -> None:
    desk = Desk()
    desk.mutes.mute(2, "signal")
    await desk.told(RAISED)
    assert sorted(desk.outbox.messages) == ["s1:1"]
    await desk.told(DECIDED)
    assert sorted(desk.outbox.messages) == ["n2:2", "s1:1", "s1:1:edit"]


def test_card_has_everything_a_decision_needs() -> None:
    zone = {"low": "1.0", "high": "1.05", "tf": "1h", "grade": "key"}
    value = {
        **ANSWERS["card"],
        "variant": "base",
        "bias": "LONG",
        "stop_atr": 1.25,
        "zone_below": zone,
        "shares": [0.3, 0.4],
        "ticket": {
            "quantity": "41.5",
            "risk_usdt": 50.0,
            "risk_pct": 0.5,
            "worst_case_usdt": 50.35,
            "refusals": ["wide: spread 12 > 10 bp"],
        },
    }  # type: ignore[dict-item]
    text = signal_card(value, 0)
    for part in (
        "币安人生USDT", "LONG action_price/base SCALP · 15m", "score <b>4.00</b>", "TREND · bias LONG", "entry 1.2",
        "stop 1.1 (8.33 %, 1.25 ATR, initiator)", "tp1 1.3 (1.00R, 30%) · tp2 1.35 (1.50R, 40%) · the rest trails",
        "size 41.5 · risk 50.00 USDT, 0.50 % · worst -50.35", "▲ now refused: wide: spread 12 &gt; 10 bp",
        "below 1.0 to 1.05 (1h key) · above none", "in 15:00", "unmeasured", "confirm_depth", "+1.0",
    ):  # fmt: skip
        assert part in text, part
    assert "&lt;x&gt;" in signal_card({**value, "symbol": "<x>"}, 0)


def test_long_life_keeps_its_beginning_and_its_end() -> None:
    moves = [
        StopMoved(
            seq=n, at_ms=0, severity="info", text=f"stop moved to {n} (trail)", signal_id="s1", price="1", why="t"
        )
        for n in range(500)
    ]
    text = life(signal_card(ANSWERS["card"], 0), [move.text for move in moves])  # type: ignore[arg-type]
    assert size(text) <= 4000
    assert "stop moved to 0 " in text
    assert "stop moved to 499 " in text
    assert " more\n" in text
    assert SIGNAL_JSON["symbol"] in text


async def test_steps_of_a_moment_are_one_edit() -> None:
    desk = Desk()
    await desk.told(RAISED)
    async with carrying(desk) as api:
        await until(lambda: len(api.sent) == 2)
        moment = desk.now_ms
        await desk.told(DECIDED)
        desk.now_ms = moment + GATHER_MS - 100
        await desk.told(CLOSED)
        desk.now_ms = moment + GATHER_MS - 1
        await asyncio.sleep(0.7)
        assert api.edits == []
        desk.now_ms = moment + GATHER_MS
        await until(lambda: len(api.edits) == 2)
        assert all("approved by a" in text and "closed by tp2" in text for text in api.edits)
