"""Swings that agree on a price become the bounds of a zone (section 8.4, steps 1 to 4 of the rules).

In one dimension density clustering is sorting and cutting at wide gaps. Prices are handled signed by the side that
made them, so that supports are the mirror image of resistances to the last tie.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from strategies.indicators import swings
from strategies.model import F64, Candles
from strategies.zones.params import FrameParams, V3Params

Index = NDArray[np.intp]
Kind = Literal["S", "R"]

SIGN: Final[dict[Kind, int]] = {"R": 1, "S": -1}


class Cluster(msgspec.Struct, frozen=True):
    """Bounds of a zone to be; `first` and `second` are the bars of its two oldest swings."""

    kind: Kind
    low: float
    high: float
    purity: float
    first: int
    second: int


def clusters(candles: Candles, atr: float, tick: float, frame: FrameParams, params: V3Params) -> Iterator[Cluster]:
    """Clusters of swing highs as resistance and of swing lows as support; `atr` is that of the newest bar."""
    highs, lows = swings(candles.high, candles.low, frame.pivot_k)
    yield from _of_kind(candles, "R", highs, atr, tick, frame, params)
    yield from _of_kind(candles, "S", lows, atr, tick, frame, params)


def without_outliers(prices: F64, z: float) -> NDArray[np.bool_]:
    """Prices within `z` standard deviations of their mean; all of them where they do not differ."""
    if not len(prices):
        return np.zeros(0, dtype=np.bool_)
    deviation = float(prices.std())
    return np.abs(prices - prices.mean()) <= z * deviation if deviation > 0 else np.ones(len(prices), dtype=np.bool_)


def groups(prices: F64, eps: float, widest: float, tick: float, least: int) -> Iterator[tuple[int, int]]:
    """Ranges [start, stop) of sorted prices that belong together.

    Neighbours further apart than `eps` part; a chain longer than `widest` is split at its largest gap, counted in
    ticks so that rounding does not decide, the one nearest to the middle among equals.
    """
    cuts = np.flatnonzero(np.diff(prices) > eps) + 1
    bounds = [0, *(int(cut) for cut in cuts), len(prices)]
    pending = list(pairwise(bounds))[::-1]
    while pending:
        start, stop = pending.pop()
        if stop - start < least:
            continue
        if prices[stop - 1] - prices[start] <= widest:
            yield start, stop
            continue
        gaps = np.diff(prices[start:stop])
        sizes = np.rint(gaps / tick) if tick > 0 else gaps
        widest_gaps = np.flatnonzero(sizes == sizes.max())
        middle = (len(gaps) - 1) / 2
        cut = start + 1 + int(widest_gaps[np.argmin(np.abs(widest_gaps - middle))])
        pending += [(cut, stop), (start, cut)]


def bounds_of(prices: F64, atr: float, frame: FrameParams, params: V3Params) -> tuple[float, float]:
    """Edges around the median of the members; the width is theirs, within the limits of the timeframe."""
    mid, natural = float(np.median(prices)), float(prices.max() - prices.min())
    least = max(frame.width_min_atr * atr, params.width_min_share * abs(mid))
    width = max(least, min(natural, frame.width_max_atr * atr))
    return mid - width / 2, mid + width / 2


def purity_of(close: F64, low: float, high: float) -> float:
    """Share of closes outside of the bounds: price passes through a zone, it does not live there."""
    return 1.0 - float(np.count_nonzero((close >= low) & (close <= high))) / len(close)


def _of_kind(
    candles: Candles, kind: Kind, pivots: Index, atr: float, tick: float, frame: FrameParams, params: V3Params
) -> Iterator[Cluster]:
    sign = SIGN[kind]
    prices = (candles.high if kind == "R" else candles.low)[pivots]
    keep = without_outliers(prices, params.outlier_z)
    pivots, prices = pivots[keep], prices[keep]
    order = np.argsort(sign * prices, kind="stable")
    signed = sign * prices[order]
    widest = params.split_factor * frame.width_max_atr * atr
    for start, stop in groups(signed, params.cluster_eps_atr * atr, widest, tick, params.cluster_least):
        low, high = sorted(sign * edge for edge in bounds_of(signed[start:stop], atr, frame, params))
        pure = _purified(candles, low, high, params)
        if pure is not None:
            born = np.sort(pivots[order[start:stop]])
            yield Cluster(kind, *pure, int(born[0]), int(born[1] if len(born) > 1 else born[0]))


def _purified(candles: Candles, low: float, high: float, params: V3Params) -> tuple[float, float, float] | None:
    """Bounds with their purity, shrunk once to where bars turned; None when closes still crowd inside."""
    purity = purity_of(candles.close, low, high)
    if purity >= params.purity_min:
        return low, high, purity
    extremes = np.concatenate((candles.high, candles.low))
    inside = extremes[(extremes >= low) & (extremes <= high)]
    if len(inside) < params.shrink_least:
        return None
    low, high = (float(edge) for edge in np.quantile(inside, [params.shrink_quantile, 1.0 - params.shrink_quantile]))
    purity = purity_of(candles.close, low, high)
    return (low, high, purity) if purity >= params.purity_min and high > low else None
