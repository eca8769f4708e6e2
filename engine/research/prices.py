"""The path a trade is walked on: 15m bars, each replaced by its 1m bars where all fifteen were recorded.

Plain lists, because a walk reads single numbers in order.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from strategies.model import Candles

MINUTES = 15


@dataclass(frozen=True, slots=True)
class PricePath:
    """Bars of one symbol, oldest first; lengths may differ, close times are exclusive."""

    open_ms: list[int]
    close_ms: list[int]
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]

    def __len__(self) -> int:
        return len(self.open_ms)

    def starting_at(self, at_ms: int) -> int | None:
        """Index of the bar that opens at a moment; None where there is none."""
        index = bisect_left(self.open_ms, at_ms)
        return index if index < len(self.open_ms) and self.open_ms[index] == at_ms else None


def path_of(bars: Candles, minutes: Candles | None = None) -> PricePath:
    """The finest path that was recorded."""
    opens = [bars.open_time, bars.open_time + bars.tf_ms, bars.open, bars.high, bars.low, bars.close]
    if minutes is not None and len(minutes):
        fine = [
            minutes.open_time, minutes.open_time + minutes.tf_ms, minutes.open, minutes.high, minutes.low,
            minutes.close,
        ]  # fmt: skip
        quarter = minutes.open_time // bars.tf_ms * bars.tf_ms
        whole, counts = np.unique(quarter, return_counts=True)
        whole = whole[counts == MINUTES]
        inside, coarse = np.isin(quarter, whole), ~np.isin(bars.open_time, whole)
        known = inside & np.isin(quarter, bars.open_time)
        opens = [np.concatenate((a[coarse], b[known])) for a, b in zip(opens, fine, strict=True)]
        order = np.argsort(opens[0], kind="stable")
        opens = [column[order] for column in opens]
    at_ms, until_ms, o, h, low, c = (column.tolist() for column in opens)
    return PricePath(at_ms, until_ms, o, h, low, c)
