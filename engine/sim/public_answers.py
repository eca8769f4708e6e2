"""Public market data over REST: every answer is read off the market at its present moment (section 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.sim.candles import INTERVALS, SECOND, Candle, candles, open_time, row
from engine.sim.codes import refuse
from engine.sim.day import day_of
from engine.sim.lane import Lane, Print
from engine.sim.market import Market
from engine.sim.parameters import Params
from engine.sim.public_listing import exchange_info
from engine.sim.public_statistics import STATISTICS
from engine.sim.trades import aggregated

Handler = Callable[[Params], Any]

DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1000)
HOUR_MS = 3_600_000
AGGREGATES_KEPT_MS = 48 * HOUR_MS
TRADES_LOOKBACK_MS = 30 * 60_000
CONTRACT_TYPES = frozenset({"PERPETUAL", "CURRENT_QUARTER", "NEXT_QUARTER", "TRADIFI_PERPETUAL"})


class PublicAnswers:
    """Handlers by path; each takes parameters and returns a JSON body, raising `Refused`."""

    def __init__(self, market: Market, now_ms: Callable[[], int]) -> None:
        """`now_ms` is the clock time stamps are checked against; set back, it is behind the market for a while."""
        self._market = market
        self._stale: dict[str, dict[str, Any]] = {}
        self.handlers: Mapping[str, Handler] = {
            "/fapi/v1/ping": lambda params: {},
            "/fapi/v1/time": lambda params: {"serverTime": now_ms()},
            "/fapi/v1/exchangeInfo": lambda params: exchange_info(market),
            "/fapi/v1/depth": self._depth,
            "/fapi/v1/rpiDepth": self._rpi_depth,
            "/fapi/v1/trades": self._trades,
            "/fapi/v1/historicalTrades": self._historical_trades,
            "/fapi/v1/aggTrades": self._agg_trades,
            "/fapi/v1/klines": lambda params: self._klines(params, "symbol", 1500),
            "/fapi/v1/continuousKlines": self._continuous_klines,
            "/fapi/v1/indexPriceKlines": lambda params: self._price_klines(params, "pair"),
            "/fapi/v1/markPriceKlines": lambda params: self._price_klines(params, "symbol"),
            "/fapi/v1/premiumIndexKlines": self._premium_klines,
            "/fapi/v1/premiumIndex": lambda params: self._one_or_all(params, self.premium),
            "/fapi/v1/ticker/24hr": lambda params: self._one_or_all(params, self.day),
            "/fapi/v1/ticker/price": lambda params: self._one_or_all(params, self.price),
            "/fapi/v2/ticker/price": lambda params: self._one_or_all(params, self.price),
            "/fapi/v1/ticker/bookTicker": lambda params: self._one_or_all(params, self.book_ticker),
            "/api/v3/ping": lambda params: {},
            "/api/v3/time": lambda params: {"serverTime": now_ms()},
            "/sapi/v1/system/status": lambda params: {"status": 0, "msg": "normal"},
            "/sapi/v1/capital/config/getall": lambda params: [],
            "/sapi/v1/margin/allPairs": lambda params: [],
            **{path: _bound(handler, self) for path, handler in STATISTICS.items()},
        }

    @property
    def market(self) -> Market:
        return self._market

    def lane(self, params: Params, name: str = "symbol") -> Lane:
        symbol = params.required(name)
        lane = self._market.lanes.get(symbol)
        if lane is None:
            raise refuse(-1121)
        return lane

    # -- rows, also used by the WebSocket API ------------------------------------------------------------------------

    def price(self, lane: Lane) -> dict[str, Any]:
        now = self._market.now_ms
        return {"symbol": lane.contract.symbol, "price": lane.grid.price_text(lane.last(now)), "time": now}

    def book_ticker(self, lane: Lane) -> dict[str, Any]:
        bid, bid_qty, ask, ask_qty = self._market.touch(lane.contract.symbol)
        grid = lane.grid
        return {
            "symbol": lane.contract.symbol,
            "bidPrice": grid.price_text(bid), "bidQty": grid.qty_text(bid_qty),
            "askPrice": grid.price_text(ask), "askQty": grid.qty_text(ask_qty),
            "time": self._market.now_ms,
        }  # fmt: skip

    def premium(self, lane: Lane) -> dict[str, Any]:
        symbol, market = lane.contract.symbol, self._market
        delivery = lane.contract.rules.row["contractType"] != "PERPETUAL"
        rate, at = market.funding_rate(symbol)
        mark = float(market.mark(symbol))
        return {
            "symbol": symbol,
            "markPrice": f"{mark:.8f}",
            "indexPrice": f"{market.index(symbol):.8f}",
            "estimatedSettlePrice": f"{market.mark_average(symbol):.8f}",
            "lastFundingRate": "" if delivery else f"{rate:f}",
            "interestRate": "" if delivery else "0.00010000",
            "nextFundingTime": 0 if delivery else at,
            "time": market.now_ms,
        }

    def day(self, lane: Lane) -> dict[str, Any]:
        day, grid = day_of(lane, self._market.now_ms), lane.grid
        return {
            "symbol": lane.contract.symbol,
            "priceChange": grid.price_text(day.change), "priceChangePercent": f"{day.change_pct:.3f}",
            "weightedAvgPrice": f"{day.average:.{grid.price_places}f}",
            "lastPrice": grid.price_text(day.last), "lastQty": grid.qty_text(day.last_qty),
            "openPrice": grid.price_text(day.open), "highPrice": grid.price_text(day.high),
            "lowPrice": grid.price_text(day.low),
            "volume": grid.qty_text(day.volume), "quoteVolume": f"{day.quote:.2f}",
            "openTime": day.open_ms, "closeTime": day.close_ms,
            "firstId": day.first_id, "lastId": day.last_id, "count": day.count,
        }  # fmt: skip

    def depth(self, symbol: str, limit: int) -> dict[str, Any]:
        """A snapshot. The book has moved since the last event, so that a later event covers the snapshot's id."""
        if symbol in self._stale:
            return self._stale.pop(symbol)
        return self._snapshot(symbol, limit)

    def keep_stale(self, symbol: str) -> None:
        """Answer the next snapshot with the book of this moment."""
        self._stale[symbol] = self._snapshot(symbol, 1000)

    # -- handlers ----------------------------------------------------------------------------------------------------

    def _snapshot(self, symbol: str, limit: int) -> dict[str, Any]:
        lane, book = self._market.lanes[symbol], self._market.refreshed(symbol)
        grid, now = lane.grid, self._market.now_ms
        bids, asks = (
            [[grid.price_text(price), grid.qty_text(qty)] for price, qty in book.top(side, limit)] for side in (0, 1)
        )
        return {"lastUpdateId": book.update_id, "E": now, "T": now, "bids": bids, "asks": asks}

    def _depth(self, params: Params) -> Any:
        lane = self.lane(params)
        limit = params.integer("limit") or 500
        if limit not in DEPTH_LIMITS:
            raise refuse(-1130, name="limit")
        return self.depth(lane.contract.symbol, limit)

    def _rpi_depth(self, params: Params) -> Any:
        lane = self.lane(params)
        if (params.integer("limit") or 1000) != 1000:
            raise refuse(-1130, name="limit")
        return self._snapshot(lane.contract.symbol, 1000)

    def _trades(self, params: Params) -> Any:
        lane = self.lane(params)
        limit, now = params.limit(500, 1000), self._market.now_ms
        return [_trade(lane, trade) for trade in lane.prints(now - TRADES_LOOKBACK_MS, now)[-limit:]]

    def _historical_trades(self, params: Params) -> Any:
        lane = self.lane(params)
        limit, from_id, now = params.limit(100, 500), params.integer("fromId"), self._market.now_ms
        if from_id is None:
            return [_trade(lane, trade) for trade in lane.prints(now - TRADES_LOOKBACK_MS, now)[-limit:]]
        begin = lane.time_of_id(from_id)
        trades = lane.prints(begin - 1, min(now, begin + TRADES_LOOKBACK_MS))
        return [_trade(lane, trade) for trade in trades if trade.id >= from_id][:limit]

    def _agg_trades(self, params: Params) -> Any:
        lane, now = self.lane(params), self._market.now_ms
        limit = params.limit(500, 1000)
        start, end, from_id = params.integer("startTime"), params.integer("endTime"), params.integer("fromId")
        if from_id is not None and (start is not None or end is not None):
            raise refuse(-1128)
        if start is not None and end is not None and end - start > HOUR_MS:
            raise refuse(-1127, hours=1)
        newest = start is None and from_id is None
        if start is None:
            start = (
                lane.time_of_id(from_id) if from_id is not None else (now if end is None else end) - TRADES_LOOKBACK_MS
            )
        if end is None:
            end = start + (HOUR_MS if not newest else TRADES_LOOKBACK_MS)
        trades = lane.prints(max(start, now - AGGREGATES_KEPT_MS) - 1, min(end, now))
        rows = [
            {
                "a": each.id, "p": lane.grid.price_text(each.price), "q": lane.grid.qty_text(each.qty),
                "nq": lane.grid.qty_text(each.qty), "f": each.first_id, "l": each.last_id, "T": each.at_ms,
                "m": not each.buy,
            }
            for each in aggregated(trades)
            if from_id is None or each.id >= from_id
        ]  # fmt: skip
        return rows[-limit:] if newest else rows[:limit]

    def _klines(self, params: Params, name: str, most: int) -> list[list[object]]:
        lane = self.lane(params, name)
        return [row(lane.grid, each) for each in self._candles(params, lane, INTERVALS, most)]

    def _continuous_klines(self, params: Params) -> Any:
        lane = self._pair(params)
        params.word("contractType", CONTRACT_TYPES, -4104)
        return [row(lane.grid, each) for each in self._candles(params, lane, INTERVALS | SECOND, 1500)]

    def _price_klines(self, params: Params, name: str) -> Any:
        lane = self._pair(params) if name == "pair" else self.lane(params, name)
        return [_without_volume(row(lane.grid, each)) for each in self._candles(params, lane, INTERVALS, 1500)]

    def _premium_klines(self, params: Params) -> Any:
        lane = self.lane(params)
        rate, _ = self._market.funding_rate(lane.contract.symbol)
        flat = f"{rate:.8f}"
        rows = []
        for each in self._candles(params, lane, INTERVALS, 1500):
            cells = _without_volume(row(lane.grid, each))
            cells[1:5] = [flat] * 4
            rows.append(cells)
        return rows

    def _candles(self, params: Params, lane: Lane, intervals: Mapping[str, int], most: int) -> list[Candle]:
        interval = params.required("interval")
        if interval not in intervals:
            raise refuse(-1120)
        limit, now = params.limit(500, most), self._market.now_ms
        start, end = params.integer("startTime"), params.integer("endTime")
        if start is not None and end is not None and start > end:
            raise refuse(-1023)
        length = (INTERVALS | SECOND)[interval] or 31 * 24 * HOUR_MS
        if start is None:
            last = min(end, now) if end is not None else now
            first = open_time(last, interval) - (limit - 1) * length
            first = first - 2 * length if interval == "1M" else first
            return list(candles(lane, interval, max(first, 0), last, now))[-limit:]
        start = max(start, lane.origin_ms - length)
        last = min(end if end is not None else now, now, start + limit * length + length)
        return list(candles(lane, interval, start, last, now))[:limit]

    def _pair(self, params: Params) -> Lane:
        lane = self._market.lanes.get(params.required("pair"))
        if lane is None:
            raise refuse(-4144)
        return lane

    def _one_or_all(self, params: Params, make: Callable[[Lane], dict[str, Any]]) -> Any:
        if params.text("symbol"):
            return make(self.lane(params))
        return [make(lane) for lane in self._market.lanes.values()]


def _bound(handler: Callable[[PublicAnswers, Params], Any], answers: PublicAnswers) -> Handler:
    return lambda params: handler(answers, params)


def _trade(lane: Lane, trade: Print) -> dict[str, Any]:
    grid = lane.grid
    value = float(grid.price(trade.price) * grid.qty(trade.qty))
    return {
        "id": trade.id, "price": grid.price_text(trade.price), "qty": grid.qty_text(trade.qty),
        "quoteQty": grid.amount_text(value), "time": trade.at_ms, "isBuyerMaker": not trade.buy, "isRPITrade": False,
    }  # fmt: skip


def _without_volume(cells: list[object]) -> list[object]:
    return [*cells[:5], "0", cells[6], "0", cells[8], "0", "0", "0"]
