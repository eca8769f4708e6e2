"""ATR momentum (5.6): an impulse bar in a trend, then a break of its extreme or a shallow pullback that holds."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from strategies.absent import at
from strategies.bars import hour_factor, pin_bar
from strategies.htf import both_beyond_longest
from strategies.measures import Measures
from strategies.model import F64, Candles, Family, Indicators, MarketSnapshot, RegimeState, Sign
from strategies.params import AtLeastOne, NotNegative, Positive, Share, Switchable
from strategies.setup import Checks, Setup
from strategies.side import SIDES, adverse, favour
from strategies.windows import trailing_median
from strategies.zones.query import room

TF: Final = "15m"


class AtrMomentumParams(Switchable, frozen=True):
    """Spans in bars, distances in ATR, places as shares of the range."""

    adx_min: NotNegative = 25.0
    impulse_mult: Positive = 1.4
    median_bars: AtLeastOne = 20
    impulse_window: AtLeastOne = 5
    close_share: Share = 0.80
    impulse_vr: NotNegative = 2.0
    runway_atr: NotNegative = 2.0
    runway_bars: AtLeastOne = 50
    rsi_long_max: NotNegative = 70.0
    rsi_short_min: NotNegative = 30.0
    breakout_min_atr: NotNegative = 0.2
    breakout_max_atr: Positive = 1.0
    stop_pad_atr: NotNegative = 0.25
    base: Positive = 1.0
    pin_bonus: NotNegative = 0.5


class Impulse(msgspec.Struct, frozen=True):
    """The impulse bar: its index, and how many times the ordinary ATR it spans."""

    bar: int
    side: Sign
    multiple: float
    close_place: float


def impulses(candles: Candles, ind: Indicators, side: Sign, params: AtrMomentumParams) -> NDArray[np.bool_]:
    """Bars far wider than usual that close at their end in the trade direction, whatever their volume."""
    span = candles.high - candles.low
    with np.errstate(divide="ignore", invalid="ignore"):
        place = side * (candles.close - adverse(candles, side)) / span
    wide = span >= params.impulse_mult * _usual(ind.atr, params)
    return wide & (side * (candles.close - candles.open) > 0) & (place >= params.close_share)


def screen(candles: Candles, ind: Indicators, params: AtrMomentumParams, measures: Measures) -> NDArray[np.bool_]:
    """Bars within the window after an impulse that came on volume."""
    n = len(candles)
    loud = ind.vr >= params.impulse_vr * hour_factor(candles.open_time)
    out = np.zeros(n, dtype=np.bool_)
    for side in SIDES:
        found = impulses(candles, ind, side, params) & loud
        for lag in range(1, min(params.impulse_window, n - 1) + 1):
            out[lag:] |= found[:-lag]
    return out


def evaluate(snapshot: MarketSnapshot, params: AtrMomentumParams, measures: Measures) -> tuple[Setup, ...]:
    """For each side the most recent impulse, when the newest bar breaks out of it or pulls back and holds."""
    found = [_momentum(snapshot, side, params) for side in SIDES]
    return tuple(setup for setup in found if setup is not None)


def find_impulse(candles: Candles, ind: Indicators, side: Sign, params: AtrMomentumParams) -> Impulse | None:
    """The most recent impulse of the last bars, the newest one not counted."""
    start = max(0, len(candles) - 1 - params.impulse_window - params.median_bars)
    tail, seen = candles.slice(start, len(candles)), ind.slice(start, len(candles))
    found = np.flatnonzero(impulses(tail, seen, side, params)[:-1][-params.impulse_window :])
    if not len(found):
        return None
    local = max(0, len(tail) - 1 - params.impulse_window) + int(found[-1])
    span = float(tail.high[local] - tail.low[local])
    place = side * (float(tail.close[local]) - float(adverse(tail, side)[local])) / span
    return Impulse(start + local, side, span / float(_usual(seen.atr, params)[local]), place)


def _usual(atr: F64, params: AtrMomentumParams) -> F64:
    """Median ATR of the bars before each one."""
    out = np.full(len(atr), np.nan)
    out[1:] = trailing_median(atr, params.median_bars)[:-1]
    return out


def _momentum(snapshot: MarketSnapshot, side: Sign, params: AtrMomentumParams) -> Setup | None:
    candles, ind = snapshot.bars[TF], snapshot.ind[TF]
    t = len(candles) - 1
    atr = at(ind.atr, t)
    impulse = find_impulse(candles, ind, side, params) if atr is not None else None
    if impulse is None or atr is None:
        return None
    p = impulse.bar
    vr_p = at(ind.vr, p)
    least_vr = params.impulse_vr * float(hour_factor(candles.open_time[p : p + 1])[0])
    if vr_p is None or vr_p < least_vr:
        return None
    trigger = _trigger(candles, ind, impulse, atr, params)
    if trigger is None:
        return None
    checks = Checks()
    checks.need("volume", vr_p, True, f">= {least_vr:g} on the impulse bar")
    trends = snapshot.regime.state is RegimeState.TREND and snapshot.regime.direction == side
    checks.require("trend", trends, "4h trend in the trade direction")
    adx, rsi = at(ind.adx, t), at(ind.rsi, t)
    checks.need("adx", adx, adx is not None and adx > params.adx_min, f"> {params.adx_min:g}")
    stretched = rsi is not None and (rsi > params.rsi_long_max if side > 0 else rsi < params.rsi_short_min)
    limit = f"<= {params.rsi_long_max:g}" if side > 0 else f">= {params.rsi_short_min:g}"
    checks.need("rsi", rsi, not stretched, limit)
    checks.require("htf", both_beyond_longest(snapshot, side), "1h and 4h close beyond their longest EMA")
    runway = None if checks.reason else _runway(snapshot, impulse, atr, params)
    if not checks.reason:
        checks.unless(
            "runway", runway, runway is not None and runway < params.runway_atr, f">= {params.runway_atr:g} ATR"
        )
    pin = bool(pin_bar(candles.slice(p, p + 1), side)[0])
    return Setup(
        variant=trigger, family=Family.BREAKOUT, side=side, reason=checks.reason, detail=checks.detail,
        conditions=checks.asked, base=params.base + (params.pin_bonus if pin else 0.0), atr=atr,
        structural=float(adverse(candles, side)[p]) - side * params.stop_pad_atr * atr, volume_vr=vr_p,
        evidence={
            "impulse_bars_ago": float(t - p), "impulse_multiple": impulse.multiple,
            "impulse_close": impulse.close_place, "runway_atr": runway, "pin_bar": float(pin),
        },
    )  # fmt: skip


def _trigger(candles: Candles, ind: Indicators, impulse: Impulse, atr: float, params: AtrMomentumParams) -> str | None:
    """A measured break of the impulse's extreme, or a dip to EMA9 or EMA20 that closes beyond it."""
    side, p, t = impulse.side, impulse.bar, len(candles) - 1
    close = float(candles.close[t])
    beyond = side * (close - float(favour(candles, side)[p])) / atr
    if params.breakout_min_atr <= beyond <= params.breakout_max_atr:
        return "breakout"
    extreme = adverse(candles, side)
    if bool((side * (extreme[p + 1 : t + 1] - extreme[p]) < 0).any()):
        return None
    for average in (at(ind.ema9, t), at(ind.ema20, t)):
        if average is not None and side * (float(extreme[t]) - average) <= 0 < side * (close - average):
            return "micro_pullback"
    return None


def _runway(snapshot: MarketSnapshot, impulse: Impulse, atr: float, params: AtrMomentumParams) -> float | None:
    """Free way ahead in ATR: to the nearest opposing zone, or to the extreme before the impulse; None if open."""
    candles, side, p = snapshot.bars[TF], impulse.side, impulse.bar
    close = float(candles.close[-1])
    ways = []
    zone = room(snapshot.source.zones(), close, side)
    if zone is not None:
        ways.append(zone)
    before = side * favour(candles, side)[max(0, p - params.runway_bars) : p]
    if len(before) and float(before.max()) > side * close:
        ways.append(float(before.max()) - side * close)
    return min(ways) / atr if ways else None
