from __future__ import annotations

import asyncio

import pytest

from engine.clock import VirtualClock
from engine.errors import Transient
from engine.market.events import CandleRevised, GapsRepaired
from engine.market.integrity import DAY_MS, Gap
from engine.market.repair import GapRepair
from engine.store.history_rows import GapRow
from tests.support.bars import M15, T0
from tests.support.market_room import Room, play

MIN = 60_000
CLOSE = T0 + M15


def repair(room: Room, *symbols: str) -> GapRepair:
    return GapRepair(
        room.settings, room.clock, room.bus, room.fetcher, room.journal, room.queries, room.panels, room.budget,
        lambda: symbols or ("BTCUSDT",),
    )  # fmt: skip


async def with_hole(room: Room, symbol: str = "BTCUSDT", back: int = 4) -> int:
    """Load a symbol without one of its newest bars; the exchange has it from now on."""
    open_ms = T0 - back * M15
    room.exchange.lost.add((symbol, open_ms))
    await room.loader.load(symbol)
    room.exchange.lost.clear()
    await room.journal.flush()
    return open_ms


def test_a_hole_is_filled_in_store_and_memory_and_told() -> None:
    async def act(room: Room) -> None:
        open_ms = await with_hole(room)
        assert not room.panels.contiguous("BTCUSDT", "15m")
        assert await repair(room).fill() == 1
        assert room.panels.contiguous("BTCUSDT", "15m")
        assert room.panels.has("BTCUSDT", "15m", open_ms)
        assert [gap.state for gap in await room.queries.gaps()] == ["closed"]
        assert room.events(GapsRepaired) == [GapsRepaired("BTCUSDT", "15m", 1)]
        assert ("15m", open_ms) in {(event.tf, event.open_ms) for event in room.events(CandleRevised)}

    play(act)


def test_a_new_hole_is_found_once_within_the_look_back() -> None:
    async def act(room: Room) -> None:
        open_ms = await with_hole(room, back=3)
        old_ms = T0 - 40 * M15
        columns = await room.queries.candles("BTCUSDT", "15m")
        keep = columns.open_time != old_ms
        room.panels.load("BTCUSDT", "15m", type(columns)(*(column[keep] for column in columns)))
        for row in await room.queries.gaps():
            await room.journal.commit(
                GapRow(symbol=row.symbol, tf=row.tf, from_ms=1, to_ms=2, missing=1, state="closed")
            )
        mender = repair(room)
        found = await mender.look(("15m",))
        assert [(row.symbol, row.from_ms) for row in found] in ([("BTCUSDT", open_ms)], [])
        assert old_ms not in [row.from_ms for row in found]
        assert await mender.look(("15m", "1h")) == []

    play(act)


def test_a_turn_that_comes_late_looks_back_to_the_one_before() -> None:
    async def act(room: Room) -> None:
        await room.loader.load("BTCUSDT")
        mender = repair(room)
        assert await mender.look(("15m",)) == []
        await room.clock.sleep(6 * 3600.0)
        await room.loader.load("BTCUSDT")
        open_ms = T0 + 6 * M15  # four and a half hours ago, far beyond the look back of two
        columns = await room.queries.candles("BTCUSDT", "15m")
        keep = columns.open_time != open_ms
        room.panels.load("BTCUSDT", "15m", type(columns)(*(column[keep] for column in columns)))
        assert await repair(room).look(("15m",)) == []
        assert [row.from_ms for row in await mender.look(("15m",))] == [open_ms]

    play(act)


def test_a_hole_the_exchange_cannot_fill_is_given_up_until_the_next_day() -> None:
    async def act(room: Room) -> None:
        open_ms = T0 - 4 * M15
        room.exchange.lost.add(("BTCUSDT", open_ms))
        await room.loader.load("BTCUSDT")
        await room.journal.flush()
        mender = repair(room)
        for _ in range(4):
            assert await mender.fill() == 0
            await room.clock.sleep(11 * 60.0)
        (gap,) = await room.queries.gaps()
        assert (gap.state, gap.next_try_ms % DAY_MS) == ("unfillable", 0)
        asked = len(room.exchange.asked)
        assert await mender.fill() == 0
        assert len(room.exchange.asked) == asked

    play(act)


