"""What was asked for is what stands there: the pane in the only place, and nothing below a dialog."""

from __future__ import annotations

import pytest
from textual.events import Key

from console.screens.dialog import Dialog
from tests.support.frames import console, settle, text_frame, until


@pytest.mark.parametrize(
    ("key", "title"),
    [("1", "Book"), ("2", "Regime"), ("4", "Why"), ("x", "Why"), ("5", "Positions"), ("6", "Limits and health")],
)
async def test_key_of_a_pane_brings_it_to_the_only_place(key: str, title: str) -> None:
    async with console((80, 24)) as (app, pilot, _port):
        assert any(line.startswith("┌ Signals") for line in text_frame(app))
        await pilot.press(key)
        await settle(pilot, app)
        assert any(line.startswith(f"┌ {title}") for line in text_frame(app)), text_frame(app)


@pytest.mark.parametrize("key", ["a", "F", "K"])
async def test_enter_typed_ahead_of_a_dialog_opens_nothing_below_it(key: str) -> None:
    async with console(guard_ms=300.0) as (app, pilot, port):
        app.desk.on_key(Key(key, key))
        app.desk.on_key(Key("enter", None))  # before the dialog had a chance to stand
        await until(pilot, lambda: isinstance(app.screen, Dialog))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.desk)
        assert port.acted() == []
