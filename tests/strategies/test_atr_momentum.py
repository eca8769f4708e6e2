"""Section 5.6: the impulse bar, its runway and the two triggers."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from strategies.atr_momentum import AtrMomentumParams, evaluate, find_impulse, impulses
from strategies.measures import Measures
from strategies.model import MarketSnapshot, Regime, RegimeState, StrategyId
from strategies.registry import STRATEGIES
from strategies.setup import Setup
from tests.support.analysis import Bar, Zones, candles, indicators, mirrored, zone
from tests.support.goldens import TREND, momentum_breakout, momentum_micro_pullback

PARAMS, MEASURES = AtrMomentumParams(), Measures()


def found(snap: MarketSnapshot) -> Setup:
    (setup,) = evaluate(snap, PARAMS, MEASURES)
    return setup


@pytest.mark.parametrize(
    ("bar", "accepted"),
    [
        ((108.5, 110.4, 108.3, 110.0), True),  # range 2.10 of 1.45: 1.448, closes at 81 %
        ((108.5, 110.3, 108.3, 110.0), False),  # range 2.00: 1.379
        ((108.5, 110.4, 108.2, 109.8), False),  # closes at 72.7 %
        ((110.1, 110.4, 108.3, 110.0), False),  # wrong colour
    ],
)
def test_impulses_of_the_table(bar: Bar, accepted: bool) -> None:
    c = candles([(108.0, 108.5, 107.9, 108.2)] * 30 + [bar])
    ind = indicators(31, atr=1.45)
    assert bool(impulses(c, ind, 1, PARAMS)[-1]) is accepted
    mirror = candles([(300 - o, 300 - low, 300 - h, 300 - close) for o, h, low, close in
                      [(108.0, 108.5, 107.9, 108.2)] * 30 + [bar]])  # fmt: skip
    assert bool(impulses(mirror, ind, -1, PARAMS)[-1]) is accepted


def test_the_impulse_does_not_raise_its_own_bar() -> None:
    """The median ends before it."""
    c = candles([(100.0, 100.5, 99.5, 100.0)] * 30 + [(100.0, 101.5, 100.0, 101.45)])
    atr = np.full(31, 1.0)
    atr[-1] = 9.0
    assert impulses(c, indicators(31, atr=atr), 1, PARAMS)[-1]


def test_most_recent_impulse_of_five_bars_counts_and_not_the_newest_bar() -> None:
    snap = momentum_breakout()
    impulse = find_impulse(snap.bars["15m"], snap.ind["15m"], 1, PARAMS)
    assert impulse is not None
    n = len(snap.bars["15m"])
    assert impulse.bar == n - 3
    assert impulse.multiple == pytest.approx(1.6)
    for kept, seen in ((n - 3, False), (n - 2, True)):
        cut = snap.bars["15m"].slice(0, kept + 1), snap.ind["15m"].slice(0, kept + 1)
        assert (find_impulse(*cut, 1, PARAMS) is not None) is seen


def momentum(*, close: float, low: float = 101.45, **fields: object) -> MarketSnapshot:
    snap = momentum_breakout(**fields)
    bars = snap.bars["15m"]
    edited = {}
    for name, value in (("close", close), ("low", low), ("high", max(close, 102.0) + 0.1)):
        array = getattr(bars, name).copy()
        array[-1] = value
        edited[name] = array
    return msgspec.structs.replace(snap, bars=snap.bars | {"15m": msgspec.structs.replace(bars, **edited)})


@pytest.mark.parametrize(("close", "fires"), [(101.79, False), (101.81, True), (102.59, True), (102.61, False)])
def test_breakout_is_measured_and_not_chased(close: float, fires: bool) -> None:
    """High of the impulse 101.60, ATR 1: 0.2 to 1.0 ATR beyond it."""
    assert bool(evaluate(momentum(close=close), PARAMS, MEASURES)) is fires


def test_micro_pullback_never_falls_behind_the_impulse() -> None:
    snap = momentum_micro_pullback()
    assert found(snap).variant == "micro_pullback"
    low = snap.bars["15m"].low.copy()
    low[-2] = 99.99
    deep = msgspec.structs.replace(snap.bars["15m"], low=low)
    assert evaluate(msgspec.structs.replace(snap, bars=snap.bars | {"15m": deep}), PARAMS, MEASURES) == ()


@pytest.mark.parametrize(
    ("values", "reason"),
    [({"adx": 25.0}, "fail:adx"), ({"adx": 25.1}, ""), ({"rsi": 70.0}, ""), ({"rsi": 70.1}, "fail:rsi"),
     ({"rsi": np.nan}, "absent:rsi")],
)  # fmt: skip
def test_strength_and_overextension(values: dict[str, float], reason: str) -> None:
    snap = momentum_breakout()
    n = len(snap.bars["15m"])
    ind = msgspec.structs.replace(snap.ind["15m"], **{name: np.full(n, value) for name, value in values.items()})
    snap = msgspec.structs.replace(snap, ind=snap.ind | {"15m": ind})
    assert found(snap).reason == reason
    assert found(mirrored(snap, 200.0)).reason == reason


@pytest.mark.parametrize(("vr", "fires"), [(1.99, False), (2.0, True)])
def test_volume_is_that_of_the_impulse_bar(vr: float, fires: bool) -> None:
    """The impulse opens at 11:15 UTC, where the factor is one; the trigger bar's own volume does not matter."""
    snap = momentum_breakout()
    array = snap.ind["15m"].vr.copy()
    array[-3] = vr
    ind = msgspec.structs.replace(snap.ind["15m"], vr=array)
    assert bool(evaluate(msgspec.structs.replace(snap, ind=snap.ind | {"15m": ind}), PARAMS, MEASURES)) is fires


