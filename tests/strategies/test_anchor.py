"""The sticky anchor."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.anchor import BY_TIMEFRAME, ROLES, AnchorParams, sticky_anchors
from strategies.indicators import swings
from strategies.model import Candles
from strategies.vwap import DAY_MS, anchored_vwap
from tests.support.analysis import candles, mirrored_candles
from tests.support.series import folded, recorded, seeds, walk

ABOUT = 512.0
HOUR = BY_TIMEFRAME["1h"]


def path(*closes: float, tf: str = "1h") -> Candles:
    """Bars of range 1 that follow the closes, after enough quiet ones for a median range of 1."""
    lead = [100.0] * 60
    return candles([(c, c + 0.5, c - 0.5, c) for c in [*lead, *closes]], tf=tf)


def steps(start: float, *moves: tuple[float, int]) -> list[float]:
    out = [start]
    for move, count in moves:
        for _ in range(count):
            out.append(out[-1] + move)
    return out


def test_a_swing_becomes_the_anchor_on_the_first_bar_that_confirms_it() -> None:
    closes = steps(100.0, (-1.0, 5), (1.0, 8))
    c = path(*closes)
    found = sticky_anchors(c)
    pivot = 60 + 5
    first = int(np.argmax(found.pivot >= 0))
    assert found.pivot[first] == pivot
    assert found.side[first] == 1
    # low 94.5, range 1: the impulse of 1.5 is there on the second bar, two closes beyond 0.25 as well; then three
    # bars must have closed for the swing to exist at all
    assert first == pivot + HOUR.pivot_k
    assert found.pivot[first - 1] == -1


def test_a_weak_swing_never_anchors() -> None:
    found = sticky_anchors(path(*steps(100.0, (-0.1, 3), (0.1, 3), (-0.1, 3), (0.1, 3))))
    assert (found.pivot == -1).all()
    assert np.isnan(found.vwap).all()
    assert found.replaced_ms == ()


def test_a_locked_anchor_stays_and_a_better_one_replaces_it_later() -> None:
    closes = steps(100.0, (-1.0, 5), (1.0, 6), (-0.4, 5), (1.0, 30))
    found = sticky_anchors(path(*closes))
    pivots = [int(p) for p in np.unique(found.pivot) if p >= 0]
    assert pivots[0] == 65
    changes = np.flatnonzero(np.diff(found.pivot)) + 1
    gaps = np.diff([i for i in changes if found.pivot[i] >= 0])
    assert all(gap >= HOUR.lock for gap in gaps)


def test_closes_on_the_wrong_side_reopen_the_search_inside_the_lock() -> None:
    # an anchor at a low that fails at once: three closes well below its VWAP, then the rejected high is a swing
    closes = steps(100.0, (-1.0, 5), (1.0, 3), (-2.0, 8))
    locked = msgspec.structs.replace(HOUR, lock=1000, old_bars=1000, ttl=2000)
    found = sticky_anchors(path(*closes), locked)
    sides = [int(s) for s in found.side if s]
    assert sides[0] == 1
    assert sides[-1] == -1
    never = msgspec.structs.replace(locked, break_distance=1e9)
    assert set(sticky_anchors(path(*closes), never).side) == {0, 1}


def test_another_timeframes_replacement_keeps_this_one_for_a_day() -> None:
    c = path(*steps(100.0, (-1.0, 5), (1.0, 40)))
    free = sticky_anchors(c)
    when = free.replaced_ms[0]
    held = sticky_anchors(c, others_ms=(when - 1,))
    assert held.replaced_ms[0] >= when - 1 + DAY_MS
    assert sticky_anchors(c, others_ms=(when - DAY_MS,)).replaced_ms == free.replaced_ms
    assert sticky_anchors(c, others_ms=(when + 1,)).replaced_ms == free.replaced_ms  # nothing later is read


@settings(max_examples=15, deadline=None)
@given(seeds, st.integers(0, 260), st.sampled_from(["1h", "4h"]))
def test_a_prefix_knows_what_the_whole_knows(seed: int, cut: int, tf: str) -> None:
    c = walk(seed, 260, tf=tf)
    whole, part = sticky_anchors(c), sticky_anchors(c.slice(0, cut))
    np.testing.assert_array_equal(part.pivot, whole.pivot[:cut])
    np.testing.assert_array_equal(part.side, whole.side[:cut])
    np.testing.assert_array_equal(part.vwap, whole.vwap[:cut])


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_every_anchor_is_a_known_swing_and_the_vwap_is_the_one_from_it(seed: int) -> None:
    c = walk(seed, 260, tf="1h")
    found = sticky_anchors(c)
    highs, lows = swings(c.high, c.low, HOUR.pivot_k)
    for i in np.flatnonzero(found.pivot >= 0)[::17]:
        p = int(found.pivot[i])
        assert p + HOUR.pivot_k <= i
        assert p in (lows if found.side[i] > 0 else highs)
        assert found.vwap[i] == pytest.approx(anchored_vwap(c.slice(0, int(i) + 1), p).value[-1], rel=1e-9)
    assert (np.diff(found.pivot[found.pivot >= 0]) >= 0).all()


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_the_mirror_anchors_at_the_mirrored_swings(seed: int) -> None:
    c = walk(seed, 260, tf="1h")
    found, mirror = sticky_anchors(c), sticky_anchors(mirrored_candles(c, ABOUT))
    different = np.flatnonzero(found.pivot != mirror.pivot)
    assert not len(different)
    np.testing.assert_array_equal(mirror.side, -found.side)


def test_recorded_hours_have_an_anchor_that_is_sticky() -> None:
    c = recorded("klines/um/15m/LINKUSDT.parquet")
    hours = folded(c, "1h").slice(0, 2000)
    found = sticky_anchors(hours)
    assert (found.pivot[200:] >= 0).all()
    assert 2000 / 300 < len(found.replaced_ms) < 2000 / HOUR.lock


def test_an_empty_series_has_no_anchor() -> None:
    assert len(sticky_anchors(walk(1, 5, tf="1h").slice(0, 0)).pivot) == 0
    assert (sticky_anchors(walk(1, 5, tf="1h")).pivot == -1).all()


def test_the_table_of_timeframes() -> None:
    def row(p: AnchorParams) -> tuple[int, ...]:
        return p.pivot_k, p.impulse_bars, p.ttl, p.lock, p.break_closes

    assert row(BY_TIMEFRAME["1h"]) == (3, 12, 60, 8, 3)
    assert row(BY_TIMEFRAME["4h"]) == (2, 10, 30, 4, 2)
    assert (BY_TIMEFRAME["1h"].old_bars, BY_TIMEFRAME["4h"].old_bars) == (30, 8)
    assert ROLES == {"15m": ("1h", "4h"), "1h": ("4h", "1d")}
