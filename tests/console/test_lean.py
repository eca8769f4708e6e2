"""What is written adds up to what is drawn, with as few bytes as that takes."""

from __future__ import annotations

import pyte
from hypothesis import given
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from console.lean import Shadow
from console.pen import PLAIN, Pen, cells_of, number_of

WIDTH, HEIGHT = 24, 4
STYLES = st.sampled_from(
    [None, *map(Style.parse, ("red", "dim default on default", "reverse", "bold red", "red dim", "on blue", "bold"))]
)


@st.composite
def strips(draw: st.DrawFn) -> Strip:
    parts = draw(st.lists(st.tuples(st.text(alphabet="ab █币", max_size=8), STYLES), max_size=6))
    return Strip([Segment(text, style) for text, style in parts]).adjust_cell_length(WIDTH)


PICTURES = st.lists(strips(), min_size=HEIGHT, max_size=HEIGHT)


def write(shadow: Shadow, picture: list[Strip]) -> str:
    shadow.fit(WIDTH, HEIGHT)
    pen = Pen(ColorSystem.STANDARD, WIDTH)
    for y, strip in enumerate(picture):
        shadow.put(pen, 0, y, strip)
    return pen.text()


def look_of(cell: pyte.screens.Char) -> tuple[object, ...]:
    shown = cell.bg != "default" or cell.reverse or cell.underscore
    return (cell.data, cell.bg, cell.reverse, *(() if cell.data == " " and not shown else (cell.fg, cell.bold)))


def looks(screen: pyte.Screen) -> list[list[tuple[object, ...]]]:
    return [[look_of(screen.buffer[y][x]) for x in range(WIDTH)] for y in range(HEIGHT)]


@given(st.lists(PICTURES, min_size=1, max_size=4))
def test_terminal_shows_the_last_picture_whatever_stood_there_before(pictures: list[list[Strip]]) -> None:
    shadow, lean, whole = Shadow(), pyte.Screen(WIDTH, HEIGHT), pyte.Screen(WIDTH, HEIGHT)
    for picture in pictures:
        pyte.Stream(lean).feed(write(shadow, picture))
    pyte.Stream(whole).feed(write(Shadow(), pictures[-1]))
    assert [line.rstrip() for line in lean.display] == [strip.text.rstrip() for strip in pictures[-1]]
    assert looks(lean) == looks(whole)


@given(PICTURES)
def test_same_picture_again_writes_nothing(picture: list[Strip]) -> None:
    shadow = Shadow()
    assert write(shadow, picture)
    assert write(shadow, picture) == ""


@given(PICTURES, PICTURES)
def test_style_never_outlives_an_update(first: list[Strip], second: list[Strip]) -> None:
    shadow, screen = Shadow(), pyte.Screen(WIDTH, HEIGHT)
    for picture in (first, second):
        pyte.Stream(screen).feed(write(shadow, picture))
        assert (screen.cursor.attrs.fg, screen.cursor.attrs.bg, screen.cursor.attrs.bold) == (
            "default",
            "default",
            False,
        )


def test_default_colours_are_not_spelled_out() -> None:
    assert number_of(Style.parse("default on default")) == PLAIN
    assert cells_of(Strip([Segment("a", Style.parse("red")), Segment(" b", None)]))[1][1:] == [PLAIN, PLAIN]


def test_highlight_on_blanks_is_kept() -> None:
    _, styles = cells_of(Strip([Segment("a", None), Segment("  ", Style.parse("reverse"))]))
    assert styles[0] == PLAIN
    assert PLAIN not in styles[1:]


def test_forgotten_terminal_is_written_whole() -> None:
    shadow, picture = Shadow(), [Strip([Segment("a" * WIDTH)])] * HEIGHT
    first = write(shadow, picture)
    shadow.forget()
    assert write(shadow, picture) == first


def test_another_size_is_another_terminal() -> None:
    shadow = Shadow()
    for width in (3, 4):
        shadow.fit(width, 1)
        pen = Pen(ColorSystem.STANDARD, width)
        shadow.put(pen, 0, 0, Strip([Segment("abcd"[:width])]))
        assert "abcd"[:width] in pen.text()


def test_one_changed_digit_costs_its_address_and_itself() -> None:
    shadow = Shadow()
    write(shadow, [Strip([Segment(f"price 1000{digit}".ljust(WIDTH))]) for digit in range(HEIGHT)])
    lines = [f"price 1000{digit}".ljust(WIDTH) for digit in range(HEIGHT)]
    lines[2] = "price 10009".ljust(WIDTH)
    assert write(shadow, [Strip([Segment(line)]) for line in lines]) == "\x1b[3;11H9"


def test_a_column_of_one_style_is_written_downwards_without_switching() -> None:
    """Lines of a ladder meet in the style they end with: plain, red, then red, plain."""
    shadow, red = Shadow(), Style.parse("red")

    def ladder(price: str, size: str) -> list[Strip]:
        return [Strip([Segment(price, red), Segment(" " * (WIDTH - 2)), Segment(size)]) for _ in range(HEIGHT)]

    write(shadow, ladder("1", "1"))
    assert write(shadow, ladder("2", "2")).count("m") == HEIGHT
