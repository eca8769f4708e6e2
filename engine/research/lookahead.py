"""Does anything know the future? Histories are cut at moments and everything is computed again without what came after.

Whatever was known at the cut must be the same both ways: every indicator, the join of longer frames, swings, zones,
verdicts, and the trades that had closed. Whoever reads a bar that had not closed is found by the difference, and so is
a strategy that remembers: it answers otherwise when it is asked again.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from engine.research import backtest, candidates, features, replay
from engine.research.backtest import Job
from engine.research.data import Tape, read_tape
from engine.research.features import BtcHistory, History
from engine.research.own import own_strategies
from engine.research.prices import path_of
from engine.research.snapshots import BASE, Snapshots
from strategies import indicators as measures
from strategies.model import F64, Candles, MarketSnapshot, Signal

TAIL: Final = 96  # newest values of each array that are compared
CLOSE: Final = 1e-9  # relative; sums may be added in another order
STRETCH: Final = 1200  # 15m bars before a cut whose verdicts and trades are compared
PIVOT_WIDTHS: Final = (2, 3, 5)


class Leak(msgspec.Struct, frozen=True):
    """Something that was not the same without the future."""

    kind: str  # indicator | regime | join | pivot | zone | signal | trade
    what: str
    symbol: str
    cut_ms: int
    detail: str


class Inspection(msgspec.Struct, frozen=True):
    """What was compared, and what leaked."""

    symbol: str
    cuts: int
    compared: dict[str, int]
    leaks: tuple[Leak, ...]


def inspect(job: Job, symbol: str, cuts: int = 4) -> Inspection:
    """Cut one symbol's history at `cuts` moments spread over its later part. Raises DataFault, UserStrategyFailed."""
    tape = read_tape(Path(job.folder), symbol, job.to_ms, job.minutes)
    whole = features.history_of(tape, job.settings)
    btc = backtest.btc_of(job)
    seen: Counter[str] = Counter()
    leaks: list[Leak] = []
    n = len(tape.bars)
    # An odd bar of its hour, so that a longer bar is forming at the cut.
    bars = sorted({int(share * (n - 2)) // 4 * 4 + 1 for share in np.linspace(0.55, 0.995, cuts)})
    for bar in bars:
        if not 0 < bar < n - 1:
            continue
        leaks += _Cut(job, tape, whole, btc, bar, seen).leaks()
    return Inspection(symbol, len(bars), dict(sorted(seen.items())), tuple(leaks))


class _Cut:
    """One history with and without what came after bar `bar` closed."""

    def __init__(
        self, job: Job, tape: Tape, whole: History, btc: BtcHistory | None, bar: int, seen: Counter[str]
    ) -> None:
        self._job, self._whole, self._btc, self._bar, self._seen = job, whole, btc, bar, seen
        self._t_ms = int(tape.bars.open_time[bar]) + tape.bars.tf_ms
        minutes = tape.minutes.upto(self._t_ms) if tape.minutes is not None else None
        # A copy: nothing that is cut away may be reached through a view.
        short = Tape(tape.symbol, _copied(tape.bars.slice(0, bar + 1)), minutes and _copied(minutes))
        self._short = features.history_of(short, job.settings)

    def leaks(self) -> list[Leak]:
        """All kinds."""
        found = self._indicators() + self._regimes() + self._pivots()
        ours = Snapshots(self._whole, self._job.settings, self._btc).at(self._bar)
        theirs = Snapshots(self._short, self._job.settings, self._btc).at(self._bar)
        return found + self._joins(ours, theirs) + self._zones(ours, theirs) + self._decisions()

    def _leak(self, kind: str, what: str, detail: str) -> Leak:
        return Leak(kind, what, self._whole.symbol, self._t_ms, detail)

    def _indicators(self) -> list[Leak]:
        found: list[Leak] = []
        for tf, short in self._short.ind.items():
            n = len(self._short.frames[tf])
            for name in short.__struct_fields__:
                with_future: F64 = getattr(self._whole.ind[tf], name)[max(0, n - TAIL) : n]
                without: F64 = getattr(short, name)[max(0, n - TAIL) :]
                self._seen["indicator"] += len(without)
                if not _same(with_future, without):
                    at = int(np.flatnonzero(~_alike(with_future, without))[0])
                    detail = f"{with_future[at]:.10g} with the future, {without[at]:.10g} without"
                    found.append(self._leak("indicator", f"{tf} {name}", detail))
        return found

    def _regimes(self) -> list[Leak]:
        n = len(self._short.frames["4h"])
        self._seen["regime"] += n
        whole, short = self._whole.regimes, self._short.regimes
        if np.array_equal(whole.code[:n], short.code) and np.array_equal(whole.direction[:n], short.direction):
            return []
        return [self._leak("regime", "4h state", "differs")]

    def _pivots(self) -> list[Leak]:
        found: list[Leak] = []
        for tf, short in self._short.frames.items():
            n, whole = len(short), self._whole.frames[tf]
            first = max(0, n - 1000)
            for k in PIVOT_WIDTHS:
                later = measures.swings(whole.high[first:], whole.low[first:], k)
                now = measures.swings(short.high[first:], short.low[first:], k)
                for name, with_future, without in zip(("highs", "lows"), later, now, strict=True):
                    known = with_future[with_future + k < n - first]
                    self._seen["pivot"] += len(without)
                    if not np.array_equal(known, without):
                        found.append(self._leak("pivot", f"{tf} swing {name}, half-width {k}", "known too early"))
        return found

    def _joins(self, ours: MarketSnapshot, theirs: MarketSnapshot) -> list[Leak]:
        found: list[Leak] = []
        for tf, candles in ours.bars.items():
            self._seen["join"] += 1
            other = theirs.bars.get(tf)
            if candles.last_close_ms > self._t_ms:
                found.append(self._leak("join", tf, f"reads a bar that closes at {candles.last_close_ms}"))
            elif other is None or candles.last_close_ms != other.last_close_ms:
                found.append(self._leak("join", tf, "another newest bar"))
        return found

    def _zones(self, ours: MarketSnapshot, theirs: MarketSnapshot) -> list[Leak]:
        here, there = ours.source.zones(), theirs.source.zones()
        self._seen["zone"] += len(there.zones)
        if _plain(here.zones) == _plain(there.zones):
            return []
        return [self._leak("zone", here.origin, f"{len(here.zones)} with the future, {len(there.zones)} without")]

    def _decisions(self) -> list[Leak]:
        window = (max(0, self._bar + 1 - STRETCH), self._bar + 1)
        answers = [self._decided(history, window) for history in (self._whole, self._short)]
        found: list[Leak] = []
        for kind, index in (("signal", 0), ("trade", 1)):
            with_future, without = answers[0][index], answers[1][index]
            self._seen[kind] += len(without)
            for name in sorted(with_future.keys() | without.keys()):
                if with_future.get(name) != without.get(name):
                    detail = _difference(with_future.get(name), without.get(name))
                    found.append(self._leak(kind, name, detail))
        return found

    def _decided(self, history: History, window: tuple[int, int]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Signals by id, and trades that had closed by the cut."""
        job = self._job
        snapshots = Snapshots(history, job.settings, self._btc)
        own = own_strategies(job.own)
        found = candidates.scan(history, snapshots, job.settings, job.house, window, own=own).found
        rules = replay.Rules(job.settings, job.exits, job.risk, job.fees)
        traded = replay.replay(history, path_of(history.frames[BASE], history.minutes), found, rules).trades
        signals = {f"{one.strategy} {one.id}": _signal(one) for at in found for one in at.signals}
        trades = {
            f"{trade.strategy} {trade.symbol} {trade.entry_ms}": trade.row()
            for trade in traded
            if trade.counts and trade.exit_ms < self._t_ms
        }
        return signals, trades


def _copied(candles: Candles) -> Candles:
    values = [getattr(candles, name).copy() for name in Candles.__struct_fields__ if name != "tf"]
    return Candles(candles.tf, *values)


def _alike(a: F64, b: F64) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.isclose(a, b, rtol=CLOSE, atol=0.0, equal_nan=True) | (np.abs(a - b) < 1e-12)


def _same(a: F64, b: F64) -> bool:
    return len(a) == len(b) and bool(_alike(a, b).all())


def _signal(signal: Signal) -> tuple[Any, ...]:
    return signal.side, round(signal.score, 9), float(f"{signal.stop:.9g}"), signal.variant, signal.tp2_price


def _plain(zones: Any) -> Any:
    rows = [msgspec.to_builtins(zone) for zone in zones]
    return [{k: float(f"{v:.9g}") if isinstance(v, float) else v for k, v in row.items()} for row in rows]


def _difference(with_future: Any, without: Any) -> str:
    if without is None:
        return "exists only with the future"
    return "exists only without the future" if with_future is None else f"{with_future} with, {without} without"
