"""The BTC filter."""

from __future__ import annotations

import numpy as np
import pytest

from strategies.btc import btc_against, btc_context, reversion_blocked
from strategies.model import Bias, BtcContext, Candles, Indicators
from tests.support.analysis import candles, indicators

N = 120
MINUTE_MS = 60_000


def hours(closes: list[float], n: int = N, **last: float) -> Candles:
    """Quiet 1h bars that end with the given closes."""
    closes = [closes[0]] * (n - len(closes)) + closes
    bars = [(c, c * 1.0005, c * 0.9995, c) for c in closes]
    o, h, low, c = bars[-1]
    bars[-1] = (o, last.get("high", h), last.get("low", low), c)
    return candles(bars, tf="1h")


def quiet(n: int = N, **values: object) -> Indicators:
    return indicators(n, **({"atr": 300.0, "ema20": 63_800.0, "ema50": 63_800.0} | values))


def context(c: Candles, ind: Indicators | None = None, age_min: float = 0.0) -> BtcContext | None:
    return btc_context(c, ind or quiet(len(c)), c.last_close_ms + int(age_min * MINUTE_MS))


@pytest.mark.parametrize(
    ("close", "change", "long", "short"),
    [(64_100.0, 0.470, False, True), (63_500.0, -0.470, True, False), (63_950.0, 0.235, False, False)],
)
def test_three_bars_of_btc_speak_against_a_side(close: float, change: float, long: bool, short: bool) -> None:
    found = context(hours([63_800.0, 63_820.0, 63_790.0, close]))
    assert found is not None
    assert found.change_pct == pytest.approx(change, abs=5e-4)
    assert btc_against(found, 1) is long
    assert btc_against(found, -1) is short


def test_the_change_is_over_three_bars_not_two() -> None:
    found = context(hours([60_000.0, 66_000.0, 66_000.0, 66_000.0]))
    assert found is not None
    assert found.change_pct == pytest.approx(10.0)
    assert context(hours([60_000.0, 66_000.0, 66_000.0, 66_000.0, 66_000.0])).change_pct == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("ema20", "bias"),
    [(100.6, Bias.BULLISH), (100.4, Bias.NEUTRAL), (99.6, Bias.NEUTRAL), (99.4, Bias.BEARISH), (np.nan, Bias.NEUTRAL)],
)
def test_bias_has_a_band_of_half_a_percent(ema20: float, bias: Bias) -> None:
    found = context(hours([63_800.0]), quiet(ema20=ema20, ema50=100.0))
    assert found is not None
    assert found.bias is bias


def test_a_wide_bar_turns_fades_off_for_half_an_hour_after_its_close() -> None:
    c = hours([63_800.0], high=64_500.0, low=63_540.0)  # 960 of 63,800 is 1.505 %
    found = context(c)
    assert reversion_blocked(found, c.last_close_ms) is True
    assert reversion_blocked(found, c.last_close_ms + 30 * MINUTE_MS - 1) is True
    assert reversion_blocked(found, c.last_close_ms + 30 * MINUTE_MS) is False
    assert reversion_blocked(context(hours([63_800.0], high=64_490.0, low=63_540.0)), c.last_close_ms) is False


@pytest.mark.parametrize(("atr", "blocked"), [(200.0, True), (201.0, False), (np.nan, False)])
def test_three_wide_bars_are_held_against_the_atr_before_them(atr: float, blocked: bool) -> None:
    # true ranges of 300 each; the ATR of the bars themselves is high and must not matter
    c = candles([(63_800.0, 63_950.0, 63_650.0, 63_800.0)] * N, tf="1h")
    values = np.full(N, 1000.0)
    values[N - 4] = atr
    assert (reversion_blocked(context(c, quiet(atr=values)), c.last_close_ms) is True) is blocked


@pytest.mark.parametrize(
    ("n", "age_min", "known"), [(60, 0, True), (59, 0, False), (120, 65, True), (120, 65.1, False)]
)
def test_few_or_old_bars_are_absent_and_no_penalty(n: int, age_min: float, known: bool) -> None:
    found = context(hours([60_000.0, 66_000.0, 66_000.0, 66_000.0], n), age_min=age_min)
    assert (found is not None) is known
    assert (btc_against(found, -1) is True) is known
    assert (reversion_blocked(found, 0) is None) is not known
