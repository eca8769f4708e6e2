"""A small exchange account in memory: fills, triggers and refusals as documented, and faults by script.

It implements the `Gateway` protocol. Prices move only when a test says so. Every call takes `latency_s`; account events
are delivered after the answer or before it, late, twice or not at all, as the script wants.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from engine.clock import Clock
from engine.errors import OutcomeUnknown, Rejected, Throttled, Transient
from engine.exchange.orders import (
    AccountEvent,
    AccountState,
    Bracket,
    ConditionalChanged,
    ConditionalRequest,
    Fill,
    OrderChanged,
    OrderRequest,
    OrderState,
    OrderStatus,
    PositionChanged,
    PositionState,
    PrivateStreamLost,
    PrivateStreamReady,
)

TAKER, MAKER = Decimal("0.0005"), Decimal("0.0002")
_OPEN = (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


@dataclass
class Fault:
    """One thing that goes wrong at the next matching call.

    kinds: reject (code), lose_request (never arrives), lose_reply (takes effect, nobody hears), late (arrives after
    `seconds`, nobody hears), throttle, slow (answers after `seconds`), unread (a read fails).
    """

    kind: str
    op: str = ""  # place | place_conditional | cancel | cancel_conditional | find ... ; empty: any
    leg: str = ""  # e, s, t1 ...; empty: any
    code: int = -1000
    seconds: float = 0.0
    times: int = 1


@dataclass
class FakeGateway:
    clock: Clock
    latency_s: float = 0.02
    wallet: Decimal = Decimal(10_000)
    prices: dict[str, Decimal] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    orders: dict[str, OrderState] = field(default_factory=dict)  # plain and conditional, by client id
    held: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)  # symbol -> (signed, entry)
    trades: list[Fill] = field(default_factory=list)
    rest_names: bool = False  # whether fill histories carry client ids; the exchange's do not
    filled_per_trade: Decimal | None = None  # splits market fills
    settle: Callable[[AccountEvent], list[tuple[float, AccountEvent]]] | None = None  # (delay, event) per event
    calls: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ids = 0
        self._queue: asyncio.Queue[AccountEvent] = asyncio.Queue()
        self._stream_up = True
        self.sent: list[str] = []
        self.written_ms: list[float] = []  # when each order or cancel was sent
        self.obstructed: set[str] = set()  # symbols whose last try to leave ran into a fault
        self.leaving: dict[str, int] = {}  # tries to leave that wait for their answer, by symbol
        self.left_at_ms: dict[str, float] = {}  # when the last of them was answered

    # -- the market -----------------------------------------------------------------------------------------------

    def move(self, symbol: str, price: float | str) -> None:
        """Move mark and last price: liquidity is endless at the price."""
        self.prices[symbol] = Decimal(str(price))
        self._sweep(symbol)

    def manual_close(self, symbol: str, quantity: str | None = None, client_id: str = "web_1") -> None:
        """The person closes by another program."""
        signed, _ = self.held[symbol]
        part = Decimal(quantity) if quantity is not None else abs(signed)
        side = "SELL" if signed > 0 else "BUY"
        state = self._make(symbol, client_id, side, "MARKET", part, reduce_only=True)
        self._execute(state, self.prices[symbol], part, TAKER)

    def manual_open(self, symbol: str, side: str, quantity: str) -> None:
        state = self._make(symbol, f"web_{self._ids}", side, "MARKET", Decimal(quantity))
        self._execute(state, self.prices[symbol], Decimal(quantity), TAKER)

    def cut_stream(self) -> None:
        """Events are lost from now on, and the desk hears of it."""
        self._stream_up = False
        self._queue.put_nowait(PrivateStreamLost("cut"))

    def mend_stream(self) -> None:
        self._stream_up = True
        self._queue.put_nowait(PrivateStreamReady(resumed=True))

    def signed(self, symbol: str) -> Decimal:
        return self.held.get(symbol, (Decimal(0), Decimal(0)))[0]

    def resting(self, symbol: str, conditional: bool | None = None) -> list[OrderState]:
        return [
            order
            for order in self.orders.values()
            if order.symbol == symbol
            and order.status in _OPEN
            and (conditional is None or order.conditional is conditional)
        ]

    def protected(self, symbol: str) -> bool:
        """A stop rests that would end the whole position."""
        signed = self.signed(symbol)
        return any(
            order.close_position or order.quantity >= abs(signed)
            for order in self.resting(symbol, conditional=True)
            if (order.side == "SELL") == (signed > 0)
        )

    # -- Gateway --------------------------------------------------------------------------------------------------

    async def place(self, order: OrderRequest) -> OrderState:
        if not order.reduce_only or order.type != "MARKET":
            return await self._write("place", order.client_id, lambda: self._place(order))
        symbol, fault = order.symbol, self._fault("place", order.client_id, use=False)
        self.leaving[symbol] = self.leaving.get(symbol, 0) + 1
        (self.obstructed.add if fault else self.obstructed.discard)(symbol)
        try:
            answer = await self._write("place", order.client_id, lambda: self._place(order))
            self.obstructed.discard(symbol)
            return answer
        finally:
            self.left_at_ms[symbol] = self.clock.mono_ms()
            self.leaving[symbol] -= 1

    async def place_conditional(self, order: ConditionalRequest) -> OrderState:
        return await self._write("place_conditional", order.client_id, lambda: self._place_conditional(order))

    async def cancel(self, symbol: str, client_id: str) -> OrderState:
        return await self._write("cancel", client_id, lambda: self._cancel(client_id, conditional=False))

    async def cancel_conditional(self, symbol: str, client_id: str) -> None:
        await self._write("cancel_conditional", client_id, lambda: self._cancel(client_id, conditional=True))

    async def find(self, symbol: str, client_id: str) -> OrderState | None:
        await self._read("find", client_id)
        order = self.orders.get(client_id)
        return order if order is not None and not order.conditional else None

    async def find_conditional(self, symbol: str, client_id: str) -> OrderState | None:
        await self._read("find_conditional", client_id)
        return self.orders.get(client_id)

    async def open_orders(self) -> list[OrderState]:
        await self._read("open_orders", "")
        return [order for order in self.orders.values() if order.status in _OPEN and not order.conditional]

    async def open_conditionals(self) -> list[OrderState]:
        await self._read("open_conditionals", "")
        return [order for order in self.orders.values() if order.status in _OPEN and order.conditional]

    async def positions(self) -> list[PositionState]:
        await self._read("positions", "")
        return [
            PositionState(symbol, signed, entry, mark_price=self.prices[symbol])
            for symbol, (signed, entry) in self.held.items()
            if signed
        ]

    async def account(self) -> AccountState:
        await self._read("account", "")
        return AccountState(self.wallet, self.wallet, self.wallet, Decimal(0), Decimal(0))

    async def fills(self, symbol: str, since_ms: int) -> list[Fill]:
        await self._read("fills", "")
        found = [fill for fill in self.trades if fill.symbol == symbol and fill.at_ms >= since_ms]
        if self.rest_names:
            return found
        return [_unnamed(fill) for fill in found]

    async def set_leverage(self, symbol: str, leverage: int) -> int:
        await self._write("set_leverage", "", lambda: leverage)
        return leverage

    async def brackets(self, symbol: str) -> list[Bracket]:
        return [
            Bracket(20, Decimal(0), Decimal(50_000), Decimal("0.01"), Decimal(0)),
            Bracket(10, Decimal(50_000), Decimal(10_000_000), Decimal("0.025"), Decimal(750)),
        ]

    async def commission(self, symbol: str) -> tuple[Decimal, Decimal]:
        return MAKER, TAKER

    async def events(self) -> AsyncIterator[AccountEvent]:
        while True:
            yield await self._queue.get()

    # -- inside ---------------------------------------------------------------------------------------------------

    async def _write(self, op: str, client_id: str, effect: Callable[[], Any]) -> Any:
        self.calls.append((op, client_id))
        self.written_ms.append(self.clock.mono_ms())
        fault = self._fault(op, client_id)
        await asyncio.sleep(self.latency_s)
        if fault is None:
            return effect()
        if fault.kind == "reject":
            raise Rejected(fault.code, f"scripted {fault.code}")
        if fault.kind == "throttle":
            raise Throttled(self.clock.now_ms() + round(fault.seconds * 1000), False)
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            return effect()
        if fault.kind == "late":
            asyncio.get_running_loop().call_later(fault.seconds, _quietly, effect)
        elif fault.kind == "lose_reply":
            _quietly(effect)
        await asyncio.sleep(1.0)
        raise OutcomeUnknown(client_id, fault.kind, self.clock.now_ms())

    async def _read(self, op: str, client_id: str) -> None:
        self.calls.append((op, client_id))
        fault = self._fault(op, client_id)
        await asyncio.sleep(self.latency_s)
        if fault is not None:
            raise Transient(f"scripted {fault.kind}")

    def _fault(self, op: str, client_id: str, use: bool = True) -> Fault | None:
        leg = client_id.split("-")[2] if client_id.count("-") == 3 else ""
        for fault in self.faults:
            if fault.times > 0 and fault.op in ("", op) and fault.leg in ("", leg):
                fault.times -= use
                return fault
        return None

    def _place(self, request: OrderRequest) -> OrderState:
        self._refuse_open_name(request.client_id)
        signed = self.signed(request.symbol)
        opposite = (request.side == "SELL") == (signed > 0)
        if request.reduce_only and (not signed or not opposite):
            raise Rejected(-2022, "ReduceOnly Order is rejected.")
        self.sent.append(request.client_id)
        quantity = request.quantity
        state = self._make(
            request.symbol, request.client_id, request.side, request.type, quantity,
            price=request.price or Decimal(0), reduce_only=request.reduce_only,
        )  # fmt: skip
        if request.type == "MARKET":
            take = min(quantity, abs(signed)) if request.reduce_only else quantity
            self._execute(state, self.prices[request.symbol], take, TAKER)
        else:
            self._emit_order(state)
            self._sweep(request.symbol)
        return self.orders[request.client_id]

    def _place_conditional(self, request: ConditionalRequest) -> OrderState:
        self._refuse_open_name(request.client_id)
        mark = self.prices[request.symbol]
        if mark <= request.trigger_price if request.side == "SELL" else mark >= request.trigger_price:
            raise Rejected(-2021, "Order would immediately trigger.")
        if request.close_position:
            for other in self.resting(request.symbol, conditional=True):
                if other.close_position and other.side == request.side and other.type == request.type:
                    raise Rejected(-4130, "An open stop or take profit order with GTE and closePosition exists.")
            if not self.signed(request.symbol):
                raise Rejected(-2022, "no position")
        self.sent.append(request.client_id)
        state = self._make(
            request.symbol, request.client_id, request.side, request.type, request.quantity or Decimal(0),
            conditional=True, trigger=request.trigger_price,
            reduce_only=request.reduce_only, close_position=request.close_position,
        )  # fmt: skip
        self._emit_order(state)
        return state

    def _cancel(self, client_id: str, conditional: bool) -> OrderState:
        order = self.orders.get(client_id)
        if order is None or order.status not in _OPEN or order.conditional is not conditional:
            raise Rejected(-2011, "Unknown order sent.")
        return self._set(order, status=OrderStatus.CANCELED)

    def _refuse_open_name(self, client_id: str) -> None:
        order = self.orders.get(client_id)
        if order is not None and order.status in _OPEN:
            raise Rejected(-4116, "ClientOrderId is duplicated.")

    def _sweep(self, symbol: str) -> None:
        price = self.prices[symbol]
        for order in self.resting(symbol, conditional=True):
            hit = price <= order.trigger_price if order.side == "SELL" else price >= order.trigger_price
            if hit and self.orders[order.client_id].status in _OPEN:
                self._trigger(order)
        for order in self.resting(symbol, conditional=False):
            if order.type != "LIMIT" or self.orders[order.client_id].status not in _OPEN:
                continue
            hit = price >= order.price if order.side == "SELL" else price <= order.price
            if hit:
                take = min(order.quantity - order.filled, abs(self.signed(symbol)))
                self._execute(order, order.price, take, MAKER)

    def _trigger(self, order: OrderState) -> None:
        signed = self.signed(order.symbol)
        self._set(order, status=OrderStatus.TRIGGERING)
        take = abs(signed) if order.close_position else min(order.quantity, abs(signed))
        if not take:
            self._set(self.orders[order.client_id], status=OrderStatus.REJECTED, reason="ReduceOnly reject")
            return
        self._ids += 1
        plain_id = self._ids
        self._set(self.orders[order.client_id], status=OrderStatus.TRIGGERED, actual_order_id=plain_id)
        plain = OrderState(
            symbol=order.symbol, client_id=order.client_id, order_id=plain_id, side=order.side, type="MARKET",
            status=OrderStatus.NEW, quantity=take, filled=Decimal(0), reduce_only=True,
        )  # fmt: skip
        self._execute(plain, self.prices[order.symbol], take, TAKER, keep=False)
        self._set(self.orders[order.client_id], status=OrderStatus.FINISHED, filled=take)

    def _execute(self, order: OrderState, price: Decimal, quantity: Decimal, rate: Decimal, keep: bool = True) -> None:
        left = quantity
        while left > 0:
            part = min(left, self.filled_per_trade or left)
            left -= part
            order = self._fill(order, price, part, rate, keep)
        if quantity < order.quantity and order.type == "MARKET":
            order = _changed(order, status=OrderStatus.EXPIRED)
            if keep:
                self.orders[order.client_id] = order
            self._emit(OrderChanged(order, None, self.clock.now_ms()))
        signed, entry = self.held.get(order.symbol, (Decimal(0), Decimal(0)))
        self._emit(PositionChanged(order.symbol, signed, entry, "ORDER", self.clock.now_ms()))
        self._knock_out(order.symbol)

    def _fill(self, order: OrderState, price: Decimal, part: Decimal, rate: Decimal, keep: bool) -> OrderState:
        self._ids += 1
        sign = 1 if order.side == "BUY" else -1
        signed, entry = self.held.get(order.symbol, (Decimal(0), Decimal(0)))
        realized = Decimal(0)
        if signed and (signed > 0) != (sign > 0):
            realized = part * (price - entry) * (1 if signed > 0 else -1)
        elif signed + sign * part:
            entry = (abs(signed) * entry + part * price) / (abs(signed) + part)
        self.held[order.symbol] = (signed + sign * part, entry)
        fee = price * part * rate
        self.wallet += realized - fee
        filled = order.filled + part
        done = filled >= order.quantity
        order = _changed(
            order,
            filled=filled,
            updated_ms=self.clock.now_ms(),
            status=OrderStatus.FILLED if done else OrderStatus.PARTIALLY_FILLED,
        )
        if keep:
            self.orders[order.client_id] = order
        fill = Fill(
            symbol=order.symbol, trade_id=self._ids, order_id=order.order_id, client_id=order.client_id,
            side=order.side, price=price, quantity=part, at_ms=self.clock.now_ms(), fee=fee,
            realized=realized, maker=rate == MAKER,
        )  # fmt: skip
        self.trades.append(fill)
        self._emit(OrderChanged(order, fill, self.clock.now_ms()))
        return order

    def _knock_out(self, symbol: str) -> None:
        """Flat: closePosition stops and resting reduce-only limits go; less than they want: the excess goes."""
        signed = abs(self.signed(symbol))
        for order in self.resting(symbol):
            if order.conditional:
                if order.close_position and not signed:
                    self._set(order, status=OrderStatus.EXPIRED)
            elif order.reduce_only and order.quantity - order.filled > signed:
                self._set(order, status=OrderStatus.EXPIRED, reason="4")

    def _make(
        self, symbol: str, client_id: str, side: str, kind: str, quantity: Decimal, *, conditional: bool = False,
        price: Decimal = Decimal(0), trigger: Decimal = Decimal(0), reduce_only: bool = False,
        close_position: bool = False,
    ) -> OrderState:  # fmt: skip
        self._ids += 1
        state = OrderState(
            symbol=symbol, client_id=client_id, order_id=self._ids, side=side, type=kind, status=OrderStatus.NEW,
            quantity=quantity, filled=Decimal(0), conditional=conditional, price=price, trigger_price=trigger,
            reduce_only=reduce_only, close_position=close_position,
        )  # fmt: skip
        self.orders[client_id] = state
        return state

    def _set(self, order: OrderState, **changes: Any) -> OrderState:
        changed = _changed(order, updated_ms=self.clock.now_ms(), **changes)
        self.orders[order.client_id] = changed
        self._emit_order(changed)
        return changed

    def _emit_order(self, order: OrderState) -> None:
        now_ms = self.clock.now_ms()
        self._emit(ConditionalChanged(order, now_ms) if order.conditional else OrderChanged(order, None, now_ms))

    def _emit(self, event: AccountEvent) -> None:
        if not self._stream_up:
            return
        if self.settle is None:
            self._queue.put_nowait(event)
            return
        for delay_s, given in self.settle(event):
            if delay_s <= 0:
                self._queue.put_nowait(given)
            else:
                asyncio.get_running_loop().call_later(delay_s, self._queue.put_nowait, given)


def disorder(rng: Random, most_s: float = 0.2) -> Callable[[AccountEvent], list[tuple[float, AccountEvent]]]:
    """Delays each event by up to `most_s`, some of them twice: reorders and repeats, loses nothing."""

    def settle(event: AccountEvent) -> list[tuple[float, AccountEvent]]:
        copies = 2 if rng.random() < 0.2 else 1
        return [(rng.random() * most_s, event) for _ in range(copies)]

    return settle


def _changed(order: OrderState, **changes: Any) -> OrderState:
    import msgspec

    return msgspec.structs.replace(order, **changes)


def _unnamed(fill: Fill) -> Fill:
    import msgspec

    return msgspec.structs.replace(fill, client_id="")


def _quietly(effect: Callable[[], Any]) -> None:
    try:
        effect()
    except Rejected:
        return
