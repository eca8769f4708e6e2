"""Which streams the desk listens to, and where each event goes.

All symbols get their 15m candles and, in one stream each, mark prices and day figures; active symbols also partial
depth for the imbalance; the focus (open positions, waiting signals, the symbol on screen) full depth and trades.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from engine.clock import Clock
from engine.exchange.streams import MarketStreams
from engine.exchange.wire_market import AggTrade, DepthDiff, KlineEvent, MarkPrice, MiniTicker, PartialDepth
from engine.market.books import Books
from engine.market.imbalance import ImbalanceBoard

TAPE_TRADES = 60
RANK_MS = 1000.0  # one close asks for the ranks of the whole market
ALL_MARKS = "!markPrice@arr@1s"
ALL_TICKERS = "!miniTicker@arr"


class MarketFeed:
    """Dispatches market events and keeps the newest of each. Handlers must not block."""

    def __init__(self, streams: MarketStreams, books: Books, imbalance: ImbalanceBoard, clock: Clock) -> None:
        self._streams = streams
        self._books = books
        self._imbalance = imbalance
        self._clock = clock
        self._symbols: frozenset[str] = frozenset()
        self._deep: frozenset[str] = frozenset()
        self._focus: dict[str, frozenset[str]] = {}
        self.marks: dict[str, MarkPrice] = {}
        self.marked_mono_ms: dict[str, float] = {}
        self.last: dict[str, float] = {}
        self.tickers: dict[str, MiniTicker] = {}
        self._ranks: dict[str, int] = {}
        self._ranked_mono_ms = -RANK_MS
        self.tape: dict[str, deque[AggTrade]] = {}
        self.on_mark: Callable[[MarkPrice], None] = _nobody
        self.on_bar: Callable[[KlineEvent], None] = _nobody
        streams.on_event = self._take
        streams.on_link = self._linked

    def watch(self, symbols: Iterable[str], deep: Iterable[str]) -> None:
        """Listen to these symbols; `deep` of them also with partial depth."""
        self._symbols, self._deep = frozenset(symbols), frozenset(deep)
        self._retarget()

    def focus(self, reason: str, symbols: Iterable[str]) -> None:
        """Keep full books of these symbols for a reason (positions, waiting, screen); others' reasons stay."""
        wanted = frozenset(symbols) & self._symbols if self._symbols else frozenset(symbols)
        if self._focus.get(reason) != wanted:
            self._focus[reason] = wanted
            self._retarget()

    @property
    def focused(self) -> frozenset[str]:
        return frozenset().union(*self._focus.values()) if self._focus else frozenset()

    def mark(self, symbol: str) -> float | None:
        """Newest mark price, else the newest trade or close; None before anything was heard."""
        marked = self.marks.get(symbol)
        return marked.mark if marked is not None else self.last.get(symbol)

    def quote_rank(self, symbol: str) -> int | None:
        """Place by 24 h quote volume, 1 is the highest; None where it is not known. At most a second old."""
        mono_ms = self._clock.mono_ms()
        if mono_ms >= self._ranked_mono_ms + RANK_MS:
            ordered = sorted(self.tickers.values(), key=lambda ticker: -ticker.quote_volume)
            self._ranks = {ticker.symbol: place for place, ticker in enumerate(ordered, start=1)}
            self._ranked_mono_ms = mono_ms
        return self._ranks.get(symbol)

    def forget(self, symbol: str) -> None:
        """A symbol is no longer listened to: nothing of it is kept."""
        for kept in (self.marks, self.marked_mono_ms, self.last, self.tickers, self.tape):
            kept.pop(symbol, None)

    def _retarget(self) -> None:
        focus = self.focused
        self._books.set_focus(focus)
        for symbol in set(self.tape) - focus:
            del self.tape[symbol]
        names = {ALL_MARKS, ALL_TICKERS} if self._symbols else set()
        names |= {f"{symbol.lower()}@kline_15m" for symbol in self._symbols}
        names |= {f"{symbol.lower()}@depth10@500ms" for symbol in self._deep}
        names |= {f"{symbol.lower()}@depth@100ms" for symbol in focus}
        names |= {f"{symbol.lower()}@aggTrade" for symbol in focus}
        self._streams.set_streams(names)

    def _take(self, event: object, mono_ms: float) -> None:
        match event:
            case DepthDiff():
                self._books.on_diff(event)
            case KlineEvent(symbol=symbol, close=close):
                self.last[symbol] = close
                if event.closed:
                    self.on_bar(event)
            case AggTrade(symbol=symbol, price=price):
                self.last[symbol] = price
                self._books.on_trade(symbol)
                self.tape.setdefault(symbol, deque(maxlen=TAPE_TRADES)).append(event)
            case PartialDepth():
                self._imbalance.add(event.symbol, event.bids, event.asks, mono_ms)
            case MarkPrice(symbol=symbol):
                self.marks[symbol] = event
                self.marked_mono_ms[symbol] = mono_ms
                self.on_mark(event)
            case MiniTicker(symbol=symbol):
                self.tickers[symbol] = event

    def _linked(self, names: frozenset[str], up: bool) -> None:
        if not up:
            self._books.on_link_lost({name.partition("@")[0].upper() for name in names if "@depth@" in name})


def _nobody(_event: object) -> None:
    """Before anyone listens."""
