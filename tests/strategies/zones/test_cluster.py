"""From swings to bounds."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.indicators import indicators
from strategies.zones.cluster import bounds_of, clusters, groups, purity_of, without_outliers
from strategies.zones.params import DEFAULTS
from tests.support.analysis import candles, mirrored_candles
from tests.support.series import TICK, seeds, walk
from tests.support.zones import SWAP

M15 = DEFAULTS.frame("15m")
EPS, WIDEST = 0.6, 1.5 * 0.7
ABOUT = 512.0


def zones_of(prices: list[float]) -> list[tuple[float, float, float]]:
    x = np.array(prices)
    out = []
    for start, stop in groups(x, EPS, WIDEST, 0.01, 2):
        low, high = bounds_of(x[start:stop], 1.0, M15, DEFAULTS)
        out.append((round((low + high) / 2, 6), round(low, 6), round(high, 6)))
    return out


def test_clusters_of_the_first_table_row() -> None:
    assert zones_of([100.0, 100.4, 100.9, 103.0, 103.2, 107.0]) == [
        (100.4, 100.05, 100.75),
        (103.1, 102.925, 103.275),
    ]


def test_a_chain_is_split_at_its_largest_gap_nearest_the_middle() -> None:
    assert zones_of([100.00, 100.55, 101.10, 101.65]) == [(100.275, 100.0, 100.55), (101.375, 101.1, 101.65)]


def test_gaps_are_compared_in_ticks() -> None:
    # in floats the outer gap is larger by a rounding error; in ticks they are equal and the middle one is cut
    prices = [100.0, 100.55, 101.1, 101.65]
    assert len({float(gap) for gap in np.diff(prices)}) > 1
    assert list(groups(np.array(prices), EPS, WIDEST, 0.01, 2)) == [(0, 2), (2, 4)]


def test_a_single_member_is_noise_however_it_came_about() -> None:
    assert zones_of([100.0]) == []
    assert zones_of([100.0, 105.0, 110.0]) == []
    assert zones_of([100.0, 100.5, 100.9, 101.45]) == [(100.5, 100.15, 100.85)]  # the split leaves 101.45 alone
    assert zones_of([100.0, 100.1, 100.6, 101.1]) == [(100.05, 99.875, 100.225), (100.85, 100.6, 101.1)]


@given(st.lists(st.integers(0, 400), max_size=40).map(sorted))
def test_groups_are_disjoint_ordered_and_narrow(ticks: list[int]) -> None:
    prices = np.array(ticks, dtype=np.float64) * 0.01 + 100
    found = list(groups(prices, EPS, WIDEST, 0.01, 2))
    assert all(stop - start >= 2 for start, stop in found)
    assert all(a[1] <= b[0] for a, b in pairwise(found))
    for start, stop in found:
        assert prices[stop - 1] - prices[start] <= WIDEST
        assert (np.diff(prices[start:stop]) <= EPS).all()


@pytest.mark.parametrize(
    ("natural", "atr", "mid", "width"),
    [(0.9, 1.0, 100.0, 0.7), (0.2, 1.0, 100.0, 0.35), (0.5, 1.0, 100.0, 0.5), (0.0, 0.01, 100.0, 0.1)],
)
def test_widths_stay_within_atr_and_price_limits(natural: float, atr: float, mid: float, width: float) -> None:
    low, high = bounds_of(np.array([mid - natural / 2, mid + natural / 2]), atr, M15, DEFAULTS)
    assert high - low == pytest.approx(width)


def test_outliers_go_and_equal_prices_stay() -> None:
    prices = np.array([100.0] * 20 + [200.0])
    assert without_outliers(prices, 3.0).sum() == 20
    assert without_outliers(np.full(5, 7.0), 3.0).all()
    assert not len(without_outliers(np.zeros(0), 3.0))


def crowded(inside: int) -> np.ndarray:
    return np.array([100.0] * inside + [105.0] * (100 - inside))


def test_purity_is_the_share_of_closes_outside() -> None:
    assert purity_of(crowded(20), 99.5, 100.5) == 0.8
    assert purity_of(crowded(0), 99.5, 100.5) == 1.0


def lived_in(inside: int) -> list[tuple[float, float, float, float]]:
    """Two equal swing highs at 100.4, and `inside` closes of a hundred spread over the zone around them."""
    bars = [(97.0, 97.5, 96.5, 97.0)] * 100
    for i in (10, 20):
        bars[i] = (97.0, 100.4, 96.5, 97.0)
    for j in range(inside):
        level = 100.05 + 0.4 * (j % 5) / 4
        bars[40 + j] = (level, level, level, level)
    return bars


def test_a_zone_that_price_lives_in_is_shrunk_or_dropped() -> None:
    c = candles(lived_in(10))
    kept = [z for z in clusters(c, 1.0, 0.01, M15, DEFAULTS) if z.kind == "R" and z.low < 100.4 < z.high]
    assert kept[0].high - kept[0].low == pytest.approx(0.35)
    assert kept[0].purity >= 0.65
    crowd = candles(lived_in(45))
    for z in clusters(crowd, 1.0, 0.01, M15, DEFAULTS):
        assert z.purity >= 0.65
        assert z.high - z.low < 0.35 or not z.low <= 100.4 <= z.high


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_supports_are_the_mirror_of_resistances(seed: int) -> None:
    c = walk(seed, 400)
    atr = float(indicators(c).atr[-1])
    params = DEFAULTS
    # the least width is a share of price, which differs in the mirror; a tall ATR keeps it out of the picture
    here = {(z.kind, z.first, z.second): (z.low, z.high) for z in clusters(c, atr, TICK, M15, params)}
    mirror = clusters(mirrored_candles(c, ABOUT), atr, TICK, M15, params)
    there = {(SWAP[z.kind], z.first, z.second): (ABOUT - z.high, ABOUT - z.low) for z in mirror}
    if 0.35 * atr > 0.001 * ABOUT:
        assert here.keys() == there.keys()
        for name, bounds in here.items():
            assert there[name] == pytest.approx(bounds, rel=1e-9)
