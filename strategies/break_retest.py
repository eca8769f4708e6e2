"""Break and retest (5.2): a swing is broken on volume and trend, price comes back to it, and it holds."""

from __future__ import annotations

from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from strategies.absent import at
from strategies.bars import engulfing, pin_bar
from strategies.htf import both_beyond_longest
from strategies.indicators import peaks
from strategies.measures import Measures
from strategies.model import Bias, Candles, Family, Indicators, MarketSnapshot, RegimeState, Sign, Zone
from strategies.params import AtLeastOne, NotNegative, Positive, Switchable
from strategies.setup import Checks, Setup
from strategies.side import SIDES, adverse, favour
from strategies.vwap import anchored_vwap
from strategies.zones.query import containing

TF: Final = "15m"
AGAINST: Final = {1: Bias.BEARISH, -1: Bias.BULLISH}
STRENGTH_BONUS: Final = ((80.0, 1.0), (70.0, 0.75), (60.0, 0.5), (50.0, 0.25))
FRAME_BONUS: Final = {"4h": 0.25, "1d": 0.5}


class BreakRetestParams(Switchable, frozen=True):
    """Spans in bars, distances in ATR of the breakout bar; thresholds by regime."""

    pivot_k: AtLeastOne = 2
    swing_lookback: AtLeastOne = 20
    breakout_window: AtLeastOne = 20
    break_atr: NotNegative = 0.25
    vr_trend: NotNegative = 1.8
    vr_squeeze: NotNegative = 1.2
    vr_other: NotNegative = 1.5
    adx_trend: NotNegative = 25.0
    adx_squeeze: NotNegative = 15.0
    adx_other: NotNegative = 20.0
    zone_half_atr: Positive = 0.30
    zone_min_strength: NotNegative = 50.0
    vwap_half_atr: NotNegative = 0.10
    retest_window: AtLeastOne = 5
    fail_atr: NotNegative = 0.50
    rsi_long_min: NotNegative = 45.0
    rsi_short_max: NotNegative = 55.0
    deep_atr: NotNegative = 0.30
    wick_share: NotNegative = 0.5
    stop_pad_atr: NotNegative = 0.25
    stop_least_atr: NotNegative = 0.8
    base: Positive = 2.5
    quality_weight: NotNegative = 0.5
    htf_bonus: NotNegative = 0.5
    zone_bonus_cap: NotNegative = 1.25
    exit_profile: Literal["structure", "legacy"] = "structure"  # legacy: 1 ATR, targets 1.5 and 2.5, for comparison


class Breakout(msgspec.Struct, frozen=True):
    """The bar that closed beyond a level for the first time, and its ATR."""

    bar: int
    side: Sign
    level: float
    atr: float


class Band(msgspec.Struct, frozen=True):
    """Where the retest is awaited."""

    low: float
    high: float
    zone: Zone | None = None


def screen(candles: Candles, ind: Indicators, params: BreakRetestParams, measures: Measures) -> NDArray[np.bool_]:
    """Bars of the trade colour, after a bar that closed beyond the one before it on enough volume and trend."""
    n = len(candles)
    out = np.zeros(n, dtype=np.bool_)
    vr = min(params.vr_trend, params.vr_squeeze, params.vr_other)
    adx = min(params.adx_trend, params.adx_squeeze, params.adx_other)
    strong = (ind.vr >= vr) & (ind.adx >= adx) & np.isfinite(ind.atr)
    for side in SIDES:
        rises = np.zeros(n, dtype=np.bool_)
        moved = side * (candles.close[1:] - candles.close[:-1])
        rises[1:] = strong[1:] & (moved >= params.break_atr * ind.atr[1:])
        pending = np.zeros(n, dtype=np.bool_)
        for lag in range(1, min(params.breakout_window, n - 1) + 1):
            pending[lag:] |= rises[:-lag]
        out |= pending & (side * (candles.close - candles.open) > 0)
    return out


