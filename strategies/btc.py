"""What BTCUSDT 1h says to every other symbol: direction, bias, and when fading is off (section 7.3 of the rules)."""

from __future__ import annotations

from typing import Final

import numpy as np

from strategies.absent import at
from strategies.indicators import true_range
from strategies.model import Bias, BtcContext, Candles, Indicators, Sign
from strategies.params import AtLeastOne, NotNegative, Params, Positive

MINUTE_MS: Final = 60_000


class BtcParams(Params, frozen=True):
    """Moves in percent, spans in 1h bars, ages in minutes."""

    change_bars: AtLeastOne = 3
    against_pct: Positive = 0.3
    bias_band: NotNegative = 0.005
    shock_range_pct: Positive = 1.5
    shock_bars: AtLeastOne = 3
    shock_atr: Positive = 1.5
    block_min: Positive = 30.0
    least_bars: AtLeastOne = 60
    stale_min: Positive = 65.0


DEFAULTS: Final = BtcParams()


def btc_context(candles: Candles, ind: Indicators, now_ms: int, params: BtcParams = DEFAULTS) -> BtcContext | None:
    """The context from closed 1h bars; None with too few of them, or when the last one is old."""
    t = len(candles) - 1
    if len(candles) < params.least_bars or now_ms - candles.last_close_ms > params.stale_min * MINUTE_MS:
        return None
    close = candles.close
    shocked = _shocked(candles, ind, t, params)
    return BtcContext(
        change_pct=100.0 * (float(close[t]) / float(close[t - params.change_bars]) - 1.0),
        bias=_bias(ind, t, params),
        reversion_blocked_until_ms=candles.last_close_ms + int(params.block_min * MINUTE_MS) if shocked else 0,
        as_of_ms=candles.last_close_ms,
    )


def btc_against(btc: BtcContext | None, side: Sign, params: BtcParams = DEFAULTS) -> bool | None:
    """Whether BTC moved against the side over three bars; None without a context."""
    if btc is None or btc.change_pct is None:
        return None
    return side * btc.change_pct <= -params.against_pct


def reversion_blocked(btc: BtcContext | None, t_ms: int) -> bool | None:
    """Whether fades are off on all symbols at `t_ms`; None without a context."""
    return None if btc is None else t_ms < btc.reversion_blocked_until_ms


def _shocked(candles: Candles, ind: Indicators, t: int, params: BtcParams) -> bool:
    """One bar too wide for its price, or several wide against the ATR from before them."""
    if 100.0 * float(candles.high[t] - candles.low[t]) / float(candles.close[t]) >= params.shock_range_pct:
        return True
    before = at(ind.atr, t - params.shock_bars)
    tail = candles.slice(t - params.shock_bars, t + 1)
    ranges = true_range(tail.high, tail.low, tail.close)[1:]
    return before is not None and float(np.mean(ranges)) >= params.shock_atr * before


def _bias(ind: Indicators, t: int, params: BtcParams) -> Bias:
    fast, slow = at(ind.ema20, t), at(ind.ema50, t)
    if fast is None or slow is None:
        return Bias.NEUTRAL
    if fast > slow * (1.0 + params.bias_band):
        return Bias.BULLISH
    return Bias.BEARISH if fast < slow * (1.0 - params.bias_band) else Bias.NEUTRAL
