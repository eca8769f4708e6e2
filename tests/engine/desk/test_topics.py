"""Views are built for watchers only, and an unchanged one is repeated slowly."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping

from engine.clock import VirtualClock, run_virtual
from engine.desk.topics import Topics
from engine.port.views import LimitsView


def view(clock: VirtualClock, gate: str) -> LimitsView:
    return LimitsView(revision=0, as_of_ms=clock.now_ms(), pools=(), gate=gate, banned_until_ms=0)


def test_nothing_is_built_while_nobody_watches() -> None:
    async def main(clock: VirtualClock) -> int:
        built = 0

        def build(_args: Mapping[str, str]) -> LimitsView:
            nonlocal built
            built += 1
            return view(clock, "open")

        topics = Topics(clock)
        topics.add("limits", build)
        await clock.sleep(60)
        return built

    assert run_virtual(main, 0) == 0


def test_unchanged_view_keeps_its_revision_and_comes_once_a_second() -> None:
    async def main(clock: VirtualClock) -> list[tuple[int, int]]:
        topics = Topics(clock)
        topics.add("limits", lambda _: view(clock, "open" if clock.now_ms() < 3_000 else "cooling"))
        seen: list[tuple[int, int]] = []

        async def look() -> None:
            async for shown in topics.watch("limits", 10):
                seen.append((shown.as_of_ms, shown.revision))

        task = asyncio.create_task(look())
        await clock.sleep(4.05)
        task.cancel()
        return seen

    seen = run_virtual(main, 0)
    pauses = [later - earlier for (earlier, _), (later, _) in itertools.pairwise(seen)]
    assert all(pause <= 1_100 for pause in pauses)
    assert [revision for _, revision in seen] == [1, 1, 1, 2, 2]
    assert seen[3][0] == 3_000, "a change is not held back"


def test_watchers_of_the_same_thing_share_one_build() -> None:
    async def main(clock: VirtualClock) -> int:
        built = 0

        def build(_args: Mapping[str, str]) -> LimitsView:
            nonlocal built
            built += 1
            return view(clock, "open")

        topics = Topics(clock)
        topics.add("limits", build)

        async def look() -> None:
            async for _ in topics.watch("limits", 5):
                pass

        tasks = [asyncio.create_task(look()) for _ in range(4)]
        await clock.sleep(0.99)
        for task in tasks:
            task.cancel()
        return built

    assert run_virtual(main, 0) == 5


def test_views_nobody_asks_for_any_more_are_forgotten_and_come_back_newer() -> None:
    async def main(clock: VirtualClock) -> tuple[int, int, int]:
        topics = Topics(clock)
        topics.add("limits", lambda args: view(clock, args["pool"]))
        first = topics.now("limits", {"pool": "0"}).revision
        for number in range(600):
            topics.now("limits", {"pool": str(number)})
            await clock.sleep(1.0)
        return first, topics.kept, topics.now("limits", {"pool": "0"}).revision

    first, kept, later = run_virtual(main, 0)
    assert kept <= 62
    assert later > first
