"""The market side: prices, books and candles of every symbol at one present moment, moved on by `advance`.

Only symbols somebody trades are stepped trade by trade; every other is computed when it is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from engine.sim.capture import CapturedBook
from engine.sim.contract import AccountSide, Level, SymbolRules
from engine.sim.funding_rates import FundingRates
from engine.sim.ladder import ASK, BID, FIRST_UPDATE, Ladder, Sides
from engine.sim.lane import Lane
from engine.sim.touch import TouchMaker

MAJORS = frozenset({"BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "BTCUSDC", "ETHUSDC"})
MARK_TRADES = 60
TIME_STEP_MS = 60_000
CHECKPOINT = "\x00time"


class Market:
    """Implements `MarketSide`. `beat` counts the moments at which books move; see `ladder`."""

    def __init__(self, lanes: Mapping[str, Lane], seed: int, start_ms: int) -> None:
        self.lanes = lanes
        self.start_ms = start_ms
        self.beat = 0
        self._now_ms = start_ms
        self._account: AccountSide | None = None
        self._seed = seed
        self._touches: dict[str, TouchMaker] = {}
        self._funding = {symbol: FundingRates(symbol, seed, symbol in MAJORS) for symbol in lanes}
        self._books: dict[str, Sides] = {}
        self._settled: dict[str, tuple[int, tuple[int, int]]] = {}
        self._traded: set[str] = set()
        self._played: tuple[str, CapturedBook, Callable[[], float]] | None = None
        self._thin: dict[str, Decimal] = {}

    def attach(self, account: AccountSide) -> None:
        """The account side that hears of every price of traded symbols."""
        self._account = account

    @property
    def now_ms(self) -> int:
        return self._now_ms

    @property
    def symbols(self) -> Sequence[str]:
        return list(self.lanes)

    def rules(self, symbol: str) -> SymbolRules:
        return self.lanes[symbol].contract.rules

    def brackets(self, symbol: str) -> list[dict[str, Any]]:
        return self.lanes[symbol].contract.brackets

    def last(self, symbol: str) -> Decimal:
        lane = self.lanes[symbol]
        return lane.grid.price(lane.last(self._now_ms))

    def mark(self, symbol: str) -> Decimal:
        """Follows the last price at once, so that what a candle touches the mark price touches too."""
        return self.last(symbol)

    def mark_average(self, symbol: str) -> float:
        lane = self.lanes[symbol]
        return lane.average(self._now_ms, MARK_TRADES) * lane.grid.tick_size

    def index(self, symbol: str) -> float:
        """Index price: what the running funding rate says the contract's premium is."""
        rate, _ = self.funding_rate(symbol)
        return float(self.last(symbol)) * (1 - float(rate) * 0.5)

    def best(self, symbol: str) -> tuple[Decimal, Decimal]:
        bid, _, ask, _ = self.touch(symbol)
        grid = self.lanes[symbol].grid
        return grid.price(bid), grid.price(ask)

    def touch(self, symbol: str) -> tuple[int, int, int, int]:
        """(bid, quantity, ask, quantity) in ticks and steps, without building a book nobody watches."""
        if symbol in self._books:
            book = self.book(symbol)
            return (*book.bid, *book.ask)
        maker = self._maker(symbol)
        bid, ask = maker.prices(self._now_ms)
        bid_qty, ask_qty = maker.quantities(self._now_ms)
        return bid, bid_qty, ask, ask_qty

    def book(self, symbol: str) -> Sides:
        """The displayed book now; it moves once each beat and whenever its price has."""
        book = self._books.get(symbol)
        if book is None:
            maker = self._maker(symbol)
            book = self._books[symbol] = maker.ladder(self._now_ms)
            self._settled[symbol] = (self.beat, maker.prices(self._now_ms))
        elif isinstance(book, Ladder):
            maker = self._maker(symbol)
            prices = maker.prices(self._now_ms)
            if self._settled[symbol] != (self.beat, prices):  # what a taker took stays gone until then
                book.settle(prices, maker.lean(self._now_ms))
                self._settled[symbol] = (self.beat, prices)
        return book

    def refreshed(self, symbol: str) -> Sides:
        """The book with a few changes no event has told yet, so that the next one reaches back behind it."""
        book = self.book(symbol)
        if isinstance(book, Ladder):
            book.stamp(book.update_id + 1 + book.stir(2))
        return book

    def update_id(self, symbol: str) -> int:
        """Id of the newest update of a book, or of the moment where nobody watches it."""
        book = self._books.get(symbol)
        return book.update_id if book is not None else FIRST_UPDATE + self._now_ms // 1000

    def play(self, symbol: str, book: CapturedBook, elapsed_ms: Callable[[], float]) -> None:
        """Let a recorded book and its trades take the place of the path; `elapsed_ms` paces it."""
        self._books[symbol] = book
        self._played = (symbol, book, elapsed_ms)
        self.lanes[symbol].play(self._now_ms, [])

    def ladder(self, symbol: str, side: str, limit: int) -> list[Level]:
        grid = self.lanes[symbol].grid
        levels = self.book(symbol).top(ASK if side == "BUY" else BID, limit)
        return [Level(grid.price(price), grid.qty(steps)) for price, steps in levels]

    def take(self, symbol: str, side: str, qty: Decimal, worst: Decimal | None, now_ms: int) -> list[Level]:
        lane, book = self.lanes[symbol], self.book(symbol)
        buy, grid = side == "BUY", lane.grid
        wanted = int(qty / grid.step * self._thin.pop(symbol, Decimal(1)))
        limit = None
        if worst is not None:
            limit = int((worst / grid.tick).to_integral_value(ROUND_FLOOR if buy else ROUND_CEILING))
        hit = book.take(buy, wanted, limit)
        for price, steps in hit:
            lane.print_own(now_ms, price, steps, buy)
        return [Level(grid.price(price), grid.qty(steps)) for price, steps in hit]

    def thin(self, symbol: str, share: Decimal) -> None:
        """The next taker on a symbol finds only a share of what it wants."""
        self._thin[symbol] = share

    def funding_rate(self, symbol: str) -> tuple[Decimal, int]:
        rates = self._funding[symbol]
        settlement = rates.next_time(self._now_ms)
        return rates.at(settlement), settlement

    def funding(self, symbol: str) -> FundingRates:
        return self._funding[symbol]

    def trade(self, symbol: str) -> None:
        """Step this symbol trade by trade from now on: an account has business there."""
        if symbol in self.lanes:
            self._traded.add(symbol)

    def move(self, symbol: str, price: Decimal) -> None:
        """Move a market to a price at once; where it goes from there keeps the distance."""
        lane = self.lanes[symbol]
        ticks = max(1, int((price / lane.grid.tick).to_integral_value()))
        lane.jump(self._now_ms, ticks)
        self._tell(symbol, self._now_ms)

    def advance(self, now_ms: int) -> None:
        """Bring everything to a later time; the account side hears each price and each minute on the way."""
        if now_ms <= self._now_ms:
            return
        self._play_on(now_ms)
        if self._account is None:
            self._now_ms = now_ms
            return
        steps = [
            (at, order, symbol)
            for order, symbol in enumerate(sorted(self._traded))
            for at, _ in self.lanes[symbol].vertices(self._now_ms, now_ms)
        ]
        first_minute = self._now_ms // TIME_STEP_MS + 1
        steps += [(minute * TIME_STEP_MS, -1, CHECKPOINT) for minute in range(first_minute, now_ms // TIME_STEP_MS + 1)]
        for at, _, symbol in sorted(steps):
            self._now_ms = at
            if symbol == CHECKPOINT:
                self._account.on_time(at)
            else:
                self._tell(symbol, at)
        self._now_ms = now_ms
        self._account.on_time(now_ms)

    def _play_on(self, now_ms: int) -> None:
        if self._played is None:
            return
        symbol, book, elapsed_ms = self._played
        span = now_ms - self._now_ms
        played = book.advance(elapsed_ms())
        trades = [(self._now_ms + max(1, round(each.part * span)), each.price, each.qty, each.buy) for each in played]
        self.lanes[symbol].play(now_ms, trades)

    def _maker(self, symbol: str) -> TouchMaker:
        maker = self._touches.get(symbol)
        if maker is None:
            maker = self._touches[symbol] = TouchMaker(self.lanes[symbol], self._seed)
        return maker

    def _tell(self, symbol: str, at_ms: int) -> None:
        if self._account is not None:
            self._account.on_price(symbol, self.last(symbol), self.mark(symbol), at_ms)
