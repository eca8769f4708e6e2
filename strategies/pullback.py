"""Pullback to the moving average or the anchored VWAP of a 4h trend (5.4)."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from strategies.absent import at
from strategies.anchor import sticky_anchors
from strategies.bars import hour_factor_at, pin_bar, volume_ok
from strategies.measures import Measures
from strategies.model import Bias, Candles, Family, Indicators, MarketSnapshot, RegimeState, Sign
from strategies.params import AtLeastOne, NotNegative, Positive, Share, Switchable
from strategies.setup import Checks, Setup
from strategies.side import SIDES, adverse, favour

TF: Final = "4h"
AGAINST: Final = {1: Bias.BEARISH, -1: Bias.BULLISH}


class PullbackParams(Switchable, frozen=True):
    """Spans in 4h bars, distances in ATR, retracements as shares of the impulse."""

    adx_trend: NotNegative = 25.0
    adx_squeeze: NotNegative = 15.0
    slope_bars: AtLeastOne = 10
    zone_atr: NotNegative = 0.3
    entered_bars: AtLeastOne = 2
    fib_min: Share = 0.382
    fib_max: Share = 0.618
    impulse_lookback: AtLeastOne = 50
    impulse_atr: Positive = 3.0
    max_pullbacks: AtLeastOne = 2
    vr: NotNegative = 1.2
    stop_pad_atr: NotNegative = 0.25
    base: Positive = 2.5


class Impulse(msgspec.Struct, frozen=True):
    """From the base to the top of a move, and the extreme of the pullback since; prices."""

    base: float
    top: float
    pullback: float

    @property
    def retraced(self) -> float:
        """Share of the impulse given back."""
        return (self.top - self.pullback) / (self.top - self.base)


def screen(candles: Candles, ind: Indicators, params: PullbackParams, measures: Measures) -> NDArray[np.bool_]:
    """Bars of the trade colour on the trade side of EMA20 with enough volume and a rising EMA50."""
    out = np.zeros(len(candles), dtype=np.bool_)
    loud = volume_ok(ind.vr, candles.open_time, params.vr)
    drift = np.full(len(candles), np.nan)
    drift[params.slope_bars :] = ind.ema50[params.slope_bars :] - ind.ema50[: -params.slope_bars]
    for side in SIDES:
        body, beyond = side * (candles.close - candles.open), side * (candles.close - ind.ema20)
        out |= (body > 0) & (beyond > 0) & (side * drift > 0)
    return out & loud


def evaluate(snapshot: MarketSnapshot, params: PullbackParams, measures: Measures) -> tuple[Setup, ...]:
    """The side on which the newest bar turns back into the trend, with the conditions of the pullback."""
    found = [_pullback(snapshot, side, params) for side in SIDES]
    return tuple(setup for setup in found if setup is not None)


def find_impulse(candles: Candles, side: Sign, lookback: int) -> Impulse | None:
    """The furthest point of the last bars, the extreme against the trade before it, and the one after it.

    None when the furthest point is the first or the last bar of the window: then one of the three does not exist.
    """
    start = max(0, len(candles) - lookback)
    best, worst = side * favour(candles, side)[start:], side * adverse(candles, side)[start:]
    if len(best) < 3:
        return None
    top = len(best) - 1 - int(best[::-1].argmax())
    if top == 0 or top == len(best) - 1:
        return None
    return Impulse(side * float(worst[:top].min()), side * float(best[top]), side * float(worst[top + 1 :].min()))


def count_pullbacks(candles: Candles, ind: Indicators, side: Sign, reach_atr: float) -> int:
    """How often price has come back to EMA20 since EMA20 last crossed EMA50 in the trade direction."""
    ordered = side * (ind.ema20 - ind.ema50) > 0
    if not len(ordered) or not ordered[-1]:
        return 0
    wrong = np.flatnonzero(~ordered)
    start = int(wrong[-1]) + 1 if len(wrong) else 0
    came = side * (adverse(candles, side)[start:] - ind.ema20[start:]) <= reach_atr * ind.atr[start:]
    return int(came[0]) + int((came[1:] & ~came[:-1]).sum())


def _pullback(snapshot: MarketSnapshot, side: Sign, params: PullbackParams) -> Setup | None:
    candles, ind = snapshot.bars[TF], snapshot.ind[TF]
    t = len(candles) - 1
    atr, ema20, vr = at(ind.atr, t), at(ind.ema20, t), at(ind.vr, t)
    drift = _drift(ind, t, side, params)
    close = float(candles.close[t])
    if atr is None or ema20 is None or vr is None or drift is None or drift <= 0:
        return None
    need = params.vr * hour_factor_at(int(candles.open_time[t]))
    if side * (close - float(candles.open[t])) <= 0 or side * (close - ema20) <= 0 or vr < need:
        return None
    checks = Checks()
    checks.need("volume", vr, True, f">= {need:g}")
    squeezed = snapshot.regime.state is RegimeState.SQUEEZE
    least = params.adx_squeeze if squeezed else params.adx_trend
    adx = at(ind.adx, t)
    checks.need("adx", adx, adx is not None and adx >= least, f">= {least:g}")
    checks.require("bias", snapshot.regime.bias is not AGAINST[side], "4h bias not against the trade")
    impulse = find_impulse(candles, side, params.impulse_lookback)
    size = None if impulse is None else side * (impulse.top - impulse.base) / atr
    checks.need("impulse", size, size is not None and size >= params.impulse_atr, f">= {params.impulse_atr:g} ATR")
    retraced = None if impulse is None or not size else impulse.retraced
    holds = retraced is not None and params.fib_min <= retraced <= params.fib_max
    checks.need("retraced", retraced, holds, f"{params.fib_min:g} to {params.fib_max:g} of the impulse")
    count = count_pullbacks(candles, ind, side, params.zone_atr)
    checks.need("pullbacks", float(count), count <= params.max_pullbacks, f"<= {params.max_pullbacks}")
    checks.require("entered", _entered(candles, ind, side, params), "EMA20 or AVWAP zone within the last bars")
    checks.require("trigger", _turns(candles, side), "pin bar, or close beyond the bar before")
    return Setup(
        variant="pullback", family=Family.PULLBACK, side=side, reason=checks.reason, detail=checks.detail,
        conditions=checks.asked, base=params.base, atr=atr,
        structural=None if impulse is None else impulse.pullback - side * params.stop_pad_atr * atr, volume_vr=vr,
        evidence={
            "impulse_atr": size, "retraced": retraced, "pullbacks": float(count), "ema20": ema20,
            "top": None if impulse is None else impulse.top, "base": None if impulse is None else impulse.base,
        },
    )  # fmt: skip


def _drift(ind: Indicators, t: int, side: Sign, params: PullbackParams) -> float | None:
    now, then = at(ind.ema50, t), at(ind.ema50, t - params.slope_bars)
    return None if now is None or then is None else side * (now - then)


def _turns(candles: Candles, side: Sign) -> bool:
    if len(candles) < 2:
        return False
    pair = candles.slice(len(candles) - 2, len(candles))
    beyond = side * (float(pair.close[-1]) - float(favour(pair, side)[-2])) > 0
    return beyond or bool(pin_bar(pair, side)[-1])


def _entered(candles: Candles, ind: Indicators, side: Sign, params: PullbackParams) -> bool | None:
    """Whether one of the last bars dipped into the zone around EMA20, or around the VWAP of the sticky anchor."""
    first = max(0, len(candles) - params.entered_bars)
    extreme, reach = side * adverse(candles, side)[first:], params.zone_atr * ind.atr[first:]
    if bool((extreme - side * ind.ema20[first:] <= reach).any()):
        return True
    average = sticky_anchors(candles).vwap[first:]
    return bool((np.abs(extreme - side * average) <= reach).any())
