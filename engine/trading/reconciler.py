"""Brings us and the exchange to agree: at start, after each break of the private stream, every minute, and on doubt.

The exchange is the truth. Everything is fed to positions as the inputs they would have seen, so recovery and ordinary
life are one path. A whole look is dear in request weight, so a doubt about one symbol asks about that symbol only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

from engine.bus import Bus
from engine.clock import Clock, sleep_or
from engine.errors import DataError, ExchangeError, Rejected
from engine.exchange.orders import Gateway, OrderState
from engine.money import ZERO, Instrument
from engine.trading.events import Reconciled
from engine.trading.executor import Executor
from engine.trading.foreign import adopt
from engine.trading.inputs import AnyInput, FillSeen, FlatSeen, OrderGone, OrderSeen, QuantitySeen, age_ms
from engine.trading.keeper import Keeper
from engine.trading.order import Phase
from engine.trading.reconcile import (
    AnyDifference,
    OrderListed,
    OrderOrphaned,
    OrderUnlisted,
    Picture,
    PositionForeign,
    PositionVanished,
    QuantityDiffers,
    compare,
    named_fills,
)

EVERY_S = 60.0
_BLIND_EVERY_S = 5.0  # while no account events arrive
_LOOKS = 4  # in a row, before what differs is left to the next minute
_BETWEEN_S = 0.5
_DOUBT_EVERY_MS = 2000.0
_FILLS_BEFORE_MS = 5_000
_FRESH_MS = 5000.0  # a whole look costs a thirtieth of a minute's weight; asking on and on must not starve orders
_READ_ERRORS = (ExchangeError, DataError, TimeoutError)


class Reconciler:
    """Driver of the comparison. `instrument_of` gives trading rules for positions nobody here opened."""

    def __init__(
        self,
        gateway: Gateway,
        keeper: Keeper,
        executor: Executor,
        bus: Bus,
        clock: Clock,
        instrument_of: Callable[[str], Instrument | None],
        *,
        prefix: str = "pd",
        protect_foreign: bool = True,
    ) -> None:
        self._gateway = gateway
        self._keeper = keeper
        self._executor = executor
        self._bus = bus
        self._clock = clock
        self._instrument_of = instrument_of
        self._prefix = prefix
        self._protect_foreign = protect_foreign
        self._asked = asyncio.Event()
        self._whole = True  # a whole look is due
        self._doubts: dict[str, float] = {}  # symbol -> machine time of the last question about it
        self._waiting: set[str] = set()
        self._settling: dict[str, asyncio.Task[None]] = {}
        self._said: dict[str, Decimal] = {}  # symbol -> signed quantity at the last question
        self._tasks: asyncio.TaskGroup | None = None
        self._picture = Picture((), ())
        self._looked_ms = -_FRESH_MS  # machine time of the last whole look
        self._looked_at: dict[str, int] = {}  # the revisions it was compared with
        self._agreed = False
        self.stream_up = True  # account events arrive
        self.differences: list[AnyDifference] = []
        self.liquidations: dict[str, Decimal] = {}
        keeper.ask = self.ask

    @property
    def reconciled(self) -> bool:
        """We and the exchange agree, and would hear of a change: entries are allowed."""
        return self._agreed and self.stream_up

    def ask(self, symbol: str, why: str) -> None:
        """Something about one symbol does not add up; looked at soon, at most every two seconds."""
        self._waiting.add(symbol)
        self._asked.set()

    def request(self) -> None:
        """Take a whole look soon."""
        self._whole = True
        self._asked.set()

    def doubt(self, stream_up: bool) -> None:
        """Events may have been missed: no entries until they flow and a look has found agreement."""
        self._agreed = False
        self.stream_up = stream_up
        self.request()

    async def run(self) -> None:
        """Look every minute and whenever asked. The first look lets the keeper begin."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            next_whole_ms = 0.0
            while True:
                if self._whole or self._clock.mono_ms() >= next_whole_ms:
                    self._whole = False
                    if await self.mend():
                        pause_s = EVERY_S if self.stream_up else _BLIND_EVERY_S
                        next_whole_ms = self._clock.mono_ms() + pause_s * 1000
                        self._keeper.watching = True
                    else:
                        next_whole_ms = self._clock.mono_ms() + _BETWEEN_S * 4000
                await self._attend()
                await self._pause(next_whole_ms)

    async def look(self) -> tuple[list[AnyDifference], bool]:
        """Compare and change nothing: (differences, whether nothing moved meanwhile).

        Raises an ExchangeError when the exchange cannot be read.
        """
        before = {p.plan.position_id: p.revision for p in self._keeper.positions()}
        positions, orders, conditionals = await asyncio.gather(
            self._gateway.positions(), self._gateway.open_orders(), self._gateway.open_conditionals()
        )
        self.liquidations = {row.symbol: row.liquidation_price for row in positions if row.quantity}
        after = self._keeper.positions()
        moved = [p.plan.position_id for p in after if before.get(p.plan.position_id) != p.revision]
        self._picture = Picture(tuple(positions), (*orders, *conditionals))
        self._looked_ms = self._clock.mono_ms()
        self._looked_at = {p.plan.position_id: p.revision for p in after}
        return compare(after, self._picture, self._prefix, moved), not moved

    async def glance(self) -> list[AnyDifference]:
        """What differs, for a person who asks: from the last look while it is fresh. Raises as `look` does."""
        if self.rest_s() <= 0:
            return (await self.look())[0]
        now = self._keeper.positions()
        moved = [p.plan.position_id for p in now if self._looked_at.get(p.plan.position_id) != p.revision]
        return compare(now, self._picture, self._prefix, moved)

    def rest_s(self) -> float:
        """How long a person waits until another whole look."""
        return max(0.0, (self._looked_ms + _FRESH_MS - self._clock.mono_ms()) / 1000)

    async def mend(self) -> bool:
        """Compare and put right until nothing differs; False when the exchange could not be read."""
        fixed = 0
        earlier: list[AnyDifference] = []
        found: list[AnyDifference] = []
        for attempt in range(_LOOKS):
            if attempt:
                await self._clock.sleep(_BETWEEN_S)
            try:
                found, still = await self.look()
                if still and all(self._being_settled(row) for row in found):
                    break
                for difference in found:
                    await self._fix(difference, sure=difference in earlier)
                    fixed += 1
            except _READ_ERRORS:
                self._agreed = False
                return False
            earlier = found
        self.differences = found
        self._agreed = all(isinstance(row, OrderUnlisted | OrderListed) for row in found)
        self._bus.publish(Reconciled(at_ms=self._clock.now_ms(), fixed=fixed, open_rows=len(found)))
        return True

    def rows(self) -> list[dict[str, str]]:
        """Lines of the reconcile screen, from the last look."""
        return [difference.row() for difference in self.differences]

    # -- one symbol ---------------------------------------------------------------------------------------------------

    async def _attend(self) -> None:
        """Answer the doubts about single symbols."""
        for symbol in list(self._waiting):
            mono_ms = self._clock.mono_ms()
            if mono_ms - self._doubts.get(symbol, -_DOUBT_EVERY_MS) < _DOUBT_EVERY_MS:
                continue
            self._waiting.discard(symbol)
            self._doubts[symbol] = mono_ms
            try:
                await self._examine(symbol)
            except _READ_ERRORS:
                self._waiting.add(symbol)

    async def _examine(self, symbol: str) -> None:
        position = self._keeper.on_symbol(symbol)
        if position is None:
            self.request()
            return
        position_id, revision = position.plan.position_id, position.revision
        for order in list(position.orders.values()):
            if order.phase is Phase.TRIGGERED or (order.live and not order.resting):
                found = await self._executor.look_up(symbol, order.client_id, order.conditional)
                if found is not None:
                    self._keeper.feed(position_id, self._seen(found))
        signed = sum((row.quantity for row in await self._gateway.positions() if row.symbol == symbol), ZERO)
        latest = self._keeper.position(position_id)
        if latest is None:
            return
        sure = self._said.get(symbol) == signed and latest.revision == revision
        self._said[symbol] = signed
        await self._explain(position_id, max(ZERO, signed * latest.plan.side), sure)

    async def _pause(self, next_whole_ms: float) -> None:
        """Wait for the next whole look, a question, or the moment a doubt may be asked about again."""
        self._asked.clear()
        due_ms = min([next_whole_ms, *(self._doubts.get(symbol, 0.0) + _DOUBT_EVERY_MS for symbol in self._waiting)])
        await sleep_or(self._clock, max(0.05, (due_ms - self._clock.mono_ms()) / 1000), self._asked)

    # -- one fix each -----------------------------------------------------------------------------------------------

    async def _fix(self, difference: AnyDifference, sure: bool) -> None:
        match difference:
            case OrderListed(position_id=position_id, order=order):
                self._keeper.feed(position_id, self._seen(order))
            case OrderUnlisted():
                await self._learn(difference)
            case PositionVanished(position_id=position_id):
                await self._explain(position_id, ZERO, sure)
            case QuantityDiffers(position_id=position_id, quantity=quantity):
                await self._explain(position_id, quantity, sure)
            case PositionForeign(state=state):
                instrument = self._instrument_of(state.symbol)
                if sure and instrument is not None and self._keeper.on_symbol(state.symbol) is None:
                    now_ms = self._clock.now_ms()
                    self._keeper.admit(
                        adopt(state, self._picture.orders, instrument, self._prefix, now_ms, self._protect_foreign)
                    )
            case OrderOrphaned(order=order):
                await self._cancel(order)

    async def _learn(self, difference: OrderUnlisted) -> None:
        """Find out what became of an order that is not listed."""
        name, symbol = difference.client_id, difference.symbol
        found = await self._executor.look_up(symbol, name, difference.conditional)
        if found is not None:
            self._keeper.feed(difference.position_id, self._seen(found))
        elif not difference.unanswered:
            now_ms, mono_ms = self._clock.now_ms(), self._clock.mono_ms()
            self._keeper.feed(difference.position_id, OrderGone(now_ms=now_ms, mono_ms=mono_ms, client_id=name))
        elif not self._being_settled(difference) and self._tasks is not None:
            # It may still be on its way: "not found" counts once the receive window has closed.
            self._settling[name] = self._tasks.create_task(self._settle(difference), name=f"settle {name}")

    async def _settle(self, difference: OrderUnlisted) -> None:
        answer = await self._executor.settle(
            difference.symbol, difference.client_id, difference.conditional, self._clock.mono_ms()
        )
        self._keeper.feed(difference.position_id, answer)
        self.request()

    def _being_settled(self, difference: AnyDifference) -> bool:
        if not isinstance(difference, OrderUnlisted):
            return False
        task = self._settling.get(difference.client_id)
        return task is not None and not task.done()

    async def _explain(self, position_id: str, quantity: Decimal, sure: bool) -> None:
        """Feed the fills we have not seen; what they leave open is the exchange's word, once it was said twice."""
        position = self._keeper.position(position_id)
        if position is None:
            return
        since_ms = position.plan.planned_ms - _FILLS_BEFORE_MS
        fills = await self._gateway.fills(position.plan.symbol, since_ms)
        now_ms, mono_ms = self._clock.now_ms(), self._clock.mono_ms()
        latest = self._keeper.position(position_id)
        if latest is None:
            return
        # An order without an answer may own a fill whose number nobody knows yet: only names count until then.
        certain = sure and all(order.over or order.resting for order in latest.orders.values())
        named = [fill for fill in named_fills(latest, fills) if certain or fill.client_id]
        inputs: list[AnyInput] = [
            FillSeen(now_ms=now_ms, mono_ms=mono_ms, fill=fill, age_ms=age_ms(now_ms, fill.at_ms, self._clock.rate))
            for fill in named
        ]
        self._keeper.feed_all(position_id, inputs)
        latest = self._keeper.position(position_id)
        if latest is None or not certain or (latest.exposure == quantity and latest.settled):
            return
        if quantity == 0:
            mark = latest.mark if latest.mark is not None else float(latest.stop)
            flat = FlatSeen(now_ms=now_ms, mono_ms=mono_ms, price=Decimal(repr(mark)))
            self._keeper.feed(position_id, flat)
        elif latest.exposure != quantity:
            self._keeper.feed(position_id, QuantitySeen(now_ms=now_ms, mono_ms=mono_ms, quantity=quantity))

    async def _cancel(self, order: OrderState) -> None:
        try:
            if order.conditional:
                await self._gateway.cancel_conditional(order.symbol, order.client_id)
            else:
                await self._gateway.cancel(order.symbol, order.client_id)
        except Rejected:
            return  # it is gone already

    def _seen(self, order: OrderState) -> OrderSeen:
        now_ms = self._clock.now_ms()
        age = age_ms(now_ms, order.updated_ms, self._clock.rate)
        return OrderSeen(now_ms=now_ms, mono_ms=self._clock.mono_ms(), order=order, age_ms=age)
