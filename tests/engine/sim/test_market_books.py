"""Order books: chained events, snapshots that fit between them, sides that never cross, takers who really take."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

import pytest

from engine.sim.capture import Captured, CapturedBook
from engine.sim.direct import DirectExchange
from engine.sim.ladder import ASK, BID, Sides
from engine.sim.opening import DEMO_SYMBOLS
from engine.sim.scenarios import PRICES
from tests.support.exchange import MIDDAY_MS


class ClientBook:
    """A book kept by the rules of the exchange's own page, from a snapshot and events."""

    def __init__(self, snapshot: dict[str, Any]) -> None:
        self.bids = {Decimal(price): Decimal(qty) for price, qty in snapshot["bids"]}
        self.asks = {Decimal(price): Decimal(qty) for price, qty in snapshot["asks"]}
        self.last_id = snapshot["lastUpdateId"]
        self.started = False

    def apply(self, event: dict[str, Any]) -> None:
        if not self.started:
            if event["u"] < self.last_id:
                return
            assert event["U"] <= self.last_id <= event["u"] or event["pu"] == self.last_id
            self.started = True
        else:
            assert event["pu"] == self.last_id
        for side, rows in ((self.bids, event["b"]), (self.asks, event["a"])):
            for price, qty in rows:
                if Decimal(qty):
                    side[Decimal(price)] = Decimal(qty)
                else:
                    side.pop(Decimal(price), None)
        self.last_id = event["u"]

    def touch(self) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        bid, ask = max(self.bids), min(self.asks)
        return bid, self.bids[bid], ask, self.asks[ask]


@pytest.mark.parametrize("scenario", PRICES)
@pytest.mark.parametrize("symbol", ["BTCUSDT", "POLUSDT"])
def test_a_book_kept_from_a_snapshot_and_events_is_the_book_of_the_exchange(symbol: str, scenario: str) -> None:
    exchange = DirectExchange.open(MIDDAY_MS, (symbol,), scenario)
    stream, tickers = f"{symbol.lower()}@depth@100ms", f"{symbol.lower()}@bookTicker"
    exchange.subscribe(stream, tickers)
    kept: ClientBook | None = None
    compared = 0
    for step in range(1, 700):
        exchange.advance(MIDDAY_MS + step * 300)
        if step == 5:
            kept = ClientBook(exchange.request("GET", "/fapi/v1/depth", {"symbol": symbol, "limit": "1000"})[1])
        events = exchange.market_events()
        for name, event in events if kept is not None else []:
            if name == stream:
                kept.apply(event)
                bid, _, ask, _ = kept.touch()
                assert bid < ask
            elif kept.started:
                assert event["u"] == kept.last_id
                assert kept.touch() == tuple(Decimal(event[field]) for field in ("b", "B", "a", "A"))
                compared += 1
    assert compared > 50


def test_every_speed_has_its_own_chain() -> None:
    exchange = DirectExchange.open(MIDDAY_MS, ("ETHUSDT",))
    names = ["ethusdt@depth@100ms", "ethusdt@depth", "ethusdt@depth@500ms"]
    exchange.subscribe(*names)
    last: dict[str, int] = {}
    counts = dict.fromkeys(names, 0)
    for step in range(1, 400):
        exchange.advance(MIDDAY_MS + step * 50)
        for name, event in exchange.market_events():
            assert event["pu"] == last.get(name, event["pu"])
            assert event["pu"] < event["U"] <= event["u"]
            last[name] = event["u"]
            counts[name] += 1
    assert counts[names[0]] > 2 * counts[names[1]] > 3 * counts[names[2]] > 0


@pytest.mark.parametrize("symbol", DEMO_SYMBOLS)
def test_best_prices_stand_around_the_last_trade(symbol: str) -> None:
    exchange = DirectExchange.open(MIDDAY_MS, (symbol,))
    for step in range(50):
        exchange.advance(MIDDAY_MS + step * 1000)
        _, ticker = exchange.request("GET", "/fapi/v1/ticker/bookTicker", {"symbol": symbol})
        _, last = exchange.request("GET", "/fapi/v1/ticker/price", {"symbol": symbol})
        assert Decimal(ticker["bidPrice"]) <= Decimal(last["price"]) <= Decimal(ticker["askPrice"])
        assert Decimal(ticker["bidPrice"]) < Decimal(ticker["askPrice"])


