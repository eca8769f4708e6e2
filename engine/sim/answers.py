"""Orders, conditional orders and executions as REST answers; each endpoint has its own set of fields (3.5, 3.6)."""

from __future__ import annotations

from typing import Any

from engine.sim import figures
from engine.sim.contract import SymbolRules
from engine.sim.figures import ZERO
from engine.sim.orders import Amendment, Conditional, Income, Order, Trade
from engine.sim.wallet import ASSET

Row = dict[str, Any]


def order_ack(rules: SymbolRules, order: Order) -> Row:
    """Answer to placing, modifying and cancelling: quantities, but no average price and no value."""
    executed = figures.qty(rules, order.filled)
    return {
        "orderId": order.order_id,
        "symbol": order.symbol,
        "status": order.status,
        "clientOrderId": order.client_id,
        "price": figures.price(rules, order.price),
        "origQty": figures.qty(rules, order.qty),
        "executedQty": executed,
        "cumQty": executed,
        **_terms(rules, order),
        "updateTime": order.updated_ms,
    }


def order_modified(rules: SymbolRules, order: Order, modify_id: int | None) -> Row:
    row = order_ack(rules, order) | {"pair": order.symbol}
    return row if modify_id is None else row | {"modifyId": modify_id}


def order_state(rules: SymbolRules, order: Order) -> Row:
    """Answer to a query of one order or of the open ones."""
    row = {
        "orderId": order.order_id,
        "symbol": order.symbol,
        "status": order.status,
        "clientOrderId": order.client_id,
        "price": figures.price(rules, order.price),
        "avgPrice": figures.average_or_zero(rules, order.average),
        "origQty": figures.qty(rules, order.qty),
        "executedQty": figures.qty(rules, order.filled),
        "cumQuote": _value(rules, order),
        **_terms(rules, order),
        "time": order.created_ms,
        "updateTime": order.updated_ms,
    }
    if order.orig_type == "TRAILING_STOP_MARKET":
        row["activatePrice"] = figures.price(rules, order.activate_price)
        row["priceRate"] = figures.entry(rules, order.callback_rate)
    return row


def order_record(rules: SymbolRules, order: Order) -> Row:
    """A row of the order history."""
    return order_state(rules, order) | {"pair": order.symbol, "cumBase": "0"}


def forced_order(rules: SymbolRules, order: Order) -> Row:
    """A row of the liquidation and deleveraging history."""
    record = order_record(rules, order)
    for name in ("priceProtect", "priceMatch", "selfTradePreventionMode", "goodTillDate"):
        del record[name]
    return record | {"stopPrice": "0"}


def tested_order(now_ms: int) -> Row:
    """A test order leaves nothing but its time."""
    return {
        "orderId": 0,
        "symbol": "",
        "status": "",
        "clientOrderId": "",
        "price": "0",
        "avgPrice": "0.00",
        "origQty": "0",
        "executedQty": "0",
        "cumQty": "0",
        "cumQuote": "0",
        "timeInForce": "",
        "type": "",
        "reduceOnly": False,
        "closePosition": False,
        "side": "",
        "positionSide": "",
        "stopPrice": "0",
        "workingType": "",
        "priceProtect": False,
        "origType": "",
        "priceMatch": "NONE",
        "selfTradePreventionMode": "NONE",
        "goodTillDate": 0,
        "updateTime": now_ms,
    }


def algo_ack(rules: SymbolRules, algo: Conditional) -> Row:
    """Answer to placing a conditional order."""
    row: Row = {
        "algoId": algo.algo_id,
        "clientAlgoId": algo.client_id,
        "algoType": "CONDITIONAL",
        "orderType": algo.type,
        "symbol": algo.symbol,
        "side": algo.side,
        "positionSide": algo.position_side,
        "timeInForce": algo.tif,
        "quantity": figures.qty(rules, algo.qty),
        "algoStatus": algo.status,
        "triggerPrice": figures.price(rules, algo.trigger_price),
        "price": figures.price(rules, algo.price),
        "icebergQuantity": None,
        "selfTradePreventionMode": algo.stp,
        "workingType": algo.working_type,
        "priceMatch": algo.price_match,
        "closePosition": algo.close_position,
        "priceProtect": algo.price_protect,
        "reduceOnly": algo.reduce_only,
        "createTime": algo.created_ms,
        "updateTime": algo.updated_ms,
        "triggerTime": algo.triggered_ms,
        "goodTillDate": algo.good_till_ms,
    }
    if algo.trailing:
        row["activatePrice"] = figures.price(rules, algo.activate_price)
        row["callbackRate"] = figures.entry(rules, algo.callback_rate)
    return row


