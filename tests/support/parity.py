"""The desk's memory against the whole past: the same closes decided both ways, differences counted and named."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from engine.market.candles import CandlePanels
from engine.trading.snapshots import TIMEFRAMES, Analyst, Series, Surroundings
from strategies.evaluate import Evaluation, due, evaluate
from strategies.flow import estimate_taker_buy
from strategies.model import Candles, Filters, MarketSnapshot, Refusal, Signal, ZoneSet
from strategies.settings import StrategySettings
from tests.support.bundled import bar_of, fill
from tests.support.replay import BtcHistory, History

ZONES_EVERY_MS = 7 * 3_600_000
NEAR = 1e-9


@dataclass
class Parity:
    """What the comparison of one or more symbols came to. Shares are relative."""

    closes: int = 0
    verdicts: int = 0
    signals: int = 0
    zone_sets: int = 0
    zones: int = 0
    decisions: list[str] = field(default_factory=list)  # a signal on one side only
    reasons: list[str] = field(default_factory=list)  # refused both times, for different reasons
    scores: list[str] = field(default_factory=list)  # the same verdict with another score
    prices: Counter[str] = field(default_factory=Counter)  # same verdict, stop differs by more than NEAR
    zone_differences: list[str] = field(default_factory=list)
    worst_price: float = 0.0
    worst_strength: float = 0.0

    def add(self, other: Parity) -> None:
        for name in ("closes", "verdicts", "signals", "zone_sets", "zones"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("decisions", "reasons", "scores", "zone_differences"):
            getattr(self, name).extend(getattr(other, name))
        self.prices += other.prices
        self.worst_price = max(self.worst_price, other.worst_price)
        self.worst_strength = max(self.worst_strength, other.worst_strength)


def compare(symbol: str, quarters: Candles, btc: Candles, settings: StrategySettings, closes: int) -> Parity:
    """The newest `closes` bars of a symbol, decided bar by bar on what the desk keeps and on everything there is."""
    if settings.measures.flow.estimate != "off":
        quarters = estimate_taker_buy(quarters)  # once, before any folding, as research does
    first = len(quarters) - closes
    whole = History(symbol, quarters, settings, window=False)
    kept = _Kept(symbol, quarters.slice(0, first), whole.tick, settings)
    told = BtcHistory(btc, settings)
    result = Parity()
    for index in range(first, len(quarters)):
        close_ms = int(quarters.open_time[index]) + quarters.tf_ms
        now = told.at(close_ms)
        live = kept.snapshot(index, quarters, now, close_ms)
        full = whole.snapshot(close_ms, now)
        result.closes += 1
        assert due(live, settings) == due(full, settings)
        _decisions(evaluate(live, settings), evaluate(full, settings), result)
        if close_ms % ZONES_EVERY_MS == 0:
            _zones(live, full, result)
    return result


class _Kept:
    """The desk's panels and analyst for one symbol."""

    def __init__(self, symbol: str, past: Candles, tick: float, settings: StrategySettings) -> None:
        self._symbol, self._tick = symbol, tick
        self._panels = CandlePanels()
        fill(self._panels, symbol, past)
        self._analyst = Analyst(settings, 8)

    def snapshot(self, index: int, quarters: Candles, btc: object, close_ms: int) -> MarketSnapshot:
        self._panels.add(self._symbol, "15m", bar_of(quarters, index))
        series = {
            tf: Series(self._panels.candles(self._symbol, tf), self._panels.revision(self._symbol, tf))
            for tf in TIMEFRAMES
        }
        around = Surroundings(Filters(self._tick), btc=btc)  # type: ignore[arg-type]
        return self._analyst.snapshot(self._symbol, close_ms, series, around)


def _decisions(live: Evaluation, full: Evaluation, result: Parity) -> None:
    ours = {_key(verdict): verdict for verdict in (*live.signals, *live.refusals)}
    theirs = {_key(verdict): verdict for verdict in (*full.signals, *full.refusals)}
    result.verdicts += len(theirs)
    result.signals += len(full.signals)
    for key in sorted({*ours, *theirs}):
        mine, other = ours.get(key), theirs.get(key)
        where = f"{full.symbol} {full.t_ms} {key[0]} {key[1]:+d}"
        if isinstance(mine, Signal) != isinstance(other, Signal):
            result.decisions.append(f"{where}: {_word(mine)} on the window, {_word(other)} on the whole")
        elif mine is None or other is None or _word(mine) != _word(other):
            result.reasons.append(f"{where}: {_word(mine)} on the window, {_word(other)} on the whole")
        else:
            if abs((mine.score or 0.0) - (other.score or 0.0)) > NEAR:
                result.scores.append(f"{where}: {mine.score} on the window, {other.score} on the whole")
            _price(key[0], mine.stop, other.stop, result)


def _price(strategy: str, mine: float | None, other: float | None, result: Parity) -> None:
    if mine is None or other is None:
        return
    off = abs(mine / other - 1.0)
    result.worst_price = max(result.worst_price, off)
    if off > NEAR:
        result.prices[strategy] += 1


def _zones(live: MarketSnapshot, full: MarketSnapshot, result: Parity) -> None:
    for arm in ("v2", "v3"):
        mine: ZoneSet = live.source.other(arm).zones()  # type: ignore[attr-defined]
        other: ZoneSet = full.source.other(arm).zones()  # type: ignore[attr-defined]
        result.zone_sets += 1
        result.zones += len(other.zones)
        shape = [(zone.tf, zone.kind, zone.lifecycle, zone.state, zone.grade) for zone in mine.zones]
        if shape != [(zone.tf, zone.kind, zone.lifecycle, zone.state, zone.grade) for zone in other.zones]:
            result.zone_differences.append(f"{full.symbol} {full.t_ms} {arm}: other zones")
            continue
        for a, b in zip(mine.zones, other.zones, strict=True):
            off = abs(a.strength - b.strength)
            result.worst_strength = max(result.worst_strength, off)
            if not np.allclose((a.low, a.high), (b.low, b.high), rtol=NEAR) or off > 1e-6:
                result.zone_differences.append(f"{full.symbol} {full.t_ms} {arm}: {b.id} {a.strength} for {b.strength}")


def _key(verdict: Signal | Refusal) -> tuple[str, int]:
    return verdict.strategy, verdict.side


def _word(verdict: Signal | Refusal | None) -> str:
    return "nothing" if verdict is None else verdict.reason if isinstance(verdict, Refusal) else "signal"
