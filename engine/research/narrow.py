"""Fewer candidates for whole histories: conditions that every signal needs and that one pass over the bars can answer.

The screens of the strategies are made for one close of a whole market; over years it pays to look closer before a
snapshot is built. Each function here leaves out only bars on which the exact evaluation cannot give a signal, since
neither a book nor open interest is recorded; a test holds them to that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from strategies.break_retest import BreakRetestParams, find_breakout
from strategies.flow import flow_flip_mask
from strategies.liquidity_sweep import find_sweep
from strategies.model import Candles, Indicators, RegimeState, StrategyId
from strategies.pullback import find_impulse
from strategies.settings import StrategySettings
from strategies.side import SIDES, opposite

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
    params = _mildest(settings.break_retest)
    strong = (ind.vr >= params.vr_other) & (ind.adx >= params.adx_other) & np.isfinite(ind.atr)
    out = np.zeros(len(mask), dtype=np.bool_)
    reach = params.swing_lookback + 4
    for side in SIDES:
        moved = np.zeros(len(mask))
        moved[1:] = side * (candles.close[1:] - candles.close[:-1])
        # A fresh close beyond a level by a share of ATR comes from a close behind it.
        for bar in np.flatnonzero(strong & (moved >= params.break_atr * ind.atr)).tolist():
            start, stop = max(0, bar - reach), min(len(mask), bar + 2)
            found = find_breakout(candles.slice(start, stop), ind.slice(start, stop), side, RegimeState.CHOP, params)
            if found is None or found.bar != bar - start:
                continue
            after = slice(bar + 1, bar + 1 + settings.break_retest.breakout_window)
            beyond = side * (candles.close[after] - found.level)
            alive = np.logical_and.accumulate(beyond >= -params.fail_atr * found.atr)
            out[after] |= alive & (beyond > 0) & (side * (candles.close[after] - candles.open[after]) > 0)
    return mask & out


def _mildest(params: BreakRetestParams) -> BreakRetestParams:
    """Thresholds of every regime at once, asked of the newest bar but one."""
    vr = min(params.vr_trend, params.vr_squeeze, params.vr_other)
    adx = min(params.adx_trend, params.adx_squeeze, params.adx_other)
    return msgspec.structs.replace(
        params, vr_trend=vr, vr_squeeze=vr, vr_other=vr, adx_trend=adx, adx_squeeze=adx, adx_other=adx,
        breakout_window=1,
    )  # fmt: skip


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
