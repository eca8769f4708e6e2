"""Keeps the universe up to date: rules and volumes every hour, additions and removals through the coordinator."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

import msgspec
import structlog

from config.schema import UniverseSettings
from engine.bus import Bus
from engine.clock import Clock
from engine.errors import BadPayload, ExchangeError
from engine.exchange.instruments import ExchangeInfo
from engine.exchange.limits import Lane
from engine.exchange.market_api import Ticker24h
from engine.market.coordinator import Place, SymbolLoadCoordinator
from engine.market.events import UniverseChanged
from engine.market.universe import Universe, choose, difference, load_order
from engine.money import Instrument
from engine.store.journal import Journal
from engine.store.rows import SymbolRow

log = structlog.get_logger("market")


class ListingReader(Protocol):
    """Where trading rules and volumes come from. Raises ExchangeError or BadPayload."""

    async def exchange_info(self, lane: Lane) -> ExchangeInfo: ...
    async def ticker_24h(self, lane: Lane) -> list[Ticker24h]: ...


class Listings:
    """Owner of the universe. `held` names the symbols that must not be removed."""

    def __init__(
        self,
        settings: UniverseSettings,
        clock: Clock,
        bus: Bus,
        reader: ListingReader,
        coordinator: SymbolLoadCoordinator,
        journal: Journal,
        held: Callable[[], Collection[str]],
        all_candidates: bool = False,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._bus = bus
        self._reader = reader
        self._coordinator = coordinator
        self._journal = journal
        self._held = held
        self._all_candidates = all_candidates
        self._instruments: Mapping[str, Instrument] = {}
        self.universe = Universe()

    def instrument(self, symbol: str) -> Instrument | None:
        """Trading rules of any listed perpetual, watched or not."""
        return self._instruments.get(symbol)

    def listed_ms(self, symbol: str) -> int:
        """When a symbol was listed; 0 where unknown."""
        instrument = self._instruments.get(symbol)
        return 0 if instrument is None else instrument.onboard_ms

    async def refresh(self, lane: Lane = Lane.BACKGROUND) -> UniverseChanged:
        """Ask anew, choose anew, hand additions and removals to the coordinator and retry what failed.

        Raises ExchangeError or BadPayload; then nothing changed.
        """
        instruments = (await self._reader.exchange_info(lane)).instruments
        volume = {ticker.symbol: ticker.quote_volume for ticker in await self._reader.ticker_24h(lane)}
        held = frozenset(self._held())
        now_ms = self._clock.now_ms()
        before = self.universe
        after = choose(self._settings, instruments, volume, held, before, now_ms, self._all_candidates)
        self._instruments, self.universe = instruments, after
        added, removed = difference(before, after)
        for symbol in removed:
            self._coordinator.remove(symbol)
        failed = set(self._coordinator.members(Place.FAILED))
        order = load_order(after, held)
        self._coordinator.add(symbol for symbol in order if symbol in failed or symbol in set(added))
        self._journal.put(*(self._row(symbol, now_ms) for symbol in (*after.members, *removed)))
        change = UniverseChanged(added, removed, len(after.members), len(after.candidates))
        self._bus.publish(change)
        log.info("universe", added=len(added), removed=len(removed), members=change.members, retried=len(failed))
        return change

    async def run(self) -> None:
        """Refresh at the interval of the settings; a failed refresh waits for the next one."""
        while True:
            await self._clock.sleep_until(self._clock.now_ms() + round(self._settings.update_min * 60_000))
            try:
                await self.refresh()
            except (ExchangeError, BadPayload) as error:
                log.warning("universe_not_refreshed", reason=str(error))

    def _row(self, symbol: str, now_ms: int) -> SymbolRow:
        instrument = self._instruments.get(symbol)
        member = symbol in self.universe.volume
        state = "candidate" if symbol in self.universe.candidates else "watched" if member else "removed"
        return SymbolRow(
            symbol=symbol,
            status=instrument.status if instrument else "GONE",
            listed_ms=self.listed_ms(symbol),
            volume_24h=self.universe.volume.get(symbol, 0.0),
            state=state,
            filters=msgspec.json.encode(instrument) if instrument else b"{}",
            updated_ms=now_ms,
        )
