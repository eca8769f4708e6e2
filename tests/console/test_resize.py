"""Any size, in any order: never a crash, never a lost selection, never two panes in one cell."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.events import Resize
from textual.geometry import Region, Size

from console.screens.place import PANES, form, place
from tests.support.frames import console, settle, text_frame, until

RECENT = st.permutations(PANES)


@given(st.integers(1, 300), st.integers(1, 100), RECENT, st.booleans())
def test_parts_fill_the_screen_without_overlap(width: int, height: int, recent: list[str], banner: bool) -> None:
    parts = place(width, height, recent, banner)
    seen: set[tuple[int, int]] = set()
    for region in parts.values():
        assert Region(0, 0, width, height).contains_region(region)
        cells = {(x, y) for x in (region.x, region.right - 1) for y in range(region.y, region.bottom) if region.area}
        assert not cells & seen
        seen |= cells
    assert sum(region.area for region in parts.values()) == width * height


@given(st.integers(60, 300), st.integers(16, 100), RECENT)
def test_the_pane_used_last_is_always_on_screen(width: int, height: int, recent: list[str]) -> None:
    assert recent[0] in place(width, height, recent)


@given(st.integers(60, 99), st.integers(16, 60), RECENT)
def test_waiting_signals_are_always_on_a_narrow_screen(width: int, height: int, recent: list[str]) -> None:
    assert {"status", "waiting"} <= place(width, height, recent).keys()


@given(st.integers(140, 300), st.integers(34, 100), RECENT)
def test_wide_screen_has_all_six(width: int, height: int, recent: list[str]) -> None:
    assert set(PANES) <= place(width, height, recent).keys()


@pytest.mark.parametrize(
    ("size", "shape"),
    [((140, 40), "wide"), ((139, 40), "two"), ((100, 30), "two"), ((99, 30), "one"), ((60, 16), "one"),
     ((59, 16), "tiny"), ((60, 15), "tiny")],
)  # fmt: skip
def test_breakpoints(size: tuple[int, int], shape: str) -> None:
    assert form(*size) == shape


async def test_resizing_at_random_keeps_selection_and_screen() -> None:
    dice = random.Random(7)
    async with console((140, 40)) as (app, pilot, _port):
        await pilot.press("j")
        for _ in range(25):
            width, height = dice.randint(2, 220), dice.randint(1, 70)
            await pilot.resize_terminal(width, height)
            app.paint()
            await pilot.pause()
            frame = text_frame(app)
            assert len(frame) == height
            assert all(len(line) <= width for line in frame)
            assert app.desk.signals.selected == "s2"
        await pilot.resize_terminal(140, 40)
        await until(pilot, lambda: "Positions" in "\n".join(text_frame(app)))


@pytest.mark.parametrize("key", ["a", "K", "question_mark", "slash", "t", "h", "L", "colon", "b", "enter"])
async def test_dialogs_and_pages_survive_resizing(key: str) -> None:
    dice = random.Random(11)
    async with console((120, 40)) as (app, pilot, port):
        await pilot.press(key)
        await until(pilot, lambda: app.screen is not app.desk)
        for _ in range(5):
            width, height = dice.randint(4, 200), dice.randint(2, 60)
            await pilot.resize_terminal(width, height)
            app.paint()
            await pilot.pause()
            assert len(text_frame(app)) == height
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.desk)
        assert port.acted() == []


async def test_size_the_terminal_has_no_more_is_dropped() -> None:
    """Screens hand sizes to those beneath; two of them under way among a dialog and the desk went round for ever."""
    async with console((140, 40)) as (app, pilot, _port):
        await pilot.press("b")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await settle(pilot, app)
        for screen in (app.desk, app.screen):
            screen.post_message(Resize(Size(200, 50), Size(200, 50)))
            await pilot.pause(0.05)
            assert app.desk.outer_size == app.screen.outer_size == Size(140, 40)
