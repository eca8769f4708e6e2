"""Trading over a faulty exchange on virtual time: the promises of order safety."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from engine.errors import StoreError
from engine.store.rows import CooldownRow, FillRow, IntentRow, OrderRow, PositionRow, SignalEventRow, SignalRow
from engine.trading.events import (
    EntryFailed,
    EntryFilled,
    QuantityDiffered,
    StopFailed,
    StopMoved,
    StopPlaced,
    TierPlaced,
    TierTaken,
    TradeClosed,
)
from engine.trading.inputs import CloseAsked, HoldSet, StopAsked
from engine.trading.paper import Bar
from tests.support.desk_rig import Rig, on_virtual_time, running
from tests.support.gateway import Fault

S = "BTCUSDT"


def at(rig: Rig) -> dict[str, int]:
    return {"now_ms": rig.clock.now_ms(), "mono_ms": rig.clock.mono_ms()}


def test_a_trade_is_entered_protected_tiered_trailed_and_recorded() -> None:
    async def scenario(clock):
        async with running(Rig(clock)) as rig:
            pid = await rig.enter()
            await rig.until(lambda: len(rig.gateway.resting(S)) == 3)
            assert rig.gateway.protected(S)
            entry = rig.events(EntryFilled)[0]
            assert entry.price == 100
            stop = rig.events(StopPlaced)[0]
            assert stop.price == 98
            assert stop.naked_ms < 200
            assert sorted(event.tier for event in rig.events(TierPlaced)) == [1, 2]
            rig.move(102.0)
            await rig.until(lambda: len(rig.events(StopMoved)) == 1)
            # Breakeven with costs: 100 * (1 + 2 * 0.05 %) = 100.1.
            assert rig.events(StopMoved)[0].price == Decimal("100.1")
            await rig.until(lambda: len(rig.gateway.resting(S, conditional=True)) == 1)
            rig.move(104.0)
            await rig.until(lambda: len(rig.events(StopMoved)) == 2)
            assert rig.events(StopMoved)[1].price == 102
            rig.move(110.0)
            await rig.idle(61)
            rig.move(110.0)
            await rig.until(lambda: len(rig.events(StopMoved)) == 3)
            assert rig.events(StopMoved)[2].price == Decimal("108.2")  # 110 - 1.2 * 1.5
            rig.move(108.0)
            await rig.until(lambda: not rig.keeper.positions())
            closed = rig.events(TradeClosed)
            assert len(closed) == 1
            assert closed[0].reason == "trail"
            assert closed[0].gross_r == pytest.approx(0.3 + 0.8 + 0.3 * 4, abs=0.01)
            assert [event.tier for event in rig.events(TierTaken)] == [1, 2]
            assert not rig.gateway.resting(S)
            rows = rig.journal
            signal = rows.of(SignalRow)[0]
            assert (signal.status, signal.exit_reason, signal.stage) == ("closed", "trail", "tp2")
            assert signal.result_net_r == pytest.approx(closed[0].net_r)
            position = rows.of(PositionRow)[0]
            assert position.position_id == pid
            assert position.closed_ms is not None
            legs = {row.client_id.split("-")[2] for row in rows.of(IntentRow)}
            assert legs == {"e", "s", "t1", "t2"}
            assert {row.leg for row in rows.of(OrderRow)} == {"e", "s", "t1", "t2"}
            assert len(rows.of(FillRow)) == 4
            kinds = {row.kind for row in rows.of(SignalEventRow)}
            assert {"entry_filled", "stop_placed", "tier_taken", "stop_moved", "trade_closed"} <= kinds
            assert not rows.of(CooldownRow)  # Action Price counts from its signal
            assert rig.gateway.wallet - 10_000 == pytest.approx(closed[0].net_usdt)

    on_virtual_time(scenario)


def test_a_new_stop_works_before_the_old_one_is_cancelled() -> None:
    async def scenario(clock):
        rig = Rig(clock)
        seen: list[int] = []
        async with running(rig):
            await rig.enter()
            await rig.until(lambda: len(rig.gateway.resting(S)) == 3)
            rig.move(102.0)
            for _ in range(300):
                await rig.idle(0.01)
                seen.append(len(rig.gateway.resting(S, conditional=True)))
            assert min(seen) == 1
            assert max(seen) == 2
            assert seen[-1] == 1
            final = rig.gateway.resting(S, conditional=True)[0]
            assert not final.close_position
            assert final.quantity == abs(rig.gateway.signed(S))

    on_virtual_time(scenario)


class TestLostAnswers:
    def test_a_stop_whose_answer_is_lost_is_adopted_when_the_second_is_refused(self) -> None:
        async def scenario(clock):
            rig = Rig(clock)
            rig.gateway.faults = [Fault("lose_reply", leg="s"), Fault("unread", op="find_conditional", times=50)]
            rig.gateway.settle = lambda event: []  # and the stream is silent
            rig.gateway.settle = _drop_conditionals
            async with running(rig):
                await rig.enter()
                await rig.until(lambda: bool(rig.events(StopPlaced)))
                assert [name[-3:] for name in rig.gateway.sent if "-s-" in name] == ["s-1"]
                assert rig.events(StopPlaced)[0].naked_ms < 2000
                assert not rig.events(StopFailed)
                assert rig.gateway.protected(S)

        on_virtual_time(scenario)

    @pytest.mark.parametrize("kind", ["lose_request", "late"])
    def test_a_stop_that_never_arrived_in_time_is_placed_again_within_two_seconds(self, kind: str) -> None:
        async def scenario(clock):
            rig = Rig(clock)
            rig.gateway.faults = [Fault(kind, leg="s", seconds=3.0)]
            async with running(rig):
                await rig.enter()
                await rig.until(lambda: rig.gateway.protected(S))
                assert rig.keeper.naked_max_ms < 2000
                await rig.idle(10)
                assert len(rig.gateway.resting(S, conditional=True)) == 1
                assert rig.keeper.on_symbol(S).state == "open"

        on_virtual_time(scenario)

    def test_stops_refused_for_two_seconds_close_the_position_at_market(self) -> None:
        async def scenario(clock):
            rig = Rig(clock)
            rig.gateway.faults = [Fault("reject", leg="s", code=-4045, times=1000)]
            async with running(rig):
                await rig.enter()
                await rig.until(lambda: not rig.keeper.positions())
                assert rig.events(StopFailed)
                assert rig.events(TradeClosed)[0].reason == "naked"
                assert rig.gateway.signed(S) == 0
                assert 1600 <= rig.keeper.naked_max_ms < 2000

        on_virtual_time(scenario)

    def test_a_stop_already_passed_by_the_price_closes_at_once(self) -> None:
        async def scenario(clock):
            rig = Rig(clock)
            async with running(rig):
                rig.gateway.faults = [Fault("reject", leg="s", code=-2021)]
                await rig.enter()
                await rig.until(lambda: not rig.keeper.positions())
                assert rig.events(TradeClosed)[0].reason == "stop"
                assert rig.keeper.naked_max_ms < 500

        on_virtual_time(scenario)

    def test_an_entry_whose_answer_is_lost_is_asked_about_and_protected(self) -> None:
        async def scenario(clock):
            rig = Rig(clock)
            rig.gateway.faults = [Fault("lose_reply", leg="e")]
            rig.gateway.settle = lambda event: []
            async with running(rig):
                await rig.enter()
                await rig.until(lambda: rig.gateway.protected(S))
                assert [name for name in rig.gateway.sent if "-e-" in name] == [rig.gateway.sent[0]]
                await rig.until(lambda: bool(rig.events(EntryFilled)))  # its fills are fetched

        on_virtual_time(scenario)

    def test_an_entry_proved_absent_is_tried_once_more_under_a_new_name(self) -> None:
        async def scenario(clock):
            rig = Rig(clock)
            rig.gateway.faults = [Fault("lose_request", leg="e")]
            async with running(rig):
                sent_ms = clock.mono_ms()
                await rig.enter()
                await rig.until(lambda: bool(rig.events(EntryFilled)))
                assert clock.mono_ms() - sent_ms > 5000  # not before the receive window had closed
                assert [name[-3:] for name in rig.gateway.sent if "-e-" in name] == ["e-2"]

        on_virtual_time(scenario)

    def test_an_entry_lost_twice_ends_the_trade(self) -> None:
        async def scenario(clock):
            rig = Rig(clock)
            rig.gateway.faults = [Fault("lose_request", op="place", times=2)]
            async with running(rig):
                await rig.enter()
                await rig.until(lambda: bool(rig.events(EntryFailed)))
                assert not rig.keeper.positions()
                assert rig.gateway.signed(S) == 0

        on_virtual_time(scenario)

    def test_a_late_entry_is_found_before_it_is_given_up(self) -> None:
        async def scenario(clock):
            rig = Rig(clock)
            rig.gateway.faults = [Fault("late", leg="e", seconds=4.5)]
            async with running(rig):
                await rig.enter()
                await rig.until(lambda: rig.gateway.protected(S))
                assert len([name for name in rig.gateway.sent if "-e-" in name]) == 1
                assert rig.keeper.naked_max_ms < 2000

        on_virtual_time(scenario)

    def test_a_refused_entry_ends_the_signal_without_a_second_try(self) -> None:
        async def scenario(clock):
            rig = Rig(clock)
            rig.gateway.faults = [Fault("reject", leg="e", code=-2019)]
            async with running(rig):
                await rig.enter()
                assert rig.events(EntryFailed)[0].reason == "scripted -2019"
                assert not rig.gateway.sent

        on_virtual_time(scenario)

    def test_a_lost_exit_is_not_sent_again_while_it_may_have_arrived(self) -> None:
        async def scenario(clock):
            rig = Rig(clock)
            async with running(rig):
                pid = await rig.enter()
                await rig.until(lambda: len(rig.gateway.resting(S)) == 3)
                rig.gateway.faults = [Fault("lose_reply", leg="x")]
                rig.keeper.feed(pid, CloseAsked(reason="manual", **at(rig)))
                await rig.until(lambda: not rig.keeper.positions())
                assert len([name for name in rig.gateway.sent if "-x-" in name]) == 1
                assert not rig.gateway.resting(S)

        on_virtual_time(scenario)


def _drop_conditionals(event):
    from engine.exchange.orders import ConditionalChanged

    return [] if isinstance(event, ConditionalChanged) else [(0.0, event)]


class TestClosing:
    def test_targets_are_cancelled_before_the_market_order_goes(self) -> None:
        async def scenario(clock):
            rig = Rig(clock)
            async with running(rig):
                pid = await rig.enter()
                await rig.until(lambda: len(rig.gateway.resting(S)) == 3)
                rig.gateway.calls.clear()
                rig.keeper.feed(pid, CloseAsked(reason="flatten", **at(rig)))
                await rig.until(lambda: not rig.keeper.positions())
                ops = [op for op, _ in rig.gateway.calls if op in ("cancel", "place")]
                assert ops == ["cancel", "cancel", "place"]
                assert rig.events(TradeClosed)[0].reason == "flatten"
                assert not rig.gateway.resting(S)

        on_virtual_time(scenario)

    def test_a_partial_close_lays_the_targets_again_for_the_rest(self) -> None:
        async def scenario(clock):
            rig = Rig(clock)
            async with running(rig):
                pid = await rig.enter()
                await rig.until(lambda: len(rig.gateway.resting(S)) == 3)
                before = rig.gateway.signed(S)
                rig.keeper.feed(pid, CloseAsked(reason="manual", pct=50, **at(rig)))
                await rig.until(lambda: rig.gateway.signed(S) < before and len(rig.gateway.resting(S)) == 3)
                left = rig.gateway.signed(S)
                assert left == pytest.approx(before / 2, abs=Decimal("0.001"))
                sizes = [order.quantity for order in rig.gateway.resting(S, conditional=False)]
                assert sum(sizes) == pytest.approx(left * Decimal("0.7"), abs=Decimal("0.01"))
                assert rig.keeper.position(pid).state == "open"

        on_virtual_time(scenario)

    def test_leftover_stops_by_quantity_are_cancelled_after_the_end(self) -> None:
        async def scenario(clock):
            rig = Rig(clock)
            async with running(rig):
                await rig.enter()
                await rig.until(lambda: len(rig.gateway.resting(S)) == 3)
                rig.move(102.0)
                await rig.until(lambda: len(rig.gateway.resting(S, conditional=True)) == 1)
                await rig.idle(1)
                assert not rig.gateway.resting(S, conditional=True)[0].close_position
                rig.gateway.manual_close(S)
                await rig.until(lambda: not rig.keeper.positions())
                assert not rig.gateway.resting(S)
                assert rig.events(TradeClosed)[0].reason == "manual"

        on_virtual_time(scenario)

    @pytest.mark.parametrize(
        ("client_id", "reason"),
        [("autoclose-123", "liquidation"), ("adl_autoclose", "adl"), ("web_x", "manual")],
    )
    def test_closes_by_others_are_named(self, client_id: str, reason: str) -> None:
        async def scenario(clock):
            rig = Rig(clock)
            async with running(rig):
                await rig.enter()
                await rig.until(lambda: rig.gateway.protected(S))
                rig.gateway.manual_close(S, client_id=client_id)
                await rig.until(lambda: not rig.keeper.positions())
                assert rig.events(TradeClosed)[0].reason == reason

        on_virtual_time(scenario)

    def test_part_closed_by_hand_leaves_fitting_targets_and_a_stop(self) -> None:
        async def scenario(clock):
            rig = Rig(clock)
            async with running(rig):
                await rig.enter()
                await rig.until(lambda: len(rig.gateway.resting(S)) == 3)
                rig.gateway.manual_close(S, "30")
                await rig.idle(3)
                left = rig.gateway.signed(S)
                sizes = [order.quantity for order in rig.gateway.resting(S, conditional=False)]
                assert len(sizes) == 2
                assert sum(sizes) <= left
                assert rig.gateway.protected(S)

        on_virtual_time(scenario)


class TestStopByHand:
    def test_a_person_may_tighten(self) -> None:
        async def scenario(clock):
            rig = Rig(clock)
            async with running(rig):
                pid = await rig.enter()
                await rig.until(lambda: len(rig.gateway.resting(S)) == 3)
                rig.keeper.feed(pid, StopAsked(price=Decimal(99), **at(rig)))
                await rig.until(lambda: [o.trigger_price for o in rig.gateway.resting(S, True)] == [99])

        on_virtual_time(scenario)

    def test_a_stop_taken_off_by_another_program_is_placed_again_at_once(self) -> None:
        async def scenario(clock):
            rig = Rig(clock)
            async with running(rig):
                await rig.enter()
                await rig.until(lambda: len(rig.gateway.resting(S)) == 3)
                stop = rig.gateway.resting(S, conditional=True)[0]
                await rig.gateway.cancel_conditional(S, stop.client_id)
                await rig.until(lambda: rig.gateway.protected(S))
                assert rig.keeper.naked_max_ms < 500

        on_virtual_time(scenario)

    def test_halted_moves_nothing_but_still_places_a_missing_stop(self) -> None:
        async def scenario(clock):
            rig = Rig(clock)
            async with running(rig):
                pid = await rig.enter()
                await rig.until(lambda: len(rig.gateway.resting(S)) == 3)
                rig.keeper.feed(pid, HoldSet(on=True, **at(rig)))
                rig.move(102.0)
                await rig.idle(2)
                assert [order.trigger_price for order in rig.gateway.resting(S, True)] == [98]
                stop = rig.gateway.resting(S, conditional=True)[0]
                await rig.gateway.cancel_conditional(S, stop.client_id)
                await rig.until(lambda: rig.gateway.protected(S))
                assert [order.trigger_price for order in rig.gateway.resting(S, True)] == [98]

        on_virtual_time(scenario)


class TestReconciliation:
    def test_events_lost_while_the_stream_was_cut_are_made_up_for(self) -> None:
        async def scenario(clock):
            rig = Rig(clock)
            async with running(rig):
                await rig.enter()
                await rig.until(lambda: len(rig.gateway.resting(S)) == 3)
                rig.gateway.cut_stream()
                await rig.idle(0.1)
                assert not rig.reconciler.reconciled
                rig.gateway.move(S, 97.0)  # the stop fills and nobody is told
                await rig.idle(1)
                rig.gateway.mend_stream()
                await rig.until(lambda: not rig.keeper.positions())
                assert rig.events(TradeClosed)[0].reason == "stop"
                await rig.until(lambda: rig.reconciler.reconciled)

        on_virtual_time(scenario)

    def test_a_foreign_position_is_protected_and_never_traded(self) -> None:
        async def scenario(clock):
            rig = Rig(clock)
            rig.gateway.prices["ETHUSDT"] = Decimal(2000)
            rig.gateway.manual_open("ETHUSDT", "SELL", "3")
            async with running(rig):
                await rig.until(lambda: rig.gateway.protected("ETHUSDT"))
                await rig.idle(5)
                resting = rig.gateway.resting("ETHUSDT")
                assert [(order.side, order.trigger_price) for order in resting] == [("BUY", Decimal(2100))]
                assert rig.reconciler.reconciled
                rig.gateway.manual_close("ETHUSDT")
                await rig.until(lambda: not rig.keeper.positions())

        on_virtual_time(scenario)

    def test_a_changed_quantity_is_taken_over_and_noted(self) -> None:
        async def scenario(clock):
            rig = Rig(clock)
            async with running(rig):
                pid = await rig.enter()
                await rig.until(lambda: len(rig.gateway.resting(S)) == 3)
                rig.gateway.manual_open(S, "BUY", "5")
                await rig.until(lambda: bool(rig.events(QuantityDiffered)))
                assert rig.keeper.position(pid).exposure == rig.gateway.signed(S)
                assert rig.gateway.protected(S)

        on_virtual_time(scenario)

    def test_orphans_of_ours_are_cancelled_within_fifteen_seconds_of_a_start(self) -> None:
        async def scenario(clock):
            rig = Rig(clock)
            rig.gateway.prices[S] = Decimal(100)
            rig.gateway._make(
                S, "pd-abcdefabcdef-t1-1", "SELL", "LIMIT", Decimal(1), price=Decimal(110), reduce_only=True
            )
            rig.gateway._make(
                S, "pd-abcdefabcdef-s-2", "SELL", "STOP_MARKET", Decimal(1), trigger=Decimal(90),
                conditional=True, reduce_only=True,
            )  # fmt: skip
            rig.gateway._make(S, "web_other", "SELL", "LIMIT", Decimal(1), price=Decimal(120), reduce_only=True)
            async with running(rig):
                await rig.until(lambda: len(rig.gateway.resting(S)) == 1, timeout_s=15)
                assert rig.gateway.resting(S)[0].client_id == "web_other"

        on_virtual_time(scenario)


def test_excursions_of_a_stretch_nobody_watched_are_made_up_for() -> None:
    async def scenario(clock):
        rig = Rig(clock)
        async with running(rig):
            pid = await rig.enter()
            await rig.until(lambda: len(rig.gateway.resting(S)) == 3)
            opened = rig.keeper.position(pid).opened_ms
            rig.keeper.catch_up(
                S, [Bar(opened - 60_000, opened, 99, 150, 50, 99), Bar(opened, opened + 60_000, 100, 101.5, 99.2, 100)]
            )
            position = rig.keeper.position(pid)
            assert (position.mfe_r, position.mae_r) == (0.75, pytest.approx(-0.4))
            assert position.stop == 98

    on_virtual_time(scenario)


def test_quiet_waits_for_answers_and_says_when_there_are_none() -> None:
    async def scenario(clock):
        rig = Rig(clock)
        async with running(rig):
            await rig.enter()
            assert await rig.keeper.quiet()
            assert not rig.keeper.unprotected()
            rig.gateway.faults = [Fault("lose_request", op="place", leg="x")]
            rig.keeper.feed("sig1", CloseAsked(reason="manual", **at(rig)))
            await rig.idle(0.3)
            assert not await rig.keeper.quiet(timeout_s=1.0)
            assert await rig.keeper.quiet(timeout_s=20.0)

    on_virtual_time(scenario)


def test_a_journal_that_refuses_stops_the_desk_before_anything_is_sent() -> None:
    async def scenario(clock):
        rig = Rig(clock)
        async with running(rig):
            rig.journal.fail = StoreError("disk full")
            with pytest.raises(BaseException):  # noqa: B017, PT011 - a group of whatever ended the keeper
                await asyncio.gather(rig.enter(), *rig._tasks)
            assert rig.dead()
            assert not rig.gateway.sent

    on_virtual_time(scenario)
