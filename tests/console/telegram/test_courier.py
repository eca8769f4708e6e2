"""What is carried, at which pace, how loudly, and that an hour without a link loses and doubles nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
import telegram

from console.telegram.courier import Courier, quiet_at
from console.telegram.outbox import INFO, SAFETY, TRADE, Message, Shut
from tests.support.bot_api import TOKEN, BotApi, too_many
from tests.support.memory_outbox import MemoryOutbox

HOUR_MS = 3_600_000
NOON_MS = 1_767_268_800_000  # 2026-01-01 12:00 UTC


@pytest.mark.parametrize(
    ("hours", "hour", "quiet"),
    [
        ("", 3, False),
        ("23:00-07:00", 22, False),
        ("23:00-07:00", 23, True),
        ("23:00-07:00", 3, True),
        ("23:00-07:00", 7, False),
        ("08:00-20:00", 7, False),
        ("08:00-20:00", 8, True),
        ("08:00-20:00", 20, False),
    ],
)
def test_quiet_hours_may_cross_midnight(hours: str, hour: int, quiet: bool) -> None:
    assert quiet_at(hours, NOON_MS + (hour - 12) * HOUR_MS) is quiet


@asynccontextmanager
async def carrying(
    outbox: MemoryOutbox, now_ms: Callable[[], int], hours: str = "", mono_s: Callable[[], float] = time.monotonic
) -> AsyncIterator[BotApi]:
    api = BotApi()
    await api.start()
    async with telegram.Bot(TOKEN, base_url=api.url) as bot:
        running = asyncio.create_task(Courier(outbox, mono_s, now_ms, hours).run(bot))
        try:
            yield api
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await api.close()


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not what():  # noqa: ASYNC110 - the other side is a server, it sets no event of ours
            await asyncio.sleep(0.01)


async def test_only_danger_makes_a_sound_in_quiet_hours() -> None:
    outbox = MemoryOutbox()
    for key, priority in (("info", INFO), ("trade", TRADE), ("safety", SAFETY)):
        await outbox.add(Message(key, 1, key, priority))
    async with carrying(outbox, lambda: NOON_MS, "11:00-13:00") as api:
        await until(lambda: len(api.sent) == 3)
        silent = {message["text"]: message.get("disable_notification") == "true" for message in api.sent}
    assert silent == {"info": True, "trade": True, "safety": False}


async def test_an_hour_without_a_link_loses_and_doubles_nothing() -> None:
    outbox = MemoryOutbox()
    now = [NOON_MS]
    for n in range(6):
        await outbox.add(Message(f"m{n}", 1, f"told {n}", TRADE if n else SAFETY))
    async with carrying(outbox, lambda: now[0]) as api:
        api.down = True
        for _ in range(40):
            now[0] += HOUR_MS // 40
            await until(lambda: outbox.messages["m0"].next_ms > now[0])
        assert api.sent == []
        assert outbox.messages["m0"].attempts > 15
        api.down = False
        now[0] += HOUR_MS
        await until(lambda: len(outbox.ids) == 6)
        assert [message["text"] for message in api.sent] == [f"told {n}" for n in range(6)]
        now[0] += HOUR_MS
        await asyncio.sleep(0.7)
        assert len(api.sent) == 6


async def test_recovery_keeps_the_order_and_the_limit_with_room_for_alarms() -> None:
    outbox = MemoryOutbox()
    mono, now = [1000.0], [NOON_MS]
    for n in range(25):
        await outbox.add(Message(f"i{n:02d}", 1, f"info {n:02d}", INFO))
    for n in range(4):
        await outbox.add(Message(f"t{n}", 1, f"trade {n}", TRADE))
    await outbox.add(Message("s0", 1, "safety 0", SAFETY))
    async with carrying(outbox, lambda: now[0], mono_s=lambda: mono[0]) as api:
        await until(lambda: len(api.sent) == 14)
        await outbox.add(Message("s1", 1, "safety 1", SAFETY))
        await outbox.add(Message("o", 2, "another chat", INFO))
        await until(lambda: len(api.sent) == 16)
        told = api.texts(1)
        assert told[:5] == ["safety 0", *(f"trade {n}" for n in range(4))]
        assert told[5:14] == [f"info {n:02d}" for n in range(9)]
        assert told[14] == "safety 1", "alarms have room where news has none left"
        for count in (30, 32):
            mono[0] += 61
            now[0] += 61_000
            await until(lambda count=count: len(api.sent) == count)
        assert api.texts(1)[15:] == [f"info {n:02d}" for n in range(9, 25)]


async def test_chat_that_asks_for_patience_gets_it_and_the_others_do_not_wait() -> None:
    outbox = MemoryOutbox()
    now = [NOON_MS]
    for n in range(3):
        await outbox.add(Message(f"a{n}", 1, f"first {n}", TRADE))
    async with carrying(outbox, lambda: now[0]) as api:
        api.trouble.append(too_many(30))
        await until(lambda: bool(api.calls.count("sendMessage")))
        await outbox.add(Message("b", 2, "other", INFO))
        await until(lambda: api.texts(2) == ["other"])
        assert api.texts(1) == []
        assert api.calls.count("sendMessage") == 2, "the chat that asked was not asked again"
        now[0] += 30_000
        await until(lambda: len(api.texts(1)) == 3)
        assert api.texts(1) == ["first 0", "first 1", "first 2"]


async def test_what_came_first_is_told_first_however_often_it_failed() -> None:
    outbox = MemoryOutbox()
    now = [NOON_MS]
    await outbox.add(Message("old", 1, "old", TRADE))
    async with carrying(outbox, lambda: now[0]) as api:
        api.down = True
        for attempts in range(1, 9):
            await until(lambda attempts=attempts: outbox.messages["old"].attempts == attempts)
            now[0] = outbox.messages["old"].next_ms
        await until(lambda: outbox.messages["old"].attempts == 9)
        await outbox.add(Message("new", 1, "new", TRADE))
        await outbox.add(Message("news", 1, "news", INFO))
        await outbox.add(Message("alarm", 1, "alarm", SAFETY))
        await until(lambda: outbox.messages["alarm"].attempts == 1)
        api.down = False
        now[0] = outbox.messages["alarm"].next_ms
        await until(lambda: api.texts(1) == ["alarm"])
        now[0] += 60_000
        await asyncio.sleep(0.7)
        assert api.texts(1) == ["alarm"], "an alarm waits for nothing, the others for what came before them"
        now[0] = outbox.messages["old"].next_ms
        await until(lambda: len(api.sent) == 4)
        assert api.texts(1) == ["alarm", "old", "new", "news"]


async def test_chat_that_cannot_take_more_keeps_nobody_waiting() -> None:
    outbox = MemoryOutbox()
    for n in range(200):
        await outbox.add(Message(f"a{n}", 1, f"many {n}", TRADE))
    async with carrying(outbox, lambda: NOON_MS) as api:
        api.trouble.append(too_many(300))
        await until(lambda: bool(api.calls.count("sendMessage")))
        await outbox.add(Message("b", 2, "other", INFO))
        await until(lambda: api.texts(2) == ["other"])
        assert api.texts(1) == []


class CountingOutbox(MemoryOutbox):
    """Knows how many messages were read out of it."""

    read = 0

    async def due(self, now_ms: int, limit: int, shut: Sequence[Shut] = ()) -> list[Message]:
        found = await super().due(now_ms, limit, shut)
        self.read += len(found)
        return found


@pytest.mark.parametrize("failing", [False, True])
async def test_long_queue_of_a_chat_that_takes_nothing_now_is_not_read_again_and_again(failing: bool) -> None:
    outbox, now = CountingOutbox(), [NOON_MS]
    for number in range(400):
        await outbox.add(Message(f"m{number}", 1, "told", TRADE))
    async with carrying(outbox, lambda: now[0]) as api:
        api.down = failing
        if failing:
            await until(lambda: outbox.messages["m0"].next_ms > NOON_MS)
        else:
            await until(lambda: len(api.sent) == 17)
        before = outbox.read
        for _ in range(4):
            await asyncio.sleep(0.3)
        assert outbox.read == before
        await outbox.add(Message("alarm", 2, "another chat", TRADE))
        api.down = False
        await until(lambda: any(message["text"] == "another chat" for message in api.sent))


async def test_chat_that_shut_the_bot_out_is_not_written_to_again_and_again() -> None:
    outbox = MemoryOutbox()
    for chat in (1, 2):
        await outbox.add(Message(f"a{chat}", chat, "told", TRADE))
    async with carrying(outbox, lambda: NOON_MS) as api:
        api.shut_out.add(1)
        await until(lambda: len(outbox.ids) == 2)
        assert api.texts() == ["told"]
        assert outbox.ids["a1"] == 0
        api.shut_out.clear()
        await outbox.add(Message("back", 1, "let in again", TRADE))
        await until(lambda: api.texts(1) == ["let in again"])
