"""The pattern of Action Price: a body crosses EMA200, the next bar closes beyond it without touching it (6.1).

Bar t confirms, bar t-1 initiates. Equality counts as contact, an absent EMA or ATR is no pattern.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from strategies.absent import at
from strategies.action_price.params import ActionPriceParams
from strategies.model import Candles, Indicators, Sign
from strategies.side import SIDES, adverse

Mask = NDArray[np.bool_]


def shift(mask: Mask, bars: int) -> Mask:
    """The mask as seen `bars` later; the first ones know nothing."""
    if bars == 0:
        return mask
    out = np.zeros(len(mask), dtype=np.bool_)
    if bars < len(mask):
        out[bars:] = mask[:-bars]
    return out


def crosses(candles: Candles, ind: Indicators, side: Sign, params: ActionPriceParams) -> Mask:
    """Bars that confirm a cross of `side`, for the whole history at once."""
    known = np.isfinite(ind.atr) & np.isfinite(ind.ema200)
    opened = side * (candles.open - ind.ema200)
    closed = side * (candles.close - ind.ema200)
    clear = side * (adverse(candles, side) - ind.ema200) > params.confirm_buffer_atr * ind.atr
    initiates = known & (opened < 0) & (closed > 0)
    return shift(initiates, 1) & known & (closed > 0) & clear


def depths(candles: Candles, ind: Indicators, side: Sign) -> NDArray[np.float64]:
    """How far each close lies beyond EMA200, in ATR of its bar."""
    return side * (candles.close - ind.ema200) / ind.atr


def touches(candles: Candles, ind: Indicators, side: Sign, params: ActionPriceParams) -> Mask:
    """Bars on which a waiting entry would be triggered: a pullback that closes beyond EMA13 (6.4, ruling 3)."""
    extreme = adverse(candles, side)
    near = side * (extreme - ind.ema200) <= params.wait_touch_atr * ind.atr
    behind = side * (extreme - ind.ema13) < 0
    return (near | behind) & (side * (candles.close - ind.ema13) > 0)


def screen(candles: Candles, ind: Indicators, params: ActionPriceParams) -> Mask:
    """A necessary condition for a verdict at each bar: a fresh cross, or a touch while one may wait."""
    found = np.zeros(len(candles), dtype=np.bool_)
    for side in SIDES:
        fresh = crosses(candles, ind, side, params)
        depth = depths(candles, ind, side)
        waits = fresh & (depth >= params.wait_from_atr) & (depth < params.skip_from_atr)
        pending = np.zeros(len(candles), dtype=np.bool_)
        for bars in range(1, params.wait_bars + 1):
            pending |= shift(waits, bars)
        found |= fresh | (pending & touches(candles, ind, side, params))
    return found


def first_touch(candles: Candles, ind: Indicators, side: Sign, confirm: int, params: ActionPriceParams) -> int | None:
    """Index of the bar that ends the wait of a cross confirmed at `confirm` by a touch, if one has closed.

    None while nothing has happened, after a close behind EMA200 (tested first), or after `wait_bars`. A bar with an
    absent average ends nothing.
    """
    last = min(len(candles) - 1, confirm + params.wait_bars)
    extreme = adverse(candles, side)
    for j in range(confirm + 1, last + 1):
        ema200, ema13, atr = at(ind.ema200, j), at(ind.ema13, j), at(ind.atr, j)
        close, low = float(candles.close[j]), float(extreme[j])
        if ema200 is not None and side * (close - ema200) <= 0:
            return None
        if ema13 is None:
            continue
        near = ema200 is not None and atr is not None and side * (low - ema200) <= params.wait_touch_atr * atr
        if (near or side * (low - ema13) < 0) and side * (close - ema13) > 0:
            return j
    return None
