"""Margin of an account: what is locked, what is free, where it ends (section 10 of the wire reference)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from engine.sim.account import Account
from engine.sim.figures import ZERO
from engine.sim.orders import Order
from engine.sim.positions import Position
from engine.sim.venue import Venue

_BRACKET_PASSES = 12


@dataclass(frozen=True, slots=True)
class Exposure:
    """One position key (symbol, side) with the opening orders around it; notionals at mark and order price."""

    notional: Decimal
    bids: Decimal
    asks: Decimal
    leverage: int

    @property
    def largest(self) -> Decimal:
        """The larger of what the position becomes if all bids, or all asks, are filled."""
        return max(abs(self.notional + self.bids), abs(self.notional - self.asks))

    @property
    def position_initial(self) -> Decimal:
        return abs(self.notional) / self.leverage

    @property
    def initial(self) -> Decimal:
        return self.largest / self.leverage

    @property
    def order_initial(self) -> Decimal:
        return self.initial - self.position_initial


@dataclass(frozen=True, slots=True)
class Margins:
    """The whole account."""

    wallet: Decimal
    unrealized: Decimal
    cross_wallet: Decimal
    cross_unrealized: Decimal
    position_initial: Decimal
    order_initial: Decimal
    maintenance: Decimal
    free: Decimal  # may be negative

    @property
    def balance(self) -> Decimal:
        return self.wallet + self.unrealized

    @property
    def initial(self) -> Decimal:
        return self.position_initial + self.order_initial

    @property
    def available(self) -> Decimal:
        return max(ZERO, self.free)

    @property
    def withdrawable(self) -> Decimal:
        """Unrealized profit can be traded with, not taken out."""
        return max(ZERO, self.free - max(ZERO, self.cross_unrealized))


def exposure(
    account: Account, venue: Venue, symbol: str, side: str, extra: tuple[Order, Decimal] | None = None
) -> Exposure:
    """Exposure of one position key, as if the `extra` order rested at the given price, in place of its former self."""
    position = account.positions.get(symbol, {}).get(side)
    notional = position.notional(venue.market.mark(symbol)) if position else ZERO
    working = [(order, order.price) for order in account.resting.get(symbol, {}).values()]
    if extra is not None:
        working = [pair for pair in working if pair[0].order_id != extra[0].order_id] + [extra]
    bids = asks = ZERO
    for order, price in working:
        if order.reduce_only or order.position_side != side:
            continue
        if order.side == "BUY":
            bids += order.remaining * price
        else:
            asks += order.remaining * price
    return Exposure(notional, bids, asks, account.leverage(symbol))


def keys(account: Account) -> list[tuple[str, str]]:
    """Position keys that hold a position or have orders, in stable order."""
    found = {(position.symbol, position.side) for position in account.held()}
    found.update((order.symbol, order.position_side) for order in account.open_orders())
    return sorted(found)


def maintenance(venue: Venue, position: Position) -> Decimal:
    notional = position.notional(venue.market.mark(position.symbol))
    return venue.ladder(position.symbol).maintenance(notional)


def unrealized(venue: Venue, positions: Iterable[Position]) -> Decimal:
    return sum((one.unrealized(venue.market.mark(one.symbol)) for one in positions), ZERO)


def cross(account: Account) -> list[Position]:
    """Open positions that share the cross wallet."""
    return [position for position in account.held() if not account.is_isolated(position.symbol)]


def margins(account: Account, venue: Venue) -> Margins:
    """All totals of the account at this moment."""
    held = list(account.held())
    shared = cross(account)
    locked = position_initial = order_initial = ZERO
    for symbol, side in keys(account):
        one = exposure(account, venue, symbol, side)
        position_initial += one.position_initial
        order_initial += one.order_initial
        locked += one.order_initial + (ZERO if account.is_isolated(symbol) else one.position_initial)
    cross_unrealized = unrealized(venue, shared)
    return Margins(
        wallet=account.wallet.balance,
        unrealized=unrealized(venue, held),
        cross_wallet=account.cross_wallet,
        cross_unrealized=cross_unrealized,
        position_initial=position_initial,
        order_initial=order_initial,
        maintenance=sum((maintenance(venue, position) for position in held), ZERO),
        free=account.cross_wallet + cross_unrealized - locked,
    )


def liquidation_price(account: Account, venue: Venue, position: Position) -> Decimal:
    """Mark price at which the margin of this position, or of the cross account, is used up; 0 when there is none.

    Hedge sides of one symbol move together in a cross account. Ratio and cum must belong to the notional at the
    liquidation price, so the bracket is looked up again until it stays.
    """
    if account.is_isolated(position.symbol):
        together, funds = [position], position.isolated_wallet
    else:
        together = list(account.held(position.symbol))
        others = [one for one in cross(account) if one.symbol != position.symbol]
        funds = account.cross_wallet + unrealized(venue, others)
        funds -= sum((maintenance(venue, one) for one in others), ZERO)
    ladder = venue.ladder(position.symbol)
    price = venue.market.mark(position.symbol)
    for _ in range(_BRACKET_PASSES):
        rungs = [ladder.at(one.notional(price)) for one in together]
        above = funds + sum((rung.cum - one.qty * one.entry for rung, one in zip(rungs, together, strict=True)), ZERO)
        below = sum(
            (abs(one.qty) * rung.maintenance - one.qty for rung, one in zip(rungs, together, strict=True)), ZERO
        )
        if not below:
            return ZERO
        price = above / below
        if price <= 0 or rungs == [ladder.at(one.notional(price)) for one in together]:
            break
    return max(ZERO, price)