def evaluate(snapshot: MarketSnapshot, params: BreakRetestParams, measures: Measures) -> tuple[Setup, ...]:
    """For each side the most recent breakout, when price has come back to it and turned on the newest bar."""
    found = [_retest(snapshot, side, params) for side in SIDES]
    return tuple(setup for setup in found if setup is not None)


def find_breakout(
    candles: Candles, ind: Indicators, side: Sign, state: RegimeState, params: BreakRetestParams
) -> Breakout | None:
    """The most recent fresh close beyond the latest swing on that side known before it."""
    last = len(candles) - 1
    least_vr, least_adx = _thresholds(state, params)
    for b in range(last - 1, max(params.pivot_k, last - params.breakout_window) - 1, -1):
        vr, adx, atr = at(ind.vr, b), at(ind.adx, b), at(ind.atr, b)
        if vr is None or adx is None or atr is None or vr < least_vr or adx < least_adx:
            continue
        before = at(ind.adx, b - 2)
        if state is RegimeState.TREND and (before is None or adx <= before):
            continue
        level = _swing_before(candles, b, side, params)
        if level is None or side * (float(candles.close[b - 1]) - level) > 0:
            continue
        if side * (float(candles.close[b]) - level) >= params.break_atr * atr:
            return Breakout(b, side, level, atr)
    return None


def retest_band(snapshot: MarketSnapshot, breakout: Breakout, params: BreakRetestParams) -> Band:
    """The provider's zone around the level, or a band of ATR; narrowed by the VWAP since the breakout if they meet."""
    tick, level, atr = snapshot.filters.tick, breakout.level, breakout.atr
    zone = next(
        (found for found in containing(snapshot.source.zones(), level, tick)
         if found.strength >= params.zone_min_strength), None,
    )  # fmt: skip
    half = params.zone_half_atr * atr
    low, high = (zone.low, zone.high) if zone is not None else (level - half, level + half)
    candles = snapshot.bars[TF].slice(breakout.bar, len(snapshot.bars[TF]))
    average = at(anchored_vwap(candles, 0).value, len(candles) - 1)
    if average is not None:
        reach = params.vwap_half_atr * atr
        inner = max(low, average - reach), min(high, average + reach)
        if inner[0] <= inner[1]:
            low, high = inner
    return Band(low, high, zone)


def quality(candles: Candles, breakout: Breakout, first: int, tick: float, params: BreakRetestParams) -> float:
    """How clean the retest was, 0 to 1.5, from the bars since `first`."""
    side, last = breakout.side, len(candles)
    window = candles.slice(first - 1, last)
    extreme = adverse(candles, side)[first:last]
    deepest = float((side * (breakout.level - extreme)).max())
    o, c = candles.open[first:last], candles.close[first:last]
    wick = side * (np.minimum(side * o, side * c) * side - extreme)
    value = 1.0
    value -= 0.3 if deepest > params.deep_atr * breakout.atr else 0.0
    value += 0.3 if bool(pin_bar(window, side)[1:].any()) else 0.0
    value += 0.3 if bool(engulfing(window, side, tick)[1:].any()) else 0.0
    value -= 0.0 if bool((wick > params.wick_share * np.abs(c - o)).any()) else 0.3
    return min(1.5, max(0.0, value))


def zone_bonus(zone: Zone | None, params: BreakRetestParams) -> float:
    """What a strong zone of a high frame adds."""
    if zone is None:
        return 0.0
    strength = next((bonus for least, bonus in STRENGTH_BONUS if zone.strength >= least), 0.0)
    return min(params.zone_bonus_cap, strength + FRAME_BONUS.get(zone.tf, 0.0)) if strength else 0.0


