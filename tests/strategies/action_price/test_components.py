"""Section 6.2: the eleven components, their worked example and what must never happen again."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from strategies.action_price.components import NAMES, Hour, Reading, fan_order, score_components
from strategies.action_price.ladders import CLOSE_POSITION, SINGLE, SLOPE200, Ladder
from strategies.action_price.params import ActionPriceParams, ComponentWeights
from strategies.model import ComponentScore, MarketSnapshot
from tests.support.analysis import mirrored
from tests.support.cross import CONFIRM, worked_example

PARAMS = ActionPriceParams()


def scores(
    snap: MarketSnapshot, side: int = 1, params: ActionPriceParams = PARAMS, hour: Hour | None = None
) -> dict[str, ComponentScore]:
    c, ind = snap.bars["15m"], snap.ind["15m"]
    h = snap.ind["1h"]
    band = hour or Hour(float(h.ema20[0]), float(h.atr[0]))
    reading = Reading(c, ind, band, side, CONFIRM, CONFIRM)
    return {score.name: score for score in score_components(reading, params)}


def edited(snap: MarketSnapshot, **arrays: dict[int, float]) -> MarketSnapshot:
    """The example with single elements of the 15m indicators or bars replaced."""
    c, ind = snap.bars["15m"], snap.ind["15m"]
    bars_changed, ind_changed = {}, {}
    for name, values in arrays.items():
        target = c if name in ("open", "high", "low", "close") else ind
        array = getattr(target, name).copy()
        for index, value in values.items():
            array[index] = value
        (bars_changed if target is c else ind_changed)[name] = array
    return msgspec.structs.replace(
        snap,
        bars=snap.bars | {"15m": msgspec.structs.replace(c, **bars_changed)},
        ind=snap.ind | {"15m": msgspec.structs.replace(ind, **ind_changed)},
    )


def test_worked_example_gives_each_component_its_printed_points() -> None:
    found = scores(worked_example())
    expected = {
        "initiator_size": (1.10, 2), "confirm_depth": (0.45, 1), "close_position": (0.11, 0), "slope200": (0.05, 0),
        "ema_fan": (0.20, 2), "gap_to_atr": (1.325, 1), "ema200_stickiness": (1, 0), "confirm_color": (-0.25, 0),
        "break_and_base": (0, 0), "retest_tag": (0, 0), "initiator_wick": (0.30, 2),
    }  # fmt: skip
    assert list(found) == list(expected) == list(NAMES)
    for name, (measure, points) in expected.items():
        assert found[name].input == pytest.approx(measure, abs=1e-9), name
        assert found[name].points == points, name
    assert sum(score.points for score in found.values()) == 8


def test_reflected_short_scores_the_same_component_by_component() -> None:
    long, short = scores(worked_example()), scores(mirrored(worked_example(), 200.0), -1)
    assert [s.points for s in long.values()] == [s.points for s in short.values()]
    for name in NAMES:
        assert long[name].input == pytest.approx(short[name].input, abs=1e-9), name


@pytest.mark.parametrize(
    ("name", "measure", "points"),
    [
        ("initiator_size", 1.10, 2), ("initiator_size", 1.0999, 1), ("initiator_size", 0.80, 1),
        ("initiator_size", 0.7999, 0),
        ("confirm_depth", 0.2999, 2), ("confirm_depth", 0.30, 1), ("confirm_depth", 0.50, 0),
        ("confirm_depth", 0.70, -1), ("confirm_depth", 0.9999, -1), ("confirm_depth", 1.0, -2),
        ("slope200", 0.20, 1), ("slope200", 0.1999, 0), ("slope200", -0.1999, 0), ("slope200", -0.20, -1),
        ("gap_to_atr", 0.1999, -2), ("gap_to_atr", 0.20, -1), ("gap_to_atr", 0.40, 0), ("gap_to_atr", 0.80, 1),
        ("ema200_stickiness", 2, 0), ("ema200_stickiness", 3, -2), ("ema200_stickiness", 5, -2),
        ("break_and_base", 1, 0), ("break_and_base", 2, 2), ("retest_tag", 0, 0), ("retest_tag", 1, 2),
        ("initiator_wick", 0.2499, 0), ("initiator_wick", 0.25, 2), ("initiator_wick", 0.0, 0),
    ],
)  # fmt: skip
def test_ladder_bounds_are_taken_as_written(name: str, measure: float, points: float) -> None:
    assert SINGLE[name].points(measure) == points


@pytest.mark.parametrize(
    ("beyond_lead", "points"), [(-0.01, 1), (0.0, 1), (0.40, 0), (0.41, -1), (0.80, -1), (0.81, -2)]
)
def test_close_beyond_the_lead_average_is_graded_by_distance(beyond_lead: float, points: float) -> None:
    assert CLOSE_POSITION.points(beyond_lead) == points


def test_close_between_ema200_and_ema13_earns_two_on_both_counts() -> None:
    found = scores(worked_example(confirmation=(100.70, 100.80, 100.05, 100.12)))
    assert (found["close_position"].points, found["confirm_depth"].points) == (2, 2)


@pytest.mark.parametrize(
    ("fan", "order"),
    [
        ((4.0, 3.0, 2.0, 1.0), 1), ((1.0, 2.0, 3.0, 4.0), -1), ((4.0, 3.0, 3.0, 1.0), 0), ((4.0, 2.0, 3.0, 1.0), 0),
        ((1.0, 1.0, 1.0, 1.0), 0),
    ],
)  # fmt: skip
def test_fan_order_is_strict_and_mirrored(fan: tuple[float, float, float, float], order: int) -> None:
    assert fan_order(fan, 1) == order
    assert fan_order(tuple(-x for x in fan), -1) == order


@pytest.mark.parametrize(
    ("spread", "ema5", "points"),
    [(0.24, 100.34, 2), (0.25, 100.34, 1), (0.49, 103.0, 1), (0.50, 100.34, 0), (0.60, 101.07, 0), (0.60, 101.08, -2)],
)
def test_fan_reach_counts_only_when_it_was_not_compressed_before(spread: float, ema5: float, points: float) -> None:
    snap = edited(worked_example(), ema5={CONFIRM - 2: 99.30 + spread, CONFIRM: ema5})
    assert scores(snap)["ema_fan"].points == points


def test_reverse_order_and_disorder_are_not_the_same() -> None:
    reverse = edited(worked_example(), ema5={CONFIRM: 100.0}, ema9={CONFIRM: 100.05}, ema13={CONFIRM: 100.06})
    assert scores(reverse)["ema_fan"].points == -2
    assert scores(edited(worked_example(), ema9={CONFIRM: 100.5}))["ema_fan"].points == 0


def test_gap_is_measured_on_the_hour_and_not_a_copy_of_the_depth() -> None:
    found = scores(worked_example(), hour=Hour(98.0, 1.0))
    assert found["gap_to_atr"].input == pytest.approx(1.5 - 2.45)
    assert found["gap_to_atr"].input != pytest.approx(1.5 - found["confirm_depth"].input)
    assert found["gap_to_atr"].points == -2


def test_windows_end_before_the_initiator() -> None:
    """A base or retest on the initiator itself counts for nothing."""
    quiet = (99.70, 99.95, 99.60, 99.75)
    snap = worked_example()
    c = snap.bars["15m"]
    places = {CONFIRM - 3: quiet, CONFIRM - 2: quiet}
    based = edited(
        snap,
        **{name: {t: bar[k] for t, bar in places.items()} for k, name in enumerate(("open", "high", "low", "close"))},
    )
    assert scores(based)["break_and_base"].points == 2
    only_one = edited(snap, open={CONFIRM - 2: 99.70}, high={CONFIRM - 2: 99.95}, low={CONFIRM - 2: 99.60},
                      close={CONFIRM - 2: 99.75})  # fmt: skip
    assert scores(only_one)["break_and_base"].points == 0
    assert float(c.close[CONFIRM]) == 100.45


def test_retest_needs_the_same_average_for_both_halves() -> None:
    j = CONFIRM - 3
    ordered = {"ema13": {j: 99.40}, "ema21": {j: 99.30}}
    tagged = edited(worked_example(), low={j: 99.35}, close={j: 99.44}, **ordered)
    assert scores(tagged)["retest_tag"].points == 2
    split = edited(worked_example(), low={j: 99.35}, close={j: 99.36}, **ordered)  # dips to 13, closes beyond 21 only
    assert scores(split)["retest_tag"].points == 0
    disordered = edited(tagged, ema13={j: 99.30}, ema21={j: 99.40})
    assert scores(disordered)["retest_tag"].points == 0


@pytest.mark.parametrize(("side", "about"), [(1, None), (-1, 200.0)])
def test_initiator_wick_is_the_adverse_one_on_both_sides(side: int, about: float | None) -> None:
    snap = worked_example() if about is None else mirrored(worked_example(), about)
    assert scores(snap, side)["initiator_wick"].input == pytest.approx(0.30)
    assert scores(snap, side)["initiator_wick"].points == 2


@pytest.mark.parametrize(
    ("open_", "close", "points"), [(100.40, 100.45, 1), (100.45, 100.45, 0), (100.30, 100.29, -1), (100.29, 100.29, -1)]
)
def test_colour_costs_only_when_the_close_is_shallow(open_: float, close: float, points: float) -> None:
    found = scores(worked_example(confirmation=(open_, 100.80, 100.10, close)))
    assert found["confirm_color"].points == points


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"atr": {CONFIRM - 1: math.nan}}, "initiator_size"), ({"atr": {CONFIRM - 1: math.nan}}, "initiator_wick"),
        ({"ema200": {CONFIRM - 10: math.nan}}, "slope200"), ({"ema21": {CONFIRM: math.nan}}, "close_position"),
        ({"ema9": {CONFIRM - 2: math.nan}}, "ema_fan"), ({"ema200": {CONFIRM - 6: math.nan}}, "ema200_stickiness"),
        ({"atr": {CONFIRM - 4: math.nan}}, "break_and_base"), ({"ema13": {CONFIRM - 6: math.nan}}, "retest_tag"),
    ],
)  # fmt: skip
def test_an_absent_element_earns_nothing_and_is_listed(change: dict[str, dict[int, float]], name: str) -> None:
    found = scores(edited(worked_example(), **change))[name]
    assert (found.input, found.points) == (None, 0)


def test_absent_hour_leaves_the_gap_without_points() -> None:
    for hour in (Hour(None, 2.0), Hour(100.0, None)):
        found = scores(worked_example(), hour=hour)["gap_to_atr"]
        assert (found.input, found.points) == (None, 0)


def test_legacy_depth_rewards_the_deep_close_for_comparison() -> None:
    legacy = msgspec.structs.replace(PARAMS, depth_mode="legacy")
    assert scores(worked_example(), params=legacy)["confirm_depth"].points == 2
    shallow = worked_example(confirmation=(100.30, 100.80, 100.10, 100.35))
    assert scores(shallow, params=legacy)["confirm_depth"].points == -1


def test_a_weight_scales_its_own_component_only() -> None:
    heavy = msgspec.structs.replace(PARAMS, weights=ComponentWeights(initiator_size=0.5))
    found, plain = scores(worked_example(), params=heavy), scores(worked_example())
    assert found["initiator_size"].points == 1
    assert all(found[name] == plain[name] for name in NAMES if name != "initiator_size")


@pytest.mark.parametrize("ladder", [*SINGLE.values(), CLOSE_POSITION])
def test_neighbouring_rungs_name_measures_that_earn_their_points(ladder: Ladder) -> None:
    for measure in np.linspace(-2.0, 4.0, 61):
        for need, points in ladder.changes(float(measure)):
            op, bound = need.split()
            step = {"<": -1e-9, "<=": 0.0, ">": 1e-9, ">=": 0.0}[op]
            assert ladder.points(float(bound) + step) == points


def test_a_flat_average_is_no_reason_for_points() -> None:
    assert SLOPE200.points(0.0) == 0
