"""Numbers on screen: never rounded in the trader's favour, never pretending to be known."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console import render

FINITE = st.floats(-1e6, 1e6, allow_nan=False)


@given(FINITE)
def test_results_are_never_shown_better_than_they_are(value: float) -> None:
    assert float(render.result(value)) <= value + 1e-8
    assert float(render.result(value)) >= value - 0.01 - 1e-8


@given(FINITE)
def test_costs_are_never_shown_smaller_than_they_are(value: float) -> None:
    assert float(render.cost(value)) >= value - 1e-8


@given(st.floats(0, 1e3))
def test_ratios_are_never_shown_better_than_they_are(value: float) -> None:
    assert float(render.ratio(value, 1)) <= value + 1e-8


@given(st.floats(0, 1e7))
def test_ages_are_never_shown_younger_below_a_second(ms: float) -> None:
    text = render.age(ms)
    if text.endswith("ms"):
        assert float(text[:-2]) >= ms - 1e-9


@pytest.mark.parametrize(
    ("ms", "text"),
    [(None, "?"), (0, "0ms"), (41, "50ms"), (999, "1000ms"), (1_300, "1.3s"), (9_949, "9.9s"), (42_000, "42s"),
     (450_000, "7m30s"), (3_600_000, "1h"), (14_700_000, "4h05m"), (180_000_000, "2d02h"), (math.nan, "?")],
)  # fmt: skip
def test_age(ms: float | None, text: str) -> None:
    assert render.age(ms) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [(372_999, "06:12"), (372_000, "06:12"), (999, "00:00"), (-5, "00:00"), (3_723_000, "1:02:03")],
)
def test_countdown_gives_no_second_away(ms: float, text: str) -> None:
    assert render.countdown(ms) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.53, "+0.53"),
        (0.29, "+0.29"),
        (-0.381, "-0.39"),
        (0.0, "+0.00"),
        (-0.0, "+0.00"),
        (None, "?"),
        (math.inf, "?"),
    ],
)
def test_result(value: float | None, text: str) -> None:
    assert render.result(value) == text


@given(st.floats(0, 1e12, allow_nan=False))
def test_quantity_fits_seven_cells(value: float) -> None:
    assert len(render.quantity(value)) <= 7


@pytest.mark.parametrize(
    ("value", "text"), [(0.015, "0.015"), (12.4, "12.40"), (1_234, "1234"), (56_700, "56.7k"), (1_200_000, "1.20M")]
)
def test_quantity(value: float, text: str) -> None:
    assert render.quantity(value) == text


@given(st.floats(allow_nan=True, allow_infinity=True), st.integers(0, 40))
def test_bars_fill_their_width_whatever_the_value(share: float, width: int) -> None:
    assert len(render.bar(share, width)) == width
    assert len(render.blocks(share, width)) == width


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.integers(1, 30))
def test_gauge_shows_any_use_and_never_overflows(used: float, limit: float, width: int) -> None:
    text = render.gauge(used, limit, width)
    assert len(text) == width
    if used > 0 and limit > 0 and used / limit > 0:
        assert text.startswith("▓")


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=50), st.integers(1, 30))
def test_spark_survives_anything(values: list[float], width: int) -> None:
    assert len(render.spark(values, width)) <= width


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30m", 1_800.0), ("4h", 14_400.0), ("1h30m", 5_400.0), ("2d", 172_800.0), ("", None), ("1.5h", 5_400.0)],
)
def test_duration(text: str, seconds: float | None) -> None:
    assert render.parse_span(text) == seconds


@pytest.mark.parametrize("text", ["4", "h", "4x", "-4h", "4h!", "four"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        render.parse_span(text)
