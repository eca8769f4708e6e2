"""What the score says about a market without any structure, and that it says it to both sides alike (ruling 25)."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from strategies.absent import at
from strategies.action_price.components import NAMES, Hour, Reading, score_components
from strategies.action_price.params import ActionPriceParams
from strategies.action_price.pattern import crosses
from strategies.indicators import indicators
from strategies.side import SIDES
from tests.support.driftless import Noise, driftless
from tests.support.series import folded, recorded, scaled

PARAMS = ActionPriceParams()
HOUR_MS, BAR_MS = 3_600_000, 900_000


def patterns(c: object) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Points of every pattern of a history, one row each, and its side."""
    ind, hours = indicators(c), folded(c, "1h")
    higher = indicators(hours)
    rows, sides = [], []
    for side in SIDES:
        for t in np.flatnonzero(crosses(c, ind, side, PARAMS)):
            k = int(np.searchsorted(hours.open_time, int(c.open_time[t]) + BAR_MS - HOUR_MS, side="right")) - 1
            hour = Hour(at(higher.ema20, k), at(higher.atr, k))
            scored = score_components(Reading(c, ind, hour, side, int(t), int(t)), PARAMS)
            rows.append([component.points for component in scored])
            sides.append(side)
    return np.array(rows), np.array(sides)


@cache
def pooled() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """About 13,000 patterns of three kinds of noise and two numbers of steps inside a bar."""
    kinds: tuple[tuple[Noise, int], ...] = (
        ("gaussian", 4), ("gaussian", 30), ("student", 10), ("drifting_volatility", 20),
    )  # fmt: skip
    found = [patterns(driftless(11 + i, 150_000, steps=steps, noise=noise)) for i, (noise, steps) in enumerate(kinds)]
    return np.concatenate([rows for rows, _ in found]), np.concatenate([sides for _, sides in found])


def test_shares_of_the_grades_stay_in_their_bands() -> None:
    points, _ = pooled()
    score = points.sum(axis=1)
    assert len(score) > 10_000
    assert 0.04 <= np.mean(score >= 6) <= 0.055
    assert 0.18 <= np.mean((score >= 3) & (score < 6)) <= 0.22
    assert 0.73 <= np.mean(score < 3) <= 0.78


def test_longs_and_shorts_score_alike() -> None:
    points, sides = pooled()
    score = points.sum(axis=1)
    for grade in (6, 3):
        long, short = np.mean(score[sides > 0] >= grade), np.mean(score[sides < 0] >= grade)
        assert abs(long - short) < 0.02


def test_components_are_not_copies_of_each_other() -> None:
    points, _ = pooled()
    correlation = np.corrcoef(points.T)
    depth, color = NAMES.index("confirm_depth"), NAMES.index("confirm_color")
    assert correlation[depth, color] == pytest.approx(-0.65, abs=0.08)
    correlation[depth, color] = correlation[color, depth] = 0.0
    np.fill_diagonal(correlation, 0.0)
    assert np.abs(correlation).max() < 0.6


def test_no_component_is_constant() -> None:
    points, sides = pooled()
    for side in SIDES:
        assert (points[sides == side].std(axis=0) > 0).all()


@pytest.mark.parametrize("factor", [2.0**-13, 2.0**7])
def test_price_and_volume_units_do_not_matter(factor: float) -> None:
    c = driftless(5, 30_000, steps=10)
    points, sides = patterns(c)
    other, other_sides = patterns(scaled(c, factor, 2.0**5))
    assert len(points) > 300
    assert np.array_equal(sides, other_sides)
    assert np.array_equal(points, other)


def test_recorded_bitcoin_has_the_patterns_an_independent_count_found() -> None:
    c = recorded("klines/um/15m/BTCUSDT.parquet")
    points, sides = patterns(c)
    assert 800 <= len(points) <= 1300
    assert 0.4 <= np.mean(sides > 0) <= 0.6
