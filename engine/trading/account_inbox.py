"""Account events as inputs of positions, and a watch on what the exchange says a position holds.

Event types overtake each other, so a quantity that differs is believed only when it still differs a while later.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

from engine.bus import Bus
from engine.clock import Clock
from engine.exchange.orders import (
    AccountEvent,
    ConditionalChanged,
    Gateway,
    OrderChanged,
    PositionChanged,
    PrivateStreamLost,
    PrivateStreamReady,
    WalletChanged,
)
from engine.money import ZERO
from engine.trading.inputs import AnyInput, FillSeen, FundingPaid, OrderSeen, age_ms
from engine.trading.keeper import Keeper
from engine.trading.reconciler import Reconciler

_MISMATCH_MS = 1500.0


class AccountInbox:
    """Reads account events into a keeper; everything read is published on the bus as well."""

    def __init__(self, gateway: Gateway, keeper: Keeper, reconciler: Reconciler, bus: Bus, clock: Clock) -> None:
        self._gateway = gateway
        self._keeper = keeper
        self._reconciler = reconciler
        self._bus = bus
        self._clock = clock
        self._said: dict[str, tuple[Decimal, float]] = {}  # symbol -> signed quantity, machine time

    async def run(self) -> None:
        """Read events until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            watch = tasks.create_task(self._watch(), name="quantities")
            async for event in self._gateway.events():
                self.take(event)
                self._bus.publish(event)
            watch.cancel()

    def take(self, event: AccountEvent) -> None:
        """One event of the private stream; what is not about our positions passes by."""
        now_ms, mono_ms = self._clock.now_ms(), self._clock.mono_ms()
        match event:
            case OrderChanged(order=order, fill=fill):
                inputs: list[AnyInput] = []
                if fill is not None:
                    age = age_ms(now_ms, fill.at_ms, self._clock.rate)
                    inputs.append(FillSeen(now_ms=now_ms, mono_ms=mono_ms, fill=fill, age_ms=age))
                inputs.append(OrderSeen(now_ms=now_ms, mono_ms=mono_ms, order=order))
                self._deliver(order.client_id, order.symbol, inputs)
            case ConditionalChanged(order=order):
                seen = OrderSeen(now_ms=now_ms, mono_ms=mono_ms, order=order)
                self._deliver(order.client_id, order.symbol, [seen])
            case PositionChanged(symbol=symbol, quantity=quantity):
                self._said[symbol] = (quantity, mono_ms)
            case WalletChanged(reason="FUNDING_FEE", symbol=symbol, delta=delta, event_ms=event_ms):
                if (position := self._keeper.on_symbol(symbol)) is not None:
                    paid = FundingPaid(now_ms=now_ms, mono_ms=mono_ms, amount=delta, id=f"{symbol}-{event_ms}")
                    self._keeper.feed(position.plan.position_id, paid)
            case PrivateStreamLost():
                self._reconciler.doubt(stream_up=False)
            case PrivateStreamReady():
                self._reconciler.doubt(stream_up=True)
            case _:
                pass

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(_MISMATCH_MS / 3000)
            for symbol in self.differing():
                self._reconciler.ask(symbol, "the exchange holds another quantity")

    def differing(self) -> list[str]:
        """Symbols whose quantity still differs from what the exchange last said."""
        differing: list[str] = []
        mono_ms = self._clock.mono_ms()
        for symbol, (quantity, since_ms) in list(self._said.items()):
            position = self._keeper.on_symbol(symbol)
            ours = position.exposure * position.plan.side if position is not None else ZERO
            if ours == quantity:
                del self._said[symbol]
            elif mono_ms - since_ms > _MISMATCH_MS:
                differing.append(symbol)
        return differing

    def _deliver(self, client_id: str, symbol: str, inputs: list[AnyInput]) -> None:
        target = self._keeper.owner(client_id, symbol)
        if target is not None:
            self._keeper.feed_all(target, inputs)
