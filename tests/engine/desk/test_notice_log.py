"""Notices are numbered, resumable, and honest about what they forgot."""

from __future__ import annotations

import asyncio

from engine.clock import VirtualClock, run_virtual
from engine.desk.notice_log import KEPT, NoticeLog
from engine.port.notices import EngineStarted, Forgotten


def test_follower_resumes_after_its_last_number_and_then_hears_live_ones() -> None:
    async def main(clock: VirtualClock) -> list[tuple[int, str]]:
        log = NoticeLog(clock)
        for n in range(3):
            log.tell(EngineStarted, f"old {n}")
        heard: list[tuple[int, str]] = []

        async def listen() -> None:
            async for notice in log.follow(after=1):
                heard.append((notice.seq, notice.text))

        task = asyncio.create_task(listen())
        await clock.sleep(1)
        log.tell(EngineStarted, "live")
        await clock.sleep(1)
        task.cancel()
        return heard

    assert run_virtual(main, 0) == [(2, "old 1"), (3, "old 2"), (4, "live")]


def test_log_says_how_many_it_had_to_forget() -> None:
    async def main(clock: VirtualClock) -> tuple[object, int]:
        log = NoticeLog(clock)
        for n in range(KEPT + 7):
            log.tell(EngineStarted, str(n))
        stream = log.follow(after=0)
        first, second = await anext(stream), await anext(stream)
        return first, second.seq

    first, second = run_virtual(main, 0)
    assert isinstance(first, Forgotten)
    assert first.missed == 7
    assert second == 8


def test_numbering_goes_on_behind_restored_notices() -> None:
    async def main(clock: VirtualClock) -> int:
        log = NoticeLog(clock)
        log.restore([EngineStarted(seq=41, at_ms=0, severity="info", text="before")])
        log.tell(EngineStarted, "after")
        return log.last_seq

    assert run_virtual(main, 0) == 42


def test_notice_is_stored_before_it_is_told() -> None:
    async def main(clock: VirtualClock) -> list[tuple[int, int]]:
        stored: list[tuple[int, int]] = []
        log = NoticeLog(clock, on_notice=lambda notice: stored.append((notice.seq, len(log.kept))))
        log.tell(EngineStarted, "a")
        return stored

    assert run_virtual(main, 0) == [(1, 0)]
