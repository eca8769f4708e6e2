"""From a signal to an open position: offered, decided once, re-priced, and only then sent."""

from __future__ import annotations

import asyncio
from decimal import InvalidOperation

from msgspec.structs import replace

from engine.bus import Bus
from engine.clock import Clock, utc_text
from engine.money import Side, decimal
from engine.port.commands import ApproveSignal, Done, Refused, RejectSignal, Reply, SnoozeSignal
from engine.store.rows import Row, SignalRow
from engine.trading import approval
from engine.trading.account_facts import AccountFacts
from engine.trading.approval import Queue, Waiting
from engine.trading.events import EntryFailed, EntryFilled, SignalDecided, SignalOffered, TradeClosed
from engine.trading.executor import Journal
from engine.trading.keeper import Keeper
from engine.trading.pricing import Pricing, Surroundings
from engine.trading.reconciler import Reconciler
from engine.trading.records import published_cooldown_row, signal_row
from engine.trading.refusals import PASSING, RiskRefusal
from engine.trading.risk import ApprovedPlan, Edits, Refusals, Rules
from engine.trading.shadows import Shadows
from engine.trading.standing import refuses_entry, refuses_signal
from engine.trading.standing_desk import StandingDesk
from strategies.model import Signal

_EXPIRE_EVERY_S = 0.25
_AUTO_EVERY_S = 0.5
_AUTO_FOR_S = 20.0
AUTO = "auto"


