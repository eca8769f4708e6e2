"""Owns every position: inputs go in, intents go out, and nobody else changes one.

Inputs are taken at once and in order; orders run beside each other as tasks, and what becomes of them comes back as
inputs. A position that is naked for too long closes itself; the keeper only tells it the time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator

from engine.bus import Bus
from engine.clock import Clock
from engine.errors import InvariantBroken
from engine.money import ZERO
from engine.store.rows import PositionRow, SignalRow
from engine.trading import client_ids
from engine.trading.booking import open_risk_usdt, open_usdt
from engine.trading.executor import Executor
from engine.trading.inputs import AnyInput, HoldSet, PriceMoved, StretchMissed, Ticked
from engine.trading.intents import AnyIntent, AskExchange, CancelOrder, OrderIntent, PlaceEntry, Tell
from engine.trading.losses import Booking, booked_since, day_start_ms, week_start_ms
from engine.trading.order import Order
from engine.trading.paper import Bar
from engine.trading.position import begin, step
from engine.trading.position_state import Position
from engine.trading.records import recover
from engine.trading.risk import ApprovedPlan, OpenTrade, Portfolio
from engine.trading.trade_log import TradeLog

TICK_S = 0.1
_HELD = ("entering", "open", "closing")


class Keeper:
    """Positions by id. `ask(symbol, why)` is called when the exchange has to be looked at."""

    def __init__(self, executor: Executor, log: TradeLog, bus: Bus, clock: Clock) -> None:
        self._executor = executor
        self._log = log
        self._bus = bus
        self._clock = clock
        self._positions: dict[str, Position] = {}
        self._by_key: dict[str, str] = {}
        self._ended: dict[str, Position] = {}  # abandoned while somebody waits for the entry's answer
        self._tasks: asyncio.TaskGroup | None = None
        self._running = asyncio.Event()
        self.ask: Callable[[str, str], None] = _nobody
        self.watching = False  # ticks begin when the first reconciliation is done
        self.holding = False  # halted: a missing stop is still placed, nothing else moves
        self.naked_max_ms = 0.0

    # -- reading ----------------------------------------------------------------------------------------------------

    def positions(self) -> list[Position]:
        """All positions not yet over, oldest first."""
        return list(self._positions.values())

    def position(self, position_id: str) -> Position | None:
        return self._positions.get(position_id)

    def on_symbol(self, symbol: str) -> Position | None:
        """The position that holds or is entering a symbol."""
        for position in self._positions.values():
            if position.plan.symbol == symbol and position.state in _HELD:
                return position
        return None

    def find(self, id_or_symbol: str) -> Position | None:
        return self._positions.get(id_or_symbol) or self.on_symbol(id_or_symbol.upper())

    def owner(self, client_id: str, symbol: str) -> str | None:
        """The position an order belongs to: by its name, else by its symbol; None for trades long over."""
        name = client_ids.parse(client_id)
        if name is not None:
            return self._by_key.get(name.key)
        position = self.on_symbol(symbol)
        return position.plan.position_id if position is not None else None

    def naked_ms(self) -> float:
        """The longest present time without a working stop, on the machine's clock."""
        mono_ms = self._clock.mono_ms()
        since = [p.naked_since for p in self._positions.values() if p.naked_since is not None]
        return mono_ms - min(since) if since else 0.0

    def portfolio(self) -> Portfolio:
        """What the account carries, for the limits."""
        now_ms = self._clock.now_ms()
        held = [position for position in self._positions.values() if position.state in _HELD]
        return Portfolio(
            trades=tuple(
                OpenTrade(position.plan.symbol, position.plan.side, open_risk_usdt(position)) for position in held
            ),
            day_usdt=booked_since(self._log.bookings, day_start_ms(now_ms)),
            week_usdt=booked_since(self._log.bookings, week_start_ms(now_ms)),
            open_usdt=sum((open_usdt(position) or ZERO for position in held), ZERO),
        )

    # -- life -------------------------------------------------------------------------------------------------------

    def recover(
        self, rows: Iterable[PositionRow], signals: Iterable[SignalRow] = (), bookings: Iterable[Booking] = ()
    ) -> None:
        """Take over what the last process wrote; it is not acted upon before a reconciliation has fed what is true."""
        for row in rows:
            position = recover(row)
            position.hold = self.holding
            self._positions[row.position_id] = position
            self._by_key[position.plan.key] = row.position_id
        self._log.restore(signals, bookings)

    async def run(self) -> None:
        """Tick until cancelled. Orders in flight are tasks of this call: a failure of the journal ends it."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            self._running.set()
            try:
                while True:
                    await self._clock.sleep(TICK_S)
                    if self.watching:
                        self.tick()
            finally:
                self._running.clear()
                self._tasks = None

    def reserve(self, approved: ApprovedPlan) -> Position:
        """Take the symbol and count against the limits, before anything is awaited.

        Raises InvariantBroken when the symbol is taken.
        """
        position, _ = begin(approved.plan)
        self.admit(position)
        return position

    async def open(self, position: Position, signal: SignalRow) -> Position:
        """Send the entry of a reserved position; returns when it was answered or refused, or its answer was lost."""
        position_id = position.plan.position_id
        self._log.track(signal)
        entry = position.entry
        intent = PlaceEntry(client_id=entry.client_id, side=entry.side, quantity=entry.quantity)
        answered = asyncio.Event()
        await self._running.wait()
        self._spawn(self._carry(position_id, intent, answered), entry.client_id)
        await answered.wait()
        return self._ended.pop(position_id, None) or self._latest(position_id, position)

    def ended_rows(self, strategy: str, symbol: str) -> list[SignalRow]:
        """Rows of the last trade of a strategy on a symbol, which must be down before the next one opens."""
        return self._log.ended_rows(strategy, symbol)

    def admit(self, position: Position) -> None:
        """Register a position; raises InvariantBroken when its symbol is taken."""
        plan = position.plan
        if plan.position_id in self._positions or self.on_symbol(plan.symbol) is not None:
            raise InvariantBroken(f"a second position on {plan.symbol}")
        position.hold = self.holding
        self._positions[plan.position_id] = position
        self._by_key[plan.key] = plan.position_id

    def feed(self, position_id: str, event: AnyInput) -> None:
        """Carry one input through a position: decide, keep, write, tell, act. Unknown positions are ignored."""
        self.feed_all(position_id, [event])

    def feed_all(self, position_id: str, inputs: Iterable[AnyInput]) -> None:
        """Carry several inputs through before anything is sent, as when a whole picture was fetched at once."""
        wanted: list[AnyIntent] = []
        for event in inputs:
            before = self._positions.get(position_id)
            if before is None:
                return
            after, intents = step(before, event)
            self._positions[position_id] = after
            self.naked_max_ms = max(self.naked_max_ms, after.naked_max_ms)
            told = [intent for intent in intents if isinstance(intent, Tell)]
            self._log.write(before, after, event, told)
            for tell in told:
                self._bus.publish(tell.event)
            wanted += intents
        self._act(position_id, wanted)
        if (latest := self._positions.get(position_id)) is not None and latest.over:
            self._log.forget(latest)
            if latest.state == "abandoned":
                self._ended[position_id] = latest
            del self._positions[position_id]
            del self._by_key[latest.plan.key]

    def tick(self) -> None:
        """Tell every position the time."""
        now_ms, mono_ms = self._clock.now_ms(), self._clock.mono_ms()
        for position_id in list(self._positions):
            self.feed(position_id, Ticked(now_ms=now_ms, mono_ms=mono_ms))

    def on_price(self, symbol: str, mark: float, last: float | None = None) -> None:
        """A new mark price."""
        if (position := self.on_symbol(symbol)) is not None:
            moved = PriceMoved(now_ms=self._clock.now_ms(), mono_ms=self._clock.mono_ms(), mark=mark, last=last)
            self.feed(position.plan.position_id, moved)

    def catch_up(self, symbol: str, bars: Iterable[Bar]) -> None:
        """Extremes of bars that closed while the desk was down, so that no excursion is lost."""
        position = self.on_symbol(symbol)
        if position is not None:
            now_ms, mono_ms = self._clock.now_ms(), self._clock.mono_ms()
            missed = [
                StretchMissed(now_ms=now_ms, mono_ms=mono_ms, open_ms=bar.open_ms, high=bar.high, low=bar.low)
                for bar in bars
            ]
            self.feed_all(position.plan.position_id, missed)

    def hold(self, on: bool) -> None:
        """Halted or not."""
        self.holding = on
        for position_id in list(self._positions):
            held = HoldSet(now_ms=self._clock.now_ms(), mono_ms=self._clock.mono_ms(), on=on)
            self.feed(position_id, held)

    async def quiet(self, timeout_s: float = 10.0) -> bool:
        """Wait until no placement is without an answer; False when the time ran out."""
        deadline_ms = self._clock.mono_ms() + timeout_s * 1000
        while next(self._unanswered(), None) is not None:
            if self._clock.mono_ms() >= deadline_ms:
                return False
            await self._clock.sleep(TICK_S / 2)
        return True

    def unprotected(self) -> list[Position]:
        """Open positions without a working stop."""
        return [p for p in self._positions.values() if p.exposure > 0 and p.working_stop is None]

    # -- inside -----------------------------------------------------------------------------------------------------

    def _act(self, position_id: str, intents: list[AnyIntent]) -> None:
        for intent in intents:
            match intent:
                case Tell():
                    continue
                case AskExchange(why=why):
                    self.ask(self._positions[position_id].plan.symbol, why)
                case CancelOrder():
                    self._spawn(self._cancel(position_id, intent), f"cancel {intent.client_id}")
                case _:
                    self._spawn(self._carry(position_id, intent, None), intent.client_id)

    async def _carry(self, position_id: str, intent: OrderIntent, answered: asyncio.Event | None) -> None:
        last = self._positions[position_id]
        try:
            async for event in self._executor.place(
                last.plan, intent, lambda: self._log.state_of(self._latest(position_id, last))
            ):
                self.feed(position_id, event)
                if answered is not None:
                    answered.set()
        finally:
            if answered is not None:
                answered.set()

    async def _cancel(self, position_id: str, intent: CancelOrder) -> None:
        position = self._positions.get(position_id)
        order = position.orders.get(intent.client_id) if position is not None else None
        if position is not None and order is not None:
            self.feed(position_id, await self._executor.cancel(position.plan, intent, order))

    def _latest(self, position_id: str, otherwise: Position) -> Position:
        return self._positions.get(position_id, otherwise)

    def _unanswered(self) -> Iterator[Order]:
        for position in self._positions.values():
            for order in position.orders.values():
                if order.live and not order.resting:
                    yield order

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        if self._tasks is None:
            work.close()
            raise InvariantBroken(f"the keeper is not running and cannot send {name}")
        self._tasks.create_task(work, name=name)


def _nobody(_symbol: str, _why: str) -> None:
    """Before a reconciler listens."""
