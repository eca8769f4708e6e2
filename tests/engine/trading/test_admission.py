"""From offered to decided to traded, through the commands seats send; idempotent, one winner, written down first."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import msgspec
import pytest

from config.schema import ApprovalSettings, Settings
from engine.exchange.orders import Bracket
from engine.port.commands import (
    ApproveSignal,
    BlockSymbol,
    ClosePosition,
    Done,
    Flatten,
    FocusSymbol,
    Halt,
    Kill,
    MoveStop,
    Pause,
    PreviewTicket,
    Reconcile,
    Refused,
    RejectSignal,
    Resume,
    SetMode,
    SnoozeSignal,
    UnblockSymbol,
)
from engine.port.views import Ticket
from engine.store.rows import BlockRow, CooldownRow, OperatorLogRow, SignalRow
from engine.trading.events import SignalDecided, SignalOffered, StandingChanged, TradeClosed
from engine.trading.paper import Bar
from tests.support.desk_rig import FloorRig, MemoryJournal, on_virtual_time, running
from tests.support.gateway import Fault
from tests.support.trading import BAR, T0, make_signal

S = "BTCUSDT"
AUTO = Settings(venue="sim", mode="auto")


def scene(play, **rig):
    async def scenario(clock):
        async with running(FloorRig(clock, **rig)) as desk:
            await play(desk)

    on_virtual_time(scenario)


def test_two_seats_approve_and_one_order_goes_out() -> None:
    async def play(desk: FloorRig) -> None:
        await desk.floor.admission.offer(make_signal())
        assert desk.events(SignalOffered)[0].expires_ms == T0 + BAR
        replies = await asyncio.gather(
            desk.ask(ApproveSignal, signal_id="sig1", revision=1),
            desk.ask(ApproveSignal, signal_id="sig1", revision=1, actor="telegram:7"),
        )
        assert sorted(type(reply).__name__ for reply in replies) == ["Done", "Refused"]
        refused = next(reply for reply in replies if isinstance(reply, Refused))
        assert (refused.reason, refused.code) == ("AlreadyDecided", 6)
        assert len([name for name in desk.gateway.sent if "-e-" in name]) == 1
        assert desk.state() == "approved"
        row = desk.journal.of(SignalRow)[0]
        assert (row.status, row.taken, row.decided_by) == ("open", True, "console:ann")

    scene(play)


def test_the_same_command_twice_is_done_once_with_one_answer() -> None:
    async def play(desk: FloorRig) -> None:
        await desk.floor.admission.offer(make_signal())
        replies = await asyncio.gather(
            *(desk.ask(ApproveSignal, id="same", signal_id="sig1", revision=1) for _ in range(3))
        )
        later = await desk.ask(ApproveSignal, id="same", signal_id="sig1", revision=1)
        assert all(reply == replies[0] for reply in [*replies, later])
        assert isinstance(later, Done)
        assert len([name for name in desk.gateway.sent if "-e-" in name]) == 1

    scene(play)


def test_what_expires_was_not_approved_and_its_shadow_runs_on() -> None:
    async def play(desk: FloorRig) -> None:
        await desk.floor.admission.offer(make_signal())
        await desk.until(lambda: bool(desk.events(SignalDecided)), timeout_s=1000)
        assert desk.events(SignalDecided)[0].state == "expired"
        reply = await desk.ask(ApproveSignal, signal_id="sig1")
        assert isinstance(reply, Refused)
        assert (reply.reason, reply.code) == ("Expired", 6)
        assert not desk.gateway.sent
        row = desk.journal.of(SignalRow)[0]
        assert (row.status, row.stage, row.taken) == ("beside", "expired", False)
        desk.floor.shadows.on_bar(S, Bar(T0, T0 + BAR, 100, 100.5, 97, 98))
        row = desk.journal.of(SignalRow)[0]
        assert (row.status, row.stage, row.exit_reason) == ("closed", "expired", "stop")
        assert row.result_net_r < -1
        assert not desk.floor.shadows.positions()

    scene(play)


def test_refusals_at_approval_leave_the_signal_waiting_with_the_number() -> None:
    async def play(desk: FloorRig) -> None:
        await desk.floor.admission.offer(make_signal())
        desk.synced = False
        reply = await desk.ask(ApproveSignal, signal_id="sig1")
        assert isinstance(reply, Refused)
        assert reply.reason == "BookNotSynced"
        desk.synced = True
        desk.gateway.prices[S] = Decimal("100.9")
        reply = await desk.ask(ApproveSignal, signal_id="sig1")
        assert isinstance(reply, Refused)
        assert reply.detail == "price ran 0.45 R ahead > 0.25 R"
        assert desk.state() == "pending"
        desk.gateway.prices[S] = Decimal("100.1")
        assert isinstance(await desk.ask(ApproveSignal, signal_id="sig1"), Done)

    scene(play)


def test_a_refused_entry_ends_the_signal_as_refused() -> None:
    async def play(desk: FloorRig) -> None:
        await desk.floor.admission.offer(make_signal())
        desk.gateway.faults = [Fault("reject", leg="e", code=-2019)]
        reply = await desk.ask(ApproveSignal, signal_id="sig1")
        assert isinstance(reply, Refused)
        assert (reply.reason, reply.detail, reply.code) == ("EntryFailed", "scripted -2019", 9)
        assert desk.state() == "refused"
        assert desk.journal.of(SignalRow)[0].status == "refused"
        # It started neither block nor cooldown.
        await desk.floor.admission.offer(make_signal(id="sig2", bar_time_ms=T0))
        assert desk.state("sig2") == "pending"

    scene(play)


@pytest.mark.parametrize(
    ("kind", "fields", "name"),
    [
        (Pause, {}, "Paused"),
        (Halt, {}, "Reducing"),
        (Kill, {"confirm": "main"}, "Halted"),
        (BlockSymbol, {"symbol": S}, "Blocked"),
        (SetMode, {"mode": "signals"}, "SignalsOnly"),
    ],
)
def test_standing_orders_gate_entries(kind, fields, name) -> None:
    async def play(desk: FloorRig) -> None:
        await desk.floor.admission.offer(make_signal())
        assert isinstance(await desk.ask(kind, **fields), Done)
        reply = await desk.ask(ApproveSignal, signal_id="sig1")
        assert isinstance(reply, Refused)
        assert (reply.reason, reply.code) == (name, 6)
        await desk.ask(Resume, confirm="main")
        await desk.ask(UnblockSymbol, symbol=S)
        await desk.ask(SetMode, mode="approve")
        assert isinstance(await desk.ask(ApproveSignal, signal_id="sig1"), Done)

    scene(play)


def test_grave_commands_ask_for_the_account_name() -> None:
    async def play(desk: FloorRig) -> None:
        for kind in (Flatten, Kill):
            reply = await desk.ask(kind, confirm="mian")
            assert isinstance(reply, Refused)
            assert reply.code == 7
        await desk.ask(Kill, confirm="main")
        reply = await desk.ask(Resume)
        assert isinstance(reply, Refused)
        assert reply.code == 7

    scene(play)


def test_auto_outside_sim_and_paper_asks_for_the_account_name() -> None:
    async def play(desk: FloorRig) -> None:
        reply = await desk.ask(SetMode, mode="auto")
        assert isinstance(reply, Refused)
        assert reply.code == 7
        assert isinstance(await desk.ask(SetMode, mode="auto", confirm="main"), Done)

    scene(play, settings=Settings(venue="testnet", mode="approve"))


class TestAuto:
    def test_a_signal_is_entered_by_itself(self) -> None:
        async def play(desk: FloorRig) -> None:
            await desk.floor.admission.offer(make_signal())
            await desk.until(lambda: desk.gateway.protected(S))
            assert desk.state() == "approved"
            assert desk.events(SignalDecided)[0].actor == "auto"

        scene(play, settings=AUTO)

    def test_it_waits_for_a_book_and_gives_up_on_what_does_not_pass(self) -> None:
        async def play(desk: FloorRig) -> None:
            desk.synced = False
            await desk.floor.admission.offer(make_signal())
            await asyncio.sleep(3)
            assert desk.state() == "pending"
            desk.synced = True
            await desk.until(lambda: desk.state() == "approved")
            await desk.floor.admission.offer(make_signal(id="wide", symbol="ETHUSDT", stop=90.5))
            await desk.until(lambda: desk.state("wide") == "refused")
            decided = desk.events(SignalDecided)[-1]
            assert "ATR" in decided.reason

        scene(play, settings=AUTO)

    def test_without_a_seat_it_goes_on_only_when_told_to(self) -> None:
        async def unattended(desk: FloorRig) -> None:
            desk.seats = 0
            await desk.floor.admission.offer(make_signal())
            await desk.until(lambda: desk.state() == "approved")

        async def alone(desk: FloorRig) -> None:
            desk.seats = 0
            await desk.floor.admission.offer(make_signal())
            await desk.until(lambda: desk.state() == "expired", timeout_s=1000)
            assert not desk.gateway.sent

        scene(unattended, settings=Settings(venue="sim", mode="auto", approval=ApprovalSettings(unattended=True)))
        scene(alone, settings=AUTO)


class TestModeSignals:
    def test_the_shadow_is_the_open_signal_and_blocks(self) -> None:
        async def play(desk: FloorRig) -> None:
            await desk.floor.admission.offer(make_signal())
            row = desk.journal.of(SignalRow)[0]
            assert (row.status, row.stage, row.taken) == ("open", "shadow", False)
            await desk.floor.admission.offer(make_signal(id="sig2", bar_time_ms=T0 + 9 * BAR))
            assert desk.state("sig2") == "refused"
            desk.floor.shadows.on_bar(S, Bar(T0, T0 + BAR, 100, 104.5, 99, 104))
            await desk.until(lambda: desk.state() == "expired", timeout_s=1000)
            row = next(row for row in desk.journal.of(SignalRow) if row.signal_id == "sig1")
            assert (row.status, row.stage) == ("open", "shadow")
            assert row.tp1 == Decimal("102.0")  # from 100.02, slippage included
            assert row.mfe_r == pytest.approx((104.5 - 100.02) / 2.02)
            assert not desk.gateway.sent

        scene(play, settings=Settings(venue="sim", mode="signals"))

    def test_cooldowns_follow_the_exit_of_a_shadow(self) -> None:
        async def play(desk: FloorRig) -> None:
            first = make_signal(strategy="order_flow", bar_time_ms=T0)
            await desk.floor.admission.offer(first)
            desk.floor.shadows.on_bar(S, Bar(T0, T0 + BAR, 100, 100.5, 97, 98))
            cooldown = desk.journal.of(CooldownRow)[0]
            assert cooldown.until_ms == T0 + BAR + 8 * BAR  # a stop-out: eight bars after its bar's close
            await desk.floor.admission.offer(make_signal(id="sig2", strategy="order_flow", bar_time_ms=T0 + 8 * BAR))
            assert desk.state("sig2") == "refused"

        scene(play, settings=Settings(venue="sim", mode="signals"))


class TestPositionCommands:
    async def enter(self, desk: FloorRig) -> str:
        await desk.floor.admission.offer(make_signal())
        assert isinstance(await desk.ask(ApproveSignal, signal_id="sig1"), Done)
        await desk.until(lambda: len(desk.gateway.resting(S)) == 3)
        return "sig1"

    def test_close_by_id_or_symbol(self) -> None:
        async def play(desk: FloorRig) -> None:
            await self.enter(desk)
            assert isinstance(await desk.ask(ClosePosition, position_id="btcusdt"), Done)
            await desk.until(lambda: not desk.floor.keeper.positions())
            assert desk.events(TradeClosed)[0].reason == "manual"
            assert desk.state() == "closed"
            reply = await desk.ask(ClosePosition, position_id="sig1")
            assert isinstance(reply, Refused)
            assert reply.code == 2

        scene(play)

    def test_stops_may_be_tightened_and_widened_only_to_the_initial_risk(self) -> None:
        async def play(desk: FloorRig) -> None:
            await self.enter(desk)
            desk.move(101.0)
            assert isinstance(await desk.ask(MoveStop, position_id="sig1", stop="99.5"), Done)
            await desk.until(lambda: [o.trigger_price for o in desk.gateway.resting(S, True)] == [Decimal("99.5")])
            assert isinstance(await desk.ask(MoveStop, position_id="sig1", stop="98.2"), Done)
            await desk.until(lambda: [o.trigger_price for o in desk.gateway.resting(S, True)] == [Decimal("98.2")])
            for stop, reason in (("97.9", "BeyondInitialRisk"), ("101.5", "StopThrough"), ("x", "BadPrice")):
                reply = await desk.ask(MoveStop, position_id="sig1", stop=stop)
                assert isinstance(reply, Refused)
                assert reply.reason == reason

        scene(play)

    def test_a_position_that_changed_since_it_was_seen_is_not_touched(self) -> None:
        async def play(desk: FloorRig) -> None:
            await self.enter(desk)
            revision = desk.floor.keeper.position("sig1").revision
            assert isinstance(await desk.ask(ClosePosition, position_id="sig1", pct=10, revision=revision - 1), Refused)
            assert isinstance(await desk.ask(ClosePosition, position_id="sig1", pct=10, revision=revision), Done)

        scene(play)

    def test_flatten_closes_everything_and_admits_nothing(self) -> None:
        async def play(desk: FloorRig) -> None:
            await self.enter(desk)
            assert isinstance(await desk.ask(Flatten, confirm="main"), Done)
            await desk.until(lambda: not desk.floor.keeper.positions())
            assert desk.gateway.signed(S) == 0
            assert not desk.gateway.resting(S)
            assert desk.floor.standing.state == "reducing"
            assert desk.events(TradeClosed)[0].reason == "flatten"

        scene(play)

    def test_kill_moves_nothing_and_resume_lets_go(self) -> None:
        async def play(desk: FloorRig) -> None:
            await self.enter(desk)
            await desk.ask(Kill, confirm="main")
            desk.move(102.0)
            await asyncio.sleep(1)
            assert [order.trigger_price for order in desk.gateway.resting(S, True)] == [98]
            await desk.ask(Resume, confirm="main")
            await desk.until(lambda: desk.gateway.resting(S, True)[-1].trigger_price > 98)

        scene(play)

    def test_reconcile_answers_with_rows(self) -> None:
        async def play(desk: FloorRig) -> None:
            await self.enter(desk)
            reply = await desk.ask(Reconcile)
            assert isinstance(reply, Done)
            assert msgspec.json.decode(reply.data) == {"reconciled": True, "rows": []}
            desk.gateway.prices["ETHUSDT"] = Decimal(2000)
            await asyncio.sleep(5.0)
            desk.gateway.manual_open("ETHUSDT", "BUY", "1")
            reply = await desk.ask(Reconcile)
            assert isinstance(reply, Done)
            assert msgspec.json.decode(reply.data)["rows"] == [
                {"symbol": "ETHUSDT", "local": "none", "exchange": "1 @ 2000", "action": "adopt and protect"}
            ]
            await desk.ask(Reconcile, apply=True)
            await desk.until(lambda: desk.gateway.protected("ETHUSDT"))

        scene(play)

    def test_asking_on_and_on_costs_one_look_in_five_seconds(self) -> None:
        async def play(desk: FloorRig) -> None:
            await self.enter(desk)
            await asyncio.sleep(6.0)
            looks = desk.gateway.calls.count(("positions", ""))
            for _ in range(100):
                assert isinstance(await desk.ask(Reconcile), Done)
                await asyncio.sleep(0.1)
            assert desk.gateway.calls.count(("positions", "")) - looks <= 3
            reply = await desk.ask(Reconcile)
            assert isinstance(reply, Done)
            assert msgspec.json.decode(reply.data)["reconciled"]

        scene(play)


def test_a_contract_that_admits_less_leverage_gets_what_it_admits_and_the_ticket_counts_by_it() -> None:
    async def play(desk: FloorRig) -> None:
        set_to: list[int] = []

        async def brackets(_symbol: str) -> list[Bracket]:
            return [Bracket(10, Decimal(0), Decimal(1_000_000), Decimal("0.05"), Decimal(0))]

        async def set_leverage(_symbol: str, leverage: int) -> int:
            set_to.append(leverage)
            return leverage

        desk.gateway.brackets, desk.gateway.set_leverage = brackets, set_leverage  # type: ignore[method-assign]
        await desk.floor.admission.offer(make_signal())
        reply = await desk.ask(PreviewTicket, signal_id="sig1")
        assert isinstance(reply, Done)
        ticket = msgspec.json.decode(reply.data, type=Ticket)
        assert ticket.margin_left == pytest.approx(10_000 - ticket.notional / 10)
        assert isinstance(await desk.ask(ApproveSignal, signal_id="sig1"), Done)
        assert set_to == [10]

    scene(play)


def test_the_ticket_says_what_an_approval_would_do() -> None:
    async def play(desk: FloorRig) -> None:
        await desk.floor.admission.offer(make_signal())
        reply = await desk.ask(PreviewTicket, signal_id="sig1")
        assert isinstance(reply, Done)
        ticket = msgspec.json.decode(reply.data, type=Ticket)
        assert (ticket.entry, ticket.stop, ticket.refusals) == ("100.0", "98.0", ())
        assert float(ticket.quantity) * (2 + 0.05 + 0.049 + 0.04) <= 100
        assert ticket.risk_pct == pytest.approx(1.0, abs=0.01)
        assert [target[0] for target in ticket.targets] == ["102.0", "104.0"]
        assert ticket.fees_r == pytest.approx(0.0495)
        assert ticket.reward_risk == 2.0
        assert ticket.margin_left == pytest.approx(10_000 - ticket.notional / 20)
        by_hand = await desk.ask(PreviewTicket, symbol=S, side="short", stop="103", targets=("97", "94"))
        assert isinstance(by_hand, Done)
        short = msgspec.json.decode(by_hand.data, type=Ticket)
        assert [(target[0], round(target[2], 6)) for target in short.targets] == [("97.0", 1.0), ("94.0", 2.0)]
        desk.synced = False
        refused = await desk.ask(PreviewTicket, signal_id="sig1")
        assert isinstance(refused, Refused)
        assert not desk.gateway.sent
        for fields in ({"symbol": S}, {"signal_id": "nobody"}, {"symbol": S, "side": "long", "stop": "abc"}):
            reply = await desk.ask(PreviewTicket, **fields)
            assert isinstance(reply, Refused)

    scene(play)


def test_commands_are_written_to_the_operators_log() -> None:
    async def play(desk: FloorRig) -> None:
        await desk.floor.admission.offer(make_signal())
        await desk.ask(SnoozeSignal, signal_id="sig1")
        await desk.ask(RejectSignal, signal_id="sig1", reason="news")
        await desk.ask(RejectSignal, signal_id="sig1", reason="news")
        await desk.ask(FocusSymbol, symbol=S)
        log = desk.journal.of(OperatorLogRow)
        assert [(row.kind, row.who) for row in log] == [
            ("SnoozeSignal", "console:ann"), ("RejectSignal", "console:ann"), ("RejectSignal", "console:ann"),
        ]  # fmt: skip
        assert len(desk.events(SignalDecided)) == 1
        row = desk.journal.of(SignalRow)[0]
        assert (row.status, row.stage, row.decided_by, row.exit_reason) == (
            "beside", "rejected", "console:ann", "news",
        )  # fmt: skip

    scene(play)


def test_standing_orders_and_blocks_survive_a_restart() -> None:
    async def scenario(clock):
        journal = MemoryJournal()
        first = FloorRig(clock, journal=journal)
        async with running(first):
            await first.ask(Pause, reason="lunch")
            await first.ask(BlockSymbol, symbol=S, side="long", for_s=3600)
            await first.ask(BlockSymbol, symbol="ETHUSDT")
            await first.ask(UnblockSymbol, symbol="ETHUSDT")
            await first.floor.admission.offer(make_signal(symbol="SOLUSDT"))
        second = FloorRig(clock, first.gateway, journal)
        async with running(second):
            assert second.floor.standing.state == "paused"
            assert second.floor.standing.reason == "lunch"
            assert [block.symbol for block in second.floor.standing.value.blocks] == [S]
            assert len(journal.of(BlockRow)) == 1
            assert second.state() == "pending"
            await second.ask(Resume)
            assert isinstance(await second.ask(ApproveSignal, signal_id="sig1"), Done)

    on_virtual_time(scenario)


def test_a_mismatch_holds_entries_until_it_is_cured() -> None:
    async def play(desk: FloorRig) -> None:
        desk.gateway.cut_stream()
        await asyncio.sleep(1)
        await desk.floor.admission.offer(make_signal())
        reply = await desk.ask(ApproveSignal, signal_id="sig1")
        assert isinstance(reply, Refused)
        assert reply.reason == "NotReconciled"
        desk.gateway.mend_stream()
        await desk.until(lambda: desk.floor.reconciler.reconciled)
        assert isinstance(await desk.ask(ApproveSignal, signal_id="sig1"), Done)
        assert not [event for event in desk.events(StandingChanged) if event.desk == "halted"]

    scene(play)
