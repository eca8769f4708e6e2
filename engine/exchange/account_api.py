"""The account over REST: the gateway trading speaks to.

Acknowledgements carry no average price, also those of market orders: it comes with the private stream or with `find`.
A conditional order and the plain order it spawns share one client id, so looking one up means looking through both
doors.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from decimal import Decimal
from typing import TypeVar

import msgspec

from engine.clock import Clock
from engine.errors import Rejected
from engine.exchange.call import Call, decode
from engine.exchange.ledger import ENTRY, EXIT
from engine.exchange.limits import Lane
from engine.exchange.orders import (
    AccountEvent,
    AccountState,
    Bracket,
    ConditionalRequest,
    Fill,
    OrderRequest,
    OrderState,
    PositionState,
)
from engine.exchange.refusals import ALREADY_SO, CANCEL_REJECTED, DUPLICATE_CLIENT_ID, NO_SUCH_ORDER
from engine.exchange.rest import Rest
from engine.exchange.wire_account import (
    AccountAnswer,
    AccountConfig,
    AlgoAnswer,
    BracketAnswer,
    CommissionAnswer,
    IncomeAnswer,
    LeverageAnswer,
    OrderAnswer,
    PositionAnswer,
    SymbolConfig,
    TradeAnswer,
    amount,
)
from engine.money import plain

T = TypeVar("T")
DAY_MS = 86_400_000
TRADES_WINDOW_MS = 7 * DAY_MS - 1
TRADES_PAGE = 1000
INCOME_PAGE = 1000
ORDER = "/fapi/v1/order"
ALGO_ORDER = "/fapi/v1/algoOrder"


class RestGateway:
    """`Gateway` over REST, with the account events of the private stream."""

    def __init__(
        self,
        rest: Rest,
        clock: Clock,
        events: Callable[[], AsyncIterator[AccountEvent]],
        expect: Callable[[str], None] = lambda _client_id: None,
    ) -> None:
        """`events` opens the account events; `expect` is told accepted client ids, which the stream must mention."""
        self._rest = rest
        self._clock = clock
        self._events = events
        self._expect = expect

    # -- orders ------------------------------------------------------------------------------------------------------

    async def place(self, order: OrderRequest) -> OrderState:
        """Send a plain order; an id that exists already is answered with the order that has it."""
        params = {
            "symbol": order.symbol,
            "side": order.side,
            "type": order.type,
            "quantity": plain(order.quantity),
            "newClientOrderId": order.client_id,
            "newOrderRespType": "RESULT",
        }
        if order.price is not None:
            params["price"] = plain(order.price)
        if order.type == "LIMIT":
            params["timeInForce"] = order.time_in_force or "GTC"
        if order.reduce_only:
            params["reduceOnly"] = "true"
        kind = EXIT if order.reduce_only else ENTRY
        try:
            answer = await self._order("POST", ORDER, params, order.client_id, OrderAnswer, kind)
        except Rejected as refusal:
            if refusal.code == DUPLICATE_CLIENT_ID:
                known = await self.find(order.symbol, order.client_id)
                if known is not None:
                    return known
            raise
        self._expect(order.client_id)
        return answer.state()

    async def place_conditional(self, order: ConditionalRequest) -> OrderState:
        """Rest a conditional order with the exchange; an id that exists already is answered with its order."""
        params = {
            "algoType": "CONDITIONAL",
            "symbol": order.symbol,
            "side": order.side,
            "type": order.type,
            "triggerPrice": plain(order.trigger_price),
            "workingType": order.working_type,
            "clientAlgoId": order.client_id,
        }
        if order.close_position:
            params["closePosition"] = "true"
        else:
            if order.quantity is not None:
                params["quantity"] = plain(order.quantity)
            if order.reduce_only:
                params["reduceOnly"] = "true"
        if order.price_protect:
            params["priceProtect"] = "true"
        kind = EXIT if order.close_position or order.reduce_only else ENTRY
        try:
            answer = await self._order("POST", ALGO_ORDER, params, order.client_id, AlgoAnswer, kind)
        except Rejected as refusal:
            if refusal.code == DUPLICATE_CLIENT_ID:
                known = await self.find_conditional(order.symbol, order.client_id)
                if known is not None:
                    return known
            raise
        self._expect(order.client_id)
        return answer.state()

    async def cancel(self, symbol: str, client_id: str) -> OrderState:
        """Cancel a plain order; one that is gone already is answered with how it ended."""
        params = {"symbol": symbol, "origClientOrderId": client_id}
        try:
            answer = await self._order("DELETE", ORDER, params, client_id, OrderAnswer, EXIT)
        except Rejected as refusal:
            if refusal.code == CANCEL_REJECTED:
                known = await self.find(symbol, client_id)
                if known is not None:
                    return known
            raise
        return answer.state()

    async def cancel_conditional(self, symbol: str, client_id: str) -> None:
        """Cancel a conditional order; one that is gone already is as good as cancelled."""
        params = {"symbol": symbol, "clientAlgoId": client_id}
        try:
            await self._order("DELETE", ALGO_ORDER, params, client_id, msgspec.Raw, EXIT)
        except Rejected as refusal:
            if refusal.code != CANCEL_REJECTED:
                raise

    async def find(self, symbol: str, client_id: str) -> OrderState | None:
        """A plain order with its average price, or None where the exchange knows no such order."""
        answer = await self._maybe(ORDER, {"symbol": symbol, "origClientOrderId": client_id}, OrderAnswer)
        return None if answer is None else answer.state()

    async def find_conditional(self, symbol: str, client_id: str) -> OrderState | None:
        """A conditional order wherever it is by now, or None.

        The list of resting ones is asked first, because the single query has been seen to deny an order the list
        shows. What has triggered is found by number, or as the plain order that inherited its client id.
        """
        for row in await self._ask("/fapi/v1/openAlgoOrders", {"symbol": symbol}, list[AlgoAnswer]):
            if row.client_algo_id == client_id:
                return row.state()
        answer = await self._maybe(ALGO_ORDER, {"clientAlgoId": client_id}, AlgoAnswer)
        if answer is not None:
            return answer.state()
        return await self.find(symbol, client_id)

    async def open_orders(self) -> list[OrderState]:
        """Resting plain orders of all symbols; untriggered conditional ones are never among them."""
        return [row.state() for row in await self._ask("/fapi/v1/openOrders", {}, list[OrderAnswer])]

    async def open_conditionals(self) -> list[OrderState]:
        """Resting conditional orders of all symbols."""
        return [row.state() for row in await self._ask("/fapi/v1/openAlgoOrders", {}, list[AlgoAnswer])]

    # -- account -------------------------------------------------------------------------------------------------------

    async def positions(self) -> list[PositionState]:
        """Positions that are not flat, with leverage and margin mode from the symbols' configuration."""
        answer = await self._ask("/fapi/v3/positionRisk", {}, list[PositionAnswer])
        rows = [row for row in answer if amount(row.position_amt)]
        if not rows:
            return []
        one = {"symbol": rows[0].symbol} if len({row.symbol for row in rows}) == 1 else {}
        configs = await self._ask("/fapi/v1/symbolConfig", one, list[SymbolConfig])
        by_symbol = {config.symbol: config for config in configs}
        unknown = SymbolConfig("", 0)
        return [
            row.state(config.leverage, config.margin_type != "CROSSED")
            for row in rows
            for config in (by_symbol.get(row.symbol, unknown),)
        ]

    async def account(self) -> AccountState:
        return (await self._ask("/fapi/v3/account", {}, AccountAnswer)).state()

    async def account_config(self) -> AccountConfig:
        """Position mode and margin mode of the whole account."""
        return await self._ask("/fapi/v1/accountConfig", {}, AccountConfig)

    async def fills(self, symbol: str, since_ms: int) -> list[Fill]:
        """Every execution of a symbol since an exchange time, oldest first; their client ids are not known here."""
        fills: dict[int, Fill] = {}
        start_ms = since_ms
        while start_ms <= (now_ms := self._clock.now_ms()):
            end_ms = min(start_ms + TRADES_WINDOW_MS, max(now_ms, start_ms) + 1000)
            page = await self._trades(symbol, {"startTime": str(start_ms), "endTime": str(end_ms)})
            fills |= {row.id: row.fill() for row in page}
            while len(page) == TRADES_PAGE:  # the window holds more: go on by number
                page = await self._trades(symbol, {"fromId": str(page[-1].id + 1)})
                fills |= {row.id: row.fill() for row in page}
            start_ms = end_ms + 1
        return sorted(fills.values(), key=lambda fill: (fill.at_ms, fill.trade_id))

    async def income(self, since_ms: int, kind: str = "") -> list[IncomeAnswer]:
        """Bookings of the wallet since an exchange time, oldest first: funding, fees, transfers."""
        rows: dict[tuple[int, str, int], IncomeAnswer] = {}
        start_ms = since_ms
        while True:
            params = {"startTime": str(start_ms), "limit": str(INCOME_PAGE)}
            if kind:
                params["incomeType"] = kind
            page = await self._ask("/fapi/v1/income", params, list[IncomeAnswer])
            rows |= {(row.tran_id, row.income_type, row.time): row for row in page}
            if len(page) < INCOME_PAGE or page[-1].time <= start_ms:
                return sorted(rows.values(), key=lambda row: row.time)
            start_ms = page[-1].time

    async def brackets(self, symbol: str) -> list[Bracket]:
        """Leverage brackets, smallest notional first; the answer is a list or a single object."""
        raw = bytes(await self._ask("/fapi/v1/leverageBracket", {"symbol": symbol}, msgspec.Raw))
        listed = raw.lstrip().startswith(b"[")
        for row in decode(raw, list[BracketAnswer]) if listed else [decode(raw, BracketAnswer)]:
            if row.symbol == symbol:
                return sorted(row.rows(), key=lambda bracket: bracket.notional_floor)
        return []

    async def commission(self, symbol: str) -> tuple[Decimal, Decimal]:
        """(maker, taker) rates as fractions."""
        answer = await self._ask("/fapi/v1/commissionRate", {"symbol": symbol}, CommissionAnswer)
        return amount(answer.maker_commission_rate), amount(answer.taker_commission_rate)

    # -- settings of the account, which may be set twice -----------------------------------------------------------

    async def set_leverage(self, symbol: str, leverage: int) -> int:
        """The leverage the exchange took over."""
        params = {"symbol": symbol, "leverage": str(leverage)}
        return (await self._set("/fapi/v1/leverage", params, LeverageAnswer)).leverage

    async def set_margin_mode(self, symbol: str, isolated: bool) -> None:
        params = {"symbol": symbol, "marginType": "ISOLATED" if isolated else "CROSSED"}
        await self._make_so("/fapi/v1/marginType", params)

    async def set_one_way(self) -> None:
        """One position per symbol; refused while orders or positions are open."""
        await self._make_so("/fapi/v1/positionSide/dual", {"dualSidePosition": "false"})

    def events(self) -> AsyncIterator[AccountEvent]:
        """Account events from now on; one reader."""
        return self._events()

    # -- how calls are made ----------------------------------------------------------------------------------------

    async def _order(
        self, method: str, path: str, params: Mapping[str, str], client_id: str, shape: type[T], kind: str
    ) -> T:
        call = Call(method, path, params, signed=True, kind=kind)
        return await self._rest.order(call, client_id, shape)

    async def _ask(self, path: str, params: Mapping[str, str], shape: type[T]) -> T:
        return await self._rest.ask(Call("GET", path, params, signed=True, lane=Lane.TRADING), shape)

    async def _maybe(self, path: str, params: Mapping[str, str], shape: type[T]) -> T | None:
        try:
            return await self._ask(path, params, shape)
        except Rejected as refusal:
            if refusal.code != NO_SUCH_ORDER:
                raise
            return None

    async def _trades(self, symbol: str, span: Mapping[str, str]) -> list[TradeAnswer]:
        params = {"symbol": symbol, "limit": str(TRADES_PAGE), **span}
        page = await self._ask("/fapi/v1/userTrades", params, list[TradeAnswer])
        return sorted(page, key=lambda row: row.id)

    async def _set(self, path: str, params: Mapping[str, str], shape: type[T]) -> T:
        return await self._rest.ask(Call("POST", path, params, signed=True, lane=Lane.TRADING), shape)

    async def _make_so(self, path: str, params: Mapping[str, str]) -> None:
        try:
            await self._set(path, params, msgspec.Raw)
        except Rejected as refusal:
            if refusal.code not in ALREADY_SO:
                raise
