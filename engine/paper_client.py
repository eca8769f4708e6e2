"""A client whose orders end in the paper account: the same requests, another transport. Part of the wiring."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from decimal import Decimal

from config.schema import Secrets, Settings
from engine.clock import Clock
from engine.exchange.client import ExchangeClient
from engine.exchange.transport import HttpAnswer, Socket
from engine.exchange.venue import Venue
from engine.market.feed import MarketFeed
from engine.money import Instrument, decimal
from engine.sim.paper import HOST, LiveMarket, LiveSymbol, PaperExchange
from engine.trading.quotes import Quote

QuoteOf = Callable[[str], Quote]

# These sign requests that never leave the process.
_PAPER_KEYS = Secrets("paper", "paper")


class PaperTransport:
    """`HttpTransport` and `WsTransport` in one, ending in memory."""

    def __init__(self, exchange: PaperExchange) -> None:
        self._exchange = exchange

    async def request(self, method: str, url: str, headers: Mapping[str, str], timeout_s: float) -> HttpAnswer:
        status, answered, body = await self._exchange.request(method, url, headers, timeout_s)
        return HttpAnswer(status, answered, body)

    async def open(self, url: str) -> Socket:
        return self._exchange.open_socket(url)

    async def close(self) -> None:
        """Nothing is held open."""


class Watching:
    """What the paper account sees of the live market."""

    def __init__(self, instruments: Mapping[str, Instrument], feed: MarketFeed, quote: QuoteOf) -> None:
        self._instruments = instruments
        self._feed = feed
        self._quote = quote

    def symbols(self) -> list[str]:
        return list(self._instruments)

    def look(self, symbol: str) -> LiveSymbol:
        """Raises KeyError for a symbol that is not watched."""
        rules, quote, mark = self._instruments[symbol], self._quote(symbol), self._feed.mark(symbol)
        last = self._feed.last.get(symbol, mark)
        at = rules.price(last) if last is not None else rules.tick
        marked = self._feed.marks.get(symbol)
        return LiveSymbol(
            rules.tick, rules.step, rules.min_qty, rules.max_qty, rules.market_min_qty, rules.market_max_qty,
            rules.min_notional, rules.min_price, rules.max_price, rules.price_up, rules.price_down, rules.status,
            last=at, mark=decimal(mark) if mark is not None else at,
            bids=tuple((rules.price(price), decimal(qty)) for price, qty in quote.bids),
            asks=tuple((rules.price(price), decimal(qty)) for price, qty in quote.asks),
            funding_rate=decimal(marked.funding_rate) if marked is not None else Decimal(0),
            next_funding_ms=marked.next_funding_ms if marked is not None else 0,
        )  # fmt: skip


def paper_client(
    settings: Settings, clock: Clock, rng: random.Random, instruments: Mapping[str, Instrument], feed: MarketFeed,
    quote: QuoteOf,
) -> tuple[ExchangeClient, PaperExchange]:  # fmt: skip
    """A client of a fresh paper account, and the account that must be told of prices."""
    watching = Watching(instruments, feed, quote)
    market = LiveMarket(watching.symbols, watching.look)
    exchange = PaperExchange(market, decimal(settings.account.paper_equity), settings.sim.seed, clock.now_ms)
    transport = PaperTransport(exchange)
    venue = Venue("paper", HOST, HOST, HOST)
    client = ExchangeClient(venue, _PAPER_KEYS, settings.exchange, clock, rng, transport=transport, ws=transport)
    return client, exchange
