"""The algo service: orders that wait for a price, spawn a plain order, and end with it (sections 3.6, 6.4, 7.2, 7.3).

Life: NEW -> TRIGGERING -> TRIGGERED -> FINISHED; or CANCELED by the client, EXPIRED by the system, REJECTED at the
trigger with a reason. Nothing of a waiting order shows in the lists of plain orders.
"""

from __future__ import annotations

from decimal import Decimal

from engine.sim import filters
from engine.sim.account import Account
from engine.sim.account_events import algo_update
from engine.sim.codes import Refused, refuse
from engine.sim.figures import ONE, ZERO
from engine.sim.matching import Matching
from engine.sim.orders import NO_ALGO, Conditional, Order
from engine.sim.venue import Venue

MAX_OPEN = 200
_PERCENT = Decimal(100)


class Conditionals:
    """Conditional orders of all accounts; ends with their spawned order, or with the position they protect."""

    def __init__(self, venue: Venue, matching: Matching) -> None:
        self._venue = venue
        self._matching = matching
        matching.watch(self)

    def place(self, account: Account, algo: Conditional, now_ms: int) -> None:
        """Check and arm an order. Raises Refused: -2021, -4130, -4045 and the filters."""
        self._check(account, algo)
        algo.algo_id = self._venue.ids.algo()
        algo.created_ms = algo.updated_ms = now_ms
        account.conditionals[algo.algo_id] = algo
        account.armed.setdefault(algo.symbol, {})[algo.algo_id] = algo
        self._announce(account, algo, now_ms)
        if algo.trailing and not algo.activate_price:
            algo.activate_price = self._venue.price(algo.symbol, algo.working_type)
            self._follow(account, algo, algo.activate_price, now_ms)

    def cancel(self, account: Account, algo: Conditional, now_ms: int) -> None:
        self._end(account, algo, "CANCELED", now_ms)

    def on_price(self, account: Account, symbol: str, last: Decimal, mark: Decimal, now_ms: int) -> None:
        """Trigger what the last and mark price reach, oldest first."""
        for algo in account.open_conditionals(symbol):
            if algo.status != "NEW":
                continue  # ended by one triggered before it
            price = mark if algo.working_type == "MARK_PRICE" else last
            reached = self._follow(account, algo, price, now_ms) if algo.trailing else triggers(algo, price)
            if reached and not self._protected(algo, last, mark):
                self.trigger(account, algo, now_ms)

    def on_time(self, account: Account, now_ms: int) -> None:
        for algo in account.open_conditionals():
            if algo.good_till_ms and now_ms >= algo.good_till_ms:
                self._end(account, algo, "EXPIRED", now_ms)

    def trigger(self, account: Account, algo: Conditional, now_ms: int) -> None:
        """Send the order an armed one stands for; what matching refuses at this moment is REJECTED with the reason."""
        account.armed[algo.symbol].pop(algo.algo_id)
        algo.status, algo.updated_ms, algo.triggered_ms = "TRIGGERING", now_ms, now_ms
        self._announce(account, algo, now_ms)
        order = _spawned(account, algo)
        if algo.closes_with_position and not order.qty:
            self._end(account, algo, "EXPIRED", now_ms)
            return
        try:
            self._venue.script.obey("trigger")
            filters.check_order(account, self._venue, order, self._matching.worst(order))
        except Refused as refusal:
            algo.reason = "Reduce Only reject" if refusal.code == -2022 else refusal.text
            self._end(account, algo, "REJECTED", now_ms)
            return
        self._matching.number(order, now_ms)
        algo.status, algo.order_id, algo.order_type = "TRIGGERED", order.order_id, order.type
        self._announce(account, algo, now_ms)
        self._matching.submit(account, order, now_ms)

    def order_done(self, account: Account, order: Order, now_ms: int) -> None:
        """The spawned order is over, filled or not: so is the conditional one."""
        if order.algo_id == NO_ALGO:
            return
        algo = account.conditionals[order.algo_id]
        algo.average, algo.filled = order.average, order.filled
        self._end(account, algo, "FINISHED", now_ms)

    def position_changed(self, account: Account, symbol: str, now_ms: int) -> None:
        """Orders tied to a position expire when there is nothing left for them to close."""
        for algo in account.open_conditionals(symbol):
            position = account.position(symbol, algo.position_side)
            if algo.closes_with_position and not position.reducible(algo.side):
                self._end(account, algo, "EXPIRED", now_ms)

    def _check(self, account: Account, algo: Conditional) -> None:
        rules = self._venue.market.rules(algo.symbol)
        filters.check_status(rules)
        if not algo.close_position:
            filters.check_quantity(rules, algo.qty, market=algo.type.endswith("MARKET"))
        if algo.price:
            filters.check_price(rules, algo.price)
        price = self._venue.price(algo.symbol, algo.working_type)
        if not algo.reduce_only:
            filters.check_notional(rules, algo.price or algo.trigger_price or price, algo.qty)
        working = account.open_conditionals()
        if len(working) >= MAX_OPEN:
            raise refuse(-4045)
        if algo.close_position and any(_same_close(algo, other) for other in working):
            raise refuse(-4130)
        if algo.trailing:
            if algo.activate_price and (algo.activate_price - price) * _sign(algo) >= 0:
                raise refuse(-2021)
        elif triggers(algo, price):
            raise refuse(-2021)

    def _follow(self, account: Account, algo: Conditional, price: Decimal, now_ms: int) -> bool:
        """One step of a trailing stop: activate it, drag its extreme along, say whether the callback is reached."""
        sign = _sign(algo)
        if not algo.activated:
            if (algo.activate_price - price) * sign < 0:
                return False
            algo.activated, algo.extreme, algo.updated_ms = True, price, now_ms
            self._announce(account, algo, now_ms)
            return False
        if (algo.extreme - price) * sign > 0:
            algo.extreme = price
        callback = algo.extreme * (ONE + sign * algo.callback_rate / _PERCENT)
        return (price - callback) * sign >= 0

    def _protected(self, algo: Conditional, last: Decimal, mark: Decimal) -> bool:
        """Price protection holds a trigger back while last and mark are too far apart."""
        return algo.price_protect and abs(mark - last) > mark * self._venue.market.rules(algo.symbol).trigger_protect

    def _end(self, account: Account, algo: Conditional, status: str, now_ms: int) -> None:
        algo.status, algo.updated_ms = status, now_ms
        account.armed.get(algo.symbol, {}).pop(algo.algo_id, None)
        self._announce(account, algo, now_ms)

    def _announce(self, account: Account, algo: Conditional, now_ms: int) -> None:
        self._venue.emit(account, algo_update(self._venue, algo, now_ms))


