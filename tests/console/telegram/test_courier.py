"""What is carried, at which pace, how loudly, and that an hour without a link loses and doubles nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import telegram

from console.telegram.courier import Courier, quiet_at
from console.telegram.outbox import INFO, SAFETY, TRADE, Message
from tests.support.bot_api import TOKEN, BotApi
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
async def carrying(outbox: MemoryOutbox, now_ms: Callable[[], int], hours: str = "") -> AsyncIterator[BotApi]:
    api = BotApi()
    await api.start()
    async with telegram.Bot(TOKEN, base_url=api.url) as bot:
        running = asyncio.create_task(Courier(outbox, time.monotonic, now_ms, hours).run(bot))
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
            await until(lambda: all(message.next_ms > now[0] for message in outbox.messages.values()))
        assert api.sent == []
        assert len(api.calls) > 40
        api.down = False
        now[0] += HOUR_MS
        await until(lambda: len(outbox.ids) == 6)
        assert sorted(message["text"] for message in api.sent) == [f"told {n}" for n in range(6)]
        now[0] += HOUR_MS
        await asyncio.sleep(0.7)
        assert len(api.sent) == 6
