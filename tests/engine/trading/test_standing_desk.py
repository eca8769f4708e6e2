"""Standing orders as people are told of them: in words a person reads, and at the moment they end."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import msgspec

from engine.bus import Bus
from engine.clock import VirtualClock, run_virtual
from engine.port.commands import BlockSymbol, Done, Halt, Pause, UnblockSymbol
from engine.store.rows import KvRow
from engine.trading.events import StandingChanged
from engine.trading.executor import Journal
from engine.trading.standing_desk import StandingDesk

NOON_MS = 1_767_268_800_000  # 2026-01-01 12:00 UTC


class Rows:
    """A journal that forgets."""

    async def commit(self, *rows: Any) -> None:
        await asyncio.sleep(0)


class Stand:
    def __init__(self, clock: VirtualClock) -> None:
        self.told: list[StandingChanged] = []
        bus = Bus()
        bus.subscribe(StandingChanged, self.told.append)
        self.desk = StandingDesk(cast(Journal, Rows()), bus, clock, "main", "approve", free_auto=True)


def test_pause_names_its_end_and_its_end_is_told_once() -> None:
    async def scenario(clock: VirtualClock) -> None:
        stand = Stand(clock)
        assert await stand.desk.pause(Pause(id="1", actor="a", for_s=1800)) == Done("paused until 12:30:00 UTC")
        stand.desk.look()
        await clock.sleep(1799)
        stand.desk.look()
        assert [(one.desk, one.reason, one.actor) for one in stand.told] == [("paused", "until 12:30:00 UTC", "a")]
        await clock.sleep(1)
        stand.desk.look()
        stand.desk.look()
        assert [(one.desk, one.reason, one.actor) for one in stand.told[1:]] == [
            ("running", "the pause is over", "desk")
        ]

    run_virtual(scenario, NOON_MS)


def test_pause_that_ends_under_a_hold_is_over_all_the_same() -> None:
    async def scenario(clock: VirtualClock) -> None:
        stand = Stand(clock)
        await stand.desk.pause(Pause(id="1", actor="a", for_s=60))
        stand.desk.hold("ban", "for a while")
        await clock.sleep(60)
        stand.desk.look()
        stand.desk.look()
        stand.desk.lift("ban")
        assert [(one.desk, one.reason) for one in stand.told[1:]] == [
            ("reducing", "ban: for a while"), ("reducing", "the pause is over; ban: for a while"), ("running", ""),
        ]  # fmt: skip

    run_virtual(scenario, NOON_MS)


def test_pause_that_ended_while_nobody_ran_is_not_told_at_every_start() -> None:
    async def scenario(clock: VirtualClock) -> None:
        stand = Stand(clock)
        kept = {"mode": "approve", "desk": "paused", "paused_until_ms": NOON_MS - 1, "reason": "", "actor": "a"}
        row = KvRow(key="standing", value=msgspec.json.encode(kept), updated_ms=NOON_MS)
        stand.desk.recover(row, (), (), keep_mode=True)
        stand.desk.look()
        assert (stand.desk.state, stand.told) == ("running", [])

    run_virtual(scenario, NOON_MS)


def test_pause_without_an_end_and_a_halt_end_by_no_clock() -> None:
    async def scenario(clock: VirtualClock) -> None:
        stand = Stand(clock)
        assert await stand.desk.pause(Pause(id="1", actor="a", reason="lunch")) == Done("paused")
        await stand.desk.halt(Halt(id="2", actor="a", reason="news"))
        await clock.sleep(86_400)
        stand.desk.look()
        assert [(one.desk, one.reason) for one in stand.told] == [("paused", "lunch"), ("reducing", "news")]

    run_virtual(scenario, NOON_MS)


def test_block_is_told_as_a_block() -> None:
    async def scenario(clock: VirtualClock) -> None:
        stand = Stand(clock)
        await stand.desk.block(BlockSymbol(id="1", actor="a", symbol="XUSDT", side="long", for_s=60, reason="news"))
        await stand.desk.unblock(UnblockSymbol(id="2", actor="a", symbol="XUSDT"))
        assert [one.reason for one in stand.told] == ["XUSDT long blocked until 12:01:00 UTC: news", "XUSDT unblocked"]

    run_virtual(scenario, NOON_MS)