class Admission:
    """The queue and its gate."""

    def __init__(
        self,
        keeper: Keeper,
        reconciler: Reconciler,
        shadows: Shadows,
        standing: StandingDesk,
        facts: AccountFacts,
        pricing: Pricing,
        journal: Journal,
        bus: Bus,
        clock: Clock,
        rules: Rules,
        around: Surroundings,
    ) -> None:
        self._keeper = keeper
        self._reconciler = reconciler
        self._shadows = shadows
        self._standing = standing
        self._facts = facts
        self._pricing = pricing
        self._journal = journal
        self._bus = bus
        self._clock = clock
        self._rules = rules
        self._around = around
        self._tasks: asyncio.TaskGroup | None = None
        self.queue = Queue()
        self.approved_count = self.refused_count = self.offered_count = 0
        bus.subscribe(EntryFailed, self._on_entry_failed)
        bus.subscribe(EntryFilled, self._on_entry_filled)
        bus.subscribe(TradeClosed, self._on_closed)

    async def run(self) -> None:
        """Let signals expire in time, and approve by itself in mode auto."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                while True:
                    await self._clock.sleep(_EXPIRE_EVERY_S)
                    self.expire()
            finally:
                self._tasks = None

    # -- signals come -------------------------------------------------------------------------------------------------

    async def offer(self, signal: Signal) -> None:
        """A new signal: written down, told, followed as a shadow, and queued or refused."""
        now_ms, mono_ms = self._clock.now_ms(), self._clock.mono_ms()
        known = self.queue.entries.get(signal.id)
        side = Side(signal.side).word
        only_signals = self._standing.value.mode == "signals"
        self.queue = approval.offer(
            self.queue, signal, now_ms, mono_ms, self._rules.approval.min_wall_s, self._clock.rate
        )
        entry = self.queue.entries[signal.id]
        if known is not None:
            return
        self.offered_count += 1
        refusal = refuses_signal(self._standing.value, signal.strategy, signal.symbol, side, signal.bar_time_ms, now_ms)
        status = "open" if only_signals and refusal is None else "pending"
        if status == "open" and signal.strategy in self._shadows.open_strategies(signal.symbol):
            refusal = RiskRefusal("OpenSignal", f"{signal.strategy} already has an open signal on {signal.symbol}")
            status = "pending"
        row = self._row(entry, status)
        if status == "open":
            row = replace(row, stage="shadow")
        await self._journal.commit(row)
        self._shadows.start(signal, row, decided=status == "open")
        self._bus.publish(
            SignalOffered(
                at_ms=now_ms,
                signal_id=signal.id,
                symbol=signal.symbol,
                side=side,
                strategy=signal.strategy,
                score=signal.score,
                expires_ms=entry.expires_ms,
            )
        )
        if refusal is not None:
            self._end(signal.id, "refused", "desk", str(refusal))
            return
        if only_signals:
            self._standing.cool(published_cooldown_row(signal))
            return
        await self._facts.warm(signal.symbol)
        if self._standing.value.mode == AUTO and self._tasks is not None:
            self._tasks.create_task(self._approve_by_itself(signal.id), name=f"auto {signal.id}")

    def expire(self) -> None:
        """End what was not decided in time."""
        self.queue, due = approval.expire(self.queue, self._clock.now_ms(), self._clock.mono_ms())
        for entry in due:
            self._ended(entry)

    # -- and are decided ----------------------------------------------------------------------------------------------

    async def approve(self, command: ApproveSignal) -> Reply:
        """Claim, price against the live book, size, write down, send. A refusal costs nothing but the attempt."""
        try:
            stop = decimal(command.stop) if command.stop is not None else None
        except (ValueError, InvalidOperation):
            return Refused("BadPrice", f"not a price: {command.stop!r}", code=2)
        edits = Edits(command.risk_pct, stop, command.max_drift_bps)
        claimed = approval.claim(
            self.queue, command.signal_id, command.revision, command.actor, self._clock.now_ms(), self._clock.mono_ms()
        )
        if isinstance(claimed, RiskRefusal):
            return _refused(claimed)
        self.queue, entry = claimed
        answer = self._price(entry, edits)
        if isinstance(answer, Refusals):
            self.queue = approval.give_back(self.queue, command.signal_id, str(answer.reasons[0]))
            self.refused_count += 1
            return Refused(answer.reasons[0].name, str(answer))
        return await self._enter(entry, answer, command.actor)

    async def reject(self, command: RejectSignal) -> Reply:
        """A person says no."""
        was = self.queue.entries.get(command.signal_id)
        answer = approval.reject(
            self.queue, command.signal_id, command.actor, command.reason, self._clock.now_ms(), self._clock.mono_ms()
        )
        if isinstance(answer, RiskRefusal):
            return _refused(answer)
        self.queue = answer
        if was is not None and was.state != "rejected":
            self._ended(self.queue.entries[command.signal_id])
        return Done(f"{command.signal_id} rejected")

    async def snooze(self, command: SnoozeSignal) -> Reply:
        until_ms = self._clock.now_ms() + round(command.for_s * 1000)
        answer = approval.snooze(self.queue, command.signal_id, until_ms)
        if isinstance(answer, RiskRefusal):
            return _refused(answer)
        self.queue = answer
        return Done(f"{command.signal_id} out of sight until {utc_text(until_ms)}")

    # -- inside -------------------------------------------------------------------------------------------------------

    async def _approve_by_itself(self, signal_id: str) -> None:
        """Mode auto: approve as soon as what may pass has passed, or say why not."""
        if not self._around.seats() and not self._rules.approval.unattended:
            return
        deadline_ms = self._clock.mono_ms() + _AUTO_FOR_S * 1000
        while True:
            command = ApproveSignal(id=f"auto-{signal_id}", actor=AUTO, signal_id=signal_id)
            reply = await self.approve(command)
            if isinstance(reply, Done) or not self._is_pending(signal_id):
                return
            passing = reply.reason in PASSING and self._clock.mono_ms() < deadline_ms
            if not passing and reply.reason not in ("Paused", "Reducing", "NotReconciled"):
                self._end(signal_id, "refused", AUTO, reply.detail)
                return
            await self._clock.sleep(_AUTO_EVERY_S)

    def _price(self, entry: Waiting, edits: Edits) -> ApprovedPlan | Refusals:
        signal = entry.signal
        refusal = refuses_entry(
            self._standing.value, signal.strategy, signal.symbol, Side(signal.side).word, self._clock.now_ms()
        )
        if refusal is None and not self._reconciler.reconciled:
            refusal = RiskRefusal("NotReconciled", "we and the exchange do not agree yet")
        if refusal is not None:
            return Refusals((refusal,))
        return self._pricing.check(signal, edits, entry.expires_ms)

    async def _enter(self, entry: Waiting, plan: ApprovedPlan, actor: str) -> Reply:
        signal = entry.signal
        position = self._keeper.reserve(plan)
        now_ms = self._clock.now_ms()
        self.queue = approval.decide(self.queue, signal.id, "approved", actor, "", now_ms)
        self.approved_count += 1
        entry = self.queue.entries[signal.id]
        row = replace(self._row(entry, "open"), taken=True, decided_by=actor, stage="entry")
        before: list[Row] = [
            *self._shadows.drop(signal.id),
            *self._shadows.step_aside(signal.strategy, signal.symbol),
            *self._keeper.ended_rows(signal.strategy, signal.symbol),
        ]
        await self._journal.commit(*before, row)
        self._tell(entry)
        position = await self._keeper.open(position, row)
        if position.state == "abandoned":
            return Refused("EntryFailed", self.queue.entries[signal.id].reason or "the entry failed", code=9)
        return Done(f"{signal.symbol} {Side(signal.side).word} {plan.sizing.quantity} sent")

    def _is_pending(self, signal_id: str) -> bool:
        entry = self.queue.entries.get(signal_id)
        return entry is not None and entry.pending

    def _end(self, signal_id: str, state: str, actor: str, reason: str) -> None:
        """A waiting signal ends without a trade."""
        self.queue = approval.decide(self.queue, signal_id, state, actor, reason, self._clock.now_ms())
        self._ended(self.queue.entries[signal_id])

    def _ended(self, entry: Waiting) -> None:
        if entry.state == "refused":
            self.refused_count += 1
        row = replace(
            self._row(entry, entry.state),
            stage=entry.state,
            decided_by=entry.actor,
            exit_reason=entry.reason,
        )
        if self._standing.value.mode != "signals" or entry.state != "expired":
            self._shadows.decide(entry.signal.id, row)
        self._tell(entry)

    def _tell(self, entry: Waiting) -> None:
        self._bus.publish(
            SignalDecided(
                at_ms=self._clock.now_ms(),
                signal_id=entry.signal.id,
                symbol=entry.signal.symbol,
                state=entry.state,
                actor=entry.actor,
                reason=entry.reason,
            )
        )

    def _row(self, entry: Waiting, status: str) -> SignalRow:
        return signal_row(
            entry.signal,
            status,
            entry.expires_ms,
            venue=self._around.venue,
            epoch=self._around.epoch,
            revision=entry.revision,
            config_hash=self._around.config_hash,
        )

    def _on_entry_filled(self, event: EntryFilled) -> None:
        entry = self.queue.entries.get(event.signal_id)
        if entry is not None and (row := published_cooldown_row(entry.signal)) is not None:
            self._standing.cool(row)
            self._journal.put(row)

    def _on_entry_failed(self, event: EntryFailed) -> None:
        if event.signal_id not in self.queue.entries:
            return
        self.queue = approval.decide(self.queue, event.signal_id, "refused", "", event.reason, self._clock.now_ms())
        entry = self.queue.entries[event.signal_id]
        self._journal.put(
            replace(self._row(entry, "refused"), taken=True, decided_by=entry.actor, exit_reason=event.reason)
        )
        self._tell(entry)

    def _on_closed(self, event: TradeClosed) -> None:
        if event.signal_id in self.queue.entries:
            self.queue = approval.decide(self.queue, event.signal_id, "closed", "", event.reason, self._clock.now_ms())


def _refused(refusal: RiskRefusal) -> Refused:
    return Refused(refusal.name, refusal.detail, code=2 if refusal.name == "UnknownSignal" else 6)
