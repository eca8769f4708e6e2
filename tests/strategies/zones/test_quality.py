"""Visits, reactions and strength."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.model import Candles
from strategies.zones import quality
from strategies.zones.params import DEFAULTS
from strategies.zones.quality import Visits, visits
from tests.support.analysis import candles, mirrored_candles
from tests.support.series import seeds, walk

LOW, HIGH, ABOUT = 100.05, 100.75, 512.0
M15 = DEFAULTS.frame("15m")


def visited(c: Candles, low: float = LOW, high: float = HIGH, atr: float = 1.0) -> Visits:
    return visits(c, np.full(len(c), atr), low, high, M15, 0.7)


def approach(after: list[tuple[float, float, float, float]], touch: tuple[float, float, float, float]) -> Candles:
    """From above: five bars away, the touch, then what followed."""
    return candles([(101.2, 101.3, 101.0, 101.1)] * 5 + [touch] + after)


TOUCH = (101.0, 101.05, 100.5, 100.9)


def following(highest: float, n: int) -> list[tuple[float, float, float, float]]:
    return [(100.9, 101.0, 100.8, 100.9)] * (n - 1) + [(100.9, highest, 100.8, 100.9)]


@pytest.mark.parametrize(
    ("after", "reaction", "valid", "failed"),
    [
        (following(101.60, 12), 0.85, True, False),
        (following(101.20, 12), 0.45, False, True),
        (following(101.20, 5), 0.45, False, False),
        (following(101.45, 1), 0.70, True, False),
    ],
    ids=["valid", "failed", "pending", "valid at once"],
)
def test_reactions_of_the_example(after: list, reaction: float, valid: bool, failed: bool) -> None:
    found = visited(approach(after, TOUCH))
    assert list(found.start) == [5]
    assert list(found.side) == [1]
    assert found.reaction[0] == pytest.approx(reaction)
    assert (bool(found.valid[0]), bool(found.failed[0])) == (valid, failed)
    assert bool(found.pending[0]) is not (valid or failed)


def test_the_touch_bar_is_no_part_of_the_reaction() -> None:
    spike = (101.0, 102.5, 100.5, 100.9)
    found = visited(approach(following(101.20, 12), spike))
    assert found.reaction[0] == pytest.approx(0.45)
    assert bool(found.failed[0])


def test_a_close_through_the_far_edge_ends_the_test() -> None:
    through = [(100.9, 101.0, 99.0, 99.5), (99.5, 103.0, 99.5, 102.0)]
    found = visited(approach(through, TOUCH))
    assert found.reaction[0] == pytest.approx(0.0)
    assert bool(found.failed[0])
    assert bool(visited(approach(following(103.0, 12), (101.0, 101.05, 99.0, 99.5))).failed[0])


def test_a_price_that_never_leaves_is_no_reaction() -> None:
    # below the near edge all the time: a distance of nothing, not its absolute value
    found = visited(approach([(100.4, 100.5, 100.1, 100.3)] * 12, TOUCH))
    assert found.reaction[0] == 0.0
    assert bool(found.failed[0])


def test_staying_inside_is_one_visit() -> None:
    c = approach([(100.4, 100.9, 100.1, 100.3)] * 20, TOUCH)
    assert len(visited(c).start) == 1


@pytest.mark.parametrize(("away", "count"), [(3, 1), (4, 2)])
def test_a_new_visit_needs_some_bars_away(away: int, count: int) -> None:
    c = approach([(101.2, 101.3, 101.0, 101.1)] * away + [TOUCH], TOUCH)
    assert len(visited(c).start) == count


def test_from_below_it_is_a_resistance_test() -> None:
    c = mirrored_candles(approach(following(101.60, 12), TOUCH), ABOUT)
    found = visited(c, ABOUT - HIGH, ABOUT - LOW)
    assert list(found.side) == [-1]
    assert found.reaction[0] == pytest.approx(0.85)


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(0, 300))
def test_mirrors_and_prefixes(seed: int, cut: int) -> None:
    c = walk(seed, 300)
    low = float(np.round(np.quantile(c.close, 0.6) * 64) / 64)
    high = low + 0.25
    found = visited(c, low, high, 0.5)
    mirror = visited(mirrored_candles(c, ABOUT), ABOUT - high, ABOUT - low, 0.5)
    np.testing.assert_array_equal(mirror.start, found.start)
    np.testing.assert_array_equal(mirror.side, -found.side)
    np.testing.assert_array_equal(mirror.reaction, found.reaction)
    part = visited(c.slice(0, cut), low, high, 0.5)
    seen = len(part.start)
    np.testing.assert_array_equal(part.start, found.start[:seen])
    assert (part.valid <= found.valid[:seen]).all()  # valid as soon as reached, and it stays so
    assert (part.failed <= found.failed[:seen]).all()
    assert not (part.valid & part.failed).any()


@pytest.mark.parametrize(
    ("count", "term"), [(0, 0), (1, 0.4), (2, 0.65), (3, 0.85), (4, 0.95), (5, 1), (6, 1), (7, 0.9), (30, 0.9)]
)
def test_touch_terms(count: int, term: float) -> None:
    assert quality.touch_term(count) == term


@pytest.mark.parametrize(
    ("median", "term"), [(None, 0), (0.7, 0.4), (0.8, 0.4667), (1.2, 0.68), (1.8, 0.92), (2.0, 1), (9, 1)]
)
def test_reaction_terms(median: float | None, term: float) -> None:
    assert quality.reaction_term(median) == pytest.approx(term, abs=5e-5)


def test_freshness_fades_smoothly() -> None:
    assert quality.freshness_term(3.5, 7.0) == pytest.approx(0.607, abs=5e-4)
    assert quality.freshness_term(0.0, 7.0) == 1.0
    assert quality.freshness_term(0.1, 7.0) > quality.freshness_term(0.2, 7.0) > 0.5
    assert quality.freshness_term(None, 7.0) == 0.0


@pytest.mark.parametrize(
    ("purity", "visited_count", "valid", "noise"),
    [(0.80, 0, 0, 0.0), (0.75, 0, 0, 0.25), (0.9, 6, 2, 0.3), (0.9, 6, 3, 0.0), (0.9, 5, 0, 0.0), (0.1, 9, 1, 1.0)],
)
def test_noise(purity: float, visited_count: int, valid: int, noise: float) -> None:
    assert quality.noise_term(purity, visited_count, valid) == pytest.approx(noise)


CASES = [
    ("15m", {"touches": 3, "median": 1.2, "days": 3.5, "confluence": 0.7, "noise": 0.0}, 67.68, "strong"),
    ("4h", {"touches": 5, "median": 1.8, "days": 5.0, "confluence": 0.7, "noise": 0.0}, 95.18, "key"),
    ("1h", {"touches": 1, "median": 0.8, "days": 10.0, "confluence": 0.0, "noise": 0.25}, 30.49, "weak"),
    ("15m", {"touches": 5, "median": 2.0, "days": 0.0, "confluence": 1.0, "noise": 0.0}, 95.0, "key"),
]


@pytest.mark.parametrize(("tf", "case", "strength", "grade"), CASES)
def test_strengths_of_the_table(tf: str, case: dict, strength: float, grade: str) -> None:
    frame = DEFAULTS.frame(tf)
    found = quality.strength_of(
        touches=quality.touch_term(case["touches"]), reactions=quality.reaction_term(case["median"]),
        freshness=quality.freshness_term(case["days"], frame.fresh_days), confluence=case["confluence"],
        noise=case["noise"], stale=False, frame=frame, params=DEFAULTS,
    )  # fmt: skip
    assert found == pytest.approx(strength, abs=0.02)
    assert quality.grade_of(found, DEFAULTS) == grade


def test_a_perfect_15m_zone_is_a_key_zone() -> None:
    perfect = {"touches": 1.0, "reactions": 1.0, "freshness": 1.0, "confluence": 1.0, "noise": 0.0}
    assert quality.strength_of(**perfect, stale=False, frame=M15, params=DEFAULTS) == pytest.approx(95.0)
    assert quality.strength_of(**perfect, stale=True, frame=M15, params=DEFAULTS) == pytest.approx(80.0)


@pytest.mark.parametrize(
    ("price", "step"),
    [
        (0.432, 0.025),
        (250.0, 25.0),
        (64_250.0, 5_000.0),
        (1.0, 0.1),
        (1.99, 0.1),
        (2.0, 0.25),
        (5.0, 0.5),
        (0.00002443, 2.5e-6),
    ],
)
def test_round_numbers_suit_the_magnitude(price: float, step: float) -> None:
    assert quality.round_step(price) == pytest.approx(step, rel=1e-9)


@pytest.mark.parametrize(
    ("low", "high", "near"),
    [
        (64_900, 64_950, True),
        (65_001, 65_100, True),
        (64_700, 64_860, False),
        (0.4249, 0.4251, True),
        (0.41, 0.413, False),
    ],
)
def test_a_round_number_counts_within_a_fifth_of_a_percent(low: float, high: float, near: bool) -> None:
    assert quality.has_round_number(low, high) is near


def test_confluence_adds_up_to_one_at_most() -> None:
    found = quality.confluence_of(99.9, 100.1, 1.0, senior=True, levels=(100.0, None), ema200=100.5)
    assert found == ("htf", "value", "ema200", "round")
    assert quality.confluence_term(found) == 1.0
    assert quality.confluence_of(103.0, 103.2, 1.0, senior=False, levels=(None, 102.0), ema200=None) == ()
    both = quality.confluence_of(103.0, 103.2, 1.0, senior=False, levels=(103.1, 103.15), ema200=None)
    assert quality.confluence_term(both) == pytest.approx(0.3)  # VWAP and POC together count once


def test_weights_are_scaled_to_a_hundred_whatever_they_are() -> None:
    heavy = msgspec.structs.replace(DEFAULTS, weights=msgspec.structs.replace(DEFAULTS.weights, touches=44.0))
    found = quality.strength_of(
        touches=1,
        reactions=1,
        freshness=1,
        confluence=1,
        noise=0,
        stale=False,
        frame=DEFAULTS.frame("1h"),
        params=heavy,
    )
    assert found == pytest.approx(100.0)
