"""Decisions go first, but not for ever."""

from __future__ import annotations

import asyncio

from engine.trading import precedence
from engine.trading.precedence import Precedence
from tests.support.desk_rig import on_virtual_time


def test_analysis_waits_while_a_decision_is_carried_out() -> None:
    async def scenario(clock):
        order: list[str] = []
        first = Precedence()

        async def decide() -> None:
            with first, first:
                order.append("asked")
                await asyncio.sleep(0.1)
                order.append("sent")

        deciding = asyncio.create_task(decide())
        await first.give_way()
        order.append("analysed")
        await deciding
        assert order == ["asked", "sent", "analysed"]
        await first.give_way()

    on_virtual_time(scenario)


def test_a_decision_that_hangs_holds_up_a_close_for_a_moment_only() -> None:
    async def scenario(clock):
        first, started_ms = Precedence(), clock.mono_ms()
        with first:
            await first.give_way()
        assert (clock.mono_ms() - started_ms) / 1000 == precedence.LONGEST_S

    on_virtual_time(scenario)
