"""Order rules of a symbol: price, quantity, notional, band and depth filters (section 7.1), with their codes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from engine.sim import figures
from engine.sim.account import Account
from engine.sim.codes import Refused, refuse
from engine.sim.contract import SymbolRules
from engine.sim.figures import ZERO
from engine.sim.margin import exposure, margins
from engine.sim.matching import excess
from engine.sim.orders import Order
from engine.sim.venue import Venue

SHORT_OF_MARGIN = -2019


def check_price(rules: SymbolRules, price: Decimal) -> None:
    """PRICE_FILTER; a bound of 0 is switched off."""
    if price <= 0:
        raise refuse(-4001)
    if figures.decimals_of(price) > figures.price_decimals(rules):
        raise refuse(-1111)
    if rules.max_price and price > rules.max_price:
        raise refuse(-4002)
    if rules.min_price and price < rules.min_price:
        raise refuse(-4013)
    if rules.tick and (price - rules.min_price) % rules.tick:
        raise refuse(-4014)


def check_quantity(rules: SymbolRules, qty: Decimal, market: bool) -> None:
    """LOT_SIZE, or MARKET_LOT_SIZE for what executes at market."""
    if market:
        least, most, step = rules.market_min_qty, rules.market_max_qty, rules.market_step
    else:
        least, most, step = rules.min_qty, rules.max_qty, rules.step
    if qty <= 0:
        raise refuse(-4003)
    if figures.decimals_of(qty) > figures.qty_decimals(rules):
        raise refuse(-1111)
    if qty < least:
        raise refuse(-4004)
    if qty > most:
        raise refuse(-4005)
    if step and (qty - least) % step:
        raise refuse(-4023)


def check_notional(rules: SymbolRules, price: Decimal, qty: Decimal, code: int = -4164) -> None:
    """MIN_NOTIONAL; orders that only reduce never come here."""
    if price * qty < rules.min_notional:
        raise refuse(code, notional=figures.bare(rules.min_notional))


def check_band(rules: SymbolRules, side: str, price: Decimal, mark: Decimal) -> None:
    """PERCENT_PRICE, one-sided: a buy may not be too dear, a sell not too cheap."""
    if side == "BUY" and price > (cap := mark * rules.multiplier_up):
        raise refuse(-4016, bound=figures.price(rules, cap))
    if side == "SELL" and price < (floor := mark * rules.multiplier_down):
        raise refuse(-4024, bound=figures.price(rules, floor))


def check_status(rules: SymbolRules) -> None:
    if rules.status in {"CLOSE", "DELIVERED"}:
        raise refuse(-4141)
    if rules.status != "TRADING":
        raise refuse(-4140)


def check_counterparty(venue: Venue, order: Order, worst: Decimal) -> None:
    """A market order needs somebody within the bound (-4131), an all-or-nothing order enough of them (-5021)."""
    bid, ask = venue.market.best(order.symbol)
    if order.type == "MARKET" and (ask > worst if order.side == "BUY" else bid < worst):
        raise refuse(-4131)
    takes = order.price >= ask if order.side == "BUY" else order.price <= bid
    if order.type == "LIMIT" and order.tif in {"GTX", "RPI"} and takes:
        raise refuse(-5022)
    if order.tif == "FOK":
        levels = venue.market.ladder(order.symbol, order.side, 1000)
        within = (level.qty for level in levels if (order.price - level.price) * order.sign >= 0)
        if sum(within, ZERO) < order.qty:
            raise refuse(-5021)


def check_reduction(account: Account, order: Order) -> None:
    """A reduce-only order needs something to reduce, and room beside those of higher priority (-2022)."""
    if not account.position(order.symbol, order.position_side).reducible(order.side):
        raise refuse(-2022)
    if order.type == "LIMIT":
        resting = account.resting.get(order.symbol, {}).values()
        working = [other for other in resting if other.reduce_only and other.order_id != order.order_id]
        if order in excess(account, [*working, order]):
            raise refuse(-2022)


def check_flip(account: Account, venue: Venue, order: Order) -> None:
    """A reduce-only order beside others of its side must leave margin for the turn they make together (-4118)."""
    resting = account.resting.get(order.symbol, {}).values()
    if not any(other.side == order.side and not other.reduce_only for other in resting):
        return
    try:
        check_margin(account, venue, replace(order, reduce_only=False))
    except Refused as refusal:
        if refusal.code == SHORT_OF_MARGIN:
            raise refuse(-4118) from refusal


def check_margin(account: Account, venue: Venue, order: Order) -> None:
    """The order, filled or resting, must fit the free margin (-2019) and the bracket of the leverage (-2027)."""
    bid, ask = venue.market.best(order.symbol)
    if order.type == "MARKET":
        price = ask if order.side == "BUY" else bid
    else:
        price = order.price if order.side == "BUY" else max(order.price, bid)
    before = exposure(account, venue, order.symbol, order.position_side)
    after = exposure(account, venue, order.symbol, order.position_side, (order, price))
    if after.largest <= before.largest:
        return
    if after.largest > venue.ladder(order.symbol).max_notional(account.leverage(order.symbol)):
        raise refuse(-2027)
    if margins(account, venue).free < after.initial - before.initial:
        raise refuse(-2019)


def check_order(account: Account, venue: Venue, order: Order, worst: Decimal) -> None:
    """Every rule a plain order must pass at the moment it reaches matching."""
    rules = venue.market.rules(order.symbol)
    check_status(rules)
    market, mark = order.type == "MARKET", venue.market.mark(order.symbol)
    if not order.close_position:
        check_quantity(rules, order.qty, market)
    if not market:
        check_price(rules, order.price)
        check_band(rules, order.side, order.price, mark)
        if len(account.resting.get(order.symbol, {})) >= rules.max_orders:
            raise refuse(-2025)
    if order.reduce_only:
        check_reduction(account, order)
        check_flip(account, venue, order)
    else:
        check_notional(rules, mark if market else order.price, order.qty)
        check_margin(account, venue, order)
    check_counterparty(venue, order, worst)
