"""The feed: newest view only, honest ages, exchange time at its own speed, and a way back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from console.feed import Feed
from engine.port.contract import EnginePort
from engine.port.views import subject_of
from tests.support import console_views as views
from tests.support.fake_port import FakePort
from tests.support.frames import Hand


async def until(condition: Callable[[], object]) -> None:
    deadline = asyncio.get_running_loop().time() + 5
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "never came true"
        await asyncio.sleep(0.002)


@asynccontextmanager
async def running(feed: Feed) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(feed.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_exchange_time_runs_between_messages_at_the_speed_reported() -> None:
    port, hand = FakePort(), Hand()
    feed = Feed(port, hand)
    feed.watch("health")
    await port.put("health", views.health(speed=20.0))
    async with running(feed):
        await until(lambda: feed.state == "up")
        hand.s += 1.5
        assert feed.now_ms() == views.NOW_MS + 30_000
        await port.put("health", views.health(views.NOW_MS + 30_000, revision=2, speed=0.0))
        await until(lambda: feed.health is not None and feed.health.revision == 2)
        hand.s += 10.0
        assert feed.now_ms() == views.NOW_MS + 30_000


async def test_countdowns_do_not_flicker_with_the_network_but_follow_a_real_jump() -> None:
    port, hand = FakePort(), Hand()
    feed = Feed(port, hand)
    feed.watch("health")
    await port.put("health", views.health())
    async with running(feed):
        await until(lambda: feed.state == "up")
        hand.s += 1.0
        await port.put("health", views.health(views.NOW_MS + 700, revision=2))
        await until(lambda: feed.health is not None and feed.health.revision == 2)
        assert feed.now_ms() == views.NOW_MS + 1_000
        await port.put("health", views.health(views.NOW_MS - 60_000, revision=3))
        await until(lambda: feed.health is not None and feed.health.revision == 3)
        assert feed.now_ms() == views.NOW_MS - 60_000


async def test_age_of_a_quiet_view_is_confirmed_by_a_sign_of_life_but_a_book_is_not() -> None:
    port, hand = FakePort(), Hand()
    feed = Feed(port, hand)
    for topic in ("health", "signals", "book"):
        feed.watch(topic)
        await port.put(topic, views.desk()[topic])
    async with running(feed):
        await until(lambda: len(feed.views) == 3)
        hand.s += 5.0
        await port.put("health", views.health(views.NOW_MS + 5_000, revision=2))
        await until(lambda: feed.health is not None and feed.health.revision == 2)
        assert feed.age_ms("signals") == 0.0
        assert feed.age_ms("book") == pytest.approx(5_000.0)
        hand.s += 4.0
        assert feed.age_ms("signals") == pytest.approx(4_000.0)


async def test_unknown_is_not_zero() -> None:
    feed = Feed(FakePort(), Hand())
    assert feed.age_ms("book") is None
    assert feed.health is None


async def test_another_subject_drops_what_was_shown_of_the_old_one() -> None:
    port, hand = FakePort(), Hand()
    feed = Feed(port, hand)
    feed.watch("book", {"symbol": "BTCUSDT"})
    await port.put("book", views.book())
    async with running(feed):
        await until(lambda: "book" in feed.views)
        feed.watch("book", {"symbol": "SOLUSDT"})
        assert "book" not in feed.views
        await until(lambda: port.watched["book"] == {"symbol": "SOLUSDT"})


async def test_same_subject_keeps_what_is_shown() -> None:
    port, hand = FakePort(), Hand()
    feed = Feed(port, hand)
    feed.watch("book")
    await port.put("book", views.book())
    async with running(feed):
        await until(lambda: "book" in feed.views)
        feed.watch("book", {"symbol": "BTCUSDT"})
        assert "book" in feed.views


def test_subjects_are_read_from_the_views() -> None:
    assert subject_of(views.chart()) == {"symbol": "BTCUSDT", "tf": "15m"}
    assert subject_of(views.breakdown()) == {"signal_id": "s1"}
    assert subject_of(views.regime()) == {"symbol": "ETHUSDT"}


async def test_lost_engine_is_sought_and_notices_resume_from_the_last_number() -> None:
    first, second = FakePort(), FakePort()
    tries = 0

    async def reconnect() -> EnginePort:
        nonlocal tries
        tries += 1
        if tries < 2:
            raise ConnectionError("not yet")
        return second

    for port in (first, second):
        await port.put("health", views.health())
        for notice in views.notices():
            await port.tell(notice)
    feed = Feed(first, Hand(), reconnect=reconnect)
    told: list[int] = []
    feed.on_notice = lambda notice: told.append(notice.seq)
    feed.watch("health")
    async with running(feed):
        await until(lambda: len(told) == 9)
        await first.cut()
        await until(lambda: feed.state == "reconnecting")
        await until(lambda: feed.state == "up")
        assert feed.port is second
        await until(lambda: second.watched.get("health") is not None)
    assert tries == 2
    assert told == list(range(1, 10))


async def test_a_bug_in_a_view_is_not_taken_for_a_lost_engine() -> None:
    class Broken(FakePort):
        async def watch(self, topic: str, max_hz: float = 4.0, args: object = None) -> AsyncIterator[object]:  # type: ignore[override]
            raise RuntimeError("bug")
            yield

    feed = Feed(Broken(), Hand())  # type: ignore[arg-type]
    feed.watch("health")
    with pytest.raises(RuntimeError, match="bug"):
        await feed.run()


async def test_link_class_changes_the_rates_without_losing_a_view() -> None:
    rates: list[float] = []

    class Rated(FakePort):
        async def watch(self, topic, max_hz=4.0, args=None):  # type: ignore[no-untyped-def]
            rates.append(max_hz)
            async for view in super().watch(topic, max_hz, args):
                yield view

    port = Rated()
    await port.put("book", views.book())
    feed = Feed(port, Hand(), "fast")
    feed.watch("book")
    async with running(feed):
        await until(lambda: "book" in feed.views)
        feed.set_link("slow")
        await until(lambda: len(rates) == 2)
        assert rates[1] < rates[0]
        assert "book" in feed.views