def test_a_taker_gets_the_displayed_levels_and_they_are_gone() -> None:
    exchange = DirectExchange.open(MIDDAY_MS, ("BTCUSDT",))
    market = exchange.exchange.market
    shown = market.ladder("BTCUSDT", "BUY", 5)
    wanted = sum((level.qty for level in shown[:3]), Decimal(0))
    got = market.take("BTCUSDT", "BUY", wanted, None, market.now_ms)
    assert [(level.price, level.qty) for level in got] == [(level.price, level.qty) for level in shown[:3]]
    assert market.ladder("BTCUSDT", "BUY", 1)[0] == shown[3]
    _, trades = exchange.request("GET", "/fapi/v1/trades", {"symbol": "BTCUSDT", "limit": "3"})
    assert [Decimal(trade["price"]) for trade in trades] == [level.price for level in got]
    assert [trade["id"] for trade in trades] == list(range(trades[0]["id"], trades[0]["id"] + 3))


def test_a_taker_never_goes_beyond_its_worst_price() -> None:
    market = DirectExchange.open(MIDDAY_MS, ("BTCUSDT",)).exchange.market
    shown = market.ladder("BTCUSDT", "SELL", 4)
    got = market.take("BTCUSDT", "SELL", Decimal(1000), shown[1].price, market.now_ms)
    assert [level.price for level in got] == [level.price for level in shown[:2]]


def test_a_cut_tells_each_changed_level_once_with_its_newest_quantity() -> None:
    book = Sides(100)
    for price in (10, 9, 8):
        book.put(BID, price, 5)
    for price in (11, 12):
        book.put(ASK, price, 5)
    feed = book.feed()
    assert book.cut(feed) is None
    book.put(BID, 10, 7)
    book.stamp(103)
    book.put(BID, 10, 0)
    book.put(ASK, 12, 6)
    book.stamp(110)
    assert book.cut(feed) == (101, 110, 100, [(10, 0)], [(12, 6)])
    assert book.cut(feed) is None


def test_random_changes_keep_a_side_sorted() -> None:
    rng, book = Random(3), Sides(1)
    for _ in range(3000):
        side = rng.randrange(2)
        price = rng.randrange(1, 100) if side == BID else rng.randrange(100, 200)
        book.put(side, price, rng.randrange(3))
    bids, asks = book.top(BID, 1000), book.top(ASK, 1000)
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert all(qty for _, qty in bids + asks)


def test_the_captured_book_is_played_as_it_was() -> None:
    captured = Captured.load()
    recorded = {row[3]: row[4:8] for row in captured.tickers}
    book = CapturedBook(captured)
    compared = 0
    for elapsed in range(0, 119_000, 20):
        book.advance(elapsed)
        assert book.bid[0] < book.ask[0]
        if book.update_id in recorded:
            assert [*book.bid, *book.ask] == recorded[book.update_id]
            compared += 1
    assert compared > 100


def test_the_capture_plays_again_in_one_unbroken_chain() -> None:
    book = CapturedBook(Captured.load())
    feed = book.feed()
    last = book.update_id
    for elapsed in range(0, 400_000, 5_000):
        trades = book.advance(elapsed)
        event = book.cut(feed)
        assert elapsed == 0 or (event is not None and event[2] == last and trades)
        assert book.bid[0] < book.ask[0]
        last = book.update_id


def test_trades_of_the_capture_make_the_klines() -> None:
    exchange = DirectExchange.open(MIDDAY_MS, ("BTCUSDT",), "capture")
    exchange.subscribe("btcusdt@trade")
    minute = MIDDAY_MS // 60_000 * 60_000 + 60_000
    traded: list[tuple[float, float]] = []
    for step in range(1, 1800):
        exchange.advance(MIDDAY_MS + step * 100)
        traded += [
            (float(event["p"]), float(event["q"]))
            for _, event in exchange.market_events()
            if minute <= event["T"] < minute + 60_000
        ]
    _, rows = exchange.request(
        "GET", "/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "1m", "startTime": str(minute), "limit": "1"}
    )
    cells = rows[0]
    prices = [price for price, _ in traded]
    assert [float(cells[at]) for at in (1, 2, 3, 4)] == [prices[0], max(prices), min(prices), prices[-1]]
    assert float(cells[5]) == pytest.approx(sum(qty for _, qty in traded), abs=1e-9)
    assert cells[8] == len(traded)
