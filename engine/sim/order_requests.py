"""REST requests about plain orders (section 3.5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from engine.sim import answers, filters
from engine.sim.account import Account
from engine.sim.codes import Refused, refuse
from engine.sim.matching import Matching
from engine.sim.order_entry import SIDES, read_order, read_price, read_price_match
from engine.sim.orders import UNRANKED, Order
from engine.sim.parameters import Params, spelled
from engine.sim.venue import Venue

_BATCH, _CANCEL_BATCH, _MAX_MODIFIED = 5, 10, 10_000
_DONE = {"code": 200, "msg": "The operation of cancel all open order is done."}
_NUMBER_LISTS = ("orderIdList", "orderidlist")  # clients in use write it either way


class OrderRequests:
    """Placing, changing and cancelling plain orders."""

    def __init__(self, venue: Venue, matching: Matching) -> None:
        self._venue = venue
        self._matching = matching

    def place(self, account: Account, params: Params, now_ms: int) -> Any:
        """POST order. ACK answers what was admitted, RESULT what became of an order that ends at once."""
        self._venue.script.obey("order")
        wants = params.word("newOrderRespType", ("ACK", "RESULT"), -1130, "ACK")
        order = read_order(account, self._venue, params, now_ms)
        filters.check_order(account, self._venue, order, self._matching.worst(order))
        rules = self._venue.rules(order.symbol)
        self._matching.number(order, now_ms)
        admitted = answers.order_ack(rules, order)
        self._matching.submit(account, order, now_ms)
        return admitted if wants == "ACK" else answers.order_ack(rules, order)

    def test(self, account: Account, params: Params, now_ms: int) -> Any:
        """POST order/test: every check, no order."""
        order = read_order(account, self._venue, params, now_ms, test=True)
        if order.orig_type in {"LIMIT", "MARKET"}:
            filters.check_order(account, self._venue, order, self._matching.worst(order))
        return answers.tested_order(now_ms)

    def modify(self, account: Account, params: Params, now_ms: int) -> Any:
        """PUT order: new price and quantity, the place in the queue is lost. Refused changes leave the order alone."""
        self._venue.script.obey("modify")
        symbol = params.required("symbol")
        rules = self._venue.rules(symbol)
        side = params.word("side", SIDES, -1117)
        qty = params.required_number("quantity")
        price_match = read_price_match(params, "LIMIT")
        price = read_price(self._venue, params, symbol, side, price_match)
        modify_id = params.integer("modifyId")
        order = self._open(account, params, -2013)
        if rules.status != "TRADING":
            raise refuse(-5024)
        if order.type != "LIMIT" or order.side != side:
            raise refuse(-5025 if order.type != "LIMIT" else -1117)
        if params.flag("reduceOnly") and not order.reduce_only:
            raise refuse(-5047)
        if order.modified >= _MAX_MODIFIED:
            raise refuse(-5026)
        if (price, qty) == (order.price, order.qty):
            raise refuse(-5027)
        filters.check_price(rules, price)
        filters.check_quantity(rules, qty, market=False)
        filters.check_band(rules, side, price, self._venue.market.mark(symbol))
        changed = replace(order, price=price, qty=qty, priority=UNRANKED)
        if order.reduce_only:
            filters.check_reduction(account, changed)
        else:
            filters.check_notional(rules, price, qty, code=-5029)
            filters.check_margin(account, self._venue, changed)
        bid, ask = self._venue.market.best(symbol)
        would_take = price >= ask if side == "BUY" else price <= bid
        if qty <= order.filled or (order.tif == "GTX" and would_take):
            self._matching.cancel(account, order, now_ms)
        else:
            self._matching.amend(account, order, price, qty, modify_id, now_ms)
        return answers.order_modified(rules, order, modify_id)

    def cancel(self, account: Account, params: Params, now_ms: int) -> Any:
        self._venue.script.obey("cancel")
        rules = self._venue.rules(params.required("symbol"))
        order = self._open(account, params, -2011)
        self._matching.cancel(account, order, now_ms)
        return answers.order_ack(rules, order)

    def place_batch(self, account: Account, params: Params, now_ms: int) -> Any:
        """Up to five orders; each item is answered on its own."""
        items = _items(params, "batchOrders", _BATCH)
        return [_attempt(lambda item=item: self.place(account, item, now_ms)) for item in items]

    def modify_batch(self, account: Account, params: Params, now_ms: int) -> Any:
        items = _items(params, "batchOrders", _BATCH)
        return [_attempt(lambda item=item: self.modify(account, item, now_ms)) for item in items]

    def cancel_batch(self, account: Account, params: Params, now_ms: int) -> Any:
        """Up to ten orders, named by number or by client id."""
        symbol = params.required("symbol")
        self._venue.rules(symbol)
        by_number = next((name for name in _NUMBER_LISTS if params.text(name) is not None), None)
        names = params.rows(by_number or "origClientOrderIdList")
        if not 0 < len(names) <= _CANCEL_BATCH:
            raise refuse(-4082)
        key = "orderId" if by_number else "origClientOrderId"
        items = [spelled({"symbol": symbol, key: name}) for name in names]
        return [_attempt(lambda item=item: self.cancel(account, item, now_ms)) for item in items]

    def cancel_all(self, account: Account, params: Params, now_ms: int) -> Any:
        """DELETE allOpenOrders: plain orders of one symbol; conditional ones stay."""
        symbol = params.required("symbol")
        self._venue.rules(symbol)
        self.withdraw(account, symbol, now_ms)
        return dict(_DONE)

    def countdown(self, account: Account, params: Params, now_ms: int) -> Any:
        """POST countdownCancelAll: cancel the symbol's plain orders unless asked again in time; 0 is off."""
        symbol, countdown_ms = params.required("symbol"), params.required_integer("countdownTime")
        self._venue.rules(symbol)
        if countdown_ms < 0:
            raise refuse(-1130, name="countdownTime")
        if countdown_ms:
            account.countdowns[symbol] = now_ms + countdown_ms
        else:
            account.countdowns.pop(symbol, None)
        return {"symbol": symbol, "countdownTime": str(countdown_ms)}

    def on_time(self, account: Account, now_ms: int) -> None:
        """End what has reached its date: countdowns and good-till orders."""
        for symbol, due_ms in list(account.countdowns.items()):
            if now_ms >= due_ms:
                del account.countdowns[symbol]
                self.withdraw(account, symbol, now_ms)
        for order in account.open_orders():
            if order.good_till_ms and now_ms >= order.good_till_ms:
                self._matching.finish(account, order, "EXPIRED", "EXPIRED", now_ms)

    def withdraw(self, account: Account, symbol: str, now_ms: int) -> None:
        for order in account.open_orders(symbol):
            self._matching.cancel(account, order, now_ms)

    def _open(self, account: Account, params: Params, code: int) -> Order:
        return named(account.open_orders(params.required("symbol")), params, code)


def named(orders: Iterable[Order], params: Params, code: int) -> Order:
    """The order a request names by number or, without one, by client id; the newest of several. `code` when absent."""
    number, client_id = params.integer("orderId"), params.text("origClientOrderId")
    if number is None and client_id is None:
        raise refuse(-1102, name="orderId")
    found = [
        order for order in orders if (order.order_id == number if number is not None else order.client_id == client_id)
    ]
    if not found:
        raise refuse(code)
    return max(found, key=lambda order: order.order_id)


def _items(params: Params, name: str, most: int) -> list[Params]:
    rows = params.rows(name)
    if not 0 < len(rows) <= most:
        raise refuse(-4082)
    if not all(isinstance(row, dict) for row in rows):
        raise refuse(-1102, name=name)
    return [spelled(row) for row in rows]


def _attempt(act: Any) -> Any:
    try:
        return act()
    except Refused as refusal:
        return refusal.body
