"""Statistics over a sliding window of the newest values, for every bar at once.

Each takes `first`: elements before that index are left NaN, for callers that only read the newest.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from strategies.model import F64

CHUNK: Final = 4096  # windows sorted at a time, so that a long history stays in the cache


def trailing_median(values: F64, bars: int, first: int = 0) -> F64:
    """Median of the last `bars` values including the current one; NaN with fewer, or with a NaN among them."""
    n = len(values)
    out = np.full(n, np.nan)
    start = max(first, bars - 1)
    if start >= n:
        return out
    windows = _windows(values[start - bars + 1 :], bars)
    half = bars // 2
    for at in range(0, len(windows), CHUNK):
        ordered = np.sort(windows[at : at + CHUNK], axis=1)
        middle = ordered[:, half] if bars % 2 else (ordered[:, half - 1] + ordered[:, half]) / 2
        middle[np.isnan(ordered[:, -1])] = np.nan
        out[start + at : start + at + len(middle)] = middle
    return out


def rank(values: F64, bars: int, least: int, first: int = 0) -> F64:
    """Share in percent of the last `bars` finite values, the current one included, that are below the current one.

    Ties are not below, so a constant series ranks 0. With fewer than `bars` values the count divides (ruling 21),
    with fewer than `least` the rank is absent.
    """
    n = len(values)
    out = np.full(n, np.nan)
    start = max(0, first)
    if start >= n:
        return out
    now = values[start:]
    lead = np.full(max(0, bars - 1 - start), np.nan)
    padded = np.concatenate((lead, values[max(0, start - bars + 1) :]))
    ages = _windows(padded, bars).T  # one row for each age, so that counting adds whole rows
    below = np.empty(len(now), dtype=np.uint16)
    narrow = np.uint8 if bars <= 256 else np.uint16
    for at in range(0, len(now), CHUNK):
        less = ages[:, at : at + CHUNK] < now[at : at + CHUNK]
        below[at : at + CHUNK] = np.add.reduce(less.view(np.uint8), axis=0, dtype=narrow)
    known = np.isfinite(padded)
    total = known.cumsum()
    count = total[bars - 1 :] - total[: len(now)] + known[: len(now)]
    valid = known[bars - 1 :] & (count >= least)
    np.divide(100.0 * below, count, out=out[start:], where=valid)
    return out


def _windows(values: F64, bars: int) -> F64:
    """All stretches of `bars` values as rows of a view; for reading only."""
    flat = np.ascontiguousarray(values, dtype=np.float64)
    return np.ndarray((len(flat) - bars + 1, bars), flat.dtype, flat, strides=(flat.itemsize, flat.itemsize))


def trailing_sum(values: F64, bars: int) -> F64:
    """Sum of the last `bars` values, added afresh for each bar so that nothing drifts; meant for short windows."""
    n = len(values)
    out = np.full(n, np.nan)
    if n < bars:
        return out
    total = values[: n - bars + 1].copy()
    for j in range(1, bars):
        total += values[j : n - bars + 1 + j]
    out[bars - 1 :] = total
    return out
