from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.pages import cost, forecast_minutes, page_plan, page_weight, pages

M15 = 900_000


@pytest.mark.parametrize(
    ("bars", "plan", "weight"),
    [
        (0, [], 0),
        (-3, [], 0),
        (8, [8], 1),
        (99, [99], 1),
        (100, [100], 2),
        (499, [499], 2),
        (500, [499, 1], 3),
        (672, [499, 173], 4),
        (1500, [499, 499, 499, 3], 7),
    ],
)
def test_page_plan(bars: int, plan: list[int], weight: int) -> None:
    assert page_plan(bars) == plan
    assert cost(bars) == weight


@pytest.mark.parametrize(
    ("limit", "weight"), [(1, 1), (99, 1), (100, 2), (499, 2), (500, 5), (1000, 5), (1001, 10), (1500, 10)]
)
def test_weight_by_limit(limit: int, weight: int) -> None:
    assert page_weight(limit) == weight


def test_the_warm_up_of_a_symbol_and_of_two_hundred() -> None:
    warm_up = (8640, 2160, 900, 365)
    assert sum(len(page_plan(bars)) for bars in warm_up) == 26
    assert sum(map(cost, warm_up)) == 52
    assert forecast_minutes([52] * 200, 1320) == pytest.approx(7.9, abs=0.03)


def test_six_hours_down_cost_three_a_symbol() -> None:
    assert cost(24) + cost(6) + cost(1) == 3


@given(st.integers(0, 5000), st.integers(0, 10))
def test_pages_cover_the_range_once_newest_first(bars: int, offset: int) -> None:
    start = offset * M15
    asked = list(pages(start, start + bars * M15, M15))
    assert [page.limit for page in asked] == page_plan(bars)
    covered = [at for page in asked for at in range(page.end_ms - M15, page.start_ms - 1, -M15)]
    assert covered == [start + n * M15 for n in range(bars - 1, -1, -1)]


def test_a_range_that_ends_within_a_bar_includes_it() -> None:
    assert [page.limit for page in pages(0, M15 + 1, M15)] == [2]
