"""The zones of every symbol, built when a candidate asks for them and kept until the next bar of their timeframe.

A set is a function of the closed bars alone: what a zone has earned is carried over from the last UTC midnight, which
is rebuilt from the bars too, and not from whenever somebody happened to ask before. So a restart, a backtest and the
live desk see the same zones.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

import msgspec
import numpy as np

from strategies.absent import at
from strategies.cache import CacheKey, IndicatorCache, capacity_for
from strategies.model import F64, Candles, Indicators, ZoneSet
from strategies.settings import StrategySettings
from strategies.value import profile
from strategies.vwap import daily_vwap
from strategies.zones.build import Survey, ZoneContext, build, survey
from strategies.zones.params import SENIOR_FIRST, V3Params
from strategies.zones.provider import DAY_MS, Arm, arm_of
from strategies.zones.v2 import build_v2

QUARTERS_OF_DAY = 96


class Series(msgspec.Struct, frozen=True, eq=False):
    """Closed bars of one timeframe and the revision their owner counts."""

    candles: Candles
    revision: int = 0

    def key(self, symbol: str) -> CacheKey:
        """What everything computed from these bars is kept by."""
        candles = self.candles
        last = int(candles.open_time[-1]) if len(candles) else 0
        return CacheKey(symbol, candles.tf, last, self.revision)


class ZoneInputs(msgspec.Struct, frozen=True, eq=False):
    """What the builders read: one symbol as of one close. Every series has bars."""

    symbol: str
    t_ms: int
    series: Mapping[str, Series]
    ind: Mapping[str, Indicators]
    tick: float


class _Surveyed(msgspec.Struct, frozen=True, eq=False):
    """A survey, or the fact that there is none, as something a cache can hold."""

    survey: Survey | None


class ZoneSets:
    """Builds sets of either arm; surveys of a timeframe are kept until its next bar."""

    def __init__(self, settings: StrategySettings, symbols: int) -> None:
        self._params = settings.zones
        self._profile = settings.measures.profile
        capacity = capacity_for(symbols, len(SENIOR_FIRST))
        self._surveys: IndicatorCache[_Surveyed] = IndicatorCache(capacity, threading.RLock)
        self._midnights: dict[str, tuple[tuple[int, ...], ZoneSet]] = {}

    def source(self, inputs: ZoneInputs) -> SymbolZones:
        """Zones of the arm that signals of this symbol are decided on."""
        self._let_go(inputs)
        return SymbolZones(self, inputs, arm_of(inputs.symbol, inputs.t_ms, self._params), {})

    def forget(self, symbol: str) -> None:
        """A symbol left the universe."""
        self._surveys.clear(symbol)
        self._midnights.pop(symbol, None)

    def _let_go(self, inputs: ZoneInputs) -> None:
        """What newer bars have outdated would keep the bars it was made of until somebody asks for zones again."""
        for one in inputs.series.values():
            self._surveys.drop_older(one.key(inputs.symbol))
        kept = self._midnights.get(inputs.symbol)
        if kept is not None and kept[0][0] + DAY_MS <= inputs.t_ms:
            self._midnights.pop(inputs.symbol, None)

    def built(self, inputs: ZoneInputs, arm: Arm) -> ZoneSet:
        """The set of one arm."""
        return self._v2(inputs) if arm == "v2" else self._v3(inputs)

    def _v2(self, inputs: ZoneInputs) -> ZoneSet:
        quarter = inputs.series.get("15m")
        if quarter is None:
            return ZoneSet(inputs.symbol, inputs.t_ms, "v2", (), "absent:bars")
        return build_v2(inputs.symbol, quarter.candles, inputs.ind["15m"].atr, self._params.v2)

    def _v3(self, inputs: ZoneInputs) -> ZoneSet:
        surveys = {
            tf: self._surveys.get_or_compute(
                one.key(inputs.symbol),
                lambda tf=tf, one=one: _Surveyed(_survey(one.candles, inputs.ind[tf], inputs.tick, self._params.v3)),  # type: ignore[misc]
            ).survey
            for tf, one in inputs.series.items()
        }
        context = self._context(inputs, inputs.t_ms)
        return build(context, self._params.v3, previous=self._midnight(inputs), surveys=surveys)

    def _midnight(self, inputs: ZoneInputs) -> ZoneSet:
        """The set as of the last UTC midnight, whose standing the zones of the day start from."""
        day_ms = inputs.t_ms // DAY_MS * DAY_MS
        stamp = (day_ms, *(one.revision for one in inputs.series.values()))
        kept = self._midnights.get(inputs.symbol)
        if kept is not None and kept[0] == stamp:
            return kept[1]
        found = build(self._context(inputs, day_ms), self._params.v3)
        self._midnights[inputs.symbol] = (stamp, found)
        return found

    def _context(self, inputs: ZoneInputs, as_of_ms: int) -> ZoneContext:
        bars = {tf: one.candles.upto(as_of_ms) for tf, one in inputs.series.items()}
        ind = {tf: inputs.ind[tf].slice(0, len(candles)) for tf, candles in bars.items()}
        quarter = bars.get("15m", _no_candles("15m"))
        traded = profile(quarter, len(quarter), inputs.tick, self._profile)
        return ZoneContext(
            inputs.symbol, as_of_ms, bars, ind, inputs.tick,
            daily_vwap=_newest_vwap(quarter), poc=traded.poc if traded is not None else None,
        )  # fmt: skip


class SymbolZones:
    """Zones of one symbol at one close, built when first asked for."""

    def __init__(self, sets: ZoneSets, inputs: ZoneInputs, arm: Arm, built: dict[Arm, ZoneSet]) -> None:
        self._sets, self._inputs, self._built = sets, inputs, built
        self.arm = arm

    @property
    def asked(self) -> bool:
        """Whether any rule has looked at them."""
        return self.arm in self._built

    def zones(self) -> ZoneSet:
        found = self._built.get(self.arm)
        if found is None:
            found = self._built[self.arm] = self._sets.built(self._inputs, self.arm)
        return found

    def other(self, arm: Arm) -> SymbolZones:
        """The same market in the eyes of another arm."""
        return SymbolZones(self._sets, self._inputs, arm, self._built)


def _survey(candles: Candles, ind: Indicators, tick: float, params: V3Params) -> Survey | None:
    return survey(candles, ind.atr, at(ind.ema200, len(candles) - 1), tick, params)


def _newest_vwap(quarter: Candles) -> float | None:
    """Daily VWAP after the newest bar; a day of 15m bars is all it reads."""
    day = quarter.slice(max(0, len(quarter) - QUARTERS_OF_DAY), len(quarter))
    return at(daily_vwap(day).value, len(day) - 1) if len(day) else None


def _no_candles(tf: str) -> Candles:
    nothing: F64 = np.empty(0)
    return Candles(tf, np.empty(0, dtype=np.int64), nothing, nothing, nothing, nothing, nothing, nothing)
