"""The tour follows what the person does, goes only forward, and holds no key."""

from __future__ import annotations

from typing import Any

import pytest

from console.app import PerpdeckApp
from console.keymap import Keymap
from console.look import Look
from console.rows import plain
from console.screens.place import TOUR_HEIGHT
from console.screens.tour import Seen, TourBox, advance, pace_text
from engine.port import commands as ask
from tests.support import console_views as views
from tests.support.fake_port import FakePort
from tests.support.frames import console, settle, text_frame, until


def test_tour_follows_the_trade() -> None:
    story = [
        (Seen(), 0),
        (Seen(waiting=True), 0),
        (Seen(waiting=True, at_why=True), 1),
        (Seen(waiting=True, at_why=True, ticket_open=True), 2),
        (Seen(positions=1), 3),
        (Seen(positions=1, protected=True), 4),
        (Seen(positions=1, protected=True, tier_taken=True), 5),
        (Seen(), 5),
    ]
    step = 0
    for seen, expected in story:
        step = advance(step, seen)
        assert step == expected


async def test_tour_walks_with_the_keys_and_one_escape_ends_it() -> None:
    over = views.desk() | {"health": views.health(venue="sim"), "positions": views.positions(rows=())}
    async with console((140, 40), views=over, demo=True, tour=True) as (app, pilot, port):
        assert "1 of 6" in "\n".join(text_frame(app))
        await pilot.press("x")
        await until(pilot, lambda: "2 of 6" in "\n".join(text_frame(app)))
        await pilot.press("a")
        await until(pilot, lambda: app.desk.tour is not None and app.desk.tour.step == 2)
        await until(pilot, lambda: getattr(app.screen, "armed", False))
        await pilot.press("enter")
        await until(pilot, port.acted)
        assert isinstance(port.acted()[0], ask.ApproveSignal)
        await port.put("positions", views.positions(revision=2))
        await until(pilot, lambda: app.desk.tour is not None and app.desk.tour.step >= 4)
        await pilot.press("escape")
        await until(pilot, lambda: app.desk.tour is None)
        await settle(pilot, app)
        assert "of 6" not in "\n".join(text_frame(app))


async def test_tour_holds_a_fast_clock_at_the_first_signal_and_lets_it_go_at_its_end() -> None:
    def seen(speed: float) -> dict[str, Any]:
        return {"health": views.health(venue="sim", speed=speed), "positions": views.positions(rows=())}

    async with console((140, 40), views=views.desk() | seen(20.0), demo=True, tour=True) as (app, pilot, port):
        await until(pilot, port.acted)
        await settle(pilot, app)
        assert paces(port) == [0.0]
        for topic, view in seen(0.0).items():
            await port.put(topic, view)
        await until(pilot, lambda: "The clock is held while you read; space lets it go on." in flowing(app))
        await pilot.press("space")
        await until(pilot, lambda: len(port.acted()) == 2)
        for topic, view in seen(20.0).items():
            await port.put(topic, view)
        await settle(pilot, app)
        assert paces(port) == [0.0, 20.0], "it is held once; who lets it go means it"
        await pilot.press("space")
        await until(pilot, lambda: len(port.acted()) == 3)
        for topic, view in seen(0.0).items():
            await port.put(topic, view)
        await settle(pilot, app)
        await pilot.press("escape")
        await until(pilot, lambda: len(port.acted()) == 4)
        assert paces(port) == [0.0, 20.0, 0.0, 20.0]


async def test_tour_lets_the_clock_of_a_market_run() -> None:
    over = views.desk() | {"health": views.health(venue="sim"), "positions": views.positions(rows=())}
    async with console((140, 40), views=over, demo=True, tour=True) as (app, pilot, port):
        await settle(pilot, app)
        await pilot.press("escape")
        await until(pilot, lambda: app.desk.tour is None)
        assert port.acted() == []


def paces(port: FakePort) -> list[float]:
    """Every speed that was asked for."""
    return [one.speed for one in port.acted() if isinstance(one, ask.SetSpeed)]


def flowing(app: PerpdeckApp) -> str:
    """The words of the box in one line."""
    assert app.desk.tour is not None
    rows = [plain(row).strip("│ ") for row in app.desk.tour._picture(100)[1:-1]]
    return " ".join(rows)


async def test_tour_can_be_leafed_through() -> None:
    over = views.desk() | {"health": views.health(venue="sim"), "positions": views.positions(rows=())}
    async with console((100, 30), views=over, demo=True, tour=True) as (app, pilot, _port):
        for _ in range(5):
            await pilot.press("n")
        await until(pilot, lambda: "6 of 6" in "\n".join(text_frame(app)))
        await pilot.press("n")
        await until(pilot, lambda: app.desk.tour is None)


@pytest.mark.parametrize("width", [78, 100])
@pytest.mark.parametrize("speed", [0.0, 1.0, 20.0, 600.0])
def test_every_step_fits_its_box_at_any_speed(width: int, speed: float) -> None:
    keymap = Keymap({})
    for step in range(6):
        box = TourBox(Look(), keymap, id="tour")
        box.step, box._speed = step, speed
        rows = [plain(row) for row in box._picture(width)]
        assert len(rows) == TOUR_HEIGHT
        last_words = " ".join(row.strip("│ ") for row in rows[1:-1]).rstrip()
        assert last_words.endswith(".")


def test_a_fast_clock_is_told_with_the_way_to_hold_it() -> None:
    assert pace_text(1.0, "space") == ""
    assert pace_text(20.0, "space") == (
        " At 20x 15 minutes pass in 45s: decide soon, or space holds the clock while you read."
    )
