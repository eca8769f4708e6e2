"""The matching engine as the account sees it: orders are admitted, executed against the market, and end.

The account's own orders are not in the displayed book. A taker walks the market's levels; a resting order is executed
in full at its price when the last price touches it. Reduce-only orders never exceed the position they reduce: those
that would, by price and time, are knocked out.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_FLOOR, Decimal
from typing import Protocol

from engine.sim.account import Account
from engine.sim.account_events import account_update, order_trade_update, trade_lite
from engine.sim.contract import Level
from engine.sim.figures import ZERO, cents
from engine.sim.orders import Amendment, Order, Trade
from engine.sim.venue import TAKER_FEE, Venue

# Expiry reasons, field `er`.
STP = 1
IOC_REST = 2
KNOCKED_OUT = 4
LIQUIDATED = 5
MARKET_REST = 9


class Watcher(Protocol):
    """Who must know what became of orders and positions."""

    def order_done(self, account: Account, order: Order, now_ms: int) -> None: ...
    def position_changed(self, account: Account, symbol: str, now_ms: int) -> None: ...


class Matching:
    """Executes orders of all accounts; every step is announced on the account's stream."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._watchers: list[Watcher] = []

    def watch(self, watcher: Watcher) -> None:
        self._watchers.append(watcher)

    def number(self, order: Order, now_ms: int) -> None:
        """Give an order its place in the books before it is announced."""
        order.order_id = self._venue.ids.order()
        order.created_ms = order.updated_ms = now_ms

    def submit(self, account: Account, order: Order, now_ms: int) -> None:
        """Announce an order that passed all checks, execute what can be executed, rest or expire the remainder."""
        if not order.order_id:
            self.number(order, now_ms)
        order.priority = self._venue.ids.priority()
        account.orders[order.order_id] = order
        if order.type == "LIMIT":
            account.resting.setdefault(order.symbol, {})[order.order_id] = order
        self._announce(account, order, "NEW", now_ms)
        self._work(account, order, now_ms)

    def amend(
        self, account: Account, order: Order, price: Decimal, qty: Decimal, modify_id: int | None, now_ms: int
    ) -> None:
        """Change a resting order; it loses its place in the queue and may now take."""
        order.modified += 1
        account.amendments.append(
            Amendment(
                self._venue.ids.amendment(),
                order,
                now_ms,
                order.price,
                price,
                order.qty,
                qty,
                order.modified,
                modify_id,
            )
        )
        order.price, order.qty, order.updated_ms = price, qty, now_ms
        order.priority = self._venue.ids.priority()
        self._venue.emit(
            account, order_trade_update(account, self._venue, order, "AMENDMENT", now_ms, modify_id=modify_id)
        )
        self._work(account, order, now_ms)
        self.knock_out(account, order.symbol, now_ms)

    def cancel(self, account: Account, order: Order, now_ms: int) -> None:
        self.finish(account, order, "CANCELED", "CANCELED", now_ms)

    def finish(self, account: Account, order: Order, status: str, execution: str, now_ms: int, reason: int = 0) -> None:
        """End an order that is not filled."""
        order.status, order.updated_ms = status, now_ms
        account.resting.get(order.symbol, {}).pop(order.order_id, None)
        self._announce(account, order, execution, now_ms, reason=reason)
        self._done(account, order, now_ms)

    def cross(self, account: Account, symbol: str, last: Decimal, now_ms: int) -> None:
        """Execute resting orders the last price has touched, best price first, at their own price."""
        parted: set[int] = set()
        while due := [
            order
            for order in account.resting.get(symbol, {}).values()
            if order.order_id not in parted and (order.price - last) * order.sign >= 0
        ]:
            order = min(due, key=_rank)
            qty = self._fillable(account, order)
            if not qty:
                self.finish(account, order, "EXPIRED", "EXPIRED", now_ms, reason=KNOCKED_OUT)
                continue
            if (share := self._venue.script.share()) is not None:
                step = self._venue.market.rules(symbol).step
                qty = max(step, (qty * share / step).to_integral_value(ROUND_FLOOR) * step)
                parted.add(order.order_id)
            self.fill(account, order, Level(order.price, min(qty, order.remaining)), True, now_ms)
            self._settle(account, symbol, now_ms)

    def fill(
        self,
        account: Account,
        order: Order,
        level: Level,
        maker: bool,
        now_ms: int,
        fee_rate: Decimal | None = None,
        charge: str = "COMMISSION",
    ) -> None:
        """Book one execution everywhere it shows: position, wallet, trades, stream."""
        venue, symbol = self._venue, order.symbol
        rate = fee_rate if fee_rate is not None else venue.maker_fee if maker else TAKER_FEE
        fee = cents(level.price * level.qty * rate)
        position = account.position(symbol, order.position_side)
        realized, opened = position.apply(order.sign * level.qty, level.price, fee)
        position.updated_ms = order.updated_ms = now_ms
        if opened and account.is_isolated(symbol):
            position.isolated_wallet += cents(opened * level.price / account.leverage(symbol))
        order.filled += level.qty
        order.quote += level.price * level.qty
        order.status = "FILLED" if not order.remaining else "PARTIALLY_FILLED"
        if not order.open:
            account.resting.get(symbol, {}).pop(order.order_id, None)
        trade = Trade(
            venue.ids.trade(),
            order.order_id,
            symbol,
            order.side,
            order.position_side,
            level.price,
            level.qty,
            fee,
            realized,
            maker,
            now_ms,
        )
        account.trades.append(trade)
        for kind, amount in (("REALIZED_PNL", realized), (charge, -fee)):
            number = str(trade.trade_id)
            account.wallet.book(kind, amount, now_ms, venue.ids.transfer(), symbol, number, number)
        if not order.auto_close:
            venue.emit(account, trade_lite(venue, order, trade, now_ms))
        venue.emit(account, account_update(account, venue, "ORDER", now_ms, [position]))
        self._announce(account, order, "CALCULATED" if order.auto_close else "TRADE", now_ms, trade)
        if not order.open:
            self._done(account, order, now_ms)

    def knock_out(self, account: Account, symbol: str, now_ms: int) -> None:
        """Expire resting reduce-only orders that the position no longer has room for."""
        resting = [order for order in account.resting.get(symbol, {}).values() if order.reduce_only]
        for order in excess(account, resting):
            self.finish(account, order, "EXPIRED", "EXPIRED", now_ms, reason=KNOCKED_OUT)

    def auto_close(self, account: Account, order: Order, levels: Iterable[Level], rate: Decimal, now_ms: int) -> None:
        """Close a position on the exchange's own account of things: liquidation or deleveraging."""
        order.order_id = self._venue.ids.auto_close()
        order.created_ms = now_ms
        account.orders[order.order_id] = order
        for level in levels:
            self.fill(account, order, level, False, now_ms, fee_rate=rate, charge="INSURANCE_CLEAR")
        self._settle(account, order.symbol, now_ms)

    def _work(self, account: Account, order: Order, now_ms: int) -> None:
        before = order.filled
        worst = order.price if order.type == "LIMIT" else self.worst(order)
        bid, ask = self._venue.market.best(order.symbol)
        if order.type == "MARKET" or (order.price >= ask if order.side == "BUY" else order.price <= bid):
            self._take(account, order, worst, now_ms)
        if order.open and order.type == "MARKET":
            reason = MARKET_REST if self._fillable(account, order) else KNOCKED_OUT
            self.finish(account, order, "EXPIRED", "EXPIRED", now_ms, reason=reason)
        elif order.open and order.tif in {"IOC", "FOK"}:
            self.finish(account, order, "EXPIRED", "EXPIRED", now_ms, reason=IOC_REST)
        if order.filled != before:
            self._settle(account, order.symbol, now_ms)
        elif order.reduce_only:
            self.knock_out(account, order.symbol, now_ms)

    def worst(self, order: Order) -> Decimal:
        """The last price a market order may be executed at: the mark price plus or minus the symbol's bound."""
        bound = self._venue.market.rules(order.symbol).market_take_bound
        return self._venue.market.mark(order.symbol) * (1 + order.sign * bound)

    def _take(self, account: Account, order: Order, worst: Decimal, now_ms: int) -> None:
        """Walk the market up to the account's own resting orders on the other side, and deal with those as asked."""
        tick = self._venue.market.rules(order.symbol).tick
        for own in _in_the_way(account, order, worst):
            self._walk(account, order, own.price - order.sign * tick, now_ms)
            if not order.open or not self._fillable(account, order):
                return
            self._meet_own(account, order, own, now_ms)
            if order.status == "EXPIRED_IN_MATCH":
                return
        self._walk(account, order, worst, now_ms)

    def _meet_own(self, account: Account, order: Order, own: Order, now_ms: int) -> None:
        """Self-trade prevention in the mode of the taker; without one the two trade with each other."""
        if order.stp == "NONE":
            met = Level(own.price, min(self._fillable(account, order), own.remaining))
            self.fill(account, own, met, True, now_ms)
            self.fill(account, order, met, False, now_ms)
        if order.stp in {"EXPIRE_MAKER", "EXPIRE_BOTH"}:
            self.finish(account, own, "EXPIRED_IN_MATCH", "EXPIRED", now_ms, reason=STP)
        if order.stp in {"EXPIRE_TAKER", "EXPIRE_BOTH"}:
            self.finish(account, order, "EXPIRED_IN_MATCH", "EXPIRED", now_ms, reason=STP)

    def _walk(self, account: Account, order: Order, worst: Decimal, now_ms: int) -> None:
        qty = self._fillable(account, order)
        if not qty:
            return
        for level in _merged(self._venue.market.take(order.symbol, order.side, qty, worst, now_ms)):
            self.fill(account, order, level, False, now_ms)

    def _fillable(self, account: Account, order: Order) -> Decimal:
        if not order.reduce_only:
            return order.remaining
        return min(order.remaining, account.position(order.symbol, order.position_side).reducible(order.side))

    def _settle(self, account: Account, symbol: str, now_ms: int) -> None:
        self.knock_out(account, symbol, now_ms)
        for watcher in self._watchers:
            watcher.position_changed(account, symbol, now_ms)

    def _done(self, account: Account, order: Order, now_ms: int) -> None:
        for watcher in self._watchers:
            watcher.order_done(account, order, now_ms)

    def _announce(
        self,
        account: Account,
        order: Order,
        execution: str,
        now_ms: int,
        trade: Trade | None = None,
        reason: int = 0,
    ) -> None:
        event = order_trade_update(account, self._venue, order, execution, now_ms, trade, reason)
        self._venue.emit(account, event)