def triggers(algo: Conditional, price: Decimal) -> bool:
    """Whether a price sets off a stop (moving against the position) or a take profit (moving with it)."""
    rises = (algo.side == "BUY") == algo.type.startswith("STOP")
    return price >= algo.trigger_price if rises else price <= algo.trigger_price


def _sign(algo: Conditional) -> int:
    return 1 if algo.side == "BUY" else -1


def _same_close(algo: Conditional, other: Conditional) -> bool:
    return other.close_position and (other.symbol, other.side, other.position_side, other.type) == (
        algo.symbol,
        algo.side,
        algo.position_side,
        algo.type,
    )


def _spawned(account: Account, algo: Conditional) -> Order:
    """The plain order of a trigger; one that closes the position is sized now."""
    limit = algo.type in {"STOP", "TAKE_PROFIT"}
    position = account.position(algo.symbol, algo.position_side)
    return Order(
        symbol=algo.symbol,
        side=algo.side,
        type="LIMIT" if limit else "MARKET",
        qty=position.reducible(algo.side) if algo.close_position else algo.qty,
        client_id=algo.client_id,
        price=algo.price if limit else ZERO,
        orig_type=algo.type,
        position_side=algo.position_side,
        tif=algo.tif if limit and algo.tif != "GTE_GTC" else "GTC",
        reduce_only=algo.reduce_only,
        close_position=algo.close_position,
        stop_price=algo.trigger_price,
        working_type=algo.working_type,
        price_match=algo.price_match,
        stp=algo.stp,
        good_till_ms=algo.good_till_ms,
        algo_id=algo.algo_id,
        activate_price=algo.activate_price,
        callback_rate=algo.callback_rate,
    )
