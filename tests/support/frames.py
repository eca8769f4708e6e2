"""The screen as text, golden frames, and waiting for a condition.

`UPDATE_FRAMES=1 pytest tests/console` writes the golden frames anew; look at the difference before committing it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual._context import visible_screen_stack
from textual.pilot import Pilot

from console.app import PerpdeckApp
from console.options import ConsoleOptions
from tests.support import console_views
from tests.support.fake_port import FakePort

FRAMES = Path(__file__).parents[1] / "console" / "frames"


class Hand:
    """A machine clock moved by hand, in seconds."""

    def __init__(self) -> None:
        self.s = 1_000.0

    def __call__(self) -> float:
        return self.s


def text_frame(app: PerpdeckApp) -> list[str]:
    """What stands on the screen, one string a line, dialogs included."""
    visible_screen_stack.set(app._background_screens)
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


async def until(pilot: Pilot[Any], condition: Callable[[], Any], seconds: float = 5.0) -> None:
    """Wait for a condition, driving the app; fails with the screen when it never comes."""
    app = pilot.app
    assert isinstance(app, PerpdeckApp)
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError("never came true:\n" + "\n".join(text_frame(app)))
        await pilot.pause(0.01)


@asynccontextmanager
async def console(
    size: tuple[int, int] = (140, 40), *, views: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[tuple[PerpdeckApp, Pilot[Any], FakePort]]:
    """The app on a scripted engine, with a whole desk on the screen."""
    port = FakePort()
    for topic, view in (console_views.desk() if views is None else views).items():
        await port.put(topic, view)
    numbers = iter(range(1, 10_000))
    settings: dict[str, Any] = {
        "mono_s": Hand(), "next_id": lambda: f"c{next(numbers)}", "guard_ms": 0.0, "actor": "console:ann",
    }  # fmt: skip
    app = PerpdeckApp(port, ConsoleOptions(**(settings | options)))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.feed.state == "up" and {"health", "signals"} <= app.feed.views.keys())
        await settle(pilot, app)
        yield app, pilot, port


async def settle(pilot: Pilot[Any], app: PerpdeckApp) -> None:
    """Let everything that was put arrive and be painted."""
    for _ in range(3):
        await pilot.pause()
        await pilot.pause(0.02)
    app.paint()
    await pilot.pause()


def golden(name: str, lines: list[str]) -> None:
    """Hold the screen against the stored frame of that name."""
    path = FRAMES / f"{name}.txt"
    text = "\n".join(lines) + "\n"
    if os.environ.get("UPDATE_FRAMES") == "1":
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"no frame {path.name}; make it with UPDATE_FRAMES=1"
    assert text == path.read_text(encoding="utf-8")
