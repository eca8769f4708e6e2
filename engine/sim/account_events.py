"""Private stream events as the wire carries them (section 6 of the wire reference)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from engine.sim import figures
from engine.sim.account import Account
from engine.sim.contract import SymbolRules
from engine.sim.figures import ZERO
from engine.sim.margin import maintenance
from engine.sim.orders import Conditional, Order, Trade
from engine.sim.positions import Position
from engine.sim.venue import Venue
from engine.sim.wallet import ASSET

Event = dict[str, Any]


def order_trade_update(
    account: Account,
    venue: Venue,
    order: Order,
    execution: str,
    now_ms: int,
    trade: Trade | None = None,
    reason: int = 0,
    modify_id: int | None = None,
) -> Event:
    """ORDER_TRADE_UPDATE of an order in its present state, with the execution that led to it, if one did."""
    rules = venue.market.rules(order.symbol)
    inner: Event = {
        "s": order.symbol,
        "c": order.client_id,
        "S": order.side,
        "o": order.auto_close if order.auto_close == "LIQUIDATION" else order.type,
        "f": order.tif,
        "q": figures.qty(rules, order.qty),
        "p": figures.price(rules, order.price) if order.price else "0",
        "ap": figures.average(rules, order.average) if order.filled else "0",
        "sp": figures.bare(order.stop_price),
        "x": execution,
        "X": order.status,
        "i": order.order_id,
        "l": figures.qty(rules, trade.qty) if trade else "0",
        "z": figures.qty_or_bare(rules, order.filled),
        "L": figures.price(rules, trade.price) if trade else "0",
        "n": figures.money(trade.fee) if trade else "0",
        "N": ASSET,
        "T": now_ms,
        "t": trade.trade_id if trade else 0,
        "b": _working(account, rules, "BUY"),
        "a": _working(account, rules, "SELL"),
        "m": trade.maker if trade else False,
        "R": order.reduce_only,
        "wt": order.working_type,
        "ot": order.auto_close if order.auto_close == "LIQUIDATION" else order.orig_type,
        "ps": order.position_side,
        "cp": order.close_position,
        "rp": figures.money_or_bare(trade.realized) if trade else "0",
        "pP": order.price_protect,
        "si": 0,
        "ss": 0,
        "V": order.stp,
        "pm": order.price_match,
        "gtd": order.good_till_ms,
        "er": str(reason),
    }
    if order.orig_type == "TRAILING_STOP_MARKET":
        inner["AP"] = figures.bare(order.activate_price)
        inner["cr"] = figures.entry(rules, order.callback_rate)
    if modify_id is not None:
        inner["M"] = str(modify_id)
    return {"e": "ORDER_TRADE_UPDATE", "T": now_ms, "E": now_ms, "o": inner}


def trade_lite(venue: Venue, order: Order, trade: Trade, now_ms: int) -> Event:
    """TRADE_LITE: the execution alone, ahead of everything else about it."""
    rules = venue.market.rules(order.symbol)
    return {
        "e": "TRADE_LITE",
        "E": now_ms,
        "T": now_ms,
        "s": order.symbol,
        "q": figures.qty(rules, order.qty),
        "p": figures.price(rules, order.price),
        "m": trade.maker,
        "c": order.client_id,
        "S": order.side,
        "L": figures.price(rules, trade.price),
        "l": figures.qty(rules, trade.qty),
        "t": trade.trade_id,
        "i": order.order_id,
    }


def account_update(
    account: Account,
    venue: Venue,
    cause: str,
    now_ms: int,
    positions: Iterable[Position] = (),
    change: Decimal | None = ZERO,
    symbol: str = "",
) -> Event:
    """ACCOUNT_UPDATE with the changed rows only.

    `change` is what was booked outside trading; None leaves the wallet out.
    """
    balances: list[Event] = []
    if change is not None:
        balances.append(
            {
                "a": ASSET,
                "wb": figures.money(account.wallet.balance),
                "cw": figures.money(account.cross_wallet),
                "bc": figures.money_or_bare(change),
            }
        )
    inner: Event = {"B": balances, "P": [_position(account, venue, one) for one in positions], "m": cause}
    if cause == "FUNDING_FEE":
        inner["S"] = symbol
    return {"e": "ACCOUNT_UPDATE", "T": now_ms, "E": now_ms, "a": inner}


def algo_update(venue: Venue, algo: Conditional, now_ms: int) -> Event:
    """ALGO_UPDATE of a conditional order in its present state."""
    rules = venue.market.rules(algo.symbol)
    inner: Event = {
        "caid": algo.client_id,
        "aid": algo.algo_id,
        "at": "CONDITIONAL",
        "o": algo.type,
        "s": algo.symbol,
        "S": algo.side,
        "ps": algo.position_side,
        "f": algo.tif,
        "q": figures.qty_or_bare(rules, algo.qty),
        "X": algo.status,
        "ai": str(algo.order_id) if algo.order_id else "",
        "tp": figures.bare(algo.trigger_price),
        "p": figures.price(rules, algo.price) if algo.price else "0",
        "V": algo.stp,
        "wt": algo.working_type,
        "pm": algo.price_match,
        "cp": algo.close_position,
        "pP": algo.price_protect,
        "R": algo.reduce_only,
        "tt": algo.triggered_ms,
        "gtd": algo.good_till_ms,
        "ia": algo.activated,
    }
    if algo.order_id:
        inner["ap"] = figures.price(rules, algo.average) if algo.filled else "0"
        inner["aq"] = figures.qty_or_bare(rules, algo.filled)
        inner["act"] = algo.order_type
    if algo.reason:
        inner["rm"] = algo.reason
    return {"e": "ALGO_UPDATE", "T": now_ms, "E": now_ms, "o": inner}


def margin_call(account: Account, venue: Venue, positions: Sequence[Position], now_ms: int) -> Event:
    """MARGIN_CALL: these positions are close to liquidation. Margin types are upper case here and only here."""
    rows = [
        {
            "s": one.symbol,
            "ps": one.side,
            "pa": figures.qty(venue.market.rules(one.symbol), one.qty),
            "mt": "ISOLATED" if account.is_isolated(one.symbol) else "CROSSED",
            "iw": figures.bare(one.isolated_wallet),
            "mp": figures.bare(venue.market.mark(one.symbol)),
            "up": figures.bare(figures.cents(one.unrealized(venue.market.mark(one.symbol)))),
            "mm": figures.bare(figures.cents(maintenance(venue, one))),
        }
        for one in positions
    ]
    event: Event = {"e": "MARGIN_CALL", "E": now_ms}
    if any(not account.is_isolated(one.symbol) for one in positions):
        event["cw"] = figures.money(account.cross_wallet)
    return event | {"p": rows}


def leverage_changed(symbol: str, leverage: int, now_ms: int) -> Event:
    return {"e": "ACCOUNT_CONFIG_UPDATE", "E": now_ms, "T": now_ms, "ac": {"s": symbol, "l": leverage}}


def asset_mode_changed(multi_assets: bool, now_ms: int) -> Event:
    return {"e": "ACCOUNT_CONFIG_UPDATE", "E": now_ms, "T": now_ms, "ai": {"j": multi_assets}}


def listen_key_expired(key: str, now_ms: int) -> Event:
    return {"e": "listenKeyExpired", "E": now_ms, "listenKey": key}


def force_order(venue: Venue, order: Order, now_ms: int) -> Event:
    """The public forceOrder event of a liquidation."""
    rules = venue.market.rules(order.symbol)
    inner = {
        "s": order.symbol,
        "S": order.side,
        "o": "LIMIT",
        "f": order.tif,
        "q": figures.qty(rules, order.qty),
        "p": figures.bare(order.price),
        "ap": figures.price(rules, order.average),
        "X": order.status,
        "l": figures.qty(rules, order.filled),
        "z": figures.qty(rules, order.filled),
        "T": now_ms,
    }
    return {"e": "forceOrder", "E": now_ms, "o": inner}


def _position(account: Account, venue: Venue, position: Position) -> Event:
    rules = venue.market.rules(position.symbol)
    isolated = account.is_isolated(position.symbol)
    return {
        "s": position.symbol,
        "pa": figures.qty_or_bare(rules, position.qty),
        "ep": figures.entry(rules, position.entry),
        "bep": figures.entry(rules, position.breakeven),
        "cr": figures.money_or_bare(position.realized),
        "up": figures.money_or_bare(position.unrealized(venue.market.mark(position.symbol))),
        "mt": "isolated" if isolated else "cross",
        "iw": figures.money_or_bare(position.isolated_wallet),
        "ps": position.side,
        "ma": ASSET,
    }


def _working(account: Account, rules: SymbolRules, side: str) -> str:
    """Notional of the opening orders resting on one side of the symbol."""
    total = sum(
        (
            order.remaining * order.price
            for order in account.resting.get(rules.symbol, {}).values()
            if order.side == side and not order.reduce_only
        ),
        ZERO,
    )
    return figures.fixed(total, 5) if total else "0"
