"""Live market streams: each keeps what it last told and says what is new when its beat comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from engine.sim import stream_messages as say
from engine.sim.candles import Candle, candle, next_open, open_time
from engine.sim.day import day_of
from engine.sim.lane import Lane
from engine.sim.market import Market
from engine.sim.path import BAR_MS
from engine.sim.stream_names import StreamName
from engine.sim.trades import condensed

KLINE_BEATS = 5
ASSETS = ("BTCUSDT", "ETHUSDT", "BNBUSDT")


class Stream(Protocol):
    """One live stream."""

    def poll(self, beat: int) -> Iterable[Any]:
        """Payloads that are due at a beat; arrays stay arrays."""
        ...

    def close(self) -> None:
        """Nobody listens any more."""
        ...


def open_stream(market: Market, name: StreamName) -> Stream | None:
    """The live stream of a name; None for one that never says anything here."""
    lane = market.lanes.get(name.symbol)
    if name.symbol and lane is None:
        return None
    if lane is None:
        make = _ALL_MARKET.get(name.kind)
        return None if make is None else _Said(market, make)
    if name.kind in ("depth", "rpiDepth"):
        return _Depth(market, lane)
    if name.kind == "partial":
        return _Partial(market, lane, name.levels)
    if name.kind == "bookTicker":
        return _BookTicker(market, lane)
    if name.kind in ("kline", "continuousKline"):
        return _Klines(market, lane, name.interval, name.kind == "continuousKline")
    if name.kind in ("aggTrade", "trade"):
        return _Trades(market, lane, name.kind == "aggTrade")
    single = _SINGLE.get(name.kind)
    return None if single is None else _Said(market, lambda m: [single(m, lane)])


class _Said:
    """A stream that says the present state of something."""

    def __init__(self, market: Market, make: Callable[[Market], Iterable[Any]]) -> None:
        self._market, self._make = market, make

    def poll(self, beat: int) -> Iterable[Any]:
        return self._make(self._market)

    def close(self) -> None:
        pass


class _Trades(_Said):
    """Every trade since the last push, aggregated or one by one."""

    def __init__(self, market: Market, lane: Lane, aggregate: bool) -> None:
        super().__init__(market, self._new)
        self._lane, self._aggregate = lane, aggregate
        self._told_ms = market.now_ms
        self._told_id = lane.next_id(market.now_ms) - 1

    def _new(self, market: Market) -> Iterable[Any]:
        now, lane = market.now_ms, self._lane
        trades = [each for each in lane.prints(self._told_ms - 1, now) if each.id > self._told_id]
        self._told_ms = now
        if not trades:
            return []
        self._told_id = trades[-1].id
        if self._aggregate:
            return [say.agg_trade(lane, each, now) for each in condensed(trades)]
        return [say.trade(lane, each, now) for each in trades]


class _Klines:
    """Klines of one interval: each close at once, the open one four times a second when it changed."""

    def __init__(self, market: Market, lane: Lane, interval: str, continuous: bool) -> None:
        self._market, self._lane, self._interval, self._continuous = market, lane, interval, continuous
        self._open_ms = open_time(market.now_ms, interval)
        self._next_ms = next_open(self._open_ms, interval)
        self._said: tuple[int, int] | None = None

    def poll(self, beat: int) -> Iterable[Any]:
        now = self._market.now_ms
        while now >= self._next_ms:
            closed = candle(self._lane, self._interval, self._open_ms, now)
            self._open_ms, self._next_ms = self._next_ms, next_open(self._next_ms, self._interval)
            self._said = None
            if closed is not None:
                yield self._say(closed, now, True)
        if beat % KLINE_BEATS:
            return
        forming = self._forming(now)
        if forming is not None and (forming.bar.close, forming.bar.volume) != self._said:
            self._said = (forming.bar.close, forming.bar.volume)
            yield self._say(forming, now, False)

    def close(self) -> None:
        pass

    def _forming(self, now: int) -> Candle | None:
        if self._interval != "15m":
            return candle(self._lane, self._interval, self._open_ms, now)
        first, count = self._lane.trades_between(self._open_ms, now)
        return Candle(self._open_ms, self._open_ms + BAR_MS - 1, self._lane.forming(now), first, count)

    def _say(self, each: Candle, now: int, closed: bool) -> Any:
        if not self._continuous:
            return say.kline(self._lane, self._interval, each, now, closed)
        newest = self._market.book(self._lane.contract.symbol).update_id
        return say.continuous_kline(self._lane, self._interval, each, (newest - each.trades, newest), now, closed)


class _Depth:
    """Changes of the book; U, u and pu form a chain from push to push."""

    def __init__(self, market: Market, lane: Lane) -> None:
        self._market, self._lane = market, lane
        self._book = market.book(lane.contract.symbol)
        self._feed = self._book.feed()

    def poll(self, beat: int) -> Iterable[Any]:
        book = self._market.book(self._lane.contract.symbol)
        event = book.cut(self._feed)
        if event is not None:
            first, last, before, bids, asks = event
            yield say.depth(self._lane, (first, last, before), bids, asks, self._market.now_ms)

    def close(self) -> None:
        self._book.feeds.remove(self._feed)


class _Partial:
    """The best levels, whole, each time."""

    def __init__(self, market: Market, lane: Lane, count: int) -> None:
        self._market, self._lane, self._count = market, lane, count
        self._told_id = market.book(lane.contract.symbol).update_id

    def poll(self, beat: int) -> Iterable[Any]:
        book = self._market.book(self._lane.contract.symbol)
        if book.update_id == self._told_id:
            return
        ids = (self._told_id + 1, book.update_id, self._told_id)
        self._told_id = book.update_id
        yield say.depth(self._lane, ids, book.top(0, self._count), book.top(1, self._count), self._market.now_ms)

    def close(self) -> None:
        pass


class _BookTicker:
    """The touch whenever it changed, with the id of the depth event that changed it."""

    def __init__(self, market: Market, lane: Lane) -> None:
        self._market, self._lane = market, lane
        self._told: tuple[int, int, int, int] | None = None

    def poll(self, beat: int) -> Iterable[Any]:
        book = self._market.book(self._lane.contract.symbol)
        touch = (*book.bid, *book.ask)
        if touch != self._told:
            self._told = touch
            yield say.book_ticker(self._lane, book.update_id, touch, self._market.now_ms)

    def close(self) -> None:
        pass


def _trading(market: Market) -> list[Lane]:
    return [lane for lane in market.lanes.values() if lane.contract.rules.status == "TRADING"]


def _with_twins(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of an all-market stream and those of the coin-margined product, which come with them."""
    own = list(rows)
    return own + [twin for twin in map(say.coin_margined, own) if twin is not None]


