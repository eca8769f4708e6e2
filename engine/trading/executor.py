"""Carries intents to the exchange: journal, then send; and what nobody answered is asked about, never sent again.

Every placement ends as accepted, refused or proved absent. Until then it is unknown: asked about by its client id,
and "not found" is believed only after the request's receive window has closed, for then it can no longer arrive.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, Protocol

import msgspec

from engine.clock import Clock
from engine.errors import ClockSkew, DataError, ExchangeError, Rejected, Throttled, Transient
from engine.exchange.orders import ConditionalRequest, Gateway, OrderRequest, OrderState, OrderStatus
from engine.money import ZERO
from engine.store.rows import Deleted, IntentRow, Row
from engine.trading import client_ids
from engine.trading.inputs import (
    AnyInput,
    CancelFailed,
    OrderDeclined,
    OrderGone,
    OrderLost,
    OrderMissing,
    OrderSeen,
    age_ms,
)
from engine.trading.intents import CancelOrder, ExitMarket, OrderIntent, PlaceEntry, PlaceStop, PlaceTier
from engine.trading.order import Order
from engine.trading.plan import PositionPlan

_DUPLICATE_ID = -4116  # an open order of this name exists: ours
_UNKNOWN_ORDER = (-2011, -2013)
_ASK_FIRST_S, _ASK_MOST_S = 0.05, 1.0
_BELIEF_MARGIN_MS = 250.0

# Where a crash may happen between two durable facts; tests stop the desk at each of them.
JOURNAL_POINTS: Final = tuple(
    f"{leg}.{moment}" for leg in client_ids.LEGS for moment in ("journaled", "answered", "recorded")
)


class Journal(Protocol):
    """What trading needs of the store."""

    async def commit(self, *rows: Row | Deleted) -> None: ...
    def put(self, *rows: Row) -> None: ...


class Executor:
    """One per account. `at_point` is called at each of `JOURNAL_POINTS`."""

    def __init__(
        self,
        gateway: Gateway,
        journal: Journal,
        clock: Clock,
        *,
        order_timeout_s: float = 1.0,
        recv_window_ms: float = 5000.0,
        at_point: Callable[[str], None] = lambda _point: None,
    ) -> None:
        self._gateway = gateway
        self._journal = journal
        self._clock = clock
        self._timeout_s = order_timeout_s
        self._window_ms = recv_window_ms
        self._at_point = at_point
        self._prepared: set[tuple[str, int]] = set()  # symbol, leverage
        self.orders_sent = 0

    async def place(
        self, plan: PositionPlan, intent: OrderIntent, rows: Callable[[], Sequence[Row]]
    ) -> AsyncIterator[AnyInput]:
        """Send one order; yields what became of it, in the order it becomes known.

        `rows` gives the newest state of the position at the moment of writing. Raises StoreError, then nothing is sent.
        """
        leg = _leg(intent)
        request = _request(plan, intent)
        if isinstance(intent, PlaceEntry) and (refusal := await self._prepare(plan)) is not None:
            yield self._declined(intent.client_id, refusal[0], refusal[1])
            return
        now_ms = self._clock.now_ms()
        pending = IntentRow(
            client_id=intent.client_id,
            signal_id=plan.signal_id,
            symbol=plan.symbol,
            leg=leg,
            kind="conditional" if isinstance(request, ConditionalRequest) else "order",
            payload=msgspec.json.encode(request),
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        await self._journal.commit(pending, *rows())
        self._at_point(f"{leg}.journaled")
        sent_mono_ms = self._clock.mono_ms()
        self.orders_sent += 1
        answer = await self._send(request)
        self._at_point(f"{leg}.answered")
        yield answer
        self._record(pending, answer)
        self._at_point(f"{leg}.recorded")
        if isinstance(answer, OrderLost):
            settled = await self.settle(
                plan.symbol, intent.client_id, isinstance(request, ConditionalRequest), sent_mono_ms
            )
            self._record(pending, settled)
            yield settled

    async def cancel(self, plan: PositionPlan, intent: CancelOrder, order: Order) -> AnyInput:
        """Cancel one order. Asking twice is harmless, so it is not journaled."""
        name = intent.client_id
        try:
            async with asyncio.timeout(self._timeout_s):
                if not intent.conditional:
                    return self._seen(await self._gateway.cancel(plan.symbol, name))
                await self._gateway.cancel_conditional(plan.symbol, name)
                return self._seen(_cancelled(plan, order))
        except Rejected as error:
            if error.code not in _UNKNOWN_ORDER:
                return self._cancel_failed(name)
        except (Throttled, ClockSkew):
            return self._cancel_failed(name)
        except (ExchangeError, DataError, TimeoutError):
            pass
        found = await self._find(plan.symbol, name, intent.conditional)
        if isinstance(found, OrderState):
            return self._seen(found) if found.status.terminal else self._cancel_failed(name)
        if found is None:
            return OrderGone(now_ms=self._clock.now_ms(), mono_ms=self._clock.mono_ms(), client_id=name)
        return self._cancel_failed(name)

    async def settle(self, symbol: str, client_id: str, conditional: bool, sent_mono_ms: float) -> AnyInput:
        """Ask about an order until its fate is proved: the exchange shows it, or it can no longer arrive."""
        closes_ms = sent_mono_ms + self._window_ms + _BELIEF_MARGIN_MS
        wait_s = _ASK_FIRST_S
        while True:
            asked_ms = self._clock.mono_ms()
            found = await self._find(symbol, client_id, conditional)
            if isinstance(found, OrderState):
                return self._seen(found)
            if found is None and asked_ms >= closes_ms:
                return OrderMissing(now_ms=self._clock.now_ms(), mono_ms=self._clock.mono_ms(), client_id=client_id)
            await self._clock.sleep(wait_s)
            wait_s = min(wait_s * 2, _ASK_MOST_S)

    async def look_up(self, symbol: str, client_id: str, conditional: bool) -> OrderState | None:
        """One question about one order; raises Transient when it could not be answered."""
        found = await self._find(symbol, client_id, conditional)
        if isinstance(found, Exception):
            raise Transient(str(found)) from found
        return found

    async def _send(self, request: OrderRequest | ConditionalRequest) -> AnyInput:
        name = request.client_id
        try:
            async with asyncio.timeout(self._timeout_s):
                if isinstance(request, ConditionalRequest):
                    return self._seen(await self._gateway.place_conditional(request))
                return self._seen(await self._gateway.place(request))
        except Rejected as error:
            if error.code == _DUPLICATE_ID:
                return self._lost(name)
            return self._declined(name, error.code, error.message)
        except (Throttled, ClockSkew) as error:
            return self._declined(name, 0, f"not sent: {error}")
        except (ExchangeError, DataError, TimeoutError):
            return self._lost(name)  # also an answer nobody can read: it may have taken effect

    async def _prepare(self, plan: PositionPlan) -> tuple[int, str] | None:
        """Set the leverage once per symbol; what went wrong otherwise."""
        wanted = plan.symbol, plan.leverage
        if wanted in self._prepared:
            return None
        try:
            async with asyncio.timeout(self._timeout_s * 2):
                await self._gateway.set_leverage(*wanted)
        except Rejected as error:
            return error.code, f"leverage {plan.leverage}: {error.message}"
        except (ExchangeError, DataError, TimeoutError) as error:
            return 0, f"leverage not confirmed: {error}"
        self._prepared.add(wanted)
        return None

    async def _find(self, symbol: str, client_id: str, conditional: bool) -> OrderState | Exception | None:
        ask: Callable[[str, str], Awaitable[OrderState | None]] = (
            self._gateway.find_conditional if conditional else self._gateway.find
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                return await ask(symbol, client_id)
        except (ExchangeError, DataError, TimeoutError) as error:
            return error

    def _record(self, pending: IntentRow, answer: AnyInput) -> None:
        state, outcome = "unknown", ""
        if isinstance(answer, OrderSeen):
            state = "accepted"
        elif isinstance(answer, OrderDeclined):
            state, outcome = "rejected", f"{answer.code}: {answer.message}"
        elif isinstance(answer, OrderMissing):
            state, outcome = "rejected", "never placed"
        now_ms = self._clock.now_ms()
        self._journal.put(msgspec.structs.replace(pending, state=state, outcome=outcome, updated_ms=now_ms))

    def _seen(self, order: OrderState) -> OrderSeen:
        now_ms = self._clock.now_ms()
        age = age_ms(now_ms, order.updated_ms, self._clock.rate)
        return OrderSeen(now_ms=now_ms, mono_ms=self._clock.mono_ms(), order=order, age_ms=age)

    def _lost(self, client_id: str) -> OrderLost:
        return OrderLost(now_ms=self._clock.now_ms(), mono_ms=self._clock.mono_ms(), client_id=client_id)

    def _declined(self, client_id: str, code: int, message: str) -> OrderDeclined:
        now_ms, mono_ms = self._clock.now_ms(), self._clock.mono_ms()
        return OrderDeclined(now_ms=now_ms, mono_ms=mono_ms, client_id=client_id, code=code, message=message)

    def _cancel_failed(self, client_id: str) -> CancelFailed:
        return CancelFailed(now_ms=self._clock.now_ms(), mono_ms=self._clock.mono_ms(), client_id=client_id)


def _leg(intent: OrderIntent) -> str:
    name = client_ids.parse(intent.client_id)
    return name.leg if name is not None else ""


def _request(plan: PositionPlan, intent: OrderIntent) -> OrderRequest | ConditionalRequest:
    match intent:
        case PlaceEntry():
            return OrderRequest(plan.symbol, intent.client_id, intent.side, "MARKET", intent.quantity)
        case ExitMarket():
            return OrderRequest(plan.symbol, intent.client_id, intent.side, "MARKET", intent.quantity, reduce_only=True)
        case PlaceTier():
            return OrderRequest(
                plan.symbol, intent.client_id, intent.side, "LIMIT", intent.quantity,
                price=intent.price, time_in_force="GTC", reduce_only=True,
            )  # fmt: skip
        case PlaceStop():
            return ConditionalRequest(
                plan.symbol, intent.client_id, intent.side, "STOP_MARKET", intent.price,
                working_type=intent.working_type, close_position=intent.close_position,
                quantity=None if intent.close_position else intent.quantity,
                reduce_only=not intent.close_position,
            )  # fmt: skip


def _cancelled(plan: PositionPlan, order: Order) -> OrderState:
    """What a conditional cancel that was answered with success proves."""
    return OrderState(
        symbol=plan.symbol,
        client_id=order.client_id,
        order_id=order.order_id,
        side=order.side,
        type="STOP_MARKET",
        status=OrderStatus.CANCELED,
        quantity=order.quantity,
        filled=ZERO,
        conditional=True,
        trigger_price=order.price,
        close_position=order.close_position,
    )
