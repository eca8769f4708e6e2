"""Candle predicates, channels, ranges and the hour factor."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.bars import (
    donchian,
    engulfing,
    fakey,
    hour_factor,
    hour_factor_at,
    inside,
    median_range,
    pin_bar,
    two_bar_reversal,
    volume_ok,
)
from strategies.model import Candles, Sign
from strategies.side import SIDES, opposite
from tests.support.analysis import candles, mirrored_candles
from tests.support.series import TICK, scaled, seeds, walk

ABOUT = 512.0

PREDICATES = {
    "pin_bar": pin_bar,
    "engulfing": lambda c, side: engulfing(c, side, TICK),
    "inside": lambda c, side: inside(c),
    "fakey": fakey,
    "two_bar_reversal": two_bar_reversal,
}

TABLE = [
    # pin bars of a long: open, high, low, close
    ("pin_bar", [(100.0, 100.5, 98.0, 100.25)], True, "long tail, close near the high"),
    ("pin_bar", [(100.0, 100.25, 98.0, 100.0)], True, "no body at all"),
    ("pin_bar", [(100.0, 101.25, 98.0, 100.25)], False, "nose above a quarter of the range"),
    ("pin_bar", [(100.0, 101.0, 98.5, 101.0)], False, "tail shorter than twice the body"),
    ("pin_bar", [(99.0, 100.0, 98.0, 99.0)], False, "tail shorter than 0.6 of the range"),
    ("pin_bar", [(100.0, 100.0, 100.0, 100.0)], False, "no range"),
    ("engulfing", [(101.0, 101.0, 100.0, 100.0), (100.0, 101.5, 100.0, 101.0)], True, "opens where the other closed"),
    ("engulfing", [(101.0, 101.0, 100.0, 100.0), (100.0 + TICK, 101.5, 100.0, 101.0)], True, "short by one tick"),
    ("engulfing", [(101.0, 101.0, 100.0, 100.0), (100.0 + 2 * TICK, 101.5, 100.0, 101.0)], False, "by two ticks"),
    ("engulfing", [(100.0, 101.0, 100.0, 101.0), (100.0, 102.0, 100.0, 102.0)], False, "same colour before"),
    ("engulfing", [(100.0, 100.0, 100.0, 100.0), (99.0, 102.0, 99.0, 102.0)], False, "nothing to engulf"),
    ("inside", [(100.0, 102.0, 98.0, 101.0), (100.0, 102.0, 98.0, 99.0)], True, "equal extremes are inside"),
    ("inside", [(100.0, 102.0, 98.0, 101.0), (100.0, 102.5, 99.0, 99.0)], False, "higher high"),
    ("inside", [(100.0, 102.0, 98.0, 101.0), (100.0, 100.0, 100.0, 100.0)], False, "no range"),
    (
        "fakey",
        [(100.0, 102.0, 98.0, 101.0), (100.0, 101.0, 99.0, 99.5), (99.5, 100.0, 97.0, 99.0)],
        True,
        "below the mother bar and back",
    ),
    (
        "fakey",
        [(100.0, 102.0, 98.0, 101.0), (100.0, 101.0, 99.0, 99.5), (99.5, 100.0, 97.0, 97.5)],
        False,
        "did not come back",
    ),
    (
        "fakey",
        [(100.0, 102.0, 98.0, 101.0), (100.0, 103.0, 99.0, 99.5), (99.5, 100.0, 97.0, 99.0)],
        False,
        "no inside bar",
    ),
    ("two_bar_reversal", [(100.0, 101.0, 99.0, 99.5), (99.5, 102.0, 99.5, 101.5)], True, "closes above the high"),
    ("two_bar_reversal", [(100.0, 101.0, 99.0, 99.5), (99.5, 102.0, 99.5, 101.0)], False, "closes at the high"),
]


@pytest.mark.parametrize(("name", "bars", "expected", "why"), TABLE, ids=[f"{row[0]}: {row[3]}" for row in TABLE])
def test_predicates_of_a_long_and_of_its_mirror(name: str, bars: list, expected: bool, why: str) -> None:
    c = candles(bars)
    assert PREDICATES[name](c, 1)[-1] == expected
    assert PREDICATES[name](mirrored_candles(c, ABOUT), -1)[-1] == expected


def test_opens_that_equal_closes_can_engulf() -> None:
    # in a market that never closes the open is the close before; a strict gap would never be seen
    c = walk(3, 4000)
    gapless = Candles(
        c.tf, c.open_time, np.concatenate((c.open[:1], c.close[:-1])), np.maximum(c.high, c.open),
        np.minimum(c.low, c.open), c.close, c.volume, c.taker_buy,
    )  # fmt: skip
    assert engulfing(gapless, 1, TICK).sum() > 20
    assert engulfing(gapless, -1, TICK).sum() > 20


@pytest.mark.parametrize("name", PREDICATES)
@settings(max_examples=25, deadline=None)
@given(seed=seeds, side=st.sampled_from(SIDES), cut=st.integers(0, 200))
def test_predicates_mirror_and_know_no_future(name: str, seed: int, side: Sign, cut: int) -> None:
    c = walk(seed, 200)
    found = PREDICATES[name](c, side)
    np.testing.assert_array_equal(PREDICATES[name](mirrored_candles(c, ABOUT), opposite(side)), found)
    np.testing.assert_array_equal(PREDICATES[name](c.slice(0, cut), side), found[:cut])


@given(seeds, st.sampled_from(SIDES))
def test_the_unit_of_price_does_not_change_a_shape(seed: int, side: Sign) -> None:
    c = walk(seed, 200)
    tiny = scaled(c, 2.0**-30)
    np.testing.assert_array_equal(pin_bar(tiny, side), pin_bar(c, side))
    np.testing.assert_array_equal(engulfing(tiny, side, TICK * 2.0**-30), engulfing(c, side, TICK))


def test_a_close_can_leave_the_channel_before_it() -> None:
    rising = candles([(x, x + 1.0, x - 1.0, x + 0.5) for x in (10.0, 11.0, 12.0, 20.0)])
    upper, lower = donchian(rising, 3)
    assert rising.close[-1] > upper[-1] == 13.0
    assert lower[-1] == 9.0
    shown, _ = donchian(rising, 3, display=True)
    assert shown[-1] == 21.0
    assert np.isnan(upper[:3]).all()


@given(seeds, st.integers(1, 60), st.integers(0, 120))
def test_channels_end_before_the_bar(seed: int, bars: int, cut: int) -> None:
    c = walk(seed, 120)
    upper, lower = donchian(c, bars)
    for i in (bars, 119):
        if i < 120:
            assert upper[i] == c.high[i - bars : i].max()
            assert lower[i] == c.low[i - bars : i].min()
    part, _ = donchian(c.slice(0, cut), bars)
    np.testing.assert_array_equal(part, upper[:cut])


def test_the_median_range_sees_gaps() -> None:
    c = candles([(100.0 + 10 * i, 101.0 + 10 * i, 99.0 + 10 * i, 100.0 + 10 * i) for i in range(60)], tf="1h")
    assert median_range(c)[-1] == 11.0  # not the high-low of 2
    assert np.isnan(median_range(c)[48])
    assert np.isfinite(median_range(c)[49])


def test_the_median_range_of_15m_takes_thirty_bars() -> None:
    assert np.isfinite(median_range(walk(1, 30))[-1])
    assert np.isnan(median_range(walk(1, 29))).all()


@pytest.mark.parametrize(("hour", "factor"), [(0, 0.6), (7, 0.6), (8, 1.0), (19, 1.0), (20, 0.8), (23, 0.8)])
def test_nights_ask_for_less_volume(hour: int, factor: float) -> None:
    day = 1_767_225_600_000
    open_ms = day + hour * 3_600_000 + 45 * 60_000
    assert hour_factor(np.array([open_ms]))[0] == factor
    assert hour_factor_at(open_ms) == factor
    assert volume_ok(np.array([1.5 * factor]), np.array([open_ms]), 1.5)[0]
    assert not volume_ok(np.array([1.5 * factor - 0.01]), np.array([open_ms]), 1.5)[0]
    assert not volume_ok(np.array([np.nan]), np.array([open_ms]), 1.5)[0]
