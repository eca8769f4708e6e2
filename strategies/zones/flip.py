"""Support becomes resistance and back, once a break has been confirmed (section 8.4, step 6 of the rules)."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

from strategies.model import F64, Candles, Sign
from strategies.zones.params import FlipParams


class Flips(msgspec.Struct, frozen=True):
    """Bars that confirmed a change of sides, oldest first, and whether another break is under way."""

    confirmed: tuple[int, ...]
    weakening: bool


def flips(
    candles: Candles, atr: F64, kind: Literal["S", "R"], low: float, high: float, born: int, params: FlipParams
) -> Flips:
    """Walk from the birth of a zone to the newest bar. Distances are in the ATR of the bar that started the break."""
    confirmed: list[int] = []
    side: Sign = 1 if kind == "R" else -1
    i = born
    while True:
        outcome = _next_break(candles, atr, side, low, high, i, params)
        if outcome is None:
            return Flips(tuple(confirmed), False)
        at, done = outcome
        if not done:
            return Flips(tuple(confirmed), True)
        confirmed.append(at)
        side, i = (-1 if side > 0 else 1), at + 1


def _next_break(
    candles: Candles, atr: F64, side: Sign, low: float, high: float, start: int, params: FlipParams
) -> tuple[int, bool] | None:
    """The next confirmation from `start` on as (bar, True), or the running break as (bar, False)."""
    edge = high if side > 0 else low
    beyond = side * (candles.close[start:] - edge)
    starts = np.flatnonzero(beyond >= params.break_atr * atr[start:]) + start
    begin = start
    while True:
        following = starts[np.searchsorted(starts, begin) :]
        if not len(following):
            return None
        b = int(following[0])
        end, done = _follow(candles, float(atr[b]), side, low, high, b, params)
        if end is None:
            return b, False
        if done:
            return end, True
        begin = end


def _follow(
    candles: Candles, unit: float, side: Sign, low: float, high: float, b: int, params: FlipParams
) -> tuple[int | None, bool]:
    """What became of the break at bar `b`: (bar, True) confirmed, (bar, False) over, looking again from there, or
    (None, False) undecided on the newest bar.

    Confirmed by the closes that follow at once, or by a retest of the edge that holds and moves away. A close through
    the far edge ends it; so does a second break after a close back at the edge, which starts anew.
    """
    edge, far = (high, low) if side > 0 else (low, high)
    n, direct, retest = len(candles), True, -1
    last = b + params.retest_bars + params.follow_bars
    for i in range(b + 1, min(n, last + 1)):
        close = side * (float(candles.close[i]) - edge)
        if side * (float(candles.close[i]) - far) < 0:
            return i + 1, False
        if (
            retest >= 0
            and i - retest <= params.follow_bars
            and _reach(candles, side, i) - side * edge >= (params.follow_atr * unit)
        ):
            return i, True
        direct = direct and close > 0
        if direct and i - b == params.confirm_closes:
            return i, True
        if not direct and close >= params.break_atr * unit and side * (float(candles.close[i - 1]) - edge) <= 0:
            return i, False
        if (
            i - b <= params.retest_bars
            and close > 0
            and _dip(candles, side, i) - side * edge <= params.retest_atr * unit
        ):
            retest = i
        if i - b >= params.retest_bars and (retest < 0 or i - retest >= params.follow_bars):
            return i + 1, False
    return (None, False) if n <= last else (last + 1, False)


def _reach(candles: Candles, side: Sign, i: int) -> float:
    return float(candles.high[i]) if side > 0 else -float(candles.low[i])


def _dip(candles: Candles, side: Sign, i: int) -> float:
    return float(candles.low[i]) if side > 0 else -float(candles.high[i])
