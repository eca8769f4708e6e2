"""The chart: every bar in its place, direction told by shape, nothing outside its rows."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from console.candles import AXIS, chart_rows, column
from console.rows import plain, width_of
from console.scale import Scale
from engine.port.views import ChartBar, ChartLevel
from tests.support import console_views as views


def bar(o: float, h: float, low: float, c: float) -> ChartBar:
    return ChartBar(0, o, h, low, c, 1.0)


def test_rising_and_falling_have_different_bodies() -> None:
    scale = Scale(0.0, 10.0, 10)
    assert column(bar(2, 9, 1, 8), scale)[4] == "┃"
    assert column(bar(8, 9, 1, 2), scale)[4] == "█"


def test_wick_and_body_lie_where_the_prices_are() -> None:
    scale = Scale(0.0, 10.0, 10)
    glyphs = column(bar(4.0, 9.9, 0.1, 6.0), scale)
    assert "".join(glyphs.get(y, " ") for y in range(10)) == "││││┃┃╿│││"


@given(st.integers(20, 200), st.integers(5, 60), st.integers(0, 400), st.integers(0, 300))
def test_chart_fits_any_size(width: int, height: int, back: int, count: int) -> None:
    view = views.chart()
    view = msgspec.structs.replace(view, bars=view.bars[:count])
    rows = chart_rows(view, width, height, back)
    assert len(rows) <= max(height, 4)
    assert all(width_of(row) <= max(width, AXIS + 12) for row in rows)


def test_levels_are_labelled_on_the_axis() -> None:
    text = "\n".join(plain(row) for row in chart_rows(views.chart(), 120, 34))
    for label in ("entry", "stop", "tp1", "S key", "◂59594.8"):
        assert label in text


def test_level_far_away_does_not_flatten_the_candles() -> None:
    near = chart_rows(views.chart(levels=()), 100, 30)
    far = chart_rows(views.chart(levels=(ChartLevel("tp2", 1e6, 1e6),)), 100, 30)
    assert near == far


def test_band_as_broad_as_the_picture_is_drawn_by_its_edges() -> None:
    bars = views.chart().bars
    low, high = min(bar.low for bar in bars[-70:]), max(bar.high for bar in bars[-70:])
    text = [
        plain(row) for row in chart_rows(views.chart(levels=(ChartLevel("value", low, high, "value area"),)), 100, 30)
    ]
    assert not any("░" in line for line in text)
    assert sum("┄" in line for line in text) == 2
    assert any("value area" in line for line in text)


def test_flat_market_is_drawn() -> None:
    flat = views.chart(bars=tuple(ChartBar(i, 5.0, 5.0, 5.0, 5.0, 0.0) for i in range(30)), levels=())
    assert any("╹" in plain(row) or "╻" in plain(row) or "┃" in plain(row) for row in chart_rows(flat, 80, 20))


def test_no_candles_says_so() -> None:
    assert plain(chart_rows(views.chart(bars=()), 80, 20)[0]) == "no candles yet"
