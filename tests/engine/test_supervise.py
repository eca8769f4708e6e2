"""Nobody dies unseen: restart, escalation and what passes through."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable

import pytest

from engine.clock import VirtualClock, run_virtual
from engine.errors import InvariantBroken
from engine.supervise import Policy, Supervisor, VitalServiceFailed


def run(main: Callable[[VirtualClock, Supervisor], object], **hooks: object) -> object:
    async def wrapped(clock: VirtualClock) -> object:
        return await main(clock, Supervisor(clock, random.Random(1), **hooks))  # type: ignore[arg-type,misc]

    return run_virtual(wrapped, 0)


def test_restart_service_comes_back_with_growing_pauses() -> None:
    async def main(clock: VirtualClock, supervisor: Supervisor) -> list[float]:
        starts: list[float] = []

        async def flaky() -> None:
            starts.append(clock.mono_ms() / 1000)
            if len(starts) < 4:
                raise OSError("down")

        await supervisor.keep("streams", flaky, Policy.RESTART)
        return starts

    starts = run(main)
    pauses = [b - a for a, b in itertools.pairwise(starts)]  # type: ignore[index,arg-type]
    assert all(0.5 * base <= pause <= base for base, pause in zip((0.5, 1, 2), pauses, strict=True))


def test_five_failures_in_ten_minutes_are_reported_once() -> None:
    told: list[tuple[str, str]] = []

    async def main(clock: VirtualClock, supervisor: Supervisor) -> int:
        count = 0

        async def failing() -> None:
            nonlocal count
            count += 1
            if count <= 7:
                raise OSError("down")

        await supervisor.keep("streams", failing, Policy.RESTART)
        return count

    assert run(main, on_exhausted=lambda name, why: told.append((name, why))) == 8
    assert told == [("streams", "OSError: down")]


def test_vital_failure_ends_the_engine_with_its_cause() -> None:
    async def main(_clock: VirtualClock, supervisor: Supervisor) -> None:
        async def dies() -> None:
            raise OSError("disk")

        with pytest.raises(VitalServiceFailed, match="journal failed: disk"):
            await supervisor.keep("journal", dies, Policy.VITAL)
        assert supervisor.services["journal"].state == "failed"

    run(main)


@pytest.mark.parametrize("policy", list(Policy))
def test_broken_invariant_passes_through_every_policy(policy: Policy) -> None:
    async def main(_clock: VirtualClock, supervisor: Supervisor) -> None:
        async def breaks() -> None:
            raise InvariantBroken("two stops")

        with pytest.raises(InvariantBroken):
            await supervisor.keep("x", breaks, policy)

    run(main)


@pytest.mark.parametrize("policy", list(Policy))
def test_cancellation_passes_through_every_policy(policy: Policy) -> None:
    async def main(clock: VirtualClock, supervisor: Supervisor) -> None:
        task = asyncio.create_task(supervisor.keep("x", asyncio.Event().wait, policy))  # type: ignore[arg-type]
        await clock.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main)


def test_a_loop_with_tasks_of_its_own_fails_for_what_its_task_raised() -> None:
    async def main(_clock: VirtualClock, supervisor: Supervisor) -> None:
        async def broken() -> None:
            raise InvariantBroken("two owners")

        async def down() -> None:
            raise OSError("disk")

        async def both() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(down())
                group.create_task(broken())

        async def one() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(down())

        with pytest.raises(InvariantBroken, match="two owners"):
            await supervisor.keep("closes", both, Policy.RESTART)
        with pytest.raises(VitalServiceFailed, match="journal failed: disk"):
            await supervisor.keep("journal", one, Policy.VITAL)

    run(main)
