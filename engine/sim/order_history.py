"""REST queries about plain orders and executions: present, past, and how they changed (section 3.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.sim import answers
from engine.sim.account import Account
from engine.sim.codes import refuse
from engine.sim.order_requests import named
from engine.sim.orders import Order
from engine.sim.parameters import DAY_MS, Params
from engine.sim.venue import Venue

_UNFILLED_KEPT_MS = 3 * DAY_MS
_KEPT_MS = 90 * DAY_MS
_AUTO_CLOSE = ("LIQUIDATION", "ADL")


class OrderHistory:
    """Reading orders; nothing here changes one."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def one(self, account: Account, params: Params, now_ms: int) -> Any:
        """GET order."""
        symbol = params.required("symbol")
        rules = self._venue.rules(symbol)
        return answers.order_state(rules, named(self._kept(account, symbol, now_ms), params, -2013))

    def one_open(self, account: Account, params: Params, now_ms: int) -> Any:
        """GET openOrder: a finished order does not exist here."""
        symbol = params.required("symbol")
        rules = self._venue.rules(symbol)
        return answers.order_state(rules, named(account.open_orders(symbol), params, -2013))

    def open(self, account: Account, params: Params, now_ms: int) -> Any:
        """GET openOrders; untriggered conditional orders are never among them."""
        symbol = params.text("symbol")
        if symbol is not None:
            self._venue.rules(symbol)
        orders = account.open_orders(symbol)
        return [answers.order_state(self._venue.rules(order.symbol), order) for order in orders]

    def all(self, account: Account, params: Params, now_ms: int) -> Any:
        """GET allOrders: from an order number on, or the newest of a time window."""
        symbol = params.text("symbol")
        if symbol is not None:
            self._venue.rules(symbol)
        limit = params.limit(500, 1000)
        first = params.integer("orderId")
        orders = sorted(self._kept(account, symbol, now_ms), key=lambda order: order.order_id)
        if first is not None:
            chosen = [order for order in orders if order.order_id >= first][:limit]
        else:
            start, end = params.window(now_ms)
            chosen = [order for order in orders if start <= order.created_ms <= end][-limit:]
        return [answers.order_record(self._venue.rules(order.symbol), order) for order in chosen]

    def trades(self, account: Account, params: Params, now_ms: int) -> Any:
        """GET userTrades: the oldest of the window first; by number with fromId, which excludes times."""
        symbol = params.required("symbol")
        rules = self._venue.rules(symbol)
        limit = params.limit(500, 1000)
        first, order_id = params.integer("fromId"), params.integer("orderId")
        mine = [trade for trade in account.trades if trade.symbol == symbol]
        if order_id is not None:
            mine = [trade for trade in mine if trade.order_id == order_id]
        if first is not None:
            if params.text("startTime") or params.text("endTime"):
                raise refuse(-1128)
            mine = [trade for trade in mine if trade.trade_id >= first]
        else:
            start, end = params.window(now_ms)
            mine = [trade for trade in mine if start <= trade.at_ms <= end]
        return [answers.trade_row(rules, trade) for trade in mine[:limit]]

    def amendments(self, account: Account, params: Params, now_ms: int) -> Any:
        """GET orderAmendment of one order, newest first."""
        symbol = params.required("symbol")
        rules = self._venue.rules(symbol)
        order = named(self._kept(account, symbol, now_ms), params, -2013)
        start, end = params.integer("startTime") or 0, params.integer("endTime") or now_ms
        rows = [one for one in account.amendments if one.order is order and start <= one.at_ms <= end]
        return [answers.amendment_row(rules, one) for one in reversed(rows[-params.limit(50, 100) :])]

    def forced(self, account: Account, params: Params, now_ms: int) -> Any:
        """GET forceOrders: what the exchange closed for the account."""
        symbol = params.text("symbol")
        kind = params.word("autoCloseType", _AUTO_CLOSE, -1130, "")
        start, end = params.window(now_ms, _KEPT_MS)
        rows = [
            order
            for order in account.orders.values()
            if order.auto_close
            and symbol in {None, order.symbol}
            and kind in {"", order.auto_close}
            and start <= order.created_ms <= end
        ]
        return [
            answers.forced_order(self._venue.rules(order.symbol), order) for order in rows[-params.limit(50, 100) :]
        ]

    @staticmethod
    def _kept(account: Account, symbol: str | None, now_ms: int) -> Iterator[Order]:
        """Orders queries still know: unfilled dead ones for three days, all for ninety."""
        for order in account.orders.values():
            age_ms = now_ms - order.updated_ms
            forgotten = not order.open and (age_ms > _KEPT_MS or (not order.filled and age_ms > _UNFILLED_KEPT_MS))
            if symbol in {None, order.symbol} and not forgotten and not order.auto_close:
                yield order
