"""One series of closed bars in memory: contiguous, oldest first, and safe to look at while it grows.

Bars are appended into spare room behind the newest; when that is used up, the kept bars move to a new block. A view
handed out before is therefore never written to again, and stays what it was.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from engine.market.bars import FIELDS, Bar
from strategies.model import F64, I64, TIMEFRAME_MS, Candles

A = TypeVar("A", F64, I64)
SLACK = 20  # about a twentieth of the capacity is spare room


class Series:
    """At most `capacity` newest bars of one symbol and timeframe.

    `revision` rises when a bar that was already there changed or one was put in between: whatever was computed from the
    series is then out of date. Appending does not raise it. Series of different `turn` move to new blocks at different
    bars: a market that moves at one close would hold every block twice.
    """

    __slots__ = ("_end", "_spare", "_start", "_times", "_values", "capacity", "revision", "tf")

    def __init__(self, tf: str, capacity: int, turn: int = 0) -> None:
        self.tf = tf
        least = max(8, capacity // SLACK)
        self._spare = least + turn % least
        self.capacity = capacity
        self.revision = 0
        self._start = self._end = 0
        self._times: I64 = np.empty(0, dtype=np.int64)
        self._values: F64 = np.empty((len(FIELDS), 0))

    def __len__(self) -> int:
        return self._end - self._start

    @property
    def last_open_ms(self) -> int | None:
        """Open time of the newest bar."""
        return int(self._times[self._end - 1]) if len(self) else None

    @property
    def first_open_ms(self) -> int | None:
        return int(self._times[self._start]) if len(self) else None

    @property
    def nbytes(self) -> int:
        """Memory held, spare room included."""
        return self._times.nbytes + self._values.nbytes

    @property
    def open_times(self) -> I64:
        """Read-only view of the open times."""
        return _frozen(self._times[self._start : self._end])

    def candles(self) -> Candles:
        """Read-only views of all bars."""
        span = slice(self._start, self._end)
        columns = (_frozen(row[span]) for row in self._values)
        return Candles(self.tf, self.open_times, *columns)

    def load(self, open_time: I64, values: F64) -> None:
        """Replace everything by these bars: sorted, unique; `values` is (field, bar)."""
        kept = slice(max(0, len(open_time) - self.capacity), None)
        if len(self):
            self.revision += 1
        self._place(open_time[kept], values[:, kept])

    def put(self, bar: Bar) -> bool:
        """Add a bar, or replace the one with its open time; returns whether anything changed."""
        last = self.last_open_ms
        if last is None or bar.open_ms > last:
            self._append(bar)
            return True
        index = self._start + int(np.searchsorted(self._times[self._start : self._end], bar.open_ms))
        if self._times[index] == bar.open_ms:
            return self._replace(index - self._start, bar)
        if len(self) >= self.capacity and bar.open_ms < self._times[self._start]:
            return False  # older than anything we keep
        at = index - self._start
        times, values = self._times[self._start : self._end], self._values[:, self._start : self._end]
        self._place(np.insert(times, at, bar.open_ms), np.insert(values, at, _column(bar), axis=1))
        self.revision += 1
        return True

    def between(self, from_ms: int, to_ms: int) -> list[Bar]:
        """The bars that opened in [from, to), oldest first."""
        times = self._times[self._start : self._end]
        first, last = np.searchsorted(times, (from_ms, to_ms))
        found = self._values[:, self._start + first : self._start + last].T
        return [Bar.of_column(at, bar) for at, bar in zip(times[first:last], found, strict=True)]

    def contiguous(self, bars: int) -> bool:
        """Whether the newest `bars` bars follow each other without a hole."""
        times = self._times[self._start : self._end][-bars:]
        return bool(len(times) == 0 or times[-1] - times[0] == (len(times) - 1) * TIMEFRAME_MS[self.tf])

    def _append(self, bar: Bar) -> None:
        if self._end == len(self._times):
            keep = slice(max(self._start, self._end - self.capacity + 1), self._end)
            self._place(self._times[keep], self._values[:, keep])
        self._times[self._end] = bar.open_ms
        self._values[:, self._end] = _column(bar)
        self._end += 1
        self._start = max(self._start, self._end - self.capacity)

    def _replace(self, at: int, bar: Bar) -> bool:
        old = self._values[:, self._start + at]
        new = np.array(_column(bar))
        if np.isnan(new[-1]):
            new[-1] = old[-1]  # a source that does not know the taker volume does not erase it
        # Sums of the same parts may differ in their last digits; a price differs by a tick.
        if np.allclose(old, new, rtol=1e-9, atol=0.0, equal_nan=True):
            return False
        # A fresh block: views that were handed out keep showing the bar they were computed from.
        self._place(self._times[self._start : self._end].copy(), self._values[:, self._start : self._end].copy())
        self._values[:, self._start + at] = new
        self.revision += 1
        return True

    def _place(self, times: I64, values: F64) -> None:
        kept = slice(max(0, len(times) - self.capacity), None)
        times, values = times[kept], values[:, kept]
        size = len(times) + self._spare
        fresh_times = np.empty(size, dtype=np.int64)
        fresh_values = np.empty((len(FIELDS), size))
        fresh_times[: len(times)] = times
        fresh_values[:, : len(times)] = values
        self._times, self._values = fresh_times, fresh_values
        self._start, self._end = 0, len(times)


def _column(bar: Bar) -> tuple[float, ...]:
    return bar.open, bar.high, bar.low, bar.close, bar.volume, bar.taker_buy


def _frozen(view: A) -> A:
    view.flags.writeable = False
    return view
