"""Fewer candidates for whole histories: conditions that every signal needs and that one pass over the bars can answer.

The screens of the strategies are made for one close of a whole market; over years it pays to look closer before a
snapshot is built. Each function here leaves out only bars on which the exact evaluation cannot give a signal, since
neither a book nor open interest is recorded; a test holds them to that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from strategies.break_retest import BreakRetestParams
from strategies.flow import flow_flip_mask
from strategies.indicators import peaks
from strategies.liquidity_sweep import find_sweep
from strategies.model import F64, Candles, Indicators, Sign, StrategyId
from strategies.pullback import find_impulse
from strategies.settings import StrategySettings
from strategies.side import SIDES, favour, opposite

Mask = NDArray[np.bool_]


def _sweeps(candles: Candles, ind: Indicators, settings: StrategySettings, mask: Mask) -> Mask:
    """Near a bar that really swept a level, with taker flow to resolve it."""
    params = settings.liquidity_sweep
    known = np.isfinite(candles.taker_buy)
    out = np.zeros(len(mask), dtype=np.bool_)
    if not known.any():
        return out
    reach = params.level_max_age + 2 * params.pivot_k + 2
    for bar in np.flatnonzero(ind.vr >= params.sweep_vr).tolist():
        start = max(0, bar - reach)
        window, measured = candles.slice(start, bar + 1), ind.slice(start, bar + 1)
        if any(find_sweep(window, measured, bar - start, sigma, params) is not None for sigma in SIDES):
            out[bar : bar + params.resolve_bars + 1] = True
    return mask & out & known


def _retests(candles: Candles, ind: Indicators, settings: StrategySettings, mask: Mask) -> Mask:
    """After a breakout by the mildest thresholds that has not failed, on the trade side of its level."""
    params = settings.break_retest
    vr = min(params.vr_trend, params.vr_squeeze, params.vr_other)
    adx = min(params.adx_trend, params.adx_squeeze, params.adx_other)
    strong = (ind.vr >= vr) & (ind.adx >= adx) & np.isfinite(ind.atr)
    out = np.zeros(len(mask), dtype=np.bool_)
    for side in SIDES:
        level = _swings_before(candles, side, params)
        fresh = np.zeros(len(mask), dtype=np.bool_)
        fresh[1:] = side * (candles.close[:-1] - level[1:]) <= 0
        broke = strong & fresh & (side * (candles.close - level) >= params.break_atr * ind.atr)
        for bar in np.flatnonzero(broke).tolist():
            after = slice(bar + 1, bar + 1 + params.breakout_window)
            beyond = side * (candles.close[after] - level[bar])
            alive = np.logical_and.accumulate(beyond >= -params.fail_atr * ind.atr[bar])
            out[after] |= alive & (beyond > 0) & (side * (candles.close[after] - candles.open[after]) > 0)
    return mask & out


def _swings_before(candles: Candles, side: Sign, params: BreakRetestParams) -> F64:
    """For each bar the newest swing on a side that was known before it and lies in the lookback; NaN for none."""
    k, bars = params.pivot_k, np.arange(len(candles))
    prices = favour(candles, side)
    pivots = peaks(side * prices, k)
    newest = np.full(len(candles), -1)
    newest[pivots] = pivots
    newest = np.maximum.accumulate(newest)
    known = np.full(len(candles), -1)
    known[k + 1 :] = newest[: -k - 1]
    near = known >= np.maximum(0, bars - params.swing_lookback) + k
    return np.where(near, prices[known], np.nan)


def _flips(candles: Candles, ind: Indicators, settings: StrategySettings, mask: Mask) -> Mask:
    """Rejections need a flip of flow and closes that came back; acceptance needs open interest, which is missing."""
    params, close = settings.value_area, candles.close
    hold = params.hold_bars
    give = params.hold_tolerance * (close + params.near_atr * ind.atr)  # at most the tolerance around an edge nearby
    out = np.zeros(len(mask), dtype=np.bool_)
    for sigma in SIDES:
        came = flow_flip_mask(candles, opposite(sigma), settings.measures.flow)[hold:].copy()
        for lag in range(hold):
            later = close[hold - lag : len(close) - lag]
            came &= sigma * (close[:-hold] - later) >= -give[hold:]
        out[hold:] |= came
    return mask & out


def _impulses(candles: Candles, ind: Indicators, settings: StrategySettings, mask: Mask) -> Mask:
    """An impulse of enough size that was given back in part, in some direction."""
    params = settings.pullback
    least = min(params.adx_trend, params.adx_squeeze)
    out = np.zeros(len(mask), dtype=np.bool_)
    for bar in np.flatnonzero(mask & (ind.adx >= least)).tolist():
        window = candles.slice(max(0, bar + 1 - params.impulse_lookback), bar + 1)
        for side in SIDES:
            impulse = find_impulse(window, side, params.impulse_lookback)
            if impulse is None or side * (impulse.top - impulse.base) < params.impulse_atr * ind.atr[bar]:
                continue
            out[bar] |= params.fib_min <= impulse.retraced <= params.fib_max
    return out


def _nothing(candles: Candles, ind: Indicators, settings: StrategySettings, mask: Mask) -> Mask:
    """Silent without a live book."""
    return np.zeros(len(mask), dtype=np.bool_)


NARROWED: Final[dict[StrategyId, Callable[[Candles, Indicators, StrategySettings, Mask], Mask]]] = {
    StrategyId.LIQUIDITY_SWEEP: _sweeps,
    StrategyId.BREAK_RETEST: _retests,
    StrategyId.VALUE_AREA: _flips,
    StrategyId.PULLBACK: _impulses,
    StrategyId.ORDER_FLOW: _nothing,
}


def narrowed(name: StrategyId, candles: Candles, ind: Indicators, settings: StrategySettings, mask: Mask) -> Mask:
    """The bars of a screen that may still give a signal."""
    narrow = NARROWED.get(name)
    return mask if narrow is None else narrow(candles, ind, settings, mask)
