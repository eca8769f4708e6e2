"""What the exchange does to an account by itself: margin calls, liquidation, deleveraging (section 10)."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal
from typing import Any

from engine.sim.account import Account
from engine.sim.account_events import account_update, force_order, margin_call
from engine.sim.contract import Level
from engine.sim.figures import ZERO
from engine.sim.margin import cross, liquidation_price, maintenance, unrealized
from engine.sim.matching import LIQUIDATED, Matching
from engine.sim.orders import Order
from engine.sim.positions import Position
from engine.sim.venue import Venue

_CALL_RATIO = Decimal("0.8")


class Liquidation:
    """Closes what its margin no longer carries; the insurance fund pays what the wallet cannot."""

    def __init__(self, venue: Venue, matching: Matching) -> None:
        self._venue = venue
        self._matching = matching
        self._forced: list[dict[str, Any]] = []

    def drain(self) -> list[dict[str, Any]]:
        """Public forceOrder events since the last call."""
        events, self._forced = self._forced, []
        return events

    def check(self, account: Account, symbol: str, now_ms: int) -> None:
        """Liquidate, or warn, after a price of `symbol` has moved."""
        threatened: list[Position] = []
        for position in list(account.held(symbol)):
            if account.is_isolated(symbol):
                margin = position.isolated_wallet + unrealized(self._venue, [position])
                needed = maintenance(self._venue, position)
                if margin <= needed:
                    self.close(account, position, now_ms)
                elif needed >= margin * _CALL_RATIO:
                    threatened.append(position)
        threatened += self._check_cross(account, symbol, now_ms)
        if threatened and not account.warned:
            self._venue.emit(account, margin_call(account, self._venue, threatened, now_ms))
        account.warned = bool(threatened)

    def close(self, account: Account, position: Position, now_ms: int) -> None:
        """Liquidate one position: its orders expire, the book takes what it can, the fund the rest at mark."""
        for order in account.open_orders(position.symbol):
            self._matching.finish(account, order, "EXPIRED", "EXPIRED", now_ms, reason=LIQUIDATED)
        rules, market = self._venue.market.rules(position.symbol), self._venue.market
        limit = liquidation_price(account, self._venue, position) or market.mark(position.symbol)
        order = _closing(position, abs(position.qty), "LIQUIDATION", f"autoclose-{now_ms}{len(account.orders):06d}")
        order.price = (limit / rules.tick).to_integral_value() * rules.tick
        levels = market.take(order.symbol, order.side, order.qty, None, now_ms)
        left = order.qty - sum((level.qty for level in levels), ZERO)
        if left:
            levels = [*levels, Level(self._on_tick(position.symbol), left)]
        funds = position.isolated_wallet if account.is_isolated(position.symbol) else None
        before = account.wallet.balance
        self._matching.auto_close(account, order, levels, rules.liquidation_fee, now_ms)
        self._forced.append(force_order(self._venue, order, now_ms))
        if funds is not None:
            self._insure(account, before - account.wallet.balance - funds, position, now_ms)
        elif not cross(account):
            self._insure(account, -account.cross_wallet, position, now_ms)

    def deleverage(self, account: Account, position: Position, qty: Decimal, now_ms: int) -> None:
        """Close a part of a position against a bankrupt one, at mark and without a fee; at least one step of it."""
        step = self._venue.market.rules(position.symbol).step
        whole = max(step, (qty / step).to_integral_value(ROUND_FLOOR) * step)
        order = _closing(position, min(whole, abs(position.qty)), "ADL", "adl_autoclose")
        order.price = self._on_tick(position.symbol)
        self._matching.auto_close(account, order, [Level(order.price, order.qty)], ZERO, now_ms)

    def _check_cross(self, account: Account, symbol: str, now_ms: int) -> list[Position]:
        """Close the largest requirement first until the rest is carried; returns what is in danger after that."""
        if not any(position.symbol == symbol for position in cross(account)):
            return []
        while held := cross(account):
            margin = account.cross_wallet + unrealized(self._venue, held)
            needed = sum((maintenance(self._venue, position) for position in held), ZERO)
            if margin > needed:
                return held if needed >= margin * _CALL_RATIO else []
            self.close(account, max(held, key=lambda one: maintenance(self._venue, one)), now_ms)
        return []

    def _insure(self, account: Account, deficit: Decimal, position: Position, now_ms: int) -> None:
        """Nobody owes the exchange: the fund fills what is missing."""
        if deficit <= 0:
            return
        transfer = self._venue.ids.transfer()
        booked = account.wallet.book("INSURANCE_CLEAR", deficit, now_ms, transfer, position.symbol)
        self._venue.emit(account, account_update(account, self._venue, "INSURANCE_CLEAR", now_ms, change=booked))

    def _on_tick(self, symbol: str) -> Decimal:
        tick = self._venue.market.rules(symbol).tick
        return (self._venue.market.mark(symbol) / tick).to_integral_value() * tick


def _closing(position: Position, qty: Decimal, cause: str, client_id: str) -> Order:
    return Order(
        symbol=position.symbol,
        side="SELL" if position.qty > 0 else "BUY",
        type="LIMIT",
        qty=qty,
        client_id=client_id,
        orig_type="LIMIT",
        position_side=position.side,
        tif="IOC",
        auto_close=cause,
    )
