from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engine.clock import VirtualClock, run_virtual
from engine.market.coordinator import Place, SymbolLoadCoordinator


def play(act: Callable[[SymbolLoadCoordinator, VirtualClock], Awaitable[None]], ready_limit: int = 50) -> None:
    async def main(clock: VirtualClock) -> None:
        await act(SymbolLoadCoordinator(clock.mono_ms, ready_limit), clock)

    run_virtual(main, 0)


def test_a_symbol_goes_from_pending_to_active() -> None:
    async def act(desk: SymbolLoadCoordinator, _clock: VirtualClock) -> None:
        desk.add(["A", "B"])
        assert await desk.take() == "A"
        assert desk.place("A") is Place.LOADING
        assert await desk.loaded("A")
        assert desk.place("A") is Place.READY
        assert await desk.next() == "A"
        assert desk.place("A") is Place.ANALYZING
        assert desk.mark_active("A")
        assert desk.place("A") is Place.ACTIVE
        assert not desk.is_complete()

    play(act)


def test_the_loader_waits_while_the_queue_is_full() -> None:
    async def act(desk: SymbolLoadCoordinator, clock: VirtualClock) -> None:
        desk.add(["A", "B"])
        await desk.take()
        await desk.take()
        await desk.loaded("A")
        waiting = asyncio.create_task(desk.loaded("B"))
        await clock.sleep(5.0)
        assert not waiting.done()
        assert await desk.next() == "A"
        assert await waiting

    play(act, ready_limit=1)


def test_next_answers_none_after_its_timeout() -> None:
    async def act(desk: SymbolLoadCoordinator, clock: VirtualClock) -> None:
        assert await desk.next(timeout_s=1.0) is None
        assert clock.mono_ms() == pytest.approx(1000.0)

    play(act)


def test_shutdown_wakes_everybody() -> None:
    async def act(desk: SymbolLoadCoordinator, clock: VirtualClock) -> None:
        desk.add(["A"])
        await desk.take()
        waiters = [asyncio.create_task(desk.take()), asyncio.create_task(desk.next(timeout_s=99.0))]
        await clock.sleep(0.1)
        desk.shutdown()
        assert await asyncio.gather(*waiters) == [None, None]
        assert clock.mono_ms() < 1000.0
        assert not await desk.loaded("A")

    play(act)


def test_a_failure_is_kept_with_its_count_and_tried_again_when_added() -> None:
    async def act(desk: SymbolLoadCoordinator, _clock: VirtualClock) -> None:
        for attempt in (1, 2):
            assert desk.add(["A"]) == ["A"]
            await desk.take()
            desk.fail("A", "timeout")
            assert desk.failures()["A"].attempts == attempt
        assert desk.is_complete()
        desk.add(["A"])
        await desk.take()
        await desk.loaded("A")
        await desk.next()
        desk.mark_active("A")
        assert desk.failures() == {}
        assert desk.add(["A"]) == []

    play(act)


def test_removing_a_symbol_under_way_ends_the_work_without_effect() -> None:
    async def act(desk: SymbolLoadCoordinator, _clock: VirtualClock) -> None:
        desk.add(["A", "B"])
        await desk.take()
        desk.remove("A")
        assert not await desk.loaded("A")
        desk.fail("A", "late")
        assert desk.failures() == {}
        await desk.take()
        await desk.loaded("B")
        desk.remove("B")
        assert await desk.next() is None
        assert desk.is_complete()

    play(act)


def test_progress_tells_the_rest_from_the_pace_so_far() -> None:
    async def act(desk: SymbolLoadCoordinator, clock: VirtualClock) -> None:
        assert desk.progress().percent == 100.0
        desk.add(["A", "B", "C", "D"])
        for _ in range(2):
            symbol = await desk.take()
            assert symbol is not None
            await clock.sleep(3.0)
            desk.fail(symbol, "x")
        progress = desk.progress()
        assert (progress.total, progress.pending, progress.failed, progress.percent) == (4, 2, 2, 50.0)
        assert progress.eta_s == pytest.approx(6.0)

    play(act)


SYMBOL = st.sampled_from("ABCDE")


class Interleavings(RuleBasedStateMachine):
    """Whatever is done in whatever order, each symbol is in one set and the sets sum up to the total."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.desk = SymbolLoadCoordinator(lambda: 0.0, ready_limit=2)
        self.members: set[str] = set()

    def run(self, coroutine: object) -> None:
        async def bounded() -> None:
            try:
                async with asyncio.timeout(0):
                    await coroutine  # type: ignore[misc]
            except TimeoutError:
                pass

        self.loop.run_until_complete(bounded())

    @rule(symbols=st.lists(SYMBOL, unique=True))
    def add(self, symbols: list[str]) -> None:
        self.desk.add(symbols)
        self.members |= set(symbols)

    @rule()
    def take(self) -> None:
        self.run(self.desk.take())

    @rule(symbol=SYMBOL)
    def loaded(self, symbol: str) -> None:
        self.run(self.desk.loaded(symbol))

    @rule()
    def next(self) -> None:
        self.run(self.desk.next(0.0))

    @rule(symbol=SYMBOL)
    def active(self, symbol: str) -> None:
        self.desk.mark_active(symbol)

    @rule(symbol=SYMBOL)
    def fail(self, symbol: str) -> None:
        self.desk.fail(symbol, "reason")

    @rule(symbol=SYMBOL)
    def remove(self, symbol: str) -> None:
        self.desk.remove(symbol)
        self.members.discard(symbol)

    @invariant()
    def one_set_each(self) -> None:
        sets = [self.desk.members(place) for place in Place]
        everybody = [symbol for members in sets for symbol in members]
        assert sorted(everybody) == sorted(self.members)
        progress = self.desk.progress()
        assert progress.total == len(self.members)
        counted = progress.pending + progress.loading + progress.queued + progress.active + progress.failed
        assert counted == progress.total
        assert len(self.desk.members(Place.READY)) <= 2
        assert set(self.desk.failures()) == set(self.desk.members(Place.FAILED))
        over = progress.active + progress.failed
        assert self.desk.is_complete() == (over == progress.total)

    def teardown(self) -> None:
        self.loop.close()


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
