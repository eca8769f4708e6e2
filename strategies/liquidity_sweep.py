"""Liquidity sweep (5.1): price runs a visible swing on volume, then snaps back (fade) or is accepted beyond it.

The last four bars are looked over again on each call, nothing is remembered: a sweep resolves once, on the first bar
that qualifies, and only if that is the newest bar does it speak. Open interest of earlier bars is not known, so only
flow decides whether an earlier bar had already resolved it.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from strategies.absent import at
from strategies.flow import delta_ratio_at, flow_flip, flow_with
from strategies.htf import beyond_ema50
from strategies.indicators import peaks
from strategies.measures import Measures
from strategies.model import Candles, Family, Indicators, MarketSnapshot, RegimeState, Sign
from strategies.params import AtLeastOne, Count, NotNegative, Positive, Switchable
from strategies.setup import Checks, Setup
from strategies.side import SIDES, favour, opposite

TF: Final = "15m"
VARIANTS: Final = {"fade": Family.MEAN_REVERSION, "continuation": Family.BREAKOUT}


class LiquiditySweepParams(Switchable, frozen=True):
    """Spans in bars, depths in ATR of the sweep bar, stops in ATR of the newest bar."""

    pivot_k: AtLeastOne = 5
    level_max_age: AtLeastOne = 50
    min_depth_atr: NotNegative = 0.10
    min_depth_share: NotNegative = 0.0005
    max_depth_atr: Positive = 1.0
    sweep_vr: NotNegative = 1.5
    resolve_bars: Count = 3
    accept_closes: AtLeastOne = 2
    accept_atr: NotNegative = 0.25
    fade_delta: NotNegative = 0.10
    doi_min: float = 1.0
    fade_stop_atr: NotNegative = 0.25
    continuation_stop_atr: NotNegative = 0.5
    fade_base: Positive = 2.5
    continuation_base: Positive = 2.0


class Sweep(msgspec.Struct, frozen=True):
    """A bar that ran a level. `sigma` is +1 above a swing high, -1 below a swing low."""

    bar: int
    sigma: Sign
    level: float
    depth: float


def screen(candles: Candles, ind: Indicators, params: LiquiditySweepParams, measures: Measures) -> NDArray[np.bool_]:
    """Bars within reach of a loud bar that went beyond everything since a swing could have formed."""
    n = len(candles)
    loud = np.zeros(n, dtype=np.bool_)
    for sigma in SIDES:
        extreme = sigma * favour(candles, sigma)
        beyond = np.ones(n, dtype=np.bool_)
        beyond[: params.pivot_k] = False
        for lag in range(1, params.pivot_k + 1):
            beyond[lag:] &= extreme[lag:] > extreme[:-lag]
        loud |= beyond & (ind.vr >= params.sweep_vr)
    out = loud.copy()
    for lag in range(1, params.resolve_bars + 1):
        out[lag:] |= loud[:-lag]
    return out


def evaluate(snapshot: MarketSnapshot, params: LiquiditySweepParams, measures: Measures) -> tuple[Setup, ...]:
    """The youngest sweep that price resolves on the newest bar, with what flow and the hour say to it."""
    candles, ind = snapshot.bars[TF], snapshot.ind[TF]
    last = len(candles) - 1
    atr = at(ind.atr, last)
    if atr is None:
        return ()
    for bar in range(last, max(-1, last - params.resolve_bars - 1), -1):
        for sigma in SIDES:
            sweep = find_sweep(candles, ind, bar, sigma, params)
            if sweep is None or any(_resolves(snapshot, sweep, j, params, measures) for j in range(bar, last)):
                continue
            variant = _reached(candles, ind, sweep, last, params)
            if variant is not None:
                return (_setup(snapshot, sweep, variant, atr, params, measures),)
    return ()


def find_sweep(candles: Candles, ind: Indicators, bar: int, sigma: Sign, params: LiquiditySweepParams) -> Sweep | None:
    """The sweep on one bar: the latest known swing that nothing has run before, gone through by a little, loudly."""
    atr, vr = at(ind.atr, bar), at(ind.vr, bar)
    if atr is None or vr is None or vr < params.sweep_vr:
        return None
    least = max(params.min_depth_atr * atr, params.min_depth_share * float(candles.close[bar]))
    start = max(0, bar - params.level_max_age - params.pivot_k)
    window = candles.slice(start, bar)
    extreme = favour(candles, sigma)
    for index in peaks(sigma * favour(window, sigma), params.pivot_k)[::-1]:
        pivot = start + int(index)
        if bar - pivot > params.level_max_age:
            return None
        level = float(extreme[pivot])
        if bool((sigma * (extreme[pivot + 1 : bar] - level) >= least).any()):
            continue
        depth = sigma * (float(extreme[bar]) - level)
        return Sweep(bar, sigma, level, depth) if least <= depth <= params.max_depth_atr * atr else None
    return None


def _reached(candles: Candles, ind: Indicators, sweep: Sweep, j: int, params: LiquiditySweepParams) -> str | None:
    """What price alone says on bar j: back inside, accepted beyond, or neither yet."""
    close, atr = float(candles.close[j]), at(ind.atr, j)
    beyond = sweep.sigma * (close - sweep.level)
    if beyond < 0:
        return "fade"
    if j == sweep.bar or beyond == 0 or atr is None:
        return None
    closes = sweep.sigma * (candles.close[sweep.bar : j + 1] - sweep.level)
    accepted = int((closes > 0).sum()) >= params.accept_closes or beyond >= params.accept_atr * atr
    return "continuation" if accepted else None


def _resolves(snapshot: MarketSnapshot, sweep: Sweep, j: int, params: LiquiditySweepParams, measures: Measures) -> bool:
    """Whether an earlier bar had already resolved the sweep."""
    variant = _reached(snapshot.bars[TF], snapshot.ind[TF], sweep, j, params)
    if variant is None:
        return False
    side = opposite(sweep.sigma) if variant == "fade" else sweep.sigma
    hour = _hour(snapshot, variant, side, _close_ms(snapshot.bars[TF], j))
    return hour is True and _flows(snapshot.bars[TF], variant, side, j, params, measures) is True


def _setup(
    snapshot: MarketSnapshot, sweep: Sweep, variant: str, atr: float, params: LiquiditySweepParams, measures: Measures
) -> Setup:
    candles, ind = snapshot.bars[TF], snapshot.ind[TF]
    last, fades = len(candles) - 1, variant == "fade"
    side = opposite(sweep.sigma) if fades else sweep.sigma
    checks = Checks()
    flows = _flows(candles, variant, side, last, params, measures)
    if fades:
        checks.require("flow", flows, f"taker flow flips, or one bar's delta >= {params.fade_delta:g}")
        structural = float(_extreme(candles, sweep, last)) - side * params.fade_stop_atr * atr
    else:
        grows = None if snapshot.doi_pct is None else snapshot.doi_pct >= params.doi_min
        known = None if flows is None and grows is None else bool(flows) or bool(grows)
        checks.require("flow", known, f"taker flow with the trade, or OI >= {params.doi_min:g} %")
        structural = sweep.level - side * params.continuation_stop_atr * atr
    checks.require("hour", _hour(snapshot, variant, side, candles.last_close_ms), "1h close beyond EMA50")
    return Setup(
        variant=variant, family=VARIANTS[variant], side=side, reason=checks.reason, detail=checks.detail,
        conditions=checks.asked, base=params.fade_base if fades else params.continuation_base, atr=atr,
        structural=structural, volume_vr=at(ind.vr, last),
        evidence={
            "level": sweep.level, "depth_atr": sweep.depth / atr, "sweep_vr": at(ind.vr, sweep.bar),
            "bars_since_sweep": float(last - sweep.bar),
        },
    )  # fmt: skip


def _extreme(candles: Candles, sweep: Sweep, last: int) -> float:
    """How far price went beyond the level before it came back."""
    reached = sweep.sigma * favour(candles, sweep.sigma)[sweep.bar : last + 1]
    return sweep.sigma * float(reached.max())


def _hour(snapshot: MarketSnapshot, variant: str, side: Sign, t_ms: int) -> bool | None:
    """Fades of a market without a trend do not ask the hour."""
    if variant == "fade" and snapshot.regime.state in (RegimeState.RANGE, RegimeState.CHOP):
        return True
    return beyond_ema50(snapshot, "1h", side, t_ms)


def _flows(
    candles: Candles, variant: str, side: Sign, j: int, params: LiquiditySweepParams, measures: Measures
) -> bool | None:
    if variant == "continuation":
        return flow_with(candles, side, j, measures.flow)
    flips, one = flow_flip(candles, side, j, measures.flow), delta_ratio_at(candles, 1, j)
    if flips is None and one is None:
        return None
    return bool(flips) or (one is not None and side * one >= params.fade_delta)


def _close_ms(candles: Candles, index: int) -> int:
    return int(candles.open_time[index]) + candles.tf_ms
