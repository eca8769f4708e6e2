"""An optional test of a zone: are swings denser inside it than in the valleys beside it (section 8.4, step 10)?"""

from __future__ import annotations

from typing import Final

import numpy as np

from strategies.model import F64
from strategies.zones.params import ProminenceParams

GRID: Final = 512
TAIL_BANDWIDTHS: Final = 3.0


def is_prominent(
    prices: F64, low: float, high: float, tf: str, atr: float, tick: float, params: ProminenceParams
) -> bool:
    """Whether the density peak inside [low, high] stands out; True with the check off or too few swings to tell.

    Gaussian kernel over swing prices, scaled to a highest density of 1. The peak inside must exceed the higher of the
    two lowest densities between it and the next higher ground on either side.
    """
    if not params.enabled or len(prices) < params.least_points or len(np.unique(prices)) < params.least_prices:
        return True
    share: float = getattr(params, f"bandwidth_{tf}")
    bandwidth = max(min(share * atr, 3 * atr), 3 * tick)
    tail = TAIL_BANDWIDTHS * bandwidth
    inner = np.linspace(low, high, 65)
    grid = np.union1d(np.linspace(min(prices.min(), low) - tail, max(prices.max(), high) + tail, GRID), inner)
    density = np.exp(-0.5 * ((grid[:, None] - prices[None, :]) / bandwidth) ** 2).sum(axis=1)
    density /= density.max()
    inside = np.flatnonzero((grid >= low) & (grid <= high))
    peak = int(inside[np.argmax(density[inside])])
    floors = _valley(density[:peak][::-1], density[peak]), _valley(density[peak + 1 :], density[peak])
    return float(density[peak] - max(floors)) >= params.least


def _valley(outward: F64, peak: float) -> float:
    """The first minimum going outward from a peak; the peak itself where the density rises at once."""
    lowest = peak
    for value in outward:
        if value > lowest:
            break
        lowest = float(value)
    return lowest