def _all_book_tickers(market: Market) -> Iterable[Any]:
    rows = []
    for lane in _trading(market):
        symbol = lane.contract.symbol
        update_id = market.update_id(symbol)
        rows.append(say.book_ticker(lane, update_id, market.touch(symbol), market.now_ms))
    return _with_twins(rows)


_SINGLE: dict[str, Callable[[Market, Lane], Any]] = {
    "markPrice": say.mark_price,
    "miniTicker": lambda market, lane: say.mini_ticker(lane, day_of(lane, market.now_ms), market.now_ms),
    "ticker": lambda market, lane: say.ticker(lane, day_of(lane, market.now_ms), market.now_ms),
    "assetIndex": say.asset_index,
}
_ALL_MARKET: dict[str, Callable[[Market], Iterable[Any]]] = {
    "allMarkPrice": lambda market: [_with_twins(say.mark_price(market, lane) for lane in _trading(market))],
    "allMiniTicker": lambda market: [
        _with_twins(say.mini_ticker(lane, day_of(lane, market.now_ms), market.now_ms) for lane in _trading(market))
    ],
    "allTicker": lambda market: [
        _with_twins(say.ticker(lane, day_of(lane, market.now_ms), market.now_ms) for lane in _trading(market))
    ],
    "allBookTicker": _all_book_tickers,
    "assetIndex": lambda market: [[say.asset_index(market, market.lanes[s]) for s in ASSETS if s in market.lanes]],
    "tradingSession": lambda market: [say.trading_session(market.now_ms)],
}
