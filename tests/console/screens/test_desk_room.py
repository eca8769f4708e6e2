"""Where there is room for one pane only, the one that was asked for is the one that stands there."""

from __future__ import annotations

import pytest

from tests.support.frames import console, settle, text_frame


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
