"""What is written adds up to what is drawn, with as few bytes as that takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from console.lean import Shadow, canonical, changed_spans

WIDTH = 24
STYLES = st.sampled_from([None, Style.parse("red"), Style.parse("dim default on default"), Style.parse("reverse")])


@st.composite
def strips(draw: st.DrawFn) -> Strip:
    parts = draw(st.lists(st.tuples(st.text(alphabet="ab █币", max_size=8), STYLES), max_size=6))
    return Strip([Segment(text, style) for text, style in parts]).adjust_cell_length(WIDTH)


@given(strips(), strips())
def test_changed_spans_turn_one_line_into_the_other(before: Strip, after: Strip) -> None:
    line = before
    for x1, x2 in changed_spans(before, after):
        line = Strip.join([line.crop(0, x1), after.crop(x1, x2), line.crop(x2, WIDTH)])
    assert line.text == after.text


@given(strips())
def test_canonical_changes_no_character_and_no_width(strip: Strip) -> None:
    assert canonical(strip).text == strip.text
    assert canonical(strip).cell_length == strip.cell_length
    assert canonical(canonical(strip)) == canonical(strip)


def test_default_colours_are_not_spelled_out() -> None:
    strip = Strip([Segment("a", Style.parse("default on default")), Segment(" b", None)])
    assert list(canonical(strip)) == [Segment("a b", None)]


def test_highlight_on_blanks_is_kept() -> None:
    strip = Strip([Segment("a", None), Segment("  ", Style.parse("reverse"))])
    assert len(list(canonical(strip))) == 2


def test_unknown_terminal_is_written_whole_and_a_known_one_not_at_all() -> None:
    shadow, line = Shadow(), Strip([Segment("abc")])
    assert shadow.replace([line], 3) is None
    assert shadow.replace([Strip([Segment("abc")])], 3) == []
    assert shadow.splice(0, 0, line) == []
    shadow.forget()
    assert shadow.replace([line], 3) is None


def test_another_size_is_another_terminal() -> None:
    shadow = Shadow()
    shadow.replace([Strip([Segment("abc")])], 3)
    assert shadow.replace([Strip([Segment("abcd")])], 4) is None
