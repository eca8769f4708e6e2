"""Section 5.1: the cases of the table and the ways a sweep may not be read."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from strategies.liquidity_sweep import LiquiditySweepParams, evaluate, find_sweep
from strategies.measures import Measures
from strategies.model import BtcContext, MarketSnapshot, Refusal, Regime, RegimeState, Signal, StrategyId
from strategies.registry import STRATEGIES
from strategies.settings import StrategySettings
from strategies.setup import Setup
from tests.support.analysis import Bar, mirrored
from tests.support.goldens import RANGE, TREND, N, ends, market, sweep_fade

PARAMS, MEASURES = LiquiditySweepParams(), Measures()
LEVEL: Bar = (99.8, 100.0, 99.2, 99.6)
QUIET: Bar = (99.5, 99.7, 99.3, 99.5)
SWEEP: Bar = (99.6, 100.25, 99.5, 99.8)


def table(
    *last: Bar,
    level_at: int = 25,
    between: dict[int, Bar] | None = None,
    state: Regime = RANGE,
    vr: dict[str, float] | None = None,
    taker: dict[int, float] | None = None,
    **fields: object,
) -> MarketSnapshot:
    """A swing high at exactly 100 with ATR 1, then quiet bars below it, then `last`."""
    bars = [QUIET] * (N - len(last)) + list(last)
    bars[-level_at] = LEVEL
    for index, bar in (between or {}).items():
        bars[index] = bar
    values = {"vr": ends(N, 1.0, **(vr or {"b1": 1.9}))}
    return market(bars, state=state, taker=taker or {-1: 0.25}, values=values, **fields)


def setups(snap: MarketSnapshot) -> tuple[Setup, ...]:
    return evaluate(snap, PARAMS, MEASURES)


def test_fade_of_the_table() -> None:
    """L 100, ATR 1, high 100.25, close 99.8: SHORT, stop 100.50, R 0.70."""
    snap = table(SWEEP)
    (found,) = setups(snap)
    assert (found.variant, found.side, found.reason) == ("fade", -1, "")
    assert found.structural == pytest.approx(100.50)
    close = float(snap.bars["15m"].close[-1])
    risk = found.structural - close
    assert risk == pytest.approx(0.70)
    assert [close - risk, close - 2 * risk] == pytest.approx([99.10, 98.40])


@pytest.mark.parametrize(("high", "why"), [(100.05, "too shallow"), (101.4, "a breakout, not a sweep")])
def test_depth_is_a_window_in_atr(high: float, why: str) -> None:
    assert setups(table((99.6, high, 99.5, 99.8))) == (), why


@pytest.mark.parametrize(("high", "fires"), [(100.125, True), (100.124, False), (101.0, True), (101.001, False)])
def test_depth_bounds_are_inclusive(high: float, fires: bool) -> None:
    """On binary fractions, where the comparison is exactly what is written."""
    params = msgspec.structs.replace(PARAMS, min_depth_atr=0.125)
    assert bool(evaluate(table((99.6, high, 99.5, 99.8)), params, MEASURES)) is fires


def test_share_of_price_is_a_floor_for_calm_markets() -> None:
    """ATR 0.1: 0.10 ATR is one basis point, but 0.0005 of the price is asked for."""
    snap = table((99.6, 100.04, 99.5, 99.8))
    ind = snap.ind["15m"]
    calm = msgspec.structs.replace(ind, atr=np.full(len(ind.atr), 0.1))
    assert setups(msgspec.structs.replace(snap, ind=snap.ind | {"15m": calm})) == ()


def test_quiet_run_is_no_sweep() -> None:
    assert setups(table(SWEEP, vr={"b1": 1.49})) == ()


def test_level_that_was_run_before_is_used_up() -> None:
    before = table(SWEEP, between={-9: (99.6, 100.15, 99.5, 99.8)})
    assert setups(before) == ()
    grazed = table(SWEEP, between={-9: (99.6, 100.05, 99.5, 99.8)})  # by less than the least depth
    assert len(setups(grazed)) == 1


def test_level_older_than_fifty_bars_is_forgotten() -> None:
    assert len(setups(table(SWEEP, level_at=51))) == 1
    assert setups(table(SWEEP, level_at=52)) == ()


def test_swing_must_be_known_before_the_sweep() -> None:
    """Five bars have to close after a swing before it exists."""
    assert find_sweep(table(SWEEP, level_at=7).bars["15m"], table(SWEEP).ind["15m"], N - 1, 1, PARAMS) is not None
    assert find_sweep(table(SWEEP, level_at=6).bars["15m"], table(SWEEP).ind["15m"], N - 1, 1, PARAMS) is None


def test_equal_highs_are_one_level_and_the_earlier_one() -> None:
    found = find_sweep(table(SWEEP, between={-24: LEVEL}).bars["15m"], table(SWEEP).ind["15m"], N - 1, 1, PARAMS)
    assert found is not None
    assert found.level == 100.0


def test_a_sweep_resolves_once() -> None:
    """The bar after a resolved fade says nothing, though it also closes inside."""
    assert setups(table(SWEEP, QUIET, vr={"b2": 1.9}, taker={-2: 0.25, -1: 0.25})) == ()


@pytest.mark.parametrize(("bars", "fires"), [(1, True), (2, True), (3, True), (4, False)])
def test_a_sweep_expires_after_three_bars(bars: int, fires: bool) -> None:
    """It closes exactly on the level until it snaps back."""
    on_level: Bar = (99.9, 100.05, 99.8, 100.0)
    last = [(99.6, 100.25, 99.5, 100.0)] + [on_level] * (bars - 1) + [(100.0, 100.0, 99.5, 99.7)]
    snap = table(*last, vr={f"b{bars + 1}": 1.9}, taker={-1: 0.2})
    assert bool(setups(snap)) is fires


def test_continuation_needs_acceptance() -> None:
    bar: Bar = (99.6, 100.3, 99.5, 100.1)
    two = table(bar, (100.0, 100.4, 99.9, 100.2), state=TREND, vr={"b2": 1.9}, taker={-1: 0.75, -2: 0.75})
    (found,) = setups(two)
    assert (found.variant, found.side, found.reason) == ("continuation", 1, "")
    assert found.structural == pytest.approx(99.5)
    assert setups(table(bar, state=TREND, vr={"b1": 1.9}, taker={-1: 0.75})) == ()  # never on the sweep bar itself
    far = table((99.6, 100.3, 99.5, 99.98 + 0.02), (100.0, 100.4, 99.9, 100.25), state=TREND, vr={"b2": 1.9},
                taker={-1: 0.75, -2: 0.75})  # fmt: skip
    assert setups(far)[0].variant == "continuation"  # one close, but a quarter ATR beyond


def test_growing_interest_serves_where_flow_does_not() -> None:
    last = ((99.6, 100.3, 99.5, 100.1), (100.0, 100.4, 99.9, 100.2))
    neutral = {-1: 0.5, -2: 0.5}
    assert setups(table(*last, state=TREND, vr={"b2": 1.9}, taker=neutral))[0].reason == "fail:flow"
    assert setups(table(*last, state=TREND, vr={"b2": 1.9}, taker=neutral, doi_pct=1.0))[0].reason == ""
    assert setups(table(*last, state=TREND, vr={"b2": 1.9}, taker=neutral, doi_pct=0.99))[0].reason == "fail:flow"


def test_fade_without_taker_volume_is_absent_not_zero() -> None:
    (found,) = setups(table(SWEEP, taker={i: float("nan") for i in range(-7, 0)}))
    assert found.reason == "absent:flow"


def test_fade_in_a_trend_asks_the_hour() -> None:
    trend = table(SWEEP, state=TREND)
    (found,) = setups(trend)
    assert found.reason == "fail:hour"  # 1h stands above EMA50 and the fade is short
    assert setups(table(SWEEP, state=Regime(RegimeState.CHOP, 0, 0.3)))[0].reason == ""


def test_short_fade_fires_in_the_mirror_of_a_long_one() -> None:
    for snap in (sweep_fade(), mirrored(sweep_fade(), 200.0)):
        verdicts = STRATEGIES[StrategyId.LIQUIDITY_SWEEP].evaluate(snap, StrategySettings())
        assert [type(verdict) for verdict in verdicts] == [Signal]


def test_btc_against_costs_two_points() -> None:
    calm = STRATEGIES[StrategyId.LIQUIDITY_SWEEP].evaluate(sweep_fade(), StrategySettings())[0]
    stormy = STRATEGIES[StrategyId.LIQUIDITY_SWEEP].evaluate(
        sweep_fade(btc=BtcContext(change_pct=-0.5)), StrategySettings()
    )[0]
    assert isinstance(stormy, Refusal)
    assert stormy.score == pytest.approx((calm.score or 0) - 2)
