"""Support and resistance changing sides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.model import Candles
from strategies.zones.flip import Flips, flips
from strategies.zones.params import FlipParams
from tests.support.analysis import candles, mirrored_candles
from tests.support.series import seeds, walk

LOW, HIGH = 100.05, 100.75
ABOUT = 512.0


def closes(*values: float, high: dict[int, float] | None = None, low: dict[int, float] | None = None) -> Candles:
    """Bars whose extremes stay within a hair of the close unless given."""
    bars = [(c, (high or {}).get(i, c + 0.01), (low or {}).get(i, c - 0.01), c) for i, c in enumerate(values)]
    return candles(bars)


def walk_flips(c: Candles, kind: str = "R", born: int = 0) -> Flips:
    return flips(c, np.ones(len(c)), kind, LOW, HIGH, born, FlipParams())


def test_two_closes_after_the_break_confirm_it_at_the_third() -> None:
    assert walk_flips(closes(100.0, 101.10, 100.90, 100.80)) == Flips((3,), False)
    assert walk_flips(closes(100.0, 101.10, 100.90)) == Flips((), True)


def test_a_close_less_than_a_third_of_an_atr_beyond_is_no_break() -> None:
    assert walk_flips(closes(100.0, 101.0, 101.0, 101.0, 101.0)) == Flips((), False)


def test_a_close_through_the_far_edge_cancels() -> None:
    assert walk_flips(closes(100.0, 101.10, 100.90, 99.9, 100.5)) == Flips((), False)


def test_a_later_break_is_seen_as_well_as_the_first() -> None:
    c = closes(100.0, 101.10, 99.9, *[99.0] * 40, 101.10, 101.2, 101.3)
    assert walk_flips(c) == Flips((45,), False)


def test_a_break_long_ago_still_counts() -> None:
    c = closes(100.0, 101.10, 101.2, 101.3, *[102.0] * 60)
    assert walk_flips(c).confirmed == (3,)


def test_a_retest_that_holds_confirms() -> None:
    # the second close is back at the edge, so the direct way is gone; a dip to the edge that closes beyond it and
    # then 0.4 ATR of following confirms on the bar that gets there
    c = closes(100.0, 101.10, 100.70, 100.85, 100.95, 101.10, high={5: 101.2})
    assert walk_flips(c) == Flips((5,), False)
    assert walk_flips(c.slice(0, 5)) == Flips((), True)


@pytest.mark.parametrize(("wait", "flipped"), [(11, True), (12, False)])
def test_a_retest_must_come_within_twelve_bars(wait: int, flipped: bool) -> None:
    # from the break at bar 1 on closes inside the zone, then the retest at bar 1 + wait
    values = [100.0, 101.10, *[100.5] * wait, 100.85, 100.95, 101.30]
    assert bool(walk_flips(closes(*values)).confirmed) is flipped


@pytest.mark.parametrize(("pause", "flipped"), [(3, True), (4, False)])
def test_the_move_away_must_come_within_four_bars_of_the_retest(pause: int, flipped: bool) -> None:
    values = [100.0, 101.10, 100.70, 100.85, *[100.74] * pause, 100.74]
    c = closes(*values, high={len(values) - 1: 101.2})
    assert bool(walk_flips(c).confirmed) is flipped


def test_zones_may_flip_back() -> None:
    c = closes(100.0, 101.10, 100.90, 100.80, 99.7, 99.7, 99.7)
    assert walk_flips(c) == Flips((3, 6), False)


def test_nothing_before_birth_counts() -> None:
    c = closes(100.0, 101.10, 100.90, 100.80, 99.0, 99.0)
    assert walk_flips(c, born=4) == Flips((), False)


def test_an_absent_atr_breaks_nothing() -> None:
    c = closes(100.0, 101.10, 100.90, 100.80)
    assert flips(c, np.full(4, np.nan), "R", LOW, HIGH, 0, FlipParams()) == Flips((), False)


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(0, 200))
def test_mirrors_and_prefixes(seed: int, cut: int) -> None:
    c = walk(seed, 200, step=6.0)
    low, high = float(np.quantile(c.close, 0.45)), float(np.quantile(c.close, 0.45)) + 0.25
    atr = np.full(200, 0.5)
    found = flips(c, atr, "R", low, high, 5, FlipParams())
    assert flips(mirrored_candles(c, ABOUT), atr, "S", ABOUT - high, ABOUT - low, 5, FlipParams()) == found
    part = flips(c.slice(0, cut), atr[:cut], "R", low, high, 5, FlipParams())
    assert part.confirmed == tuple(i for i in found.confirmed if i < cut)