def excess(account: Account, reducing: Iterable[Order]) -> list[Order]:
    """Reduce-only orders of one symbol that would take more than the position, by price, then time."""
    room: dict[tuple[str, str], Decimal] = {}
    knocked: list[Order] = []
    for order in sorted(reducing, key=_rank):
        key = (order.position_side, order.side)
        left = room.setdefault(key, account.position(order.symbol, order.position_side).reducible(order.side))
        if order.remaining > left:
            knocked.append(order)
        else:
            room[key] = left - order.remaining
    return knocked


def _rank(order: Order) -> tuple[Decimal, int]:
    """Price-time priority: dearest buy first, cheapest sell first."""
    return (-order.sign * order.price, order.priority)


def _in_the_way(account: Account, order: Order, worst: Decimal) -> list[Order]:
    own = [
        other
        for other in account.resting.get(order.symbol, {}).values()
        if other.side != order.side and (worst - other.price) * order.sign >= 0
    ]
    return sorted(own, key=_rank)


def _merged(levels: Iterable[Level]) -> list[Level]:
    """One execution for each price."""
    merged: dict[Decimal, Decimal] = {}
    for level in levels:
        merged[level.price] = merged.get(level.price, ZERO) + level.qty
    return [Level(price, qty) for price, qty in merged.items() if qty]
