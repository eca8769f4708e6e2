"""A few screens as SVG pictures: colours, emphasis and boxes as a terminal paints them, which a text frame cannot hold.

Pictures are held without what an export makes up anew each time: ids and the title. `UPDATE_FRAMES=1` writes them.
"""

from __future__ import annotations

import os
import re
from typing import Any

import pytest

from tests.support import console_views as views
from tests.support.frames import FRAMES, console, settle, until

NAKED = views.position(protected=False, stop=None, stop_order_id=None, naked_ms=1_300.0)
LIVE: dict[str, Any] = {
    **views.desk(), "health": views.health(venue="live", naked_ms=1_300.0), "positions": views.positions(rows=(NAKED,)),
}  # fmt: skip
PICTURES: tuple[tuple[str, tuple[int, int], str, dict[str, Any]], ...] = (
    ("desk-classic", (140, 40), "", {}),
    ("desk-blue-orange", (140, 40), "", {"theme": "blue-orange"}),
    ("ticket", (120, 40), "a", {}),
    ("live-naked", (120, 30), "", {"views": LIVE}),
)


def stable(svg: str) -> str:
    """The picture without the ids of this export, one element a line."""
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    return re.sub(r">\s*<", ">\n<", svg).strip() + "\n"


@pytest.mark.parametrize(("name", "size", "key", "options"), PICTURES, ids=[name for name, *_ in PICTURES])
async def test_screen_looks_as_it_did(name: str, size: tuple[int, int], key: str, options: dict[str, Any]) -> None:
    async with console(size, **options) as (app, pilot, _port):
        if key:
            await pilot.press(key)
            await until(pilot, lambda: app.screen is not app.desk and getattr(app.screen, "armed", False))
        await settle(pilot, app)
        svg = stable(app.export_screenshot(title="perpdeck"))
    path = FRAMES / f"{name}.svg"
    if os.environ.get("UPDATE_FRAMES") == "1":
        path.write_text(svg, encoding="utf-8")
    assert path.exists(), f"no picture {path.name}; make it with UPDATE_FRAMES=1"
    assert svg == path.read_text(encoding="utf-8")


def test_pictures_tell_colours_apart() -> None:
    classic, blue = ((FRAMES / f"desk-{name}.svg").read_text(encoding="utf-8") for name in ("classic", "blue-orange"))
    assert classic != blue
    assert re.sub(r"<style>.*?</style>|fill=\"#\w+\"|class=\"[^\"]*\"", "", classic, flags=re.S) == re.sub(
        r"<style>.*?</style>|fill=\"#\w+\"|class=\"[^\"]*\"", "", blue, flags=re.S
    )
