"""The depth chart: sums that only rise away from the mid, both sides as far as they are known, honest when empty."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.depth import WIDTH, beside, depth_rows, within
from console.look import to_ascii
from console.rows import Row, width_of
from tests.support import console_views as views
from tests.support.frames import console, golden, settle, text_frame

QUANTITIES = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=40)


def text(rows: list[Row]) -> list[str]:
    return ["".join(span[0] for span in row) for row in rows]


@given(QUANTITIES, st.integers(1, 40))
def test_sums_rise_from_the_mid_and_end_with_all_that_is_within_reach(quantities: list[float], columns: int) -> None:
    levels = [(f"{100 + 0.1 * (at + 1):.1f}", quantity) for at, quantity in enumerate(quantities)]
    reach = 0.1 * len(levels)
    sums = within(levels, 100.0, reach, columns)
    assert len(sums) == columns
    assert sums == sorted(sums)
    assert sums[-1] == pytest.approx(sum(quantities))


@given(QUANTITIES, QUANTITIES, st.integers(12, 60), st.integers(4, 50))
def test_picture_keeps_its_size_and_the_deeper_side_reaches_the_top(
    bids: list[float], asks: list[float], width: int, height: int
) -> None:
    book = views.book(
        mid=100.0,
        bids=tuple((f"{100 - 0.1 * (at + 1):.1f}", each) for at, each in enumerate(bids)),
        asks=tuple((f"{100 + 0.1 * (at + 1):.1f}", each) for at, each in enumerate(asks)),
    )
    rows = depth_rows(book, width, height)
    assert len(rows) <= height
    assert all(width_of(row) <= width for row in rows)
    low, high = rows[1][0][0], rows[1][2][0]
    assert "█" in (low[0], high[-1])  # furthest from the mid


def test_one_large_order_is_a_step_where_it_stands() -> None:
    book = views.book(
        mid=100.0, tick="0.1", bids=(("99.9", 1.0), ("99.8", 1.0), ("99.7", 1.0), ("99.6", 1.0)),
        asks=(("100.1", 1.0), ("100.2", 29.0), ("100.3", 1.0), ("100.4", 1.0)),
    )  # fmt: skip
    shown = text(depth_rows(book, 9, 7))
    assert shown[1:-1] == ["    │ ▆▇█", "    │ ███", "    │ ███", "▄▃▂▁│▁███"]
    assert to_ascii(shown[1]).isascii()


@pytest.mark.parametrize("over", [{"state": "stale", "reason": "resyncing", "bids": (), "asks": ()}, {"mid": None}])
def test_book_that_may_not_be_used_has_no_depth(over: dict[str, object]) -> None:
    shown = text(depth_rows(views.book(**over), WIDTH, 20))
    assert "no book" in shown[1]
    assert "█" not in "".join(shown)
    assert "no book" in text(depth_rows(None, WIDTH, 20))[1]


def test_side_by_side_keeps_columns_straight() -> None:
    rows = beside([(("ab", ""),), (("abcd", ""),)], [(("x", ""),), (("y", ""),), (("z", ""),)], 6, 3)
    assert [line.rstrip() for line in text(rows)] == ["ab     x", "abcd   y", "       z"]


@pytest.mark.parametrize("ascii_", [False, True], ids=["glyphs", "ascii"])
async def test_wide_chart_has_the_depth_beside_it(ascii_: bool) -> None:
    shown = {**views.desk(), "chart": views.chart()}
    async with console((200, 56), views=shown, ascii=ascii_) as (app, pilot, _):
        await pilot.press("t")
        await settle(pilot, app)
        lines = text_frame(app)
        assert any("Depth summed from the mid" in line for line in lines)
        golden(f"chart{'-ascii' if ascii_ else ''}-200x56", lines)


async def test_narrow_chart_keeps_its_columns_for_candles() -> None:
    async with console((140, 40), views={**views.desk(), "chart": views.chart()}) as (app, pilot, _):
        await pilot.press("t")
        await settle(pilot, app)
        assert not any("Depth" in line for line in text_frame(app))
