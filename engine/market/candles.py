"""The closed bars of every symbol: 15m as they close, 1h, 4h and 1d folded out of them.

A longer bar exists only if all its 15m bars do (ruling 23). An invalid bar is refused by name, costs its symbol that
bar and nobody else anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from engine.errors import BadBar
from engine.market.bars import Bar, check, fault, fold, valid_mask
from engine.market.series import Series
from engine.store.history_rows import CandleColumns
from strategies.model import TIMEFRAME_MS, Candles

BASE = "15m"
FOLDED = ("1h", "4h", "1d")
FAR_MS = 1 << 62
CAPACITY: Mapping[str, int] = {"15m": 2300, "1h": 1250, "4h": 1000, "1d": 1000}
"""Zones look 2,000 bars of 15m and 1,000 of 1h back from the last midnight; the rest lets their ATR forget its seed."""


@dataclass(frozen=True, slots=True)
class Change:
    """What adding a bar did to one series; `before` is what stood in its place."""

    tf: str
    bar: Bar
    before: Bar | None = None

    @property
    def revised(self) -> bool:
        """Whether the bar was there before, with other values."""
        return self.before is not None

    @property
    def change_pct(self) -> float:
        """By how much its prices changed at most."""
        old, new = self.before, self.bar
        if old is None:
            return 0.0
        pairs = ((old.open, new.open), (old.high, new.high), (old.low, new.low), (old.close, new.close))
        return max(abs(after / before - 1.0) for before, after in pairs) * 100.0


class CandlePanels:
    """Owner of all bars in memory. Views it hands out are read-only and stay as they are."""

    def __init__(self, capacity: Mapping[str, int] = CAPACITY) -> None:
        self._capacity = dict(capacity)
        self._series: dict[tuple[str, str], Series] = {}

    # -- writing -----------------------------------------------------------------------------------------------------

    def load(self, symbol: str, tf: str, columns: CandleColumns) -> list[BadBar]:
        """Replace a series by stored bars; invalid ones are left out and returned by name.

        Bars that closed while the store was read, newer than all of these, stay.
        """
        values = np.stack((columns.open, columns.high, columns.low, columns.close, columns.volume, columns.taker_buy))
        valid = valid_mask(tf, columns.open_time, values)
        series = self._of(symbol, tf)
        newest = int(columns.open_time[-1]) if len(columns.open_time) else -1
        arrived = series.between(newest + 1, FAR_MS)
        series.load(columns.open_time[valid], values[:, valid])
        for bar in arrived:
            series.put(bar)
        return [_bad(symbol, tf, columns, int(index)) for index in np.flatnonzero(~valid)]

    def add(self, symbol: str, tf: str, bar: Bar) -> list[Change]:
        """Put one closed bar where it belongs and fold what it completes; returns the series that changed.

        Adding the same bar again changes nothing. Raises BadBar for an invalid bar; then nothing changed.
        """
        check(symbol, tf, bar)
        changes = self._put(symbol, tf, bar)
        if tf == BASE:
            for longer in FOLDED if changes else ():
                changes += self._fold(symbol, longer, bar.open_ms)
        return changes

    def forget(self, symbol: str) -> None:
        """Drop all bars of a symbol."""
        for tf in self._capacity:
            self._series.pop((symbol, tf), None)

    # -- reading -----------------------------------------------------------------------------------------------------

    def candles(self, symbol: str, tf: str) -> Candles:
        """All bars of a series, oldest first, as read-only views; empty where nothing is known."""
        series = self._series.get((symbol, tf))
        return (series or Series(tf, self._capacity[tf])).candles()

    def revision(self, symbol: str, tf: str) -> int:
        """Rises when a known bar changes or a hole is filled; with the newest open time it keys every cache."""
        series = self._series.get((symbol, tf))
        return 0 if series is None else series.revision

    def last_open_ms(self, symbol: str, tf: str) -> int | None:
        """Open time of the newest bar; None where there is none."""
        series = self._series.get((symbol, tf))
        return None if series is None else series.last_open_ms

    def has(self, symbol: str, tf: str, open_ms: int) -> bool:
        """Whether this very bar is there."""
        series = self._series.get((symbol, tf))
        return series is not None and bool(series.between(open_ms, open_ms + 1))

    def contiguous(self, symbol: str, tf: str, bars: int = 300) -> bool:
        """Whether the newest bars have no hole; a hole there suspends the symbol for the timeframe."""
        series = self._series.get((symbol, tf))
        return series is None or series.contiguous(bars)

    def symbols(self) -> list[str]:
        """Symbols with bars of the base timeframe, sorted."""
        return sorted(symbol for (symbol, tf), series in self._series.items() if tf == BASE and len(series))

    @property
    def nbytes(self) -> int:
        """Memory the bars take."""
        return sum(series.nbytes for series in self._series.values())

    # -- folding -----------------------------------------------------------------------------------------------------

    def fold_all(self, symbol: str) -> list[Change]:
        """Complete the longer series from the 15m bars at hand, after loading; known longer bars are kept."""
        base = self._series.get((symbol, BASE))
        if base is None or base.first_open_ms is None or base.last_open_ms is None:
            return []
        changes: list[Change] = []
        for tf in FOLDED:
            step = TIMEFRAME_MS[tf]
            known = self.last_open_ms(symbol, tf)
            start = base.first_open_ms // step * step if known is None else known + step
            for open_ms in range(start, base.last_open_ms + 1, step):
                changes += self._fold(symbol, tf, open_ms)
        return changes

    def _fold(self, symbol: str, tf: str, inside_ms: int) -> list[Change]:
        """The longer bar around `inside_ms`, if all its parts are there."""
        base = self._series[(symbol, BASE)]
        step = TIMEFRAME_MS[tf]
        open_ms = inside_ms // step * step
        last = base.last_open_ms
        if last is None or last < open_ms + step - TIMEFRAME_MS[BASE]:
            return []
        parts = base.between(open_ms, open_ms + step)
        if len(parts) * TIMEFRAME_MS[BASE] != step:
            return []
        return self._put(symbol, tf, fold(open_ms, parts))

    def _put(self, symbol: str, tf: str, bar: Bar) -> list[Change]:
        series = self._of(symbol, tf)
        known = series.between(bar.open_ms, bar.open_ms + 1)
        return [Change(tf, bar, known[0] if known else None)] if series.put(bar) else []

    def _of(self, symbol: str, tf: str) -> Series:
        key = (symbol, tf)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = Series(tf, self._capacity[tf], turn=len(self._series))
        return series


def of_bars(bars: Iterable[Bar]) -> CandleColumns:
    """Bars as columns, oldest first."""
    ordered = sorted(bars, key=lambda bar: bar.open_ms)
    names = ("open", "high", "low", "close", "volume", "quote_volume", "taker_buy")
    return CandleColumns(
        np.array([bar.open_ms for bar in ordered], dtype=np.int64),
        *(np.array([getattr(bar, name) for bar in ordered], dtype=np.float64) for name in names),
    )


def bars_of(columns: CandleColumns) -> list[Bar]:
    """Stored columns as bars, oldest first."""
    return [
        Bar(int(at), float(o), float(h), float(low), float(c), float(v), float(taker), float(quote))
        for at, o, h, low, c, v, quote, taker in zip(*columns, strict=True)
    ]


def _bad(symbol: str, tf: str, columns: CandleColumns, index: int) -> BadBar:
    named = (columns.open, columns.high, columns.low, columns.close, columns.volume, columns.taker_buy)
    bar = Bar.of_column(int(columns.open_time[index]), (column[index] for column in named))
    return BadBar(symbol, tf, bar.open_ms, fault(tf, bar) or "its columns disagree")
