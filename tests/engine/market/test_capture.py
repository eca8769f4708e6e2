"""Recorded traffic through the protocol and the book: no false gap, and the best prices are the exchange's own."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.exchange.wire_market import BookTicker, Depth, DepthDiff
from engine.market.book import OrderBook
from engine.market.depth_sync import Apply, DepthSync, NeedSnapshot
from tests.support.captures import capture, lines

BTC = "um_btcusdt_2024-08-08_depth0ms_trade_bookTicker.jsonl.zst"
BTC_120S = "um_btcusdt_2024-08-08_first120s.jsonl.zst"
ALTS = "um_4alts_2021-07-22_depth100ms_aggTrade_kline_bookTicker.jsonl.zst"
TICKS = {"BTCUSDT": 0.1, "SUSHIUSDT": 0.0001, "AKROUSDT": 0.00001, "KEEPUSDT": 0.0001, "CTKUSDT": 0.00001}


class Replay:
    """Plays a recording into one book for each symbol and compares it with the exchange's best prices."""

    def __init__(self) -> None:
        self.books: dict[str, OrderBook] = {}
        self.syncs: dict[str, DepthSync] = {}
        self.diffs = self.gaps = self.shared = self.crossed = 0
        self.wrong: list[str] = []
        self._tickers: dict[str, dict[int, BookTicker]] = {}
        self._bests: dict[str, dict[int, tuple[object, object]]] = {}

    def run(self, path: Path) -> Replay:
        for line in lines(path):
            if line["src"] == "rest":
                self._snapshot(line)
                continue
            data = line["msg"]["data"]
            if data["e"] == "depthUpdate":
                self._diff(msgspec.convert(data, DepthDiff, strict=False))
            elif data["e"] == "bookTicker":
                ticker = msgspec.convert(data, BookTicker, strict=False)
                self._tickers.setdefault(ticker.symbol, {})[ticker.update_id] = ticker
        for symbol, bests in self._bests.items():
            for update_id, best in bests.items():
                if (ticker := self._tickers.get(symbol, {}).get(update_id)) is not None:
                    self.shared += 1
                    told = (ticker.bid, ticker.bid_quantity), (ticker.ask, ticker.ask_quantity)
                    if best != told:
                        self.wrong.append(f"{symbol} {update_id}: {best} != {told}")
        return self

    def _snapshot(self, line: dict) -> None:
        message = line["msg"]
        url = line.get("url", "")
        symbol = url.split("symbol=")[1].split("&")[0].upper() if "symbol=" in url else "BTCUSDT"
        self._follow(symbol, self._sync(symbol).on_snapshot(msgspec.convert(message, Depth, strict=False)))

    def _diff(self, diff: DepthDiff) -> None:
        self.diffs += 1
        self._follow(diff.symbol, self._sync(diff.symbol).on_diff(diff))

    def _sync(self, symbol: str) -> DepthSync:
        return self.syncs.setdefault(symbol, DepthSync())

    def _follow(self, symbol: str, answer: object) -> None:
        if isinstance(answer, NeedSnapshot):
            self.gaps += answer.gap
        if not isinstance(answer, Apply):
            return
        book = self.books.setdefault(symbol, OrderBook(symbol, TICKS[symbol]))
        if answer.snapshot is not None:
            book.load(answer.snapshot.bids, answer.snapshot.asks)
        for diff in answer.diffs:
            book.apply(diff.bids, diff.asks)
            self.crossed += not book.sound
            self._bests.setdefault(symbol, {})[diff.final_id] = (book.bids.best, book.asks.best)


@pytest.mark.parametrize(("name", "diffs", "shared"), [(BTC, 6551, 629), (BTC_120S, None, 199)])
def test_a_recorded_book_agrees_with_the_best_prices_at_every_shared_id(
    name: str, diffs: int | None, shared: int
) -> None:
    replay = Replay().run(capture(name))
    assert replay.gaps == 0
    assert replay.crossed == 0
    assert replay.wrong == []
    assert replay.shared == shared
    if diffs is not None:
        assert replay.diffs == diffs


def test_four_quiet_books_are_bridged_and_never_gap() -> None:
    replay = Replay().run(capture(ALTS))
    assert set(replay.books) == set(TICKS) - {"BTCUSDT"}
    assert (replay.gaps, replay.crossed, replay.wrong) == (0, 0, [])