def _retest(snapshot: MarketSnapshot, side: Sign, params: BreakRetestParams) -> Setup | None:
    candles, ind = snapshot.bars[TF], snapshot.ind[TF]
    t, state = len(candles) - 1, snapshot.regime.state
    atr = at(ind.atr, t)
    if atr is None or not side * (float(candles.close[t]) - float(candles.open[t])) > 0:
        return None
    breakout = find_breakout(candles, ind, side, state, params)
    if breakout is None:
        return None
    b, level = breakout.bar, breakout.level
    closes = side * (candles.close[b + 1 : t + 1] - level)
    if closes[-1] <= 0 or bool((closes < -params.fail_atr * breakout.atr).any()):
        return None
    first = max(b + 1, t - params.retest_window + 1)
    band = retest_band(snapshot, breakout, params)
    touches = _touches(candles, side, first, band, level)
    if not touches.any():
        return None
    rising = side * (float(candles.close[t]) - float(candles.close[t - 1])) > 0
    if not (touches[-1] or rising):
        return None

    checks = Checks()
    bias, rsi = snapshot.regime.bias, at(ind.rsi, t)
    checks.require("bias", bias is not AGAINST[side], "4h bias not against the trade")
    if state is RegimeState.TREND:
        wrong = rsi is not None and (rsi < params.rsi_long_min if side > 0 else rsi > params.rsi_short_max)
        limit = f">= {params.rsi_long_min:g}" if side > 0 else f"<= {params.rsi_short_max:g}"
        checks.need("rsi", rsi, not wrong, limit)
    q = quality(candles, breakout, first, snapshot.filters.tick, params)
    both = both_beyond_longest(snapshot, side)
    base = params.base + params.quality_weight * (q - 1.0) + zone_bonus(band.zone, params)
    base += params.htf_bonus if both else 0.0
    extreme = side * float((side * adverse(candles, side)[first : t + 1]).min())
    close, legacy = float(candles.close[t]), params.exit_profile == "legacy"
    stop = close - side * atr if legacy else _stop(close, extreme, band, breakout, atr, params)
    return Setup(
        variant="retest", family=Family.RETEST, side=side, reason=checks.reason, detail=checks.detail,
        conditions=checks.asked, base=base, atr=atr,
        structural=stop, tp_r=(1.5, 2.5) if legacy else (1.0, 2.0),
        volume_vr=at(ind.vr, b),
        evidence={
            "level": level, "breakout_bars_ago": float(t - b), "quality": q, "zone_low": band.low,
            "zone_high": band.high, "zone_strength": None if band.zone is None else band.zone.strength,
            "htf_both": None if both is None else float(both),
        },
    )  # fmt: skip


def _stop(close: float, extreme: float, band: Band, breakout: Breakout, atr: float, params: BreakRetestParams) -> float:
    side = breakout.side
    far = band.low if side > 0 else band.high
    behind = min(side * extreme, side * far) * side - side * params.stop_pad_atr * breakout.atr
    least = close - side * params.stop_least_atr * atr
    return min(side * behind, side * least) * side


def _touches(candles: Candles, side: Sign, first: int, band: Band, level: float) -> NDArray[np.bool_]:
    """Bars from `first` on that came into the band, or through it while closing on the trade side of the level."""
    extreme, close = adverse(candles, side)[first:], candles.close[first:]
    inside = (extreme >= band.low) & (extreme <= band.high)
    far = band.low if side > 0 else band.high
    through = (side * (extreme - far) < 0) & (side * (close - level) > 0)
    return inside | through


def _swing_before(candles: Candles, b: int, side: Sign, params: BreakRetestParams) -> float | None:
    start = max(0, b - params.swing_lookback)
    window = candles.slice(start, b)
    prices = favour(window, side)
    pivots = peaks(side * prices, params.pivot_k)
    return float(prices[pivots[-1]]) if len(pivots) else None


def _thresholds(state: RegimeState, params: BreakRetestParams) -> tuple[float, float]:
    match state:
        case RegimeState.TREND:
            return params.vr_trend, params.adx_trend
        case RegimeState.SQUEEZE:
            return params.vr_squeeze, params.adx_squeeze
        case _:
            return params.vr_other, params.adx_other