@pytest.mark.parametrize(
    ("state", "reason"),
    [(TREND, ""), (Regime(RegimeState.TREND, -1, 0.8, adx=35.0), "fail:trend"),
     (Regime(RegimeState.RANGE, 0, 0.5), "fail:trend")],
)  # fmt: skip
def test_trend_must_be_with_the_trade(state: Regime, reason: str) -> None:
    assert found(msgspec.structs.replace(momentum_breakout(), regime=state)).reason == reason


@pytest.mark.parametrize("tf", ["1h", "4h"])
def test_both_higher_frames_are_asked_and_absent_is_said(tf: str) -> None:
    snap = momentum_breakout()
    n = len(snap.bars[tf])
    cold = msgspec.structs.replace(snap.ind[tf], **{f"ema{p}": np.full(n, np.nan) for p in (50, 100, 200)})
    assert found(msgspec.structs.replace(snap, ind=snap.ind | {tf: cold})).reason == "absent:htf"
    alone = {name: bars for name, bars in snap.bars.items() if name != tf}
    assert found(msgspec.structs.replace(snap, bars=alone)).reason == "absent:htf"
    above = msgspec.structs.replace(snap.ind[tf], ema200=np.full(n, 105.0))
    assert found(msgspec.structs.replace(snap, ind=snap.ind | {tf: above})).reason == "fail:htf"


class TestRunway:
    @pytest.mark.parametrize(("edge", "reason"), [(103.89, "fail:runway"), (103.91, "")])
    def test_to_the_next_opposing_zone(self, edge: float, reason: str) -> None:
        assert found(momentum_breakout(source=Zones(zone(edge, edge + 0.5, "R")))).reason == reason

    def test_to_the_extreme_before_the_impulse_if_it_is_ahead(self) -> None:
        snap = momentum_breakout()
        high = snap.bars["15m"].high.copy()
        high[-40] = 103.0
        blocked = msgspec.structs.replace(snap.bars["15m"], high=high)
        assert found(msgspec.structs.replace(snap, bars=snap.bars | {"15m": blocked})).reason == "fail:runway"

    def test_the_impulse_itself_is_no_obstacle(self) -> None:
        """Nothing ahead passes: the reference counted the impulse's own high as resistance."""
        setup = found(momentum_breakout())
        assert (setup.reason, setup.evidence["runway_atr"]) == ("", None)


def test_pin_bar_impulse_is_worth_half_a_point() -> None:
    pin = momentum_breakout(impulse=(101.35, 101.60, 100.0, 101.58))
    assert found(pin).base == 1.5
    assert found(momentum_breakout()).base == 1.0


def test_stop_is_behind_the_impulse() -> None:
    assert found(momentum_breakout()).structural == pytest.approx(99.75)


def test_time_stop_is_short_for_momentum_and_fades() -> None:
    assert STRATEGIES[StrategyId.ATR_MOMENTUM].fast("breakout")
    assert STRATEGIES[StrategyId.LIQUIDITY_SWEEP].fast("fade")
    assert not STRATEGIES[StrategyId.LIQUIDITY_SWEEP].fast("continuation")
