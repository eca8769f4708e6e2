"""What is told beside cards: greetings, days and swarms of news, each once, through trouble and restarts."""

from __future__ import annotations

import asyncio

from console.telegram.cards import life
from console.telegram.herald import DAY_MS, DIGEST_MS
from engine.port.notices import Degraded, EngineStarted, GapRepaired, Recovered
from tests.console.telegram.test_herald import NOON_MS, Desk, carrying, until
from tests.support.memory_outbox import MemoryOutbox


async def test_news_of_long_ago_is_not_told_but_alarms_are() -> None:
    desk = Desk()
    old = NOON_MS - 2 * 3_600_000
    await desk.told(
        EngineStarted(seq=1, at_ms=old, severity="info", text="engine stopped: asked"),
        Degraded(seq=2, at_ms=old, severity="danger", text="without a stop", what="stop"),
        Degraded(seq=3, at_ms=NOON_MS, severity="warn", text="data: 3 without their bar", what="data"),
        EngineStarted(seq=4, at_ms=NOON_MS, severity="info", text="engine on sim, mode approve"),
    )
    assert sorted(key for key in desk.outbox.messages if key.endswith(":1")) == ["n2:1", "n3:1"]


async def test_day_is_told_once_at_five_past_midnight() -> None:
    desk = Desk()
    running = asyncio.create_task(desk.herald.digests())
    await asyncio.sleep(0)
    desk.now_ms = (NOON_MS // DAY_MS + 1) * DAY_MS + DIGEST_MS - 1
    await asyncio.sleep(0.6)
    assert desk.outbox.messages == {}
    desk.now_ms += 1
    await until(lambda: len(desk.outbox.messages) == 2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    text = next(iter(desk.outbox.messages.values())).text
    assert "3 trades, 1 won, 1 lost, net +0.30R" in text
    assert "open risk 0.0R in 0 positions" in text
    assert "incidents: none" in text
    again = Desk(stored=desk.kept, outbox=MemoryOutbox())
    again.now_ms = desk.now_ms + 60_000
    repeated = asyncio.create_task(again.herald.digests())
    await asyncio.sleep(0.6)
    repeated.cancel()
    await asyncio.gather(repeated, return_exceptions=True)
    assert again.outbox.messages == {}


async def test_day_that_could_not_be_asked_for_is_told_when_it_can() -> None:
    desk = Desk()
    desk.port.deaf = True
    running = asyncio.create_task(desk.herald.digests())
    await asyncio.sleep(0)
    desk.now_ms = (NOON_MS // DAY_MS + 1) * DAY_MS + DIGEST_MS
    await until(lambda: desk.port.refused > 0)
    assert not running.done()
    assert desk.outbox.messages == {}
    desk.port.deaf = False
    await until(lambda: len(desk.outbox.messages) == 2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_start_is_greeted_as_soon_as_the_desk_answers() -> None:
    desk = Desk()
    desk.port.deaf = True
    greeting = asyncio.create_task(desk.herald.greet())
    await until(lambda: desk.port.refused > 1)
    desk.port.deaf = False
    await asyncio.wait_for(greeting, 10)
    assert len(desk.outbox.messages) == 2


async def test_start_is_greeted_once_however_often_the_seat_begins_anew() -> None:
    outbox = MemoryOutbox()
    for uptime_s in (4.1, 4.9, 64.0):
        desk = Desk(outbox=outbox)
        desk.now_ms = NOON_MS + 4_500 + round(uptime_s * 1000)
        desk.port.uptime_s = int(uptime_s)
        await desk.herald.greet()
    assert len(outbox.messages) == 2
    assert all("started on sim" in message.text for message in outbox.messages.values())


async def test_same_step_again_is_counted_and_not_repeated() -> None:
    text = life("card", ["bought", "order refused", "order refused", "order refused", "closed", "order refused"])
    assert text.split("\n") == ["card", "· bought", "· order refused ×3", "· closed", "· order refused"]


async def test_swarm_of_news_is_one_message() -> None:
    desk = Desk()
    desk.mutes.mute(2, "repair")
    lost = Degraded(
        seq=1, at_ms=NOON_MS, severity="warn", text="BTCUSDT book out of step", symbol="BTCUSDT", what="book"
    )
    found = Recovered(seq=2, at_ms=NOON_MS, severity="info", text="BTCUSDT book in step", symbol="BTCUSDT", what="book")
    holes = [
        GapRepaired(seq=n, at_ms=NOON_MS, severity="info", text=f"S{n} 15m: 2 bars repaired", symbol=f"S{n}")
        for n in range(3, 303)
    ]
    async with carrying(desk) as api:
        await desk.told(lost, found, *holes)
        desk.now_ms += 5_000
        await until(lambda: len(api.sent) == 2)
        lines = api.texts(1)[0].split("\n")
        assert lines[:3] == ["▲ BTCUSDT book out of step", "· BTCUSDT book in step", "· S3 15m: 2 bars repaired"]
        assert lines[8:] == ["… and 294 more like these"]
        assert api.texts(2) == ["▲ BTCUSDT book out of step\n· BTCUSDT book in step"]
        await desk.told(GapRepaired(seq=400, at_ms=NOON_MS, severity="info", text="late: 1 bar repaired"))
        desk.now_ms += 5_000
        await until(lambda: len(api.sent) == 3)
        assert api.texts(1)[1] == "· late: 1 bar repaired"


async def test_news_that_was_told_before_a_restart_is_not_told_again() -> None:
    desk = Desk()
    hole = GapRepaired(seq=3, at_ms=NOON_MS, severity="info", text="S 15m: 2 bars repaired", symbol="S")
    async with carrying(desk) as api:
        await desk.told(hole)
        desk.now_ms += 5_000
        await until(lambda: len(api.sent) == 2)
        again = Desk(outbox=desk.outbox)
        again.now_ms = desk.now_ms
        await again.told(hole)
        desk.now_ms += 5_000
        await asyncio.sleep(0.7)
        assert len(api.sent) == 2


async def test_last_word_counts_as_said_when_everybody_has_it() -> None:
    desk = Desk()
    stopped = EngineStarted(seq=7, at_ms=NOON_MS, severity="warn", text="engine stopped: asked")
    assert not await desk.herald.has_told(7)
    async with carrying(desk) as api:
        api.down = True
        await desk.told(stopped)
        await until(lambda: all(message.attempts for message in desk.outbox.messages.values()))
        assert not await desk.herald.has_told(7)
        api.down = False
        desk.now_ms += 5_000
        await until(lambda: len(api.sent) == 2)
        await asyncio.sleep(0.05)
        assert await desk.herald.has_told(7)
        assert not await desk.herald.has_told(8)
