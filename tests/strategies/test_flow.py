"""Signed volume and the resting book: examples, absence, sides, estimates."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.flow import (
    FlowParams,
    book_supports,
    delta,
    delta_ratio,
    delta_ratio_at,
    estimate_taker_buy,
    flow_flip,
    flow_flip_mask,
    flow_with,
    flow_with_mask,
    imbalance_at,
)
from strategies.model import BookFlow, Candles, Sign
from strategies.side import SIDES, opposite
from tests.support.analysis import candles, mirrored_candles
from tests.support.series import scaled, seeds, walk

BAR = (100.0, 101.0, 99.0, 100.0)
ABOUT = 512.0


def traded(volume: list[float], taker: list[float]) -> Candles:
    return candles([BAR] * len(volume), volume=volume, taker_buy=taker)


def test_delta_ratio_of_the_example() -> None:
    c = traded([100, 120, 80], [60, 50, 52])
    np.testing.assert_array_equal(delta(c), [20, -20, 24])
    assert delta_ratio_at(c, 3, 2) == pytest.approx(0.08)
    assert np.isnan(delta_ratio(c, 3)[:2]).all()


@pytest.mark.parametrize(
    ("volume", "taker"),
    [([0, 0, 0], [0, 0, 0]), ([10, 10, 10], [5, np.nan, 5]), ([10, 10], [5, 5])],
    ids=["nothing traded", "taker volume missing", "too few bars"],
)
def test_missing_flow_is_absent_and_neither_a_vote_nor_zero(volume: list[float], taker: list[float]) -> None:
    c = traded(volume, taker)
    last = len(c) - 1
    assert delta_ratio_at(c, 3, last) is None
    params = FlowParams(with_bars=3)
    for side in SIDES:
        assert flow_with(c, side, last, params) is None
        assert flow_flip(c, side, last, params) is None
        assert not flow_with_mask(c, side, params).any()
        assert not flow_flip_mask(c, side, params).any()


@given(seeds, st.integers(1, 300))
def test_the_sign_of_flow_does_not_depend_on_where_history_begins(seed: int, cut: int) -> None:
    c = walk(seed, 320)
    late = c.slice(cut, 320)
    for side in SIDES:
        if len(late) >= 6:
            assert flow_with(late, side, len(late) - 1) == flow_with(c, side, 319)
            assert flow_flip(late, side, len(late) - 1) == flow_flip(c, side, 319)


@given(seeds, st.sampled_from(SIDES))
def test_masks_and_single_answers_agree_and_mirror(seed: int, side: Sign) -> None:
    c = walk(seed, 60)
    mirror = mirrored_candles(c, ABOUT)
    with_mask, flip_mask = flow_with_mask(c, side), flow_flip_mask(c, side)
    np.testing.assert_array_equal(flow_with_mask(mirror, opposite(side)), with_mask)
    np.testing.assert_array_equal(flow_flip_mask(mirror, opposite(side)), flip_mask)
    for i in range(len(c)):
        assert bool(flow_with(c, side, i)) == with_mask[i]
        assert bool(flow_flip(c, side, i)) == flip_mask[i]
    np.testing.assert_array_equal(flow_with_mask(scaled(c, 4.0, 2.0**-9), side), with_mask)


def test_a_flip_needs_both_halves() -> None:
    sold, bought = [30.0] * 3, [70.0] * 3
    assert flow_flip(traded([100] * 6, sold + bought), 1, 5) is True
    assert flow_flip(traded([100] * 6, bought + bought), 1, 5) is False
    assert flow_flip(traded([100] * 6, sold + sold), 1, 5) is False
    assert flow_flip(traded([100] * 6, sold + bought), -1, 5) is False


def test_thresholds_are_inclusive() -> None:
    assert flow_with(traded([100] * 5, [52.5] * 5), 1, 4) is True
    assert flow_with(traded([100] * 5, [47.5] * 5), -1, 4) is True


def test_an_estimate_only_fills_what_is_missing() -> None:
    bars = [(100.0, 102.0, 98.0, 101.0), (100.0, 102.0, 98.0, 98.0), (5.0, 5.0, 5.0, 5.0), (100.0, 102.0, 98.0, 101.0)]
    c = candles(bars, volume=[100, 100, 100, 100], taker_buy=[np.nan, np.nan, np.nan, 10])
    np.testing.assert_array_equal(estimate_taker_buy(c).taker_buy, [75, 0, 50, 10])
    assert np.isnan(c.taker_buy[:3]).all()
    complete = msgspec.structs.replace(c, taker_buy=np.full(4, 1.0))
    assert estimate_taker_buy(complete) is complete


def steady(value: float, n: int = 20, healthy: float = 1.0) -> BookFlow:
    return BookFlow((value,) * n, healthy)


@pytest.mark.parametrize(
    ("book", "long", "short"),
    [
        (steady(-0.5), False, True),  # a heavy ask is a vote for shorts and none for longs
        (steady(0.5), True, False),
        (steady(0.05), True, False),
        (steady(0.049), False, False),
        (steady(0.0), False, False),
        (steady(0.5, healthy=0.79), None, None),
        (steady(0.5, n=15), None, None),
        (steady(0.5, n=16), True, False),
        (BookFlow((), 1.0), None, None),
        (None, None, None),
        (BookFlow((-1.0,) * 60 + (0.5,) * 20, 1.0), True, False),
        (BookFlow((-1.0,) * 4 + (0.5,) * 16, 1.0), True, False),
        (BookFlow((-1.0,) * 5 + (0.5,) * 15, 1.0), False, False),
    ],
)
def test_the_book_votes_with_the_side_it_leans_to(book: BookFlow | None, long: bool | None, short: bool | None) -> None:
    assert book_supports(book, 1) is long
    assert book_supports(book, -1) is short


def test_a_strategy_may_ask_the_book_for_more() -> None:
    assert book_supports(steady(0.2), 1, least=0.25) is False
    assert book_supports(steady(-0.31), -1, least=0.25) is True


def test_mean_imbalance_is_absent_with_the_book() -> None:
    assert imbalance_at(steady(0.3)) == pytest.approx(0.3)
    assert imbalance_at(steady(0.3, healthy=0.1)) is None
    assert imbalance_at(None) is None