def algo_state(rules: SymbolRules, algo: Conditional) -> Row:
    """Answer to a query of one conditional order, and a row of their history."""
    row = algo_ack(rules, algo) | {
        "actualOrderId": str(algo.order_id) if algo.order_id else "",
        "actualPrice": figures.price(rules, algo.average),
    }
    if algo.order_id:
        row |= {"actualType": algo.order_type, "actualQty": figures.qty(rules, algo.filled)}
    return row | {"tpOrderType": ""}


def algo_record(rules: SymbolRules, algo: Conditional) -> Row:
    """A row of the history of conditional orders."""
    row = algo_state(rules, algo)
    row.pop("actualType", None)
    row.pop("actualQty", None)
    return row


def algo_open(rules: SymbolRules, algo: Conditional) -> Row:
    """A row of the open ones: what is seen live together with what is documented."""
    return algo_ack(rules, algo) | {
        "actualOrderId": "",
        "actualQty": "0.0",
        "actualPrice": figures.price(rules, ZERO),
        "isActivated": algo.activated,
        "tpTriggerPrice": figures.price(rules, ZERO),
        "tpPrice": figures.price(rules, ZERO),
        "slTriggerPrice": figures.price(rules, ZERO),
        "slPrice": figures.price(rules, ZERO),
        "tpOrderType": "",
    }


def algo_cancelled(algo: Conditional) -> Row:
    """The code is a string here and nowhere else."""
    return {"algoId": algo.algo_id, "clientAlgoId": algo.client_id, "code": "200", "msg": "success"}


def trade_row(rules: SymbolRules, trade: Trade) -> Row:
    return {
        "buyer": trade.side == "BUY",
        "commission": figures.money(trade.fee),
        "commissionAsset": ASSET,
        "id": trade.trade_id,
        "maker": trade.maker,
        "orderId": trade.order_id,
        "price": figures.price(rules, trade.price),
        "qty": figures.qty(rules, trade.qty),
        "quoteQty": figures.fixed(trade.price * trade.qty, figures.value_decimals(rules)),
        "baseQty": "0",
        "marginAsset": ASSET,
        "realizedPnl": figures.money_or_bare(trade.realized),
        "side": trade.side,
        "positionSide": trade.position_side,
        "symbol": trade.symbol,
        "pair": trade.symbol,
        "time": trade.at_ms,
    }


def income_row(income: Income) -> Row:
    return {
        "symbol": income.symbol,
        "incomeType": income.kind,
        "income": figures.money(income.amount),
        "asset": ASSET,
        "info": income.info,
        "time": income.at_ms,
        "tranId": income.tran_id,
        "tradeId": income.trade_id,
    }


def amendment_row(rules: SymbolRules, amendment: Amendment) -> Row:
    change: Row = {
        "price": {
            "before": figures.price(rules, amendment.price_before),
            "after": figures.price(rules, amendment.price_after),
        },
        "origQty": {
            "before": figures.qty(rules, amendment.qty_before),
            "after": figures.qty(rules, amendment.qty_after),
        },
        "count": amendment.count,
    }
    if amendment.modify_id is not None:
        change["modifyId"] = amendment.modify_id
    return {
        "amendmentId": amendment.amendment_id,
        "symbol": amendment.order.symbol,
        "pair": amendment.order.symbol,
        "orderId": amendment.order.order_id,
        "clientOrderId": amendment.order.client_id,
        "time": amendment.at_ms,
        "amendment": change,
    }


def _terms(rules: SymbolRules, order: Order) -> Row:
    return {
        "timeInForce": order.tif,
        "type": order.type,
        "reduceOnly": order.reduce_only,
        "closePosition": order.close_position,
        "side": order.side,
        "positionSide": order.position_side,
        "stopPrice": figures.price(rules, order.stop_price),
        "workingType": order.working_type,
        "priceProtect": order.price_protect,
        "origType": order.orig_type,
        "priceMatch": order.price_match,
        "selfTradePreventionMode": order.stp,
        "goodTillDate": order.good_till_ms,
    }


def _value(rules: SymbolRules, order: Order) -> str:
    return figures.fixed(order.quote, figures.value_decimals(rules))