def test_a_failed_request_is_an_attempt_not_a_repair() -> None:
    async def act(room: Room) -> None:
        await with_hole(room)
        room.exchange.fail = lambda _symbol, _tf: Transient("timeout")
        assert await repair(room).fill() == 0
        assert [(gap.state, gap.attempts) for gap in await room.queries.gaps()] == [("open", 1)]
        assert room.events(GapsRepaired) == []

    play(act)


@pytest.mark.parametrize(("use", "gate"), [(760, "open"), (0, "banned"), (0, "cooling")])
def test_without_budget_or_behind_a_shut_gate_nothing_is_asked(use: int, gate: str) -> None:
    async def act(room: Room) -> None:
        await with_hole(room)
        room.budget.use, room.budget.gate_state = use, gate
        asked = len(room.exchange.asked)
        assert await repair(room).fill() == 0
        assert len(room.exchange.asked) == asked
        assert [gap.state for gap in await room.queries.gaps()] == ["open"]

    play(act)


def test_what_does_not_fit_this_minute_waits_for_the_next() -> None:
    async def act(room: Room) -> None:
        rows = [
            GapRow(symbol=f"S{n}", tf="15m", from_ms=T0 - 6000 * M15, to_ms=T0 - 1000 * M15, missing=5000)
            for n in range(80)
        ]  # 80 holes of weight 21: 42 fit the rest of this minute, the others the next
        await room.journal.commit(*rows)
        times: list[int] = []
        mender = repair(room)

        async def note(row: GapRow, _width: asyncio.Semaphore) -> int:
            times.append(room.clock.now_ms() // MIN)
            return 0

        mender._try = note  # type: ignore[method-assign]
        room.budget.use = 430
        await mender.fill()
        first = times[0]
        assert [times.count(minute) for minute in sorted(set(times))] == [42, 38]
        assert set(times) == {first, first + 1}

    play(act)


def test_inside_a_batch_no_more_than_the_set_number_runs_at_once() -> None:
    async def act(room: Room) -> None:
        symbols = [f"S{n:02}" for n in range(25)]
        for symbol in symbols:
            await room.journal.commit(
                GapRow(symbol=symbol, tf="15m", from_ms=T0 - 4 * M15, to_ms=T0 - 3 * M15, missing=1)
            )
        started_ms = room.clock.mono_ms()
        assert await repair(room, *symbols).fill() == 25
        assert room.exchange.most_at_once == room.settings.parallel == 4
        assert room.clock.mono_ms() - started_ms >= 1000.0  # a pause after the first twenty

    play(act)


class Fast(VirtualClock):
    """Exchange time runs twenty times as fast as the machine's."""

    def now_ms(self) -> int:
        return self._epoch_ms + round(self._loop.time() * 20_000.0)

    async def sleep_until(self, at_ms: int) -> None:
        await asyncio.sleep(max(0, at_ms - self.now_ms()) / 20_000.0)


def test_pauses_are_in_the_time_in_which_the_budget_refills() -> None:
    async def act(room: Room) -> None:
        symbols = [f"S{n:03}" for n in range(200)]
        for symbol in symbols:
            await room.journal.commit(
                GapRow(symbol=symbol, tf="15m", from_ms=T0 - 4 * M15, to_ms=T0 - 3 * M15, missing=1)
            )
        mender = repair(room, *symbols)
        mender._clock = Fast(room.clock._loop, T0)
        room.exchange.latency_s = 0.0
        started_ms = room.clock.mono_ms()
        assert await mender.fill() == 200
        assert room.clock.mono_ms() - started_ms == pytest.approx(9 * 1000.0 / 20, abs=10.0)

    play(act)


def test_a_reported_hole_is_mended_at_the_next_turn_three_minutes_after_the_quarter() -> None:
    async def act(room: Room) -> None:
        await room.loader.load("BTCUSDT")
        mender = repair(room)
        running = asyncio.create_task(mender.run())
        await room.clock.sleep_until(CLOSE + 20_000)
        mender.report("BTCUSDT", "15m", Gap(T0, CLOSE, 1))
        await room.clock.sleep_until(CLOSE + 2 * MIN + 50_000)
        assert not room.panels.has("BTCUSDT", "15m", T0)
        await room.clock.sleep_until(CLOSE + 3 * MIN + 10_000)
        assert room.panels.has("BTCUSDT", "15m", T0)
        running.cancel()

    play(act, now_ms=T0 - 60 * MIN)
