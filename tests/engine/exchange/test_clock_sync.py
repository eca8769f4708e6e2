"""Following the exchange's clock: offset, pace, and when it is not to be trusted."""

from __future__ import annotations

import asyncio

import pytest

from engine.clock import SystemClock
from engine.errors import ClockSkew, Transient
from engine.exchange import clock_sync
from engine.exchange.clock_sync import ClockSync, Reading, quickest, rate_between

SERVER_START = 1_795_305_600_000


class Machine(SystemClock):
    """A system clock whose machine time moves by hand."""

    def __init__(self) -> None:
        self.at_ms = 1_000.0
        super().__init__(start_ms=SERVER_START - 3_600_000)

    def mono_ms(self) -> float:
        return self.at_ms

    async def sleep(self, seconds: float) -> None:
        self.at_ms += seconds * 1000.0


class Server:
    """An exchange whose time runs `rate` times as fast as the machine's, `trip_ms` away."""

    def __init__(self, machine: Machine, rate: float = 1.0, trip_ms: float = 20.0) -> None:
        self.machine, self.rate, self.trip_ms = machine, rate, trip_ms
        self._anchor = (machine.at_ms, float(SERVER_START))
        self.reads = 0
        self.lost = False

    def now(self) -> float:
        at, base = self._anchor
        return base + (self.machine.at_ms - at) * self.rate

    def set(self, rate: float | None = None, jump_ms: float = 0.0) -> None:
        self._anchor = (self.machine.at_ms, self.now() + jump_ms)
        self.rate = self.rate if rate is None else rate

    async def read(self) -> Reading:
        if self.lost:
            raise Transient("no route")
        self.reads += 1
        sent = self.machine.at_ms
        self.machine.at_ms += self.trip_ms / 2
        server_ms = int(self.now())
        self.machine.at_ms += self.trip_ms / 2
        return Reading(server_ms, sent, self.machine.at_ms)


def setup(rate: float = 1.0, trip_ms: float = 20.0) -> tuple[Machine, Server, ClockSync]:
    machine = Machine()
    server = Server(machine, rate, trip_ms)
    return machine, server, ClockSync(machine, server.read, check_min=30.0)


def off(machine: Machine, server: Server) -> float:
    """How far the desk's clock is from the exchange's, in machine milliseconds."""
    return abs(machine.now_ms() - server.now()) / max(server.rate, 1.0)


@pytest.mark.parametrize("rate", [1.0, 20.0, 600.0, 0.5, 0.0])
@pytest.mark.parametrize("trip_ms", [1.0, 20.0, 200.0])
async def test_time_and_pace_of_a_served_exchange_are_found(rate: float, trip_ms: float) -> None:
    machine, server, sync = setup(rate, trip_ms)
    with pytest.raises(ClockSkew):
        sync.require()
    await sync.start()
    sync.require()
    assert off(machine, server) <= trip_ms / 2 + 2
    if trip_ms < 200:
        assert machine.rate == pytest.approx(rate, rel=0.01)


async def test_over_a_slow_line_the_live_exchange_still_runs_at_exactly_one() -> None:
    machine, _server, sync = setup(1.0, 180.0)
    await sync.start()
    assert machine.rate == 1.0
    assert sync.offset_ms is not None


async def test_drift_is_followed_without_a_word() -> None:
    machine, server, sync = setup()
    await sync.start()
    machine.at_ms += 1_800_000
    server.set(jump_ms=300)
    assert 250 < await sync.check() < 350
    sync.require()
    assert off(machine, server) < 20


async def test_after_a_jump_nothing_is_signed_until_a_second_measurement_agrees() -> None:
    machine, server, sync = setup()
    await sync.start()
    server.set(jump_ms=-90_000)
    held: list[bool] = []
    read = server.read

    async def watched() -> Reading:
        held.append(sync.usable)
        return await read()

    sync._read = watched
    await sync.check()
    assert held[:3] == [True, True, True]
    assert held[3:]
    assert not any(held[3:])
    sync.require()
    assert sync.jumps == 1
    assert off(machine, server) < 20


async def test_a_jump_that_cannot_be_measured_again_keeps_everything_unsigned() -> None:
    _machine, server, sync = setup()
    await sync.start()
    server.set(jump_ms=90_000)
    read, before = server.read, server.reads

    async def thrice() -> Reading:
        server.lost = server.reads >= before + 3
        return await read()

    sync._read = thrice
    with pytest.raises(Transient):
        await sync.check()
    with pytest.raises(ClockSkew) as skew:
        sync.require()
    assert skew.value.offset_ms == pytest.approx(90_000, abs=100)


