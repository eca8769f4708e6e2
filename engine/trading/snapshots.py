"""Turns closed bars into what a decision may read, and keeps what was computed by its newest bar.

Bundles, regimes and zones are kept by the open time and revision of their series: neither a new bar nor a corrected
one can be answered with an old value. The same code serves the live close, the backtest and the screen.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

import msgspec

from engine.trading.zone_sets import Series, ZoneInputs, ZoneSets
from strategies.btc import btc_context
from strategies.cache import CacheStats, IndicatorCache, capacity_for
from strategies.flow import estimate_taker_buy
from strategies.indicators import indicators
from strategies.model import BookFlow, BtcContext, Filters, Indicators, MarketSnapshot, Regime, RegimeState
from strategies.regime import regime_at
from strategies.settings import StrategySettings

__all__ = ["TIMEFRAMES", "Analyst", "Series", "Surroundings"]

TIMEFRAMES = ("15m", "1h", "4h", "1d")
# The dear window statistics are read this far back at most; 4h keeps all, the regime is a fold over its history.
RECENT_BARS = {"15m": 120, "1h": 120, "4h": None, "1d": 120}
UNKNOWN = Regime(RegimeState.UNDECIDED, 0, 0.0, reason="absent:bars")


class Surroundings(msgspec.Struct, frozen=True, eq=False):
    """What a snapshot needs beside its own bars; absent where there is none."""

    filters: Filters
    btc: BtcContext | None = None
    book: BookFlow | None = None
    doi_pct: float | None = None
    funding_z: float | None = None
    spread: float | None = None
    quote_rank: int | None = None


class Analyst:
    """Builds snapshots of any symbol; one instance serves one set of parameters."""

    def __init__(self, settings: StrategySettings, symbols: int = 600) -> None:
        self.settings = settings
        symbols = max(symbols, 8)
        self._bundles: IndicatorCache[Indicators] = IndicatorCache(
            capacity_for(symbols, len(TIMEFRAMES)), threading.RLock
        )
        self._regimes: IndicatorCache[Regime] = IndicatorCache(symbols * 2, threading.RLock)
        self._zones = ZoneSets(settings, symbols)

    def stats(self) -> CacheStats:
        """How well the bundle cache serves."""
        return self._bundles.stats()

    def forget(self, symbol: str) -> None:
        """A symbol left the universe."""
        self._bundles.clear(symbol)
        self._regimes.clear(symbol)
        self._zones.forget(symbol)

    def bundle(self, symbol: str, series: Series, tick: float) -> Indicators:
        """Indicators of a series."""
        recent = RECENT_BARS[series.candles.tf]
        return self._bundles.get_or_compute(
            series.key(symbol), lambda: indicators(series.candles, tick=tick, recent=recent)
        )

    def regime(self, symbol: str, series: Series, tick: float) -> Regime:
        """State of the market after the newest 4h bar."""
        if not len(series.candles):
            return UNKNOWN
        params = self.settings.measures.regime
        return self._regimes.get_or_compute(
            series.key(symbol), lambda: regime_at(series.candles, self.bundle(symbol, series, tick), params)
        )

    def btc(self, series: Series, tick: float, now_ms: int) -> BtcContext | None:
        """What BTCUSDT 1h says at a close."""
        ind = self.bundle("BTCUSDT", series, tick)
        return btc_context(series.candles, ind, now_ms, self.settings.measures.btc)

    def snapshot(self, symbol: str, t_ms: int, series: Mapping[str, Series], around: Surroundings) -> MarketSnapshot:
        """One symbol at one close; every series must end at or before `t_ms`."""
        tick = around.filters.tick
        filled, estimated = self._with_flow({tf: one for tf, one in series.items() if len(one.candles)})
        ind = {tf: self.bundle(symbol, one, tick) for tf, one in filled.items()}
        return MarketSnapshot(
            symbol=symbol, t_ms=t_ms, bars={tf: one.candles for tf, one in filled.items()}, ind=ind,
            regime=self.regime(symbol, filled["4h"], tick) if "4h" in filled else UNKNOWN,
            source=self._zones.source(ZoneInputs(symbol, t_ms, filled, ind, tick)),
            filters=around.filters, btc=around.btc, book=around.book, doi_pct=around.doi_pct,
            funding_z=around.funding_z, spread=around.spread, quote_rank=around.quote_rank,
            flow_estimated=estimated,
        )  # fmt: skip

    def _with_flow(self, series: dict[str, Series]) -> tuple[dict[str, Series], bool]:
        """The series with taker volume estimated where it is missing, if that was asked for (ruling 31)."""
        if self.settings.measures.flow.estimate == "off":
            return series, False
        filled = {tf: Series(estimate_taker_buy(one.candles), one.revision) for tf, one in series.items()}
        return filled, any(filled[tf].candles is not one.candles for tf, one in series.items())
