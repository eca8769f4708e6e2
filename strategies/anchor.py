"""The sticky anchor of a VWAP: a swing that mattered, kept until a better one has earned its place (section 2.10).

One walk over the bars decides the anchor after each of them. It reads nothing later than the bar it decides on, so a
prefix of the history gives a prefix of the answers; what another timeframe did is handed in as times.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from strategies.bars import median_range
from strategies.indicators import swings
from strategies.model import F64, Candles, Sign
from strategies.params import AtLeastOne, NotNegative, Params, Positive
from strategies.side import adverse, favour
from strategies.vwap import DAY_MS

Index = NDArray[np.intp]


class AnchorParams(Params, frozen=True):
    """Spans in bars of the timeframe, distances in median true ranges."""

    pivot_k: AtLeastOne
    impulse_bars: AtLeastOne
    ttl: AtLeastOne
    lock: AtLeastOne
    break_closes: AtLeastOne
    old_bars: AtLeastOne
    impulse: Positive = 1.5
    impulse_late: Positive = 1.0
    confirm: NotNegative = 0.25
    retrace: Positive = 0.5
    far: Positive = 2.0
    break_distance: NotNegative = 0.25


BY_TIMEFRAME: Final[dict[str, AnchorParams]] = {
    "1h": AnchorParams(pivot_k=3, impulse_bars=12, ttl=60, lock=8, break_closes=3, old_bars=30),
    "4h": AnchorParams(pivot_k=2, impulse_bars=10, ttl=30, lock=4, break_closes=2, old_bars=8),
    "1d": AnchorParams(pivot_k=2, impulse_bars=10, ttl=30, lock=4, break_closes=2, old_bars=8),
}
ROLES: Final[dict[str, tuple[str, str]]] = {"15m": ("1h", "4h"), "1h": ("4h", "1d")}
"""Primary and secondary anchor of decisions on a timeframe."""


class Candidate(msgspec.Struct, frozen=True):
    """A confirmed swing: its bar, the direction away from it, the bar it may be used from, its impulse in ranges."""

    pivot: int
    side: Sign
    usable: int
    impulse: float


class Anchors(msgspec.Struct, frozen=True, eq=False):
    """After each bar: index of the anchor (-1 without one), its direction (0 without one), the VWAP from it."""

    pivot: Index
    side: NDArray[np.int8]
    vwap: F64
    replaced_ms: tuple[int, ...]


def sticky_anchors(candles: Candles, params: AnchorParams | None = None, others_ms: Sequence[int] = ()) -> Anchors:
    """The anchor after each bar. `others_ms` are replacement times on the other timeframes, in any order.

    Pass the higher timeframe's replacements to the lower one: two anchors never change within one day of each other.
    """
    params = params or BY_TIMEFRAME[candles.tf]
    n = len(candles)
    ranges = median_range(candles)
    pending = {1: list(_candidates(candles, ranges, 1, params)), -1: list(_candidates(candles, ranges, -1, params))}
    arriving = sorted(pending[1] + pending[-1], key=lambda found: (found.usable, found.pivot, -found.impulse))
    walk = _Walk(candles, ranges, params, np.sort(np.asarray(others_ms, dtype=np.int64)))
    pivot, side, vwap = np.full(n, -1, dtype=np.intp), np.zeros(n, dtype=np.int8), np.full(n, np.nan)
    upcoming = 0
    for i in range(n):
        while upcoming < len(arriving) and arriving[upcoming].usable <= i:
            walk.offer(arriving[upcoming])
            upcoming += 1
        walk.step(i)
        if walk.anchor is not None:
            pivot[i], side[i], vwap[i] = walk.anchor.pivot, walk.anchor.side, walk.vwap(i)
    return Anchors(pivot, side, vwap, tuple(walk.replaced_ms))


class _Walk:
    """Where the machine stands between two bars."""

    def __init__(self, candles: Candles, ranges: F64, params: AnchorParams, others_ms: NDArray[np.int64]) -> None:
        typical = (candles.high + candles.low + candles.close) / 3.0
        self._base = float(typical[0]) if len(typical) else 0.0
        # plain floats: the walk reads them one by one
        self._volume: list[float] = [0.0, *np.cumsum(candles.volume).tolist()]
        self._moment: list[float] = [0.0, *np.cumsum(candles.volume * (typical - self._base)).tolist()]
        self._close: list[float] = candles.close.tolist()
        self._ranges: list[float] = ranges.tolist()
        self._candles, self._params, self._others_ms = candles, params, others_ms
        self._waiting: list[Candidate] = []
        self._since = -1  # bar of the last replacement
        self._broken = False
        self.anchor: Candidate | None = None
        self.replaced_ms: list[int] = []

    def offer(self, candidate: Candidate) -> None:
        """A swing that has become usable."""
        if self.anchor is None or candidate.pivot > self.anchor.pivot:
            self._waiting.append(candidate)

    def step(self, i: int) -> None:
        """Decide the anchor after bar `i`."""
        if self.anchor is not None:
            self._broken = self._broken or self._breaks(i, self.anchor.side)
        best = self._best(i)
        if best is None or not self._may_replace(i):
            return
        self.anchor, self._since, self._broken = best, i, False
        self._waiting = [found for found in self._waiting if found.pivot > best.pivot]
        self.replaced_ms.append(self._close_ms(i))

    def vwap(self, i: int) -> float:
        """VWAP from the anchor to bar `i`; NaN when nothing traded."""
        start = self.anchor.pivot if self.anchor is not None else i
        volume = self._volume[i + 1] - self._volume[start]
        return self._base + (self._moment[i + 1] - self._moment[start]) / volume if volume > 0 else float("nan")

    def _best(self, i: int) -> Candidate | None:
        """The newest waiting swing that is good enough at bar `i`."""
        if not self._waiting or not self._is_open(i):
            return None
        needed = self._params.impulse_late if self._expired(i) else self._params.impulse
        able = [found for found in self._waiting if found.impulse >= needed]
        return max(able, key=lambda found: self._merit(i, found), default=None)

    def _merit(self, i: int, found: Candidate) -> tuple[int, float, float]:
        """Newest, then strongest; of the two swings that one bar can be, the one whose direction price has taken."""
        return found.pivot, found.impulse, found.side * (self._close[i] - self._close[found.pivot])

    def _is_open(self, i: int) -> bool:
        """Whether a full impulse would win at bar `i`: it is one of three votes, age and distance are the others."""
        if self.anchor is None or self._broken or self._expired(i):
            return True
        if i - self.anchor.pivot >= self._params.old_bars:
            return True
        return abs(self._close[i] - self.vwap(i)) >= self._params.far * self._ranges[i]

    def _expired(self, i: int) -> bool:
        return self.anchor is not None and i - self.anchor.pivot >= self._params.ttl

    def _may_replace(self, i: int) -> bool:
        if self.anchor is not None and not self._broken and i - self._since < self._params.lock:
            return False
        now = self._close_ms(i)
        near = np.searchsorted(self._others_ms, [now - DAY_MS, now], side="right")
        return bool(near[0] == near[1])

    def _breaks(self, i: int, side: Sign) -> bool:
        """Closes in a row on the wrong side of the VWAP, far enough on average."""
        count = self._params.break_closes
        if i - self._since < count:
            return False
        gaps = [side * (self.vwap(j) - self._close[j]) for j in range(i - count + 1, i + 1)]
        return min(gaps) > 0 and sum(gaps) / count >= self._params.break_distance * self._ranges[i]

    def _close_ms(self, i: int) -> int:
        return int(self._candles.open_time[i]) + self._candles.tf_ms


def _candidates(candles: Candles, ranges: F64, side: Sign, params: AnchorParams) -> Iterator[Candidate]:
    """Swings of one direction, each with the impulse that confirmed it; weaker ones only serve after the TTL."""
    highs, lows = swings(candles.high, candles.low, params.pivot_k)
    for pivot in lows if side > 0 else highs:
        yield from _confirmations(candles, float(ranges[pivot]), int(pivot), side, params)


def _confirmations(candles: Candles, unit: float, pivot: int, side: Sign, params: AnchorParams) -> Iterator[Candidate]:
    """The bars at which a swing becomes usable: first with the late impulse, then, if it gets there, with the full."""
    if not unit > 0:
        return
    level = float(adverse(candles, side)[pivot])
    end = min(len(candles), pivot + params.impulse_bars + 1)
    reach = np.maximum.accumulate(side * favour(candles, side)[pivot + 1 : end]) - side * level
    beyond = side * (candles.close[pivot + 1 : end] - level) > params.confirm * unit
    twice = np.zeros(len(beyond), dtype=np.bool_)
    twice[1:] = beyond[1:] & beyond[:-1]
    confirmed = np.logical_or.accumulate(twice | (beyond & _pulled_back(candles, pivot, end, side, level, params)))
    for needed in (params.impulse_late, params.impulse):
        ready = confirmed & (reach >= needed * unit)
        ready[: params.pivot_k - 1] = False
        if ready.any():
            first = int(ready.argmax())
            yield Candidate(pivot, side, pivot + 1 + first, float(reach[first]) / unit)


def _pulled_back(
    candles: Candles, pivot: int, end: int, side: Sign, level: float, params: AnchorParams
) -> NDArray[np.bool_]:
    """Bars after the extreme of the impulse so far that have given back some of it, at most the allowed share."""
    out = np.zeros(end - pivot - 1, dtype=np.bool_)
    extreme, given = -np.inf, 0.0
    for j, (best, worst) in enumerate(
        zip(
            side * favour(candles, side)[pivot + 1 : end] - side * level,
            side * adverse(candles, side)[pivot + 1 : end] - side * level,
            strict=True,
        )
    ):
        if best > extreme:
            extreme, given = float(best), 0.0
            continue
        given = max(given, extreme - float(worst))
        out[j] = 0 < given <= params.retrace * extreme
    return out
