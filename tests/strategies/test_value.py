"""The volume profile."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.model import Candles
from strategies.value import DEFAULTS, ProfileParams, point_of_control, profile, profiles, value_area
from tests.support.analysis import candles
from tests.support.series import TICK, recorded, scaled, seeds, walk

SHORT = msgspec.structs.replace(DEFAULTS, window=40)


@pytest.mark.parametrize(
    ("volumes", "poc", "area", "share"),
    [
        ([1, 2, 10, 6, 3, 1], 2, (2, 4), 19 / 23),
        ([8, 0, 0, 10, 1, 1], 3, (0, 3), 18 / 20),
        ([5, 10, 5], 1, (1, 2), 15 / 20),  # ties go up
        ([0, 0, 7, 0, 0], 2, (2, 2), 1.0),
        ([3, 0, 10, 0, 0], 2, (2, 2), 10 / 13),
    ],
)
def test_value_areas_of_the_table(volumes: list[float], poc: int, area: tuple[int, int], share: float) -> None:
    v = np.array(volumes, dtype=np.float64)
    assert point_of_control(v, np.arange(len(v)) + 0.5, float(poc)) == poc
    low, high = value_area(v, poc, 0.70)
    assert (low, high) == area
    assert v[low : high + 1].sum() / v.sum() == pytest.approx(share)


@pytest.mark.parametrize(("close", "poc"), [(0.4, 0), (2.4, 2), (1.5, 0), (4.0, 4)])
def test_a_tied_point_of_control_is_near_the_close_then_low(close: float, poc: int) -> None:
    volumes = np.array([7.0, 0, 7, 0, 7])
    assert point_of_control(volumes, np.arange(5) + 0.5, close) == poc


@given(st.lists(st.integers(0, 20), min_size=1, max_size=40).filter(any), st.floats(0.1, 1.0))
def test_the_area_holds_its_share_and_grows_no_further(volumes: list[int], share: float) -> None:
    v = np.array(volumes, dtype=np.float64)
    poc = int(np.argmax(v))
    low, high = value_area(v, poc, share)
    inside = v[low : high + 1].sum()
    assert low <= poc <= high
    assert inside >= share * v.sum()
    assert v[low] > 0
    assert v[high] > 0
    edges = [v[i] for i in (low, high) if i != poc]
    if edges:
        assert inside - max(edges) < share * v.sum()


def test_empty_bins_do_not_stop_the_area() -> None:
    # two crowds far apart: the area spans the empty middle once it needs the other crowd
    bars = [(100.0, 100.1, 99.9, 100.0)] * 21 + [(120.0, 120.1, 119.9, 120.0)] * 19
    found = profile(candles(bars), 40, 0.01, SHORT)
    assert found is not None
    assert found.val < 100.0
    assert found.vah > 119.9


def test_volume_is_spread_over_the_range_and_conserved() -> None:
    bars = [(100.0, 110.0, 100.0, 105.0)] * 39 + [(104.0, 104.0, 104.0, 104.0)]
    c = candles(bars, volume=[1.0] * 39 + [50.0])
    found = profile(c, 40, 1.0, SHORT)
    assert found is not None
    assert found.total == 89.0
    assert found.poc == pytest.approx(104.5)  # the bar without range sits in its own bin of one
    assert found.val <= 104.0 <= found.vah


def test_one_price_has_its_own_point_of_control() -> None:
    found = profile(candles([(50.0, 50.0, 50.0, 50.0)] * 40), 40, 0.01, SHORT)
    assert found is not None
    assert found.poc == pytest.approx(50.0)
    assert found.val < 50.0 < found.vah


def test_nothing_traded_and_too_few_bars_are_absent() -> None:
    assert profile(candles([(50.0, 51.0, 49.0, 50.0)] * 40, volume=0.0, taker_buy=0.0), 40, 0.01, SHORT) is None
    c = walk(1, 287)
    assert profile(c, 287, TICK) is None
    assert profiles(walk(1, 290), TICK).ref is None
    assert profiles(walk(1, 290), TICK).poc_shift is None
    assert profiles(walk(1, 291), TICK).poc_shift is not None


def test_the_window_is_three_days_and_not_the_whole_history() -> None:
    c = walk(7, 3000)
    assert profile(c, 3000, TICK) == profile(c.slice(3000 - 288, 3000), 288, TICK)


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(288, 330))
def test_reading_twice_or_from_longer_data_changes_nothing(seed: int, end: int) -> None:
    c = walk(seed, 330)
    first = profiles(c.slice(0, end), TICK)
    assert profiles(c.slice(0, end), TICK) == first
    assert first.now == profile(c, end, TICK)
    assert first.ref == profile(c, end - 3, TICK)


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_edges_enclose_the_point_of_control_inside_the_traded_range(seed: int) -> None:
    c = walk(seed, 288)
    found = profile(c, 288, TICK)
    assert found is not None
    assert c.low.min() - 1e-9 <= found.val < found.poc < found.vah <= c.high.max() + 1e-9
    tiny = profile(scaled(c, 2.0**-18, 4.0), 288, TICK * 2.0**-18)
    assert tiny is not None
    assert (tiny.poc, tiny.vah, tiny.val) == pytest.approx(
        (found.poc * 2.0**-18, found.vah * 2.0**-18, found.val * 2.0**-18)
    )


def by_hand(c: Candles, params: ProfileParams, tick: float) -> tuple[np.ndarray, np.ndarray]:
    low, high = c.low.min(), c.high.max()
    size = max(tick, params.bin_share * c.close[-1])
    count = min(params.most_bins, max(params.least_bins, int(np.ceil((high - low) / size))))
    edges = np.linspace(low, high, count + 1)
    volumes = np.zeros(count)
    for i in range(len(c)):
        for b in range(count):
            if c.high[i] > c.low[i]:
                share = min(c.high[i], edges[b + 1]) - max(c.low[i], edges[b])
                volumes[b] += c.volume[i] * max(0.0, share) / (c.high[i] - c.low[i])
    return edges, volumes


def test_a_recorded_profile_is_the_one_counted_by_hand() -> None:
    c = recorded("demo/klines/15m/SOLUSDT.parquet").slice(1000, 1288)
    edges, volumes = by_hand(c, DEFAULTS, 0.01)
    found = profile(c, 288, 0.01)
    assert found is not None
    assert volumes.sum() == pytest.approx(c.volume.sum())
    fullest = int(np.argmax(volumes))
    low, high = value_area(volumes, fullest, 0.70)
    assert found.poc == pytest.approx((edges[fullest] + edges[fullest + 1]) / 2)
    assert (found.val, found.vah) == pytest.approx((edges[low], edges[high + 1]))


def test_poc_shift_is_a_share_of_the_earlier_area() -> None:
    quiet = [(100.0, 100.5, 99.5, 100.0)] * 40
    jump = [(103.0, 103.5, 102.5, 103.0)] * 3
    c = candles(quiet + jump, volume=[10.0] * 40 + [1000.0] * 3)
    found = profiles(c, 0.1, SHORT)
    assert found.now is not None
    assert found.ref is not None
    assert found.ref.poc < 100.6
    assert found.now.poc > 102.4
    assert found.poc_shift == pytest.approx((found.now.poc - found.ref.poc) / (found.ref.vah - found.ref.val))
