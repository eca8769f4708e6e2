"""From request parameters to an order: what must be there, what must not, and what the words mean (section 7)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from engine.sim.account import Account
from engine.sim.codes import refuse
from engine.sim.figures import ZERO
from engine.sim.orders import Conditional, Order
from engine.sim.parameters import Params
from engine.sim.venue import Venue

CONDITIONAL_TYPES = frozenset({"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"})
SIDES = ("BUY", "SELL")
_POSITION_SIDES = ("BOTH", "LONG", "SHORT")
_TIFS = ("GTC", "IOC", "FOK", "GTX", "GTD", "RPI")
_ALGO_TIFS = ("GTC", "IOC", "FOK", "GTX", "GTD", "GTE_GTC")
_STP = ("EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH")
_WORKING = ("CONTRACT_PRICE", "MARK_PRICE")
_MATCHES = {
    **{f"OPPONENT{suffix}": (True, depth) for suffix, depth in (("", 1), ("_5", 5))},
    **{f"QUEUE{suffix}": (False, depth) for suffix, depth in (("", 1), ("_5", 5), ("_10", 10), ("_20", 20))},
}
_GTD_AHEAD_MS = 600_000
_GTD_END_MS = 253_402_300_799_000
_CALLBACK = (Decimal("0.1"), Decimal(20))


@dataclass(frozen=True, slots=True)
class Direction:
    """Where an order points, in the position mode of the account."""

    symbol: str
    side: str
    position_side: str
    reduce_only: bool

    @property
    def reduces_hedge(self) -> bool:
        return (self.position_side, self.side) in {("LONG", "SELL"), ("SHORT", "BUY")}


def read_direction(account: Account, venue: Venue, params: Params) -> Direction:
    """Symbol, side and position side against the mode (-4061); reduceOnly has no place in hedge mode (-1106)."""
    symbol = params.required("symbol")
    venue.rules(symbol)
    side = params.word("side", SIDES, -1117)
    position_side = params.word("positionSide", _POSITION_SIDES, -4060, "BOTH")
    reduce_only = params.flag("reduceOnly")
    if account.hedge != (position_side != "BOTH"):
        raise refuse(-4061)
    if account.hedge and reduce_only is not None:
        raise refuse(-1106, name="reduceonly")
    return Direction(symbol, side, position_side, bool(reduce_only))


def read_order(account: Account, venue: Venue, params: Params, now_ms: int, test: bool = False) -> Order:
    """A plain order; conditional types belong to the algo service (-4120), except in a test order."""
    direction = read_direction(account, venue, params)
    kind = params.word("type", {"LIMIT", "MARKET", *CONDITIONAL_TYPES}, -1116)
    if kind in CONDITIONAL_TYPES and not test:
        raise refuse(-4120)
    market, plain = kind.endswith("MARKET"), kind not in CONDITIONAL_TYPES
    if kind == "MARKET":
        for name in ("timeInForce", "price"):
            if params.text(name) is not None:
                raise refuse(-1106, name=name)
    if plain and params.flag("closePosition"):
        raise refuse(-4136, type=kind)
    price_match = read_price_match(params, kind)
    order = Order(
        symbol=direction.symbol,
        side=direction.side,
        type="MARKET" if market else "LIMIT",
        qty=ZERO if params.flag("closePosition") else params.required_number("quantity"),
        client_id=params.client_id("newClientOrderId") or venue.ids.client_id(),
        orig_type=kind,
        position_side=direction.position_side,
        tif=params.word("timeInForce", _TIFS, -1115, None if kind == "LIMIT" else "GTC"),
        reduce_only=direction.reduce_only or direction.reduces_hedge,
        price_match=price_match,
        stp=params.word("selfTradePreventionMode", _STP, -5039, "EXPIRE_MAKER"),
    )
    if not market:
        order.price = read_price(venue, params, order.symbol, order.side, price_match)
        order.good_till_ms = read_good_till(params, order.tif, now_ms)
    if any(order.client_id == other.client_id for other in account.open_orders()):
        raise refuse(-4116)
    return order


def read_conditional(account: Account, venue: Venue, params: Params, now_ms: int) -> Conditional:
    """An order of the algo service. The trigger price need not be on a tick, margin is not looked at yet."""
    params.word("algoType", ("CONDITIONAL",), -1130)
    direction = read_direction(account, venue, params)
    kind = params.word("type", CONDITIONAL_TYPES, -1116)
    trailing, limit = kind == "TRAILING_STOP_MARKET", kind in {"STOP", "TAKE_PROFIT"}
    close_position = bool(params.flag("closePosition"))
    tif = params.word("timeInForce", _ALGO_TIFS, -1115, "GTC")
    price_match = read_price_match(params, kind)
    if close_position:
        _check_close_position(params, direction, kind)
        tif = "GTE_GTC"
    algo = Conditional(
        symbol=direction.symbol,
        side=direction.side,
        type=kind,
        qty=ZERO if close_position else params.required_number("quantity"),
        client_id=params.client_id("clientAlgoId") or venue.ids.client_id(),
        trigger_price=ZERO if trailing else params.required_number("triggerPrice"),
        position_side=direction.position_side,
        tif=tif,
        reduce_only=direction.reduce_only or direction.reduces_hedge or close_position,
        close_position=close_position,
        working_type=params.word("workingType", _WORKING, -1130, "CONTRACT_PRICE"),
        price_protect=bool(params.flag("priceProtect")),
        price_match=price_match,
        stp=params.word("selfTradePreventionMode", (*_STP, "NONE"), -5039, "EXPIRE_MAKER"),
    )
    if not trailing and algo.trigger_price <= 0:
        raise refuse(-4006)
    if limit:
        algo.price = read_price(venue, params, algo.symbol, algo.side, price_match)
        algo.good_till_ms = read_good_till(params, tif, now_ms)
    if trailing:
        _read_trailing(params, algo)
    if any(algo.client_id == other.client_id for other in account.open_conditionals()):
        raise refuse(-4116)
    return algo


def read_price_match(params: Params, kind: str) -> str:
    value = params.word("priceMatch", {"NONE", *_MATCHES}, -5037, "NONE")
    if value != "NONE":
        if kind not in {"LIMIT", "STOP", "TAKE_PROFIT"}:
            raise refuse(-5038)
        if params.text("price") is not None:
            raise refuse(-1106, name="price")
    return value


def read_price(venue: Venue, params: Params, symbol: str, side: str, price_match: str) -> Decimal:
    """The price given, or the one `price_match` names in the displayed book (-5041 when it is not there)."""
    if price_match == "NONE":
        return params.required_number("price")
    opposite, depth = _MATCHES[price_match]
    taker = side if opposite else ("SELL" if side == "BUY" else "BUY")
    levels = venue.market.ladder(symbol, taker, depth)
    if len(levels) < depth:
        raise refuse(-5041)
    return levels[depth - 1].price


def read_good_till(params: Params, tif: str, now_ms: int) -> int:
    """Good-till date in whole seconds, at least ten minutes ahead (-5040); only with GTD."""
    until = params.integer("goodTillDate")
    if tif != "GTD":
        return 0
    if until is None:
        raise refuse(-1102, name="goodTillDate")
    if not now_ms + _GTD_AHEAD_MS < until < _GTD_END_MS:
        raise refuse(-5040)
    return until // 1000 * 1000


def _check_close_position(params: Params, direction: Direction, kind: str) -> None:
    if kind not in {"STOP_MARKET", "TAKE_PROFIT_MARKET"}:
        raise refuse(-4136, type=kind)
    if params.number("quantity"):
        raise refuse(-4137)
    if direction.reduce_only:
        raise refuse(-1106, name="reduceonly")
    if direction.position_side != "BOTH" and not direction.reduces_hedge:
        raise refuse(-4061)


def _read_trailing(params: Params, algo: Conditional) -> None:
    rate = params.required_number("callbackRate")
    if not _CALLBACK[0] <= rate <= _CALLBACK[1]:
        raise refuse(-1130, name="callbackRate")
    algo.callback_rate = rate
    activate = params.number("activatePrice")
    if activate is not None:
        if activate <= 0:
            raise refuse(-4135)
        algo.activate_price = activate
