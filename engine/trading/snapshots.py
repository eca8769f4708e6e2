"""Turns closed bars into what a decision may read, and keeps what was computed by its newest bar.

Bundles, regimes, zones and surveys are kept by the open time and revision of their series: neither a new bar nor a
corrected one can be answered with an old value. The same code serves the live close, the backtest and the screen.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import msgspec
import numpy as np

from strategies.absent import at
from strategies.btc import btc_context
from strategies.cache import CacheKey, CacheStats, IndicatorCache, capacity_for
from strategies.indicators import indicators
from strategies.model import (
    F64,
    BookFlow,
    BtcContext,
    Candles,
    Filters,
    Indicators,
    MarketSnapshot,
    Regime,
    RegimeState,
    ZoneSet,
)
from strategies.regime import regime_at
from strategies.settings import StrategySettings
from strategies.value import profile
from strategies.vwap import daily_vwap
from strategies.zones.build import Survey, ZoneContext, build, survey
from strategies.zones.provider import arm_of
from strategies.zones.v2 import build_v2

QUARTERS_OF_DAY = 96
TIMEFRAMES = ("15m", "1h", "4h", "1d")
# The dear window statistics are read this far back at most; 4h keeps all, the regime is a fold over its history.
RECENT_BARS = {"15m": 120, "1h": 120, "4h": None, "1d": 120}


class Series(msgspec.Struct, frozen=True, eq=False):
    """Closed bars of one timeframe and the revision their owner counts."""

    candles: Candles
    revision: int = 0


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
        capacity = capacity_for(max(symbols, 8), len(TIMEFRAMES))
        self._bundles: IndicatorCache[Indicators] = IndicatorCache(capacity, threading.RLock)
        self._regimes: IndicatorCache[Regime] = IndicatorCache(max(symbols, 8) * 2, threading.RLock)
        self._surveys: IndicatorCache[_Surveyed] = IndicatorCache(capacity, threading.RLock)
        self._zones: dict[str, ZoneSet] = {}

    def stats(self) -> CacheStats:
        """How well the bundle cache serves."""
        return self._bundles.stats()

    def forget(self, symbol: str) -> None:
        """A symbol left the universe."""
        for cache in (self._bundles, self._regimes, self._surveys):
            cache.clear(symbol)
        self._zones.pop(symbol, None)

    def bundle(self, symbol: str, series: Series, tick: float) -> Indicators:
        """Indicators of a series."""
        recent = RECENT_BARS[series.candles.tf]
        return self._bundles.get_or_compute(
            _key(symbol, series), lambda: indicators(series.candles, tick=tick, recent=recent)
        )

    def regime(self, symbol: str, series: Series, tick: float) -> Regime:
        """State of the market after the newest 4h bar."""
        if not len(series.candles):
            return Regime(RegimeState.UNDECIDED, 0, 0.0, reason="absent:bars")
        params = self.settings.measures.regime
        return self._regimes.get_or_compute(
            _key(symbol, series), lambda: regime_at(series.candles, self.bundle(symbol, series, tick), params)
        )

    def btc(self, series: Series, tick: float, now_ms: int) -> BtcContext | None:
        """What BTCUSDT 1h says at a close."""
        ind = self.bundle("BTCUSDT", series, tick)
        return btc_context(series.candles, ind, now_ms, self.settings.measures.btc)

    def snapshot(self, symbol: str, t_ms: int, series: Mapping[str, Series], around: Surroundings) -> MarketSnapshot:
        """One symbol at one close; every series must end at or before `t_ms`."""
        tick = around.filters.tick
        filled = {tf: one for tf, one in series.items() if len(one.candles)}
        empty = Series(_no_candles("4h"))
        bars = {tf: one.candles for tf, one in filled.items()}
        ind = {tf: self.bundle(symbol, one, tick) for tf, one in filled.items()}
        return MarketSnapshot(
            symbol=symbol, t_ms=t_ms, bars=bars, ind=ind,
            regime=self.regime(symbol, filled.get("4h", empty), tick),
            source=LazyZones(lambda: self.zones(symbol, t_ms, filled, ind, tick)),
            filters=around.filters, btc=around.btc, book=around.book, doi_pct=around.doi_pct,
            funding_z=around.funding_z, spread=around.spread, quote_rank=around.quote_rank,
            flow_estimated=self.settings.measures.flow.estimate != "off",
        )  # fmt: skip

    def zones(
        self, symbol: str, t_ms: int, series: Mapping[str, Series], ind: Mapping[str, Indicators], tick: float
    ) -> ZoneSet:
        """Zones that signals of this symbol are decided on, from the builder its arm names."""
        params = self.settings.zones
        if arm_of(symbol, t_ms, params) == "v2":
            quarter = series.get("15m")
            if quarter is None:
                return ZoneSet(symbol, t_ms, "v2", (), "absent:bars")
            return build_v2(symbol, quarter.candles, ind["15m"].atr, params.v2)
        return self.zones_v3(symbol, t_ms, series, ind, tick)

    def zones_v3(
        self, symbol: str, t_ms: int, series: Mapping[str, Series], ind: Mapping[str, Indicators], tick: float
    ) -> ZoneSet:
        """The four-timeframe zones, surveys kept until their own next bar."""
        params, measures = self.settings.zones.v3, self.settings.measures
        surveys = {
            tf: self._surveys.get_or_compute(
                _key(symbol, one),
                lambda tf=tf, one=one: _Surveyed(  # type: ignore[misc]
                    survey(one.candles, ind[tf].atr, at(ind[tf].ema200, len(one.candles) - 1), tick, params)
                ),
            ).survey
            for tf, one in series.items()
        }
        quarter = series["15m"].candles if "15m" in series else _no_candles("15m")
        volume = profile(quarter, len(quarter), tick, measures.profile)
        context = ZoneContext(
            symbol, t_ms, {tf: one.candles for tf, one in series.items()}, ind, tick,
            daily_vwap=_newest_vwap(quarter), poc=volume.poc if volume is not None else None,
        )  # fmt: skip
        built = build(context, params, previous=self._zones.get(symbol), surveys=surveys)
        self._zones[symbol] = built
        return built


class LazyZones:
    """Zones of one snapshot, built when first asked for."""

    def __init__(self, build_zones: Callable[[], ZoneSet]) -> None:
        self._build = build_zones
        self._built: ZoneSet | None = None

    def zones(self) -> ZoneSet:
        if self._built is None:
            self._built = self._build()
        return self._built


class _Surveyed(msgspec.Struct, frozen=True, eq=False):
    """A survey, or the fact that there is none, as something a cache can hold."""

    survey: Survey | None


def _key(symbol: str, series: Series) -> CacheKey:
    candles = series.candles
    last = int(candles.open_time[-1]) if len(candles) else 0
    return CacheKey(symbol, candles.tf, last, series.revision)


def _newest_vwap(quarter: Candles) -> float | None:
    """Daily VWAP after the newest bar; a day of 15m bars is all it reads."""
    day = quarter.slice(max(0, len(quarter) - QUARTERS_OF_DAY), len(quarter))
    return at(daily_vwap(day).value, len(day) - 1) if len(day) else None


def _no_candles(tf: str) -> Candles:
    nothing: F64 = np.empty(0)
    return Candles(tf, np.empty(0, dtype=np.int64), nothing, nothing, nothing, nothing, nothing, nothing)
