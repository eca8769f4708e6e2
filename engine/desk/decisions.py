"""From a verdict to an order or a no: the queue, its gate and its clock.

Every seat decides through here, and so does the desk itself in mode auto. An approval claims its signal, is priced
against the live book, and only an `ApprovedPlan` reaches the keeper. Whatever is acknowledged was written first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import structlog

from config.schema import Settings
from engine.bus import Bus
from engine.clock import Clock
from engine.desk.account_watch import AccountWatch
from engine.desk.market_quotes import MarketQuotes
from engine.desk.standing_store import standing_rows
from engine.errors import DeskError
from engine.money import Instrument, Side, decimal
from engine.port.commands import Done, Refused
from engine.port.views import Ticket
from engine.store.journal import Journal
from engine.store.rows import SignalRow
from engine.trading import approval, standing
from engine.trading.approval import Queue, Waiting
from engine.trading.events import EntryFailed, SignalDecided, StandingChanged, TradeClosed
from engine.trading.keeper import Keeper
from engine.trading.plan import costs_of
from engine.trading.quotes import Quote
from engine.trading.reconciler import Reconciler
from engine.trading.records import cooldown_row, published_cooldown_row, signal_row
from engine.trading.refusals import RiskRefusal
from engine.trading.risk import Account, ApprovedPlan, Edits, Refusals, Rules, check
from engine.trading.standing import Standing
from engine.trading.ticket import make_ticket
from strategies.evaluate import Evaluation
from strategies.filters import Blocks, Cooldown
from strategies.model import MarketSnapshot, Refusal, Signal

log = structlog.get_logger("engine")

KEPT_REFUSALS = 300
TICK_S = 0.2
BOOK_WAIT_S = 4.0
AUTO = "desk:auto"


@dataclass(frozen=True)
class RaisedSignal:
    """A signal waits for a decision."""

    waiting: Waiting
    snapshot: MarketSnapshot


class Decisions:
    """Owner of the queue and of the standing orders."""

    def __init__(
        self,
        settings: Settings,
        config_hash: str,
        clock: Clock,
        bus: Bus,
        journal: Journal,
        keeper: Keeper,
        reconciler: Reconciler | None,
        quotes: MarketQuotes,
        accounts: AccountWatch,
        instruments: Mapping[str, Instrument],
        seats: Callable[[], int],
        focus: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._hash = config_hash
        self._clock = clock
        self._bus = bus
        self._journal = journal
        self._keeper = keeper
        self._reconciler = reconciler
        self._quotes = quotes
        self._accounts = accounts
        self._instruments = instruments
        self._seats = seats
        self._focus = focus
        self.rules = Rules(
            settings.risk, settings.approval, settings.exits, thin_data=settings.venue in ("sim", "paper")
        )
        self.queue = Queue()
        self.standing = Standing(mode=settings.mode)
        self.refused: deque[Refusal] = deque(maxlen=KEPT_REFUSALS)
        self.spawn: Callable[[Awaitable[None], str], None] = _cannot_spawn
        self.asked_symbol = ""  # of the last what-if by hand
        self.approved_count = 0
        self.raised_count = 0
        bus.subscribe(TradeClosed, self._on_closed)
        bus.subscribe(EntryFailed, self._on_entry_failed)

    # -- from the pipeline ---------------------------------------------------------------------------------------------

    def blocks_of(self, symbol: str, t_ms: int) -> Blocks:
        """What stands against new signals of a symbol: open trades and cooldowns; people's blocks come later."""
        position = self._keeper.on_symbol(symbol)
        rests = tuple(
            Cooldown(strategy, 1 if side == "long" else -1, until_ms)
            for key, until_ms in self.standing.cooldowns.items()
            for strategy, name, side in (key.split("|"),)
            if name == symbol and until_ms > t_ms
        )
        taken = frozenset({position.plan.strategy}) if position is not None else frozenset()
        return Blocks(open=taken, cooldowns=rests)

    async def take(self, evaluation: Evaluation, snapshot: MarketSnapshot) -> None:
        """Verdicts of one symbol at one close."""
        for refusal in evaluation.refusals:
            self._keep_refusal(refusal)
        for signal in evaluation.signals:
            await self._offer(signal, snapshot)

    async def _offer(self, signal: Signal, snapshot: MarketSnapshot) -> None:
        now_ms = self._clock.now_ms()
        side = Side(signal.side).word
        against = standing.refuses_signal(
            self.standing, signal.strategy, signal.symbol, side, signal.bar_time_ms, now_ms
        )
        if against is not None:
            self._keep_refusal(refusal_of(signal, f"block:{against.name.lower()}", against.detail))
            return
        rate = self._clock.rate
        self.queue = approval.offer(
            self.queue, signal, now_ms, self._clock.mono_ms(), self._settings.approval.min_wall_s, rate
        )
        waiting = self.queue.entries[signal.id]
        if not waiting.pending:
            return
        await self._journal.commit(self._row(waiting, "pending"))
        self.raised_count += 1
        self._focus()
        self._bus.publish(RaisedSignal(waiting, snapshot))
        if self.standing.mode == "auto" and (self._settings.approval.unattended or self._seats() > 0):
            self.spawn(self._decide_alone(signal.id), f"auto {signal.id}")

    async def _decide_alone(self, signal_id: str) -> None:
        reply = await self.approve(signal_id, None, AUTO)
        entry = self.queue.entries.get(signal_id)
        if isinstance(reply, Refused) and entry is not None and entry.pending:
            await self._end(signal_id, "refused", AUTO, reply.detail)

    # -- from seats ----------------------------------------------------------------------------------------------------

    async def approve(
        self, signal_id: str, revision: int | None, actor: str, edits: Edits | None = None
    ) -> Done | Refused:
        """The gate. Refused with the number when anything has changed for the worse; expiry means no."""
        now_ms, mono_ms = self._clock.now_ms(), self._clock.mono_ms()
        claimed = approval.claim(self.queue, signal_id, revision, actor, now_ms, mono_ms)
        if isinstance(claimed, RiskRefusal):
            return _refused(claimed)
        self.queue, waiting = claimed
        try:
            answer = await self._priced(waiting.signal, waiting.expires_ms, edits)
        except (DeskError, TimeoutError) as error:
            answer = RiskRefusal("ExchangeSilent", f"the account could not be read: {error}")
        if isinstance(answer, ApprovedPlan) and approval.is_expired(
            waiting, self._clock.now_ms(), self._clock.mono_ms()
        ):
            answer = RiskRefusal("Expired", f"{signal_id} expired while it was priced")
        if not isinstance(answer, ApprovedPlan):
            text = answer.detail if isinstance(answer, RiskRefusal) else str(answer)
            name = answer.name if isinstance(answer, RiskRefusal) else answer.reasons[0].name
            self.queue = approval.give_back(self.queue, signal_id, text)
            log.info("approval_refused", signal_id=signal_id, actor=actor, reason=name, detail=text)
            return Refused(name, text)
        return await self._open(waiting, answer, actor)

    async def _open(self, waiting: Waiting, plan: ApprovedPlan, actor: str) -> Done | Refused:
        signal = waiting.signal
        row = self._row(waiting, "open", taken=True, decided_by=actor)
        cooldown = published_cooldown_row(signal)
        await self._journal.commit(row, *([cooldown] if cooldown is not None else []))
        await self._end(signal.id, "approved", actor, "", write=False)
        self.approved_count += 1
        if cooldown is not None:
            self.standing = standing.cool(
                self.standing, cooldown.strategy_id, cooldown.symbol, cooldown.side, cooldown.until_ms
            )
        position = await self._keeper.open(plan, row)
        if position.over and not position.entered.quantity:
            return Refused("EntryFailed", position.close_reason or "the exchange refused the entry")
        instrument = plan.plan.instrument
        return Done(
            f"{signal.symbol} {Side(signal.side).word} {plan.sizing.quantity} sent at about "
            f"{instrument.text(plan.walk.average)}, stop {instrument.text(plan.plan.stop)}"
        )

    async def reject(self, signal_id: str, actor: str, reason: str) -> Done | Refused:
        """A person says no."""
        answer = approval.reject(self.queue, signal_id, actor, reason, self._clock.now_ms(), self._clock.mono_ms())
        if isinstance(answer, RiskRefusal):
            return _refused(answer)
        if answer is not self.queue:
            self.queue = answer
            await self._journal.commit(
                self._row(answer.entries[signal_id], "rejected", decided_by=actor, reason=reason)
            )
            self._tell(signal_id)
        return Done(f"{signal_id} rejected")

    def show_book(self, symbol: str) -> None:
        """Somebody wants to see this symbol's price: its book joins the focus."""
        self.asked_symbol = symbol
        self._focus()

    def price_text(self, symbol: str, price: float | Decimal) -> str:
        """A price with the decimals of its tick."""
        instrument = self._instruments.get(symbol)
        return instrument.text(price) if instrument is not None else str(price)

    def snooze(self, signal_id: str, for_s: float) -> Done | Refused:
        """Out of sight for a while, on the wall's seconds."""
        until_ms = self._clock.now_ms() + round(for_s * 1000 * self._clock.rate)
        answer = approval.snooze(self.queue, signal_id, until_ms)
        if isinstance(answer, RiskRefusal):
            return _refused(answer)
        self.queue = answer
        return Done(f"{signal_id} snoozed for {for_s:g} s")

    def ticket(self, signal: Signal, expires_ms: int, leverage: int, edits: Edits | None = None) -> Ticket | None:
        """What an approval would do at this moment, from what is at hand; None when it cannot be priced."""
        quote, account = self._quotes.quote(signal.symbol), self._accounts.known_account(signal.symbol)
        answer = self._checked(signal, quote, account, expires_ms, edits)
        gate = self._gate(signal)
        if gate is not None:
            answer = _with_reason(answer, gate)
        return make_ticket(answer, quote, account, leverage)

    async def asked_ticket(self, signal: Signal, leverage: int, edits: Edits | None = None) -> Ticket | Refused:
        """The same for a person who waits for it: book and account are asked for first. Raises ExchangeError."""
        await self._quotes.ready(signal.symbol, BOOK_WAIT_S)
        await self._accounts.account(signal.symbol)
        ticket = self.ticket(signal, 0, leverage, edits)
        quote = self._quotes.quote(signal.symbol)
        if ticket is None:
            return Refused("NotPriced", f"{signal.symbol} cannot be priced: {quote.reason or 'no book'}")
        return ticket

    def expires_ms(self, entry: Waiting) -> int:
        """When a signal really ends: its bar, or the shortest life on the wall, whichever is later."""
        left_mono_ms = entry.not_before_mono_ms - self._clock.mono_ms()
        return max(entry.expires_ms, self._clock.now_ms() + round(max(0.0, left_mono_ms) * self._clock.rate))

    async def set_standing(self, after: Standing, actor: str, reason: str = "") -> None:
        """Take over new standing orders: written, then told. Raises StoreError."""
        now_ms = self._clock.now_ms()
        await self._journal.commit(*standing_rows(self.standing, after, now_ms))
        self.standing = after
        desk = standing.desk_state(after, now_ms)
        self._keeper.hold(after.desk == "halted")
        self._bus.publish(StandingChanged(at_ms=now_ms, desk=desk, mode=after.mode, actor=actor, reason=reason))

    def hold(self, cause: str, detail: str = "") -> None:
        """Something that will pass holds entries; not persisted, it is found again if it lasts."""
        self.standing = standing.hold(self.standing, cause, detail)

    def lift(self, cause: str) -> None:
        self.standing = standing.lift(self.standing, cause)

    # -- time ----------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Expire what was not decided; expiry always means no."""
        while True:
            await self._clock.sleep(TICK_S)
            self.queue, ended = approval.expire(self.queue, self._clock.now_ms(), self._clock.mono_ms())
            for entry in ended:
                await self._journal.commit(self._row(entry, "expired", reason=entry.reason))
                self._tell(entry.signal.id)

    # -- inside --------------------------------------------------------------------------------------------------------

    async def _priced(
        self, signal: Signal, expires_ms: int, edits: Edits | None
    ) -> ApprovedPlan | Refusals | RiskRefusal:
        if (gate := self._gate(signal)) is not None:
            return gate
        quote = await self._quotes.ready(signal.symbol, BOOK_WAIT_S)
        account = await self._accounts.account(signal.symbol)
        return self._checked(signal, quote, account, expires_ms, edits)

    def _gate(self, signal: Signal) -> RiskRefusal | None:
        """What keeps every entry out, whatever its price."""
        side = Side(signal.side).word
        against = standing.refuses_entry(self.standing, signal.strategy, signal.symbol, side, self._clock.now_ms())
        if against is None and self._reconciler is not None and not self._reconciler.reconciled:
            return RiskRefusal("NotReconciled", "we and the exchange do not agree yet; see reconcile")
        return against

    def _checked(
        self, signal: Signal, quote: Quote, account: Account, expires_ms: int, edits: Edits | None
    ) -> ApprovedPlan | Refusals:
        costs = costs_of(self._settings.risk, account.maker, account.taker)
        return check(
            signal, self._instruments[signal.symbol], quote, account, self._keeper.portfolio(), costs, self.rules,
            self._clock.now_ms(), edits=edits, expires_ms=expires_ms,
        )  # fmt: skip

    async def _end(self, signal_id: str, state: str, actor: str, reason: str, write: bool = True) -> None:
        self.queue = approval.decide(self.queue, signal_id, state, actor, reason, self._clock.now_ms())
        if write:
            await self._journal.commit(self._row(self.queue.entries[signal_id], state, decided_by=actor, reason=reason))
        self._tell(signal_id)

    def _tell(self, signal_id: str) -> None:
        entry = self.queue.entries[signal_id]
        self._bus.publish(
            SignalDecided(
                at_ms=entry.decided_ms,
                signal_id=signal_id,
                symbol=entry.signal.symbol,
                state=entry.state,
                actor=entry.actor,
                reason=entry.reason,
            )
        )

    def _keep_refusal(self, refusal: Refusal) -> None:
        self.refused.appendleft(refusal)
        log.info(
            "refused", symbol=refusal.symbol, strategy=refusal.strategy, side=refusal.side, reason=refusal.reason,
            detail=refusal.detail, score=refusal.score,
            components={part.name: [part.input, part.points] for part in refusal.components},
        )  # fmt: skip

    def _row(
        self, waiting: Waiting, status: str, *, taken: bool = False, decided_by: str = "", reason: str = ""
    ) -> SignalRow:
        return signal_row(
            waiting.signal, status, waiting.expires_ms, venue=self._settings.venue, taken=taken,
            decided_by=decided_by, reason=reason, revision=waiting.revision, config_hash=self._hash,
        )  # fmt: skip

    def _on_closed(self, event: TradeClosed) -> None:
        position = self._keeper.position(event.position_id)
        if position is not None and (row := cooldown_row(position)) is not None:
            self.standing = standing.cool(self.standing, row.strategy_id, row.symbol, row.side, row.until_ms)
        if event.signal_id in self.queue.entries:
            self.queue = approval.decide(
                self.queue, event.signal_id, "closed", "", f"{event.net_r:+.2f}R {event.reason}", event.at_ms
            )

    def _on_entry_failed(self, event: EntryFailed) -> None:
        if event.signal_id in self.queue.entries:
            self.queue = approval.decide(self.queue, event.signal_id, "refused", "", event.reason, event.at_ms)
            row = self._row(self.queue.entries[event.signal_id], "refused", taken=False, reason=event.reason)
            self._journal.put(row)
            self._tell(event.signal_id)


