"""Price and signed volume disagreeing about two swings: a confirmation, never a trigger (section 7.4 of the rules)."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from strategies.flow import delta
from strategies.indicators import swings
from strategies.model import Candles, Sign
from strategies.params import AtLeastOne, Count, NotNegative, Params
from strategies.side import adverse


class DivergenceParams(Params, frozen=True):
    """Window, fractal half-width and recency in bars; strength as a share of the volume between the swings."""

    window: AtLeastOne = 20
    pivot_k: AtLeastOne = 3
    recent_bars: Count = 10
    strength_min: NotNegative = 0.05


DEFAULTS: Final = DivergenceParams()


class Divergence(msgspec.Struct, frozen=True):
    """`found` is None where taker volume or bars are missing; indices count in the candles that were given."""

    found: bool | None
    strength: float | None = None
    first: int | None = None
    second: int | None = None


NONE: Final = Divergence(False)
ABSENT: Final = Divergence(None)


def divergence(candles: Candles, side: Sign, params: DivergenceParams = DEFAULTS) -> Divergence:
    """The last two swings on the adverse side of the newest window: price went on, the takers did not.

    For a long: a lower low with more cumulative delta than at the low before it, by a share of the volume traded
    between the two, on at least median volume. The sum begins at the window, which cancels in the difference.
    """
    start = len(candles) - params.window
    if start < 0:
        return ABSENT
    window = candles.slice(start, len(candles))
    signed = delta(window)
    if not np.isfinite(signed).all():
        return ABSENT
    extremes = adverse(window, side)
    highs, lows = swings(window.high, window.low, params.pivot_k)
    pivots = lows if side > 0 else highs
    if len(pivots) < 2:
        return NONE
    a, b = int(pivots[-2]), int(pivots[-1])
    if b < params.window - 1 - params.recent_bars or side * (extremes[b] - extremes[a]) >= 0:
        return NONE
    traded = float(window.volume[a + 1 : b + 1].sum())
    if traded <= 0:
        return ABSENT
    strength = side * float(signed[a + 1 : b + 1].sum()) / traded
    loud = bool(window.volume[b] >= np.median(window.volume))
    return Divergence(strength > 0 and strength >= params.strength_min and loud, strength, start + a, start + b)
