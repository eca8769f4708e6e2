"""Section 5.4: the impulse, how much of it was given back, and the cases of the table."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from strategies.measures import Measures
from strategies.model import Bias, Candles, MarketSnapshot, Regime, RegimeState, StrategyId
from strategies.pullback import PullbackParams, count_pullbacks, evaluate, find_impulse
from strategies.registry import STRATEGIES
from strategies.settings import StrategySettings
from strategies.setup import Setup
from tests.support.analysis import candles, indicators, mirrored
from tests.support.goldens import TREND, pullback

PARAMS, MEASURES = PullbackParams(), Measures()


def found(snap: MarketSnapshot) -> Setup:
    (setup,) = evaluate(snap, PARAMS, MEASURES)
    return setup


def test_printed_example() -> None:
    """B 100, H 112, P 107 => f 0.417; stop 106.5, R 1.60 (0.80 ATR), TP 109.7 / 111.3."""
    snap = pullback()
    setup = found(snap)
    assert setup.reason == ""
    assert setup.evidence["retraced"] == pytest.approx(0.417, abs=5e-4)
    assert setup.structural == pytest.approx(106.5)
    (signal,) = STRATEGIES[StrategyId.PULLBACK].evaluate(snap, StrategySettings())
    risk = signal.ref_close - signal.stop
    assert risk == pytest.approx(1.60)
    assert [108.1 + risk, 108.1 + 2 * risk] == pytest.approx([109.7, 111.3])
    assert 100 * risk / 108.1 == pytest.approx(1.48, abs=0.005)


@pytest.mark.parametrize(("low", "reason"), [(109.0, "fail:retraced"), (104.0, "fail:retraced")])
def test_too_shallow_and_too_deep(low: float, reason: str) -> None:
    snap = pullback(low=min(low, 107.3))
    if low == 109.0:
        bars = snap.bars["4h"]
        floor = np.where(np.arange(len(bars)) > 45, np.maximum(bars.low, 109.0), bars.low)
        top = np.maximum(bars.high, floor)
        top[44] = 112.0
        snap = msgspec.structs.replace(
            snap, bars=snap.bars | {"4h": msgspec.structs.replace(bars, low=floor, high=top)}
        )
    assert found(snap).reason == reason
    assert found(mirrored(snap, 220.0)).reason == reason


def test_high_on_the_first_bar_of_the_window_is_no_impulse() -> None:
    assert found(pullback(missing_base=True)).reason == "absent:impulse"


def series(*extremes: tuple[float, float]) -> Candles:
    return candles([(low, high, low, high) for low, high in extremes], tf="4h")


def test_base_is_the_low_before_the_high_and_not_the_lowest_of_all() -> None:
    impulse = find_impulse(series((100, 101), (103, 112), (95, 99), (96, 98)), 1, 50)
    assert impulse is not None
    assert (impulse.base, impulse.top, impulse.pullback) == (100, 112, 95)
    assert impulse.retraced == pytest.approx(17 / 12)


@pytest.mark.parametrize("extremes", [((103, 112), (95, 99), (96, 98)), ((95, 99), (96, 98), (103, 112))])
def test_no_impulse_without_all_three_points(extremes: tuple[tuple[float, float], ...]) -> None:
    assert find_impulse(series(*extremes), 1, 50) is None


def test_shorts_are_the_mirror() -> None:
    c = series((100, 101), (103, 112), (106, 109), (107, 110))
    up = find_impulse(c, 1, 50)
    flipped = Candles(c.tf, c.open_time, -c.open, -c.low, -c.high, -c.close, c.volume, c.taker_buy)
    down = find_impulse(flipped, -1, 50)
    assert up is not None
    assert down is not None
    assert (down.base, down.top, down.pullback) == (-up.base, -up.top, -up.pullback)


def test_third_pullback_since_the_cross_is_one_too_many() -> None:
    low = np.array([9.0, 11, 13, 10.2, 13, 10.2, 10.3, 14, 10.1])
    c = candles([(x, x + 2, x, x + 1) for x in low], tf="4h")
    ind = indicators(len(low), ema20=10.0, ema50=np.array([11.0, 9, 9, 9, 9, 9, 9, 9, 9]), atr=1.0)
    assert count_pullbacks(c, ind, 1, 0.3) == 3
    assert count_pullbacks(c.slice(0, 8), ind.slice(0, 8), 1, 0.3) == 2
    assert count_pullbacks(c, ind, -1, 0.3) == 0


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (TREND, ""),
        (msgspec.structs.replace(TREND, bias=Bias.BEARISH), "fail:bias"),
        (Regime(RegimeState.SQUEEZE, 0, 0.5), ""),
    ],
)
def test_bias_and_regime(state: Regime, reason: str) -> None:
    assert found(msgspec.structs.replace(pullback(), regime=state)).reason == reason


@pytest.mark.parametrize(
    ("adx", "trend", "squeeze"), [(24.9, "fail:adx", ""), (25.0, "", ""), (14.9, "fail:adx", "fail:adx")]
)
def test_adx_threshold_depends_on_the_regime(adx: float, trend: str, squeeze: str) -> None:
    snap = pullback()
    ind = msgspec.structs.replace(snap.ind["4h"], adx=np.full(60, adx))
    snap = msgspec.structs.replace(snap, ind=snap.ind | {"4h": ind})
    assert found(snap).reason == trend
    assert found(msgspec.structs.replace(snap, regime=Regime(RegimeState.SQUEEZE, 0, 0.5))).reason == squeeze


def test_a_close_above_the_average_alone_is_no_rejection() -> None:
    """The trigger asks for a pin bar or a close beyond the bar before."""
    snap = pullback()
    bars = snap.bars["4h"]
    high = bars.high.copy()
    high[-2] = 108.3
    snap = msgspec.structs.replace(snap, bars=snap.bars | {"4h": msgspec.structs.replace(bars, high=high)})
    assert found(snap).reason == "fail:trigger"
