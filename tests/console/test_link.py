"""Bytes on the wire: only changed cells are written, and a live desk stays within its budget."""

from __future__ import annotations

import io
import random
from typing import Any

import pyte
import pytest
from textual.drivers.headless_driver import HeadlessDriver

from console.app import PerpdeckApp
from console.beat import BUDGET_KIB_S
from console.options import ConsoleOptions
from tests.support import console_views as views
from tests.support.fake_port import FakePort
from tests.support.frames import Hand, settle, text_frame, until


class PaperDriver(HeadlessDriver):
    """A terminal that is a file in memory."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._file: Any = io.StringIO()

    @property
    def is_headless(self) -> bool:
        return False

    def write(self, data: str) -> None:
        self._file.write(data)


async def start(port: FakePort, **options: Any) -> PerpdeckApp:
    for topic, view in views.desk().items():
        await port.put(topic, view)
    return PerpdeckApp(port, ConsoleOptions(**options), driver_class=PaperDriver)


async def test_a_change_of_one_figure_writes_that_figure_only() -> None:
    port = FakePort()
    app = await start(port, mono_s=Hand(), link="fast")
    async with app.run_test(headless=False, size=(120, 40)) as pilot:
        await until(pilot, lambda: app.feed.state == "up" and len(app.feed.views) == 7)
        await settle(pilot, app)
        assert app.meter is not None
        full = app.meter.written
        assert full > 5_000
        await port.put("book", views.book(revision=2, imbalance=0.19))
        await until(pilot, lambda: app.feed.views["book"].revision == 2)
        await settle(pilot, app)
        assert 0 < app.meter.written - full < 120


async def test_an_unchanged_view_writes_nothing() -> None:
    port = FakePort()
    app = await start(port, mono_s=Hand(), link="fast")
    async with app.run_test(headless=False, size=(140, 40)) as pilot:
        await until(pilot, lambda: app.feed.state == "up" and len(app.feed.views) == 7)
        await settle(pilot, app)
        assert app.meter is not None
        before = app.meter.written
        for revision in range(2, 6):
            await port.put("positions", views.positions(revision=revision))
            await settle(pilot, app)
        assert app.meter.written == before


@pytest.mark.parametrize("link", ["fast", "slow"])
async def test_live_desk_stays_within_the_budget_of_its_link(link: str) -> None:
    """A book whose every level changes between two beats; time is moved by hand, one pause of the governor a beat."""
    port, hand = FakePort(), Hand()
    app = await start(port, mono_s=hand, link=link)
    async with app.run_test(headless=False, size=(120, 40)) as pilot:
        await until(pilot, lambda: app.feed.state == "up" and port.watched.get("book"))
        await settle(pilot, app)
        assert app.meter is not None
        marks: list[tuple[float, int]] = []
        for beat in range(1, 70):
            hand.s += app.governor.pause_s
            now_ms = views.NOW_MS + beat * 100
            await port.put("book", views.book(now_ms, revision=beat, beat=beat * 7))
            await port.put("health", views.health(now_ms, revision=beat, weight_used=600 + beat))
            await pilot.pause()
            app.paint()
            await pilot.pause()
            app.govern()
            marks.append((hand.s, app.meter.written))
        (from_s, before), (to_s, after) = marks[len(marks) // 2], marks[-1]
        assert after - before > 2_000
        assert (after - before) / 1_024 / (to_s - from_s) <= BUDGET_KIB_S[link]


def terminal(app: PerpdeckApp, width: int, height: int) -> list[str]:
    """What a terminal would show after everything that was written."""
    screen = pyte.Screen(width, height)
    assert app.meter is not None
    pyte.Stream(screen).feed(app.meter._file.getvalue())
    return [line.rstrip() for line in screen.display]


KEYS = ("j", "k", "a", "escape", "5", "1", "g", "t", "escape", "h", "q", "slash", "escape", "question_mark", "escape",
        "b", "escape", "K", "escape", "enter", "q", "tab", "p", "L", "escape", "ctrl+l", "3")  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2])
async def test_terminal_shows_exactly_what_was_drawn_after_any_walk(seed: int) -> None:
    """Partial and full updates are cut to what changed; replayed into a terminal they must add up to the screen."""
    dice, port, hand = random.Random(seed), FakePort(), Hand()
    app = await start(port, mono_s=hand, link="fast", guard_ms=0.0)
    async with app.run_test(headless=False, size=(120, 40)) as pilot:
        await until(pilot, lambda: app.feed.state == "up" and port.watched.get("book"))
        await settle(pilot, app)
        assert terminal(app, 120, 40) == text_frame(app)
        for step in range(40):
            await pilot.press(dice.choice(KEYS))
            if dice.random() < 0.5:
                hand.s += 0.4
                await port.put("book", views.book(views.NOW_MS + step * 400, revision=step + 2, beat=step))
            await settle(pilot, app)
            if not app.is_running:
                break
            assert terminal(app, 120, 40) == text_frame(app)


async def test_opening_a_ticket_writes_the_box_and_not_the_screen() -> None:
    port = FakePort()
    app = await start(port, mono_s=Hand(), link="slow", guard_ms=0.0)
    async with app.run_test(headless=False, size=(140, 40)) as pilot:
        await until(pilot, lambda: app.feed.state == "up" and port.watched.get("breakdown"))
        await settle(pilot, app)
        assert app.meter is not None
        before = app.meter.written
        await pilot.press("a")
        await until(pilot, lambda: getattr(app.screen, "armed", False))
        await settle(pilot, app)
        assert app.meter.written - before < 5_000


async def test_nothing_is_painted_while_the_terminal_hangs_and_all_of_it_afterwards() -> None:
    port, hand = FakePort(), Hand()
    app = await start(port, mono_s=hand, link="fast")
    async with app.run_test(headless=False, size=(120, 40)) as pilot:
        await until(pilot, lambda: app.feed.state == "up" and port.watched.get("book"))
        await settle(pilot, app)
        assert app.meter is not None
        app.meter._enter()  # a write that does not come back
        hand.s += 2.0
        before = app.meter.written
        await port.put("book", views.book(revision=2, beat=5))
        await settle(pilot, app)
        assert app.meter.written == before
        app.meter._leave()
        app.paint()
        await settle(pilot, app)
        assert app.meter.written - before > 5_000
