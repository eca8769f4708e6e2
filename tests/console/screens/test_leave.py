"""A screen is left once, and only that one."""

from __future__ import annotations

from console.screens.digest import Digest
from console.screens.help import Help
from console.screens.log import LogPage
from tests.support.frames import console, until


async def test_second_escape_on_its_way_does_not_take_the_desk_along() -> None:
    async with console() as (app, pilot, _port):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, Help))
        screen = app.screen
        screen.dismiss(None)
        screen.dismiss(None)
        await until(pilot, lambda: app.screen is app.desk)
        assert app.screen_stack == [app.desk]


async def test_page_left_twice_is_left_once() -> None:
    async with console() as (app, pilot, _port):
        await pilot.press("L")
        await until(pilot, lambda: isinstance(app.screen, LogPage))
        page = app.screen
        page.dismiss()
        page.dismiss()
        await until(pilot, lambda: app.screen is app.desk)


async def test_dialog_under_another_waits_until_it_is_on_top() -> None:
    async with console() as (app, pilot, _port):
        lower, upper = Help("desk", app.keymap, replay=False), Digest([])
        app.push_screen(lower)
        await until(pilot, lambda: app.screen is lower)
        app.push_screen(upper)
        await until(pilot, lambda: app.screen is upper)
        lower.dismiss(None)
        await pilot.pause()
        assert app.screen is upper
        upper.dismiss(None)
        await until(pilot, lambda: app.screen is app.desk)
