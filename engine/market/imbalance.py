"""Order-book imbalance and its last half minute, one sample a second for each symbol.

Fed by the partial-depth stream of every active symbol; nothing is asked of the exchange. A second without a fresh,
sound book has no sample and counts against the health of the window.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from strategies.model import BookFlow

SAMPLES = 30
FRESH_MS = 2000.0
NEAR_BPS = 5.0  # distance from the mid at which a level weighs half


def depth_imbalance(bids: Sequence[tuple[float, float]], asks: Sequence[tuple[float, float]]) -> float | None:
    """DI in [-1, +1], positive when bids are heavier (section 2.12 of the rules); levels come best first.

    A level weighs `1 / (1 + distance from the mid in bps / 5)`. None for an empty side, a crossed book or no quantity.
    """
    if not bids or not asks or bids[0][0] >= asks[0][0]:
        return None
    mid = (bids[0][0] + asks[0][0]) / 2.0
    scale = 1e4 / mid / NEAR_BPS
    bid = sum(quantity / (1.0 + (mid - price) * scale) for price, quantity in bids)
    ask = sum(quantity / (1.0 + (price - mid) * scale) for price, quantity in asks)
    total = bid + ask
    return (bid - ask) / total if total > 0.0 else None


class ImbalanceRing:
    """The newest imbalance of each of the last seconds of one symbol, on machine time."""

    __slots__ = ("_at_ms", "_second", "_values")

    def __init__(self) -> None:
        self._second = [-1] * SAMPLES  # which second a slot belongs to
        self._values = [math.nan] * SAMPLES
        self._at_ms = [-math.inf] * SAMPLES

    def add(self, value: float | None, mono_ms: float) -> None:
        """A book was seen; None when it was crossed or empty."""
        second = int(mono_ms // 1000)
        slot = second % SAMPLES
        self._second[slot] = second
        self._values[slot] = math.nan if value is None else value
        self._at_ms[slot] = mono_ms

    def flow(self, mono_ms: float, seconds: int) -> BookFlow:
        """The healthy samples of the last `seconds`, newest last, and their share of all of them.

        A sample is the newest book seen by the end of its second; healthy when that book was less than 2 s old and
        not crossed.
        """
        newest = int(mono_ms // 1000)
        samples: list[float] = []
        seen, seen_ms = math.nan, -math.inf
        for second in range(newest - SAMPLES + 1, newest + 1):
            slot = second % SAMPLES
            if self._second[slot] == second:
                seen, seen_ms = self._values[slot], self._at_ms[slot]
            end_ms = min((second + 1) * 1000.0, mono_ms)
            if second > newest - seconds and end_ms - seen_ms < FRESH_MS and not math.isnan(seen):
                samples.append(seen)
        return BookFlow(tuple(samples), len(samples) / seconds)


class ImbalanceBoard:
    """The rings of all symbols that are listened to; `seconds` is the window that is judged, at most 30."""

    def __init__(self, seconds: int = 20) -> None:
        self._seconds = min(seconds, SAMPLES)
        self._rings: dict[str, ImbalanceRing] = {}

    def add(
        self, symbol: str, bids: Sequence[tuple[float, float]], asks: Sequence[tuple[float, float]], mono_ms: float
    ) -> None:
        """Top levels of a symbol were received, best first."""
        ring = self._rings.get(symbol)
        if ring is None:
            ring = self._rings[symbol] = ImbalanceRing()
        ring.add(depth_imbalance(bids[:10], asks[:10]), mono_ms)

    def flow(self, symbol: str, mono_ms: float) -> BookFlow | None:
        """Samples of a symbol; None when it was never heard of."""
        ring = self._rings.get(symbol)
        return None if ring is None else ring.flow(mono_ms, self._seconds)

    def forget(self, symbol: str) -> None:
        """A symbol is no longer listened to."""
        self._rings.pop(symbol, None)