async def test_a_change_of_pace_is_followed_at_the_next_checks() -> None:
    machine, server, sync = setup(20.0, 2.0)
    await sync.start()
    for pace in (40.0, 0.0, 10.0):
        server.set(rate=pace)
        for _ in range(2):
            await machine.sleep(2.0)
            await sync.check()
            sync.require()
        assert machine.rate == pytest.approx(pace, abs=0.1)
        assert off(machine, server) < 5


async def test_a_change_of_pace_the_clock_was_told_of_is_left_as_told() -> None:
    machine, server, sync = setup(20.0, 2.0)
    await sync.start()
    await machine.sleep(1.0)
    server.set(rate=30.0)
    machine.follow(server.now(), machine.at_ms, rate=30.0)
    await machine.sleep(1.0)
    await sync.check()
    assert machine.rate == 30.0
    assert off(machine, server) < 5


async def test_on_a_held_clock_the_budget_is_not_asked_away() -> None:
    machine, server, sync = setup(20.0, 2.0)
    await sync.start()
    server.set(rate=0.0)
    await machine.sleep(2.0)
    before, end = server.reads, machine.at_ms + 3_600_000
    while machine.at_ms < end:
        await sync.check()
        await machine.sleep(sync._delay_s)
    assert server.reads - before < 20


async def test_many_refused_timestamps_lead_to_one_measurement_and_signing_waits_for_it() -> None:
    machine, server, sync = setup()
    await sync.start()
    once = server.reads
    server.set(jump_ms=60_000)
    gate, read = asyncio.Event(), server.read

    async def held() -> Reading:
        await gate.wait()
        return await read()

    sync._read = held
    refused = [asyncio.create_task(sync.remeasure()) for _ in range(5)]
    signing = asyncio.create_task(_signed(sync, machine, server))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not signing.done()
    gate.set()
    await asyncio.gather(*refused)
    assert await signing < 20
    assert server.reads == 2 * once


async def _signed(sync: ClockSync, machine: Machine, server: Server) -> float:
    await asyncio.sleep(0)
    await sync.trusted()
    return off(machine, server)


def test_the_quickest_reading_is_the_best_one() -> None:
    slow, quick = Reading(5, 0.0, 100.0), Reading(6, 100.0, 110.0)
    assert quickest([slow, quick]) is quick


@pytest.mark.parametrize(
    ("span_ms", "moved_ms", "trip_ms", "rate"),
    [(200, 203, 10, 1.0), (200, 230, 30, 1.0), (2_000, 40_100, 5, 20.0), (2_000, 0, 5, 0.0), (200, 500, 2, 2.5)],
)
def test_speeds_are_set_not_drifted(span_ms: int, moved_ms: int, trip_ms: float, rate: float) -> None:
    first = Reading(1_000, 0.0, trip_ms)
    last = Reading(1_000 + moved_ms, span_ms, span_ms + trip_ms)
    assert rate_between(first, last)[0] == rate
    assert clock_sync.BLOCK_JUMP_MS == 2 * clock_sync.WARN_JUMP_MS


class Waiting(Machine):
    """A machine whose sleepers wait until somebody has moved its time."""

    async def sleep(self, seconds: float) -> None:
        until_ms = self.at_ms + seconds * 1000.0
        while self.at_ms < until_ms:  # noqa: ASYNC110 - nobody sets an event for a clock moved by hand
            await asyncio.sleep(0)

    async def pass_by(self, seconds: float) -> None:
        for _ in range(round(seconds * 20)):
            self.at_ms += 50.0
            for _ in range(20):
                await asyncio.sleep(0)


@pytest.mark.parametrize("how", ["lost", "given up"])
async def test_a_measurement_that_fails_after_a_refused_timestamp_is_made_again_at_once(how: str) -> None:
    machine = Waiting()
    server = Server(machine)
    sync = ClockSync(machine, server.read, check_min=30.0)
    running = asyncio.create_task(sync.run())
    await machine.pass_by(1800 + 2)
    sync.require()
    server.set(jump_ms=-90_000)
    refused = asyncio.create_task(sync.remeasure())
    server.lost = how == "lost"
    await asyncio.sleep(0)
    if how == "given up":
        refused.cancel()  # an order waits for a second only
    await asyncio.gather(refused, return_exceptions=True)
    assert not sync.usable
    await machine.pass_by(1.0)
    server.lost = False
    await machine.pass_by(1.5)
    sync.require()
    assert off(machine, server) < 60
    running.cancel()
