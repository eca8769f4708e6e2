"""What the engine pays attention to: whose streams it hears, whose full books it keeps, and whom a price concerns."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from decimal import Decimal

from engine.bus import Bus
from engine.clock import Clock
from engine.exchange.wire_market import MarkPrice
from engine.market.events import UniverseChanged
from engine.market.feed import MarketFeed
from engine.market.listings import Listings
from engine.money import Instrument
from engine.trading.approval import pending
from engine.trading.events import SignalOffered
from engine.trading.floor import TradingFloor

FOCUS_EVERY_S = 0.5


class Attention:
    """Follows the universe and what is held or looked at. Keep `run` running.

    `forget` is called for each symbol that left; `on_paper_price` prices an account kept by ourselves, where there is
    one; `screen_symbols` says what somebody looks at.
    """

    def __init__(
        self,
        clock: Clock,
        bus: Bus,
        feed: MarketFeed,
        listings: Listings,
        instruments: MutableMapping[str, Instrument],
        floor: TradingFloor,
        forget: Callable[[str], None],
        screen_symbols: Callable[[], set[str]],
        on_paper_price: Callable[[str, Decimal, Decimal], None] | None = None,
    ) -> None:
        self._clock = clock
        self._feed = feed
        self._listings = listings
        self._instruments = instruments
        self._floor = floor
        self._forget = forget
        self._screen_symbols = screen_symbols
        self._on_paper_price = on_paper_price
        bus.subscribe(UniverseChanged, self._on_universe)
        bus.subscribe(SignalOffered, lambda _event: self.refocus())
        feed.on_mark = self._on_mark

    async def run(self) -> None:
        """Look again now and then; ends by cancellation."""
        while True:
            self.refocus()
            await self._clock.sleep(FOCUS_EVERY_S)

    def refocus(self) -> None:
        """Full books for positions, waiting signals, the screen, and a what-if by hand."""
        self._feed.focus("positions", {position.plan.symbol for position in self._floor.keeper.positions()})
        self._feed.focus("waiting", {entry.signal.symbol for entry in pending(self._floor.admission.queue)})
        self._feed.focus("screen", self._screen_symbols())

    def _on_universe(self, event: UniverseChanged) -> None:
        universe = self._listings.universe
        for symbol in universe.members:
            if (instrument := self._listings.instrument(symbol)) is not None:
                self._instruments[symbol] = instrument
        for symbol in event.removed:
            self._instruments.pop(symbol, None)
            self._forget(symbol)
        # Imbalance is judged for every symbol that may raise a signal.
        self._feed.watch(universe.members, universe.candidates)

    def _on_mark(self, event: MarkPrice) -> None:
        last = self._feed.last.get(event.symbol, event.mark)
        instrument = self._instruments.get(event.symbol)
        if instrument is not None and self._on_paper_price is not None:
            self._on_paper_price(event.symbol, instrument.price(last), instrument.price(event.mark))
        self._floor.keeper.on_price(event.symbol, event.mark, last)
