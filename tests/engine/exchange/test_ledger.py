"""Waiting for a turn: lanes, deadlines, bans, and who is woken by what (on virtual time)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from config.schema import ExchangeSettings
from engine.clock import VirtualClock, run_virtual
from engine.errors import Throttled, Transient
from engine.exchange.ledger import ENTRY, EXIT, Ledger
from engine.exchange.limits import Lane, Pool

MINUTE = 60_000
EPOCH = 29_921_760 * MINUTE
ORDER = {Pool.ORDERS_10S: 1, Pool.ORDERS_1M: 1}


def virtual(body: Callable[[VirtualClock, Ledger], Awaitable[Any]], **options: Any) -> Any:
    async def main(clock: VirtualClock) -> Any:
        return await body(clock, Ledger(ExchangeSettings(), clock, random.Random(7), **options))

    return run_virtual(main, EPOCH)


async def spend(ledger: Ledger, weight: int, lane: Lane, **options: Any) -> None:
    ledger.settle(await ledger.acquire({Pool.WEIGHT: weight}, lane, **options))


def test_a_hundred_tasks_never_use_more_than_a_minute_holds() -> None:
    async def body(clock: VirtualClock, ledger: Ledger) -> None:
        sent: dict[int, int] = {}

        async def work(index: int) -> None:
            rng = random.Random(index)
            for _ in range(20):
                weight = rng.choice((1, 2, 5, 20, 40))
                lane = rng.choice(list(Lane))
                permit = await ledger.acquire({Pool.WEIGHT: weight}, lane)
                minute = clock.now_ms() // MINUTE
                sent[minute] = sent.get(minute, 0) + weight
                await clock.sleep(rng.random())
                ledger.settle(permit, {Pool.WEIGHT: rng.randrange(2400)})

        await asyncio.gather(*(work(index) for index in range(100)))
        assert sum(sent.values()) > 20_000
        assert max(sent.values()) <= 2280

    virtual(body)


def test_background_waits_while_trading_goes_on() -> None:
    async def body(clock: VirtualClock, ledger: Ledger) -> None:
        await spend(ledger, 1320, Lane.BACKGROUND)
        waiting = asyncio.create_task(spend(ledger, 1, Lane.BACKGROUND))
        await clock.sleep(1)
        for lane in (Lane.LIVE, Lane.INTERACTIVE, Lane.TRADING):
            await spend(ledger, 40, lane)
        assert clock.now_ms() < EPOCH + 2_000
        assert not waiting.done()
        await waiting
        assert EPOCH + MINUTE <= clock.now_ms() <= EPOCH + MINUTE + 2_000

    virtual(body)


def test_within_a_lane_the_first_to_ask_is_the_first_to_go() -> None:
    async def body(_clock: VirtualClock, ledger: Ledger) -> None:
        await spend(ledger, 1320, Lane.BACKGROUND)
        order: list[int] = []

        async def ask(number: int, weight: int) -> None:
            await spend(ledger, weight, Lane.BACKGROUND)
            order.append(number)

        await asyncio.gather(*(ask(number, 40 - number) for number in range(30)))
        assert order == list(range(30))

    virtual(body)


def test_who_waits_for_one_budget_does_not_hold_up_who_waits_for_another() -> None:
    async def body(clock: VirtualClock, ledger: Ledger) -> None:
        await spend(ledger, 1320, Lane.BACKGROUND)
        waiting = asyncio.create_task(spend(ledger, 1, Lane.BACKGROUND))
        await clock.sleep(0.1)
        await ledger.acquire({Pool.STATISTICS: 1}, Lane.BACKGROUND)
        assert clock.now_ms() < EPOCH + 1_000
        waiting.cancel()

    virtual(body)


def test_a_wait_longer_than_the_deadline_is_refused_at_once() -> None:
    async def body(clock: VirtualClock, ledger: Ledger) -> None:
        await spend(ledger, 1320, Lane.BACKGROUND)
        with pytest.raises(Throttled) as refused:
            await spend(ledger, 1, Lane.BACKGROUND, deadline_mono_ms=clock.mono_ms() + 5_000)
        assert refused.value.until_ms == EPOCH + MINUTE
        assert not refused.value.banned
        assert clock.now_ms() == EPOCH

    virtual(body)


def test_entries_leave_a_reserve_of_the_order_count_for_exits() -> None:
    async def body(clock: VirtualClock, ledger: Ledger) -> None:
        for _ in range(240):
            ledger.settle(await ledger.acquire(ORDER, Lane.TRADING, ENTRY))
        with pytest.raises(Throttled):
            await ledger.acquire(ORDER, Lane.TRADING, ENTRY, clock.mono_ms() + 1_000)
        for _ in range(45):
            ledger.settle(await ledger.acquire(ORDER, Lane.TRADING, EXIT, clock.mono_ms() + 1_000))
        with pytest.raises(Throttled):
            await ledger.acquire(ORDER, Lane.TRADING, EXIT, clock.mono_ms() + 1_000)
        assert ledger.used(Pool.ORDERS_10S) == 285
        assert ledger.pools()[1].lanes == {"entry": 240, "exit": 45}

    virtual(body)


def test_order_headers_are_believed_when_higher() -> None:
    async def body(_clock: VirtualClock, ledger: Ledger) -> None:
        permit = await ledger.acquire(ORDER, Lane.TRADING, ENTRY)
        ledger.settle(permit, {Pool.ORDERS_10S: 239, Pool.ORDERS_1M: 500})
        assert (ledger.used(Pool.ORDERS_10S), ledger.used(Pool.ORDERS_1M)) == (239, 500)

    virtual(body)


def test_a_ban_wakes_every_waiter_and_lets_nobody_send_until_one_ping_was_answered() -> None:
    bans: list[int] = []
    pings: list[int] = []

    async def remember(until_ms: int, _reason: str) -> None:
        bans.append(until_ms)

    async def body(clock: VirtualClock, ledger: Ledger) -> None:
        sent: list[int] = []

        async def ping() -> None:
            pings.append(clock.now_ms())
            await clock.sleep(0.5)

        ledger.probe_with(ping)

        async def ask(deadline: float | None) -> None:
            await spend(ledger, 1, Lane.LIVE, deadline_mono_ms=deadline)
            sent.append(clock.now_ms())

        await spend(ledger, 1680, Lane.LIVE)
        patient = [asyncio.create_task(ask(None)) for _ in range(20)]
        hurried = asyncio.create_task(ask(clock.mono_ms() + 70_000))
        await clock.sleep(1)
        until = clock.now_ms() + 120_000
        assert (await ledger.banned(f"banned until {until}", 5_000)).banned
        assert bans == [until]
        with pytest.raises(Throttled) as refused:
            await hurried
        assert refused.value.banned
        assert refused.value.until_ms == until
        assert clock.now_ms() == EPOCH + 1_000
        assert ledger.gate_state == "banned"
        await asyncio.gather(*patient)
        assert len(pings) == 1
        assert pings[0] >= until
        assert min(sent) >= pings[0] + 500
        assert ledger.gate_state == "open"
        assert ledger.ceiling(Lane.TRADING) == 1140

    virtual(body, on_ban=remember)


def test_a_refused_ping_is_a_ban_again() -> None:
    async def body(clock: VirtualClock, ledger: Ledger) -> None:
        answers = [418, 0]

        async def ping() -> None:
            if answers.pop(0):
                raise await ledger.banned("", 300_000)

        ledger.probe_with(ping)
        await ledger.banned("", 60_000)
        await spend(ledger, 1, Lane.TRADING)
        assert answers == []
        assert clock.now_ms() >= EPOCH + 360_000

    virtual(body)


def test_a_lost_ping_is_repeated_and_cancelling_who_pings_leaves_the_gate_usable() -> None:
    async def body(clock: VirtualClock, ledger: Ledger) -> None:
        lost = [True, True, False]

        async def ping() -> None:
            if lost.pop(0):
                raise Transient("no route")

        async def hang() -> None:
            await clock.sleep(3600)

        ledger.restore_ban(EPOCH + 1_000)
        ledger.probe_with(hang)
        first = asyncio.create_task(spend(ledger, 1, Lane.TRADING))
        await clock.sleep(5)
        assert ledger.gate_state == "probing"
        first.cancel()
        ledger.probe_with(ping)
        await spend(ledger, 1, Lane.TRADING)
        assert lost == []
        assert ledger.gate_state == "open"

    virtual(body)


def test_a_remembered_ban_is_waited_out_before_the_first_request() -> None:
    async def body(clock: VirtualClock, ledger: Ledger) -> None:
        ledger.restore_ban(EPOCH + 90_000)
        assert ledger.banned_until_ms == EPOCH + 90_000
        await spend(ledger, 1, Lane.TRADING)
        assert clock.now_ms() >= EPOCH + 90_000

    virtual(body)


def test_a_block_ends_by_a_persons_word() -> None:
    async def body(clock: VirtualClock, ledger: Ledger) -> None:
        ledger.blocked()
        waiting = asyncio.create_task(spend(ledger, 1, Lane.TRADING))
        await clock.sleep(1)
        assert ledger.gate_state == "blocked"
        ledger.unblock()
        await waiting
        assert clock.now_ms() < EPOCH + 2_000

    virtual(body)


def test_limits_the_exchange_states_rule_over_ours() -> None:
    async def body(_clock: VirtualClock, ledger: Ledger) -> None:
        await spend(ledger, 100, Lane.TRADING)
        ledger.set_limits({Pool.WEIGHT: 1200})
        assert (ledger.limit(), ledger.used(), ledger.ceiling(Lane.TRADING)) == (1200, 100, 1140)
        assert ledger.plan([2] * 10, Lane.BACKGROUND).fits_now == 20
        assert "1200" in ledger.forecast_text()

    virtual(body)
