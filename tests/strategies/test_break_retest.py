"""Section 5.2: breakout, retest, quality and stop."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from strategies.break_retest import (
    Band,
    Breakout,
    BreakRetestParams,
    evaluate,
    find_breakout,
    quality,
    retest_band,
    zone_bonus,
)
from strategies.break_retest import _stop as stop_of
from strategies.measures import Measures
from strategies.model import Bias, MarketSnapshot, RegimeState
from strategies.setup import Setup
from tests.support.analysis import Bar, Zones, candles, zone
from tests.support.goldens import TREND, break_retest

PARAMS, MEASURES = BreakRetestParams(), Measures()


def setups(snap: MarketSnapshot) -> tuple[Setup, ...]:
    return evaluate(snap, PARAMS, MEASURES)


def with_bar(snap: MarketSnapshot, index: int, bar: Bar) -> MarketSnapshot:
    c = snap.bars["15m"]
    changed = {}
    for name, value in zip(("open", "high", "low", "close"), bar, strict=True):
        array = getattr(c, name).copy()
        array[index] = value
        changed[name] = array
    return msgspec.structs.replace(snap, bars=snap.bars | {"15m": msgspec.structs.replace(c, **changed)})


def with_value(snap: MarketSnapshot, name: str, index: int, value: float) -> MarketSnapshot:
    ind = snap.ind["15m"]
    array = getattr(ind, name).copy()
    array[index] = value
    return msgspec.structs.replace(snap, ind=snap.ind | {"15m": msgspec.structs.replace(ind, **{name: array})})


def test_golden_retest_has_its_level_and_breakout() -> None:
    (found,) = setups(break_retest())
    assert (found.variant, found.side, found.reason) == ("retest", 1, "")
    assert (found.evidence["level"], found.evidence["breakout_bars_ago"]) == (100.5, 3)
    assert found.volume_vr == 2.0  # the breakout bar's, not the trigger's


def test_stop_of_the_printed_example() -> None:
    """L 50, ATR 0.40, retest low 49.95, band 49.88-50.12, close 50.10: stop 49.78, R 0.32, TP 50.42 / 50.74."""
    breakout = Breakout(0, 1, 50.0, 0.40)
    found = stop_of(50.10, 49.95, Band(49.88, 50.12), breakout, 0.40, PARAMS)
    assert found == pytest.approx(49.78)
    risk = 50.10 - found
    assert [50.10 + risk, 50.10 + 2 * risk] == pytest.approx([50.42, 50.74])
    mirror = stop_of(-50.10, -49.95, Band(-50.12, -49.88), Breakout(0, -1, -50.0, 0.40), 0.40, PARAMS)
    assert mirror == pytest.approx(-49.78)


def test_stop_nearer_than_four_fifths_of_atr_is_widened() -> None:
    assert stop_of(50.10, 50.05, Band(49.98, 50.02), Breakout(0, 1, 50.0, 0.40), 0.40, PARAMS) == pytest.approx(49.78)


def test_default_band_of_the_printed_example() -> None:
    """The VWAP since the breakout is far away: an empty intersection is ignored."""
    snap = break_retest()
    breakout = Breakout(len(snap.bars["15m"]) - 4, 1, 50.00, 0.40)
    found = retest_band(snap, breakout, PARAMS)
    assert (found.low, found.high) == (pytest.approx(49.88), pytest.approx(50.12))


def test_band_is_the_strong_zone_around_the_level() -> None:
    strong = zone(100.30, 100.60, "R", strength=50.0)
    weak = zone(100.30, 100.60, "R", strength=49.9)
    breakout = Breakout(316, 1, 100.5, 1.0)
    assert retest_band(break_retest(source=Zones(strong)), breakout, PARAMS).zone == strong
    assert retest_band(break_retest(source=Zones(weak)), breakout, PARAMS).zone is None


def test_band_never_crosses_itself() -> None:
    for level in np.linspace(99.0, 102.0, 31):
        found = retest_band(break_retest(), Breakout(316, 1, float(level), 1.0), PARAMS)
        assert found.low <= found.high


def test_most_recent_breakout_wins() -> None:
    """A second, fresh breakout after a pullback below the level replaces the first."""
    snap = with_bar(break_retest(), -3, (100.9, 101.0, 100.2, 100.3))
    snap = with_bar(snap, -2, (100.3, 101.0, 100.3, 100.95))
    snap = with_value(with_value(snap, "vr", -2, 2.0), "adx", -2, 31.0)
    found = find_breakout(snap.bars["15m"], snap.ind["15m"], 1, RegimeState.TREND, PARAMS)
    assert found is not None
    assert found.bar == len(snap.bars["15m"]) - 2


def test_breakout_must_be_a_fresh_cross() -> None:
    """The bar before it had already closed beyond the level."""
    snap = with_bar(break_retest(), -5, (100.1, 100.7, 100.0, 100.6))
    assert find_breakout(snap.bars["15m"], snap.ind["15m"], 1, RegimeState.TREND, PARAMS) is None


@pytest.mark.parametrize(
    ("change", "fires"),
    [
        (lambda s: with_value(s, "vr", -4, 1.79), False),
        (lambda s: with_value(s, "vr", -4, 1.8), True),
        (lambda s: with_value(s, "adx", -4, 28.0), False),
        (lambda s: with_value(s, "adx", -6, 31.0), False),
        (lambda s: with_bar(s, -4, (100.1, 101.0, 100.0, 100.74)), False),
        (lambda s: with_bar(s, -2, (100.8, 100.9, 99.9, 99.99)), False),  # closed too far behind: no longer alive
        (lambda s: with_bar(s, -1, (100.85, 100.9, 100.45, 100.80)), False),  # wrong colour
        (lambda s: with_bar(s, -1, (100.3, 100.6, 100.25, 100.45)), False),  # closes behind the level
    ],
)
def test_conditions_in_a_trend(change: Callable[[MarketSnapshot], MarketSnapshot], fires: bool) -> None:
    assert bool(setups(change(break_retest()))) is fires


@pytest.mark.parametrize(("bias", "reason"), [(Bias.BULLISH, ""), (Bias.NEUTRAL, ""), (Bias.BEARISH, "fail:bias")])
def test_opposite_bias_rejects(bias: Bias, reason: str) -> None:
    state = msgspec.structs.replace(TREND, bias=bias)
    (found,) = setups(msgspec.structs.replace(break_retest(), regime=state))
    assert found.reason == reason


@pytest.mark.parametrize(("rsi", "reason"), [(45.0, ""), (44.9, "fail:rsi"), (float("nan"), "absent:rsi")])
def test_rsi_on_the_wrong_side_rejects_in_a_trend(rsi: float, reason: str) -> None:
    assert setups(with_value(break_retest(), "rsi", -1, rsi))[0].reason == reason


def window(*bars: Bar) -> float:
    c = candles([(100.0, 100.2, 99.9, 100.1), *bars])
    return quality(c, Breakout(0, 1, 100.0, 1.0), 1, 0.01, PARAMS)


@pytest.mark.parametrize(
    ("bars", "expected"),
    [
        (((100.2, 100.4, 100.05, 100.3),), 1.0),
        (((100.2, 100.31, 100.2, 100.3),), 0.7),  # no wick at all
        (((100.2, 100.4, 99.69, 100.3),), 1.0),  # deep, but a pin bar
        (
            ((100.2, 100.5, 100.1, 100.3), (100.3, 100.35, 100.15, 100.2), (100.2, 100.5, 100.1, 100.45)),
            1.3,
        ),  # engulfing
        (((100.2, 100.9, 99.6, 100.8),), 0.7),  # deep without a pin
    ],
)
def test_quality_of_the_retest(bars: tuple[Bar, ...], expected: float) -> None:
    assert window(*bars) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("strength", "tf", "bonus"),
    [(49.0, "4h", 0.0), (50.0, "15m", 0.25), (60.0, "15m", 0.5), (70.0, "1h", 0.75), (80.0, "15m", 1.0),
     (70.0, "4h", 1.0), (80.0, "4h", 1.25), (80.0, "1d", 1.25), (50.0, "1d", 0.75)],
)  # fmt: skip
def test_zone_bonus_is_half_the_reference_and_capped(strength: float, tf: str, bonus: float) -> None:
    assert zone_bonus(zone(99.0, 100.0, strength=strength, tf=tf), PARAMS) == bonus
    assert zone_bonus(None, PARAMS) == 0.0


def test_higher_frames_add_half_a_point() -> None:
    with_both = setups(break_retest())[0].base
    hours = break_retest().ind["1h"]
    cold = msgspec.structs.replace(hours, ema50=hours.ema50 * np.nan, ema100=hours.ema100 * np.nan,
                                   ema200=hours.ema200 * np.nan)  # fmt: skip
    without = msgspec.structs.replace(break_retest(), ind=break_retest().ind | {"1h": cold})
    assert setups(without)[0].base == pytest.approx(with_both - 0.5)


def test_legacy_exits_are_there_for_comparison_only() -> None:
    """One ATR, targets at 1.5 and 2.5 of it."""
    legacy = msgspec.structs.replace(PARAMS, exit_profile="legacy")
    (found,) = evaluate(break_retest(), legacy, MEASURES)
    assert found.structural == pytest.approx(100.85 - 1.0)
    assert found.tp_r == (1.5, 2.5)
    assert setups(break_retest())[0].tp_r == (1.0, 2.0)