def refusal_of(signal: Signal, reason: str, detail: str) -> Refusal:
    """A signal that was held back, with everything known about it."""
    return Refusal(
        id=signal.id, symbol=signal.symbol, side=signal.side, strategy=signal.strategy, variant=signal.variant,
        timeframe=signal.timeframe, bar_time_ms=signal.bar_time_ms, reason=reason, detail=detail, score=signal.score,
        components=signal.components, modifiers=signal.modifiers, conditions=signal.conditions, mode=signal.mode,
        ref_close=signal.ref_close, stop=signal.stop, atr=signal.atr, flags=signal.flags, evidence=signal.evidence,
    )  # fmt: skip


def _with_reason(answer: ApprovedPlan | Refusals, first: RiskRefusal) -> Refusals:
    """The same answer, refused for one more reason."""
    reasons = answer.reasons if isinstance(answer, Refusals) else ()
    return Refusals(
        (first, *reasons), answer.plan, answer.sizing, answer.walk, answer.liquidation, answer.cost_r, answer.reward_r
    )


def edits_of(risk_pct: float | None, stop: str | None, max_drift_bps: float | None) -> Edits:
    """A person's edits of a ticket. Raises ValueError for a stop that is not a number."""
    return Edits(risk_pct, decimal(stop) if stop is not None else None, max_drift_bps)


def _refused(refusal: RiskRefusal) -> Refused:
    return Refused(refusal.name, refusal.detail, code=2 if refusal.name == "UnknownSignal" else 6)


def _cannot_spawn(_work: Awaitable[None], name: str) -> None:
    raise RuntimeError(f"the engine is not running and cannot start {name}")
