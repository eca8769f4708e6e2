"""Payloads of market streams, field by field as the exchange writes them (section 4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.sim.candles import Candle
from engine.sim.day import Day
from engine.sim.lane import Lane, Print
from engine.sim.market import Market
from engine.sim.symbols import Grid
from engine.sim.trades import Aggregate

UM, CM = 1, 2
COIN_MARGINED = {"BTCUSDT": "BTCUSD_PERP", "ETHUSDT": "ETHUSD_PERP"}

Payload = dict[str, Any]
Levels = Sequence[tuple[int, int]]


def agg_trade(lane: Lane, each: Aggregate, now_ms: int) -> Payload:
    grid, qty = lane.grid, lane.grid.qty_text(each.qty)
    return {
        "e": "aggTrade", "E": now_ms, "a": each.id, "s": lane.contract.symbol, "p": grid.price_text(each.price),
        "q": qty, "nq": qty, "f": each.first_id, "l": each.last_id, "T": each.at_ms, "m": not each.buy, "st": UM,
    }  # fmt: skip


def trade(lane: Lane, each: Print, now_ms: int) -> Payload:
    return {
        "e": "trade", "E": now_ms, "T": each.at_ms, "s": lane.contract.symbol, "t": each.id,
        "p": lane.grid.price_text(each.price), "q": lane.grid.qty_text(each.qty), "X": "MARKET", "m": not each.buy,
    }  # fmt: skip


def mark_price(market: Market, lane: Lane) -> Payload:
    symbol = lane.contract.symbol
    rate, at = market.funding_rate(symbol)
    average = market.mark_average(symbol)
    return {
        "e": "markPriceUpdate", "E": market.now_ms, "s": symbol, "p": f"{market.mark(symbol):.8f}",
        "ap": f"{average:.8f}", "P": f"{average:.8f}", "i": f"{market.index(symbol):.8f}", "r": f"{rate:.8f}",
        "T": at, "st": UM,
    }  # fmt: skip


def kline(lane: Lane, interval: str, each: Candle, now_ms: int, closed: bool) -> Payload:
    body = {"t": each.open_ms, "T": each.close_ms, "s": lane.contract.symbol, "i": interval, "f": each.first_id,
            "L": each.first_id + each.trades - 1, **_ohlc(lane.grid, each, closed)}  # fmt: skip
    return {"e": "kline", "E": now_ms, "s": lane.contract.symbol, "k": body}


def continuous_kline(
    lane: Lane, interval: str, each: Candle, update_ids: tuple[int, int], now_ms: int, closed: bool
) -> Payload:
    row = lane.contract.rules.row
    body = {"t": each.open_ms, "T": each.close_ms, "i": interval, "f": update_ids[0], "L": update_ids[1],
            **_ohlc(lane.grid, each, closed)}  # fmt: skip
    return {"e": "continuous_kline", "E": now_ms, "ps": row["pair"], "ct": row["contractType"], "k": body}


def mini_ticker(lane: Lane, day: Day, now_ms: int) -> Payload:
    grid = lane.grid
    return {
        "e": "24hrMiniTicker", "E": now_ms, "s": lane.contract.symbol, "c": grid.price_text(day.last),
        "o": grid.price_text(day.open), "h": grid.price_text(day.high), "l": grid.price_text(day.low),
        "v": grid.qty_text(day.volume), "q": f"{day.quote:.2f}", "ps": lane.contract.rules.row["pair"], "st": UM,
    }  # fmt: skip


def ticker(lane: Lane, day: Day, now_ms: int) -> Payload:
    grid = lane.grid
    return {
        "e": "24hrTicker", "E": now_ms, "s": lane.contract.symbol, "ps": lane.contract.rules.row["pair"],
        "p": grid.price_text(day.change), "P": f"{day.change_pct:.3f}", "w": f"{day.average:.{grid.price_places}f}",
        "c": grid.price_text(day.last), "Q": grid.qty_text(day.last_qty), "o": grid.price_text(day.open),
        "h": grid.price_text(day.high), "l": grid.price_text(day.low), "v": grid.qty_text(day.volume),
        "q": f"{day.quote:.2f}", "O": day.open_ms, "C": day.close_ms, "F": day.first_id, "L": day.last_id,
        "n": day.count, "st": UM,
    }  # fmt: skip


def book_ticker(lane: Lane, update_id: int, touch: tuple[int, int, int, int], now_ms: int) -> Payload:
    grid, (bid, bid_qty, ask, ask_qty) = lane.grid, touch
    return {
        "e": "bookTicker", "u": update_id, "E": now_ms, "T": now_ms, "s": lane.contract.symbol,
        "ps": lane.contract.rules.row["pair"], "b": grid.price_text(bid), "B": grid.qty_text(bid_qty),
        "a": grid.price_text(ask), "A": grid.qty_text(ask_qty), "st": UM,
    }  # fmt: skip


def depth(lane: Lane, ids: tuple[int, int, int], bids: Levels, asks: Levels, now_ms: int) -> Payload:
    """A depth event; `ids` are U, u and pu."""
    return {
        "e": "depthUpdate", "E": now_ms, "T": now_ms, "s": lane.contract.symbol, "ps": lane.contract.rules.row["pair"],
        "U": ids[0], "u": ids[1], "pu": ids[2], "b": levels(lane.grid, bids), "a": levels(lane.grid, asks), "st": UM,
    }  # fmt: skip


def levels(grid: Grid, rows: Levels) -> list[list[str]]:
    price, qty = grid.price_text, grid.qty_text
    return [[price(at), qty(steps)] for at, steps in rows]


def force_order(event: Payload, pair: str) -> Payload:
    """A liquidation as the all-market stream tells it."""
    return {**event, "ps": pair, "st": UM}


def asset_index(market: Market, lane: Lane) -> Payload:
    price = market.index(lane.contract.symbol)
    bands = {"b": "0.10000000", "a": "0.10000000", "B": f"{price * 0.9:.8f}", "A": f"{price * 1.1:.8f}",
             "q": "0.05000000", "g": "0.05000000", "Q": f"{price * 0.95:.8f}", "G": f"{price * 1.05:.8f}"}  # fmt: skip
    name = f"{lane.contract.rules.row['baseAsset']}USD"
    return {"e": "assetIndexUpdate", "E": market.now_ms, "s": name, "i": f"{price:.8f}", **bands}


def trading_session(now_ms: int) -> Payload:
    """The stock market's hours; this exchange lists no stocks, its session is always closed."""
    day_ms = 86_400_000
    start = now_ms // day_ms * day_ms
    return {"e": "EquityUpdate", "E": now_ms, "t": start, "T": start + day_ms, "S": "NO_TRADING"}


def coin_margined(row: Payload) -> Payload | None:
    """The row of the coin-margined twin in an all-market stream; None where there is none."""
    name = COIN_MARGINED.get(row["s"])
    if name is None:
        return None
    twin = {**row, "s": name, "st": CM}
    if "ps" in twin:
        twin["ps"] = name.partition("_")[0]
    return twin


def _ohlc(grid: Grid, each: Candle, closed: bool) -> Payload:
    bar = each.bar
    taker_quote = bar.quote * bar.taker / bar.volume if bar.volume else 0.0
    return {
        "o": grid.price_text(bar.open), "c": grid.price_text(bar.close), "h": grid.price_text(bar.high),
        "l": grid.price_text(bar.low), "v": grid.qty_text(bar.volume), "n": each.trades, "x": closed,
        "q": grid.amount_text(bar.quote), "V": grid.qty_text(bar.taker), "Q": grid.amount_text(taker_quote), "B": "0",
    }  # fmt: skip
