"""Virtual time is exact and takes no time; the system clock follows the exchange."""

from __future__ import annotations

import asyncio

import pytest

from engine.clock import SystemClock, VirtualClock, run_virtual


def test_sleepers_wake_in_order_at_their_exact_virtual_times() -> None:
    async def main(clock: VirtualClock) -> list[tuple[str, int]]:
        woken: list[tuple[str, int]] = []

        async def sleeper(name: str, seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append((name, clock.now_ms()))

        await asyncio.gather(sleeper("b", 7200), sleeper("a", 0.25), sleeper("c", 7200.5))
        await clock.sleep_until(10_000_000)
        woken.append(("end", clock.now_ms()))
        return woken

    assert run_virtual(main, 1_000) == [("a", 1_250), ("b", 7_201_000), ("c", 7_201_500), ("end", 10_000_000)]


def test_timeout_and_executor_behave_on_virtual_time() -> None:
    async def main(clock: VirtualClock) -> tuple[int, str]:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await asyncio.Event().wait()
        value = await asyncio.get_running_loop().run_in_executor(None, lambda: "done")
        return clock.now_ms(), value

    assert run_virtual(main, 0) == (3_000, "done")


def test_two_runs_of_the_same_program_are_the_same() -> None:
    async def main(clock: VirtualClock) -> list[int]:
        stamps: list[int] = []

        async def tick(every_s: float) -> None:
            for _ in range(20):
                await clock.sleep(every_s)
                stamps.append(clock.now_ms())

        await asyncio.gather(tick(0.3), tick(0.7), tick(1.1))
        return stamps

    assert run_virtual(main, 5) == run_virtual(main, 5)


def test_system_clock_follows_an_exchange_that_runs_faster() -> None:
    clock = SystemClock()
    now = clock.mono_ms()
    jump = clock.follow(1_000_000.0, now, rate=20.0)
    assert abs(jump) > 1e9
    first_mono, first = clock.mono_ms(), clock.now_ms()
    while clock.mono_ms() - first_mono < 5:
        pass
    elapsed_mono, elapsed = clock.mono_ms() - first_mono, clock.now_ms() - first
    assert elapsed == pytest.approx(elapsed_mono * 20, rel=0.2)
