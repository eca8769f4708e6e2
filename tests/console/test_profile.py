"""Volume by price adds up to what was traded, and stands beside the candles where there is room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.candles import chart_rows
from console.profile import profile_rows, volume_by_row
from console.rows import plain, width_of
from console.scale import Scale
from engine.port.views import ChartBar
from tests.support import console_views as views

PRICES = st.floats(90, 110)


@given(st.lists(st.tuples(PRICES, PRICES, st.floats(0, 1e6)), min_size=1, max_size=30), st.integers(3, 60))
def test_nothing_traded_is_lost_or_counted_twice(parts: list[tuple[float, float, float]], height: int) -> None:
    bars = [ChartBar(0, a, max(a, b), min(a, b), b, volume) for a, b, volume in parts]
    rows = volume_by_row(bars, Scale(89, 111, height))
    assert sum(rows) == pytest.approx(sum(bar.volume for bar in bars))


def test_fullest_row_is_marked() -> None:
    bars = [ChartBar(0, 100, 100.4, 100, 100.4, 10), ChartBar(0, 105, 109, 101, 105, 8)]
    rows = [plain(row) for row in profile_rows(bars, Scale(99, 110, 11))]
    assert [y for y, row in enumerate(rows) if "POC" in row] == [Scale(99, 110, 11).row(100.2)]


@pytest.mark.parametrize(("width", "there"), [(118, False), (138, True), (198, True)])
def test_wide_charts_have_it_beside_the_candles_and_keep_their_width(width: int, there: bool) -> None:
    rows = chart_rows(views.chart(levels=()), width, 34)
    assert any("POC" in plain(row) for row in rows) == there
    assert {width_of(row) for row in rows[:-1]} == {width_of(rows[0])}
    assert width_of(rows[0]) <= width
