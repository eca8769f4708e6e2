"""The trading half of the engine, wired: what runs, what is asked of it, and how it comes back after a crash."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from config.schema import Settings
from engine.bus import Bus
from engine.clock import Clock
from engine.exchange.orders import Gateway, WalletChanged
from engine.money import decimal
from engine.port.commands import (
    ApproveSignal,
    BlockSymbol,
    ClosePosition,
    Command,
    Done,
    Flatten,
    Halt,
    Kill,
    MoveStop,
    Pause,
    PreviewTicket,
    Reconcile,
    Refused,
    RejectSignal,
    Reply,
    Resume,
    SetMode,
    SnoozeSignal,
    UnblockSymbol,
)
from engine.store.rows import (
    BlockRow,
    CooldownRow,
    FillRow,
    KvRow,
    OperatorLogRow,
    PositionRow,
    SignalRow,
)
from engine.trading.account_facts import AccountFacts
from engine.trading.account_inbox import AccountInbox
from engine.trading.admission import Admission
from engine.trading.approval import Waiting, restore
from engine.trading.events import Reconciled
from engine.trading.executor import Executor, Journal
from engine.trading.keeper import Keeper
from engine.trading.losses import Booking, week_start_ms
from engine.trading.once import Once
from engine.trading.paper import Bar
from engine.trading.picture import open_risk_r
from engine.trading.position_desk import PositionDesk
from engine.trading.position_state import Position
from engine.trading.pricing import Pricing, Surroundings
from engine.trading.reconciler import Reconciler
from engine.trading.records import cooldown_row, signal_of
from engine.trading.refusals import RiskRefusal
from engine.trading.risk import Rules
from engine.trading.shadows import Shadows
from engine.trading.standing_desk import STANDING_KEY, StandingDesk
from engine.trading.trade_log import TradeLog

_MISMATCH = "mismatch"
_NAMES_FREE_OF_CONFIRMATION = ("sim", "paper")


class Memory(Protocol):
    """Reads of the store a start needs."""

    async def open_positions(self) -> list[PositionRow]: ...
    async def signals(self, statuses: Sequence[str] = ()) -> list[SignalRow]: ...
    async def fills(self, signal_id: str | None = None, since_ms: int = 0) -> list[FillRow]: ...
    async def blocks(self, at_ms: int = 0) -> list[BlockRow]: ...
    async def cooldowns(self, after_ms: int = 0) -> list[CooldownRow]: ...
    async def kv(self, key: str) -> KvRow | None: ...


class TradingFloor:
    """Everything between a signal and its record. One per account."""

    def __init__(
        self,
        gateway: Gateway,
        journal: Journal,
        bus: Bus,
        clock: Clock,
        settings: Settings,
        around: Surroundings,
        *,
        prefix: str = "pd",
        at_point: Callable[[str], None] = lambda _point: None,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._risk_pct = settings.risk.risk_pct
        free = settings.venue in _NAMES_FREE_OF_CONFIRMATION
        rules = Rules(
            settings.risk, settings.approval, settings.exits, thin_data=settings.venue != "live", prefix=prefix
        )
        exchange = settings.exchange
        self.executor = Executor(
            gateway,
            journal,
            clock,
            order_timeout_s=exchange.order_timeout_s,
            recv_window_ms=float(exchange.recv_window_ms),
            at_point=at_point,
        )
        self.log = TradeLog(journal, clock)
        self.keeper = Keeper(self.executor, self.log, bus, clock)
        self.reconciler = Reconciler(gateway, self.keeper, self.executor, bus, clock, around.instrument, prefix=prefix)
        self.inbox = AccountInbox(gateway, self.keeper, self.reconciler, bus, clock)
        self.facts = AccountFacts(gateway, clock, decimal(settings.account.paper_equity))
        self.standing = StandingDesk(journal, bus, clock, settings.account.name, settings.mode, free)
        self.standing.on_halted = self.keeper.hold
        self.shadows = Shadows(journal, clock, rules, around.instrument, lambda: self.facts.equity, self._shadow_ended)
        self.pricing = Pricing(self.keeper, self.facts, clock, rules, around)
        self.admission = Admission(
            self.keeper, self.reconciler, self.shadows, self.standing, self.facts, self.pricing, journal, bus, clock,
            rules, around,
        )  # fmt: skip
        self.positions = PositionDesk(self.keeper, self.reconciler, self.standing, clock, settings.account.name)
        self._once = Once()
        bus.subscribe(WalletChanged, self.facts.on_wallet)
        bus.subscribe(Reconciled, self._on_reconciled)
        self.log.ended = self._trade_ended

    def services(self) -> list[tuple[str, Callable[[], Awaitable[None]]]]:
        """Loops to keep, in the order of starting; all of them are vital but `account facts`."""
        return [
            ("keeper", self.keeper.run),
            ("account inbox", self.inbox.run),
            ("reconcile", self.reconciler.run),
            ("approval", self.admission.run),
            ("account facts", self.facts.run),
        ]

    async def recover(self, memory: Memory, keep_mode: bool = False) -> None:
        """Take over what the last process left, before anything runs."""
        now_ms = self._clock.now_ms()
        kept = await memory.kv(STANDING_KEY)
        self.standing.recover(
            kept, await memory.blocks(at_ms=now_ms), await memory.cooldowns(after_ms=now_ms), keep_mode
        )
        signals = await memory.signals(statuses=("pending", "open", "beside"))
        rows = await memory.open_positions()
        fills = await memory.fills(since_ms=week_start_ms(now_ms))
        shadow_rows = [row for row in rows if row.position_id.startswith("shadow-")]
        real = [row for row in rows if not row.position_id.startswith("shadow-")]
        bookings = [Booking(row.at_ms, row.realized - row.fee) for row in fills]
        self.keeper.recover(real, [row for row in signals if row.taken], bookings)
        self.shadows.recover(shadow_rows, signals)
        held = {row.signal_id for row in real}
        for row in signals:
            waiting = Waiting(signal_of(row), row.decided_ms, row.expires_ms, 0.0, revision=row.revision)
            if row.status == "pending" or (row.status == "open" and not row.taken):
                self.admission.queue = restore(self.admission.queue, waiting)
            elif row.taken and row.signal_id in held:
                approved = msgspec.structs.replace(waiting, state="approved", actor=row.decided_by)
                self.admission.queue = restore(self.admission.queue, approved)
            elif row.taken and row.status == "open":
                # Approved, and the process died before its entry was written down: nothing was sent.
                self._journal.put(
                    msgspec.structs.replace(
                        row, status="refused", stage="", exit_reason="interrupted before it was sent"
                    )
                )

    def open_risk_r(self) -> float:
        """What all stops together still lose, in R of one trade."""
        return open_risk_r(self.keeper.positions(), self.facts.equity, self._risk_pct)

    def day_r(self) -> float:
        """Today's realised result, in R of one trade."""
        unit = float(self.facts.equity) * self._risk_pct / 100
        return float(self.keeper.portfolio().day_usdt) / unit if unit > 0 else 0.0

    def on_bar(self, symbol: str, bar: Bar) -> None:
        """A closed 15m bar: what shadows live by."""
        self.shadows.on_bar(symbol, bar)

    async def submit(self, command: Command) -> Reply:
        """Carry out one command of trading, once per id; written to the operators' log. Others: Refused."""
        return await self._once.do(command.id, lambda: self._submit(command))

    async def _submit(self, command: Command) -> Reply:
        match command:
            case ApproveSignal():
                reply = await self.admission.approve(command)
            case RejectSignal():
                reply = await self.admission.reject(command)
            case SnoozeSignal():
                reply = await self.admission.snooze(command)
            case PreviewTicket():
                return self._preview(command)
            case Pause():
                reply = await self.standing.pause(command)
            case Resume():
                reply = await self.standing.resume(command)
            case Halt():
                reply = await self.standing.halt(command)
            case SetMode():
                reply = await self.standing.set_mode(command)
            case BlockSymbol():
                reply = await self.standing.block(command)
            case UnblockSymbol():
                reply = await self.standing.unblock(command)
            case MoveStop():
                reply = await self.positions.move_stop(command)
            case ClosePosition():
                reply = await self.positions.close(command)
            case Flatten():
                reply = await self.positions.flatten(command)
            case Kill():
                reply = await self.positions.kill(command)
            case Reconcile():
                reply = await self.positions.reconcile(command)
            case _:
                return Refused("UnknownCommand", f"trading does not know {type(command).__name__}", code=2)
        await self._journal.commit(self._log_row(command, reply))
        return reply

    def _preview(self, command: PreviewTicket) -> Reply:
        if command.signal_id is not None:
            entry = self.admission.queue.entries.get(command.signal_id)
            if entry is None:
                return Refused("UnknownSignal", f"no signal {command.signal_id}", code=2)
            answer = self.pricing.ticket(entry.signal, command.risk_pct, command.stop)
        else:
            answer = self.pricing.preview(command)
        if isinstance(answer, RiskRefusal):
            code = 2 if answer.name in ("UnknownSignal", "UnknownSymbol", "Incomplete", "BadPrice") else 6
            return Refused(answer.name, answer.detail, code)
        return Done("", msgspec.json.encode(answer))

    def _log_row(self, command: Command, reply: Reply) -> OperatorLogRow:
        text = reply.text if isinstance(reply, Done) else f"refused: {reply.reason} {reply.detail}"
        return OperatorLogRow(
            at_ms=self._clock.now_ms(),
            kind=type(command).__name__,
            who=command.actor,
            text=text,
            channel=command.actor.partition(":")[0],
            payload=msgspec.json.encode(command),
        )

    def _on_reconciled(self, event: Reconciled) -> None:
        if self.reconciler.reconciled:
            self.standing.lift(_MISMATCH)
        elif self.reconciler.stream_up and event.open_rows:
            self.standing.hold(_MISMATCH, f"{event.open_rows} rows differ")

    def _trade_ended(self, position: Position) -> None:
        self.standing.cool(cooldown_row(position))

    def _shadow_ended(self, row: SignalRow, position: Position) -> None:
        if row.stage == "shadow":
            self.standing.cool(cooldown_row(position))
