"""Rows are exactly as wide as their place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from console.rows import fit, flow, left, plain, right, spread, width_of, wrap

TEXT = st.text(alphabet="abc 09.-▸●█币安", max_size=20)
ROWS = st.lists(st.tuples(TEXT, st.sampled_from(["", "up", "muted", "alarm"])), max_size=6).map(tuple)


@given(ROWS, st.integers(0, 60))
def test_fit_is_exact_in_cells(row: tuple[tuple[str, str], ...], width: int) -> None:
    assert cell_len(plain(fit(row, width))) == width
    assert width_of(fit(row, width)) == width


@given(ROWS, ROWS, st.integers(0, 60))
def test_spread_is_never_wider_than_its_place(
    start: tuple[tuple[str, str], ...], end: tuple[tuple[str, str], ...], width: int
) -> None:
    assert width_of(spread(start, end, width)) == width


@given(st.text(alphabet="ab c", max_size=60), st.integers(3, 20))
def test_wrap_keeps_every_word_in_order(text: str, width: int) -> None:
    rows = wrap(text, width, indent="  ")
    assert " ".join(plain(row).strip() for row in rows).split() == text.split()


def test_number_that_does_not_fit_is_not_cut_to_another_number() -> None:
    assert right("1234567", 4) == ("####", "")
    assert left("BTCUSDT", 5) == ("BTCU…", "")


def test_flow_fills_lines() -> None:
    items = [((word, ""),) for word in ("aaaa", "bbbb", "cccc")]
    assert [plain(row) for row in flow(items, 10)] == ["aaaa  bbbb", "cccc"]
