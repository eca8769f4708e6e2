"""A slip never costs money: typed-ahead keys, double presses, expiry under the cursor, the default answer."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from textual import events

from console.actions import TABLE, Danger
from console.app import PerpdeckApp
from console.screens.dialog import Dialog
from engine.port import commands as ask
from tests.support import console_views as views
from tests.support.frames import console, settle, text_frame, until

RISKY = [action.id for action in TABLE if action.danger is Danger.RISKY]
GRAVE = [action.id for action in TABLE if action.danger is Danger.GRAVE]
KEY = {action.id: action.key_list[0] for action in TABLE}


async def opened(pilot: Any, app: PerpdeckApp) -> Dialog[Any]:
    await until(pilot, lambda: isinstance(app.screen, Dialog) and app.screen.armed)
    screen = app.screen
    assert isinstance(screen, Dialog)
    return screen


@pytest.mark.parametrize("name", RISKY + GRAVE)
async def test_key_alone_never_acts(name: str) -> None:
    async with console() as (app, pilot, port):
        await pilot.press(KEY[name])
        await opened(pilot, app)
        await settle(pilot, app)
        assert port.acted() == []


@pytest.mark.parametrize("name", RISKY + GRAVE)
async def test_enter_typed_ahead_is_thrown_away(name: str) -> None:
    async with console(guard_ms=60_000.0) as (app, pilot, port):
        await pilot.press(KEY[name], "enter", "enter")
        await until(pilot, lambda: isinstance(app.screen, Dialog))
        await pilot.press("enter", "space", "y")
        await settle(pilot, app)
        assert isinstance(app.screen, Dialog)
        assert not app.screen.armed
        assert port.acted() == []


async def test_guard_lets_go_by_itself_and_shows_that_it_did() -> None:
    async with console(guard_ms=300.0) as (app, pilot, port):
        await pilot.press("a", "enter")
        await until(pilot, lambda: isinstance(app.screen, Dialog))
        assert port.acted() == []
        dialog = await opened(pilot, app)
        await pilot.press("enter")
        await until(pilot, port.acted)
        assert len(port.acted()) == 1
        assert dialog.busy


async def test_account_name_typed_ahead_is_thrown_away_too() -> None:
    async with console(guard_ms=60_000.0) as (app, pilot, port):
        await pilot.press("F", "tab", *"main", "enter")
        await settle(pilot, app)
        assert port.acted() == []
        assert isinstance(app.screen, Dialog)


async def test_escape_is_heard_even_before_the_guard_has_passed() -> None:
    async with console(guard_ms=60_000.0) as (app, pilot, _port):
        await pilot.press("K")
        await until(pilot, lambda: isinstance(app.screen, Dialog))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.desk)


async def test_double_enter_is_one_command() -> None:
    async with console() as (app, pilot, port):
        port.held = asyncio.Event()
        await pilot.press("a")
        await opened(pilot, app)
        await pilot.press("enter", "enter", "enter")
        await until(pilot, port.acted)
        assert "sending" in "\n".join(text_frame(app))
        await pilot.press("escape", "enter")
        await settle(pilot, app)
        port.held.set()
        await until(pilot, lambda: app.screen is app.desk)
        assert len(port.acted()) == 1


async def test_double_press_of_the_approve_key_opens_one_ticket() -> None:
    async with console() as (app, pilot, port):
        await pilot.press("a", "a", "a")
        await opened(pilot, app)
        assert sum(isinstance(screen, Dialog) for screen in app.screen_stack) == 1
        assert port.acted() == []


@pytest.mark.parametrize("name", GRAVE)
async def test_grave_has_cancel_as_its_first_answer(name: str) -> None:
    async with console() as (app, pilot, port):
        await pilot.press(KEY[name])
        dialog = await opened(pilot, app)
        assert dialog.focused is dialog.query_one("#cancel")
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.desk)
        assert port.acted() == []


@pytest.mark.parametrize(("name", "kind"), [("flatten", ask.Flatten), ("kill", ask.Kill)])
async def test_grave_wants_the_account_name(name: str, kind: type) -> None:
    async with console() as (app, pilot, port):
        await pilot.press(KEY[name])
        await opened(pilot, app)
        await pilot.press(*"mian", "enter")
        await settle(pilot, app)
        assert port.acted() == []
        assert "that is not the account name" in "\n".join(text_frame(app))
        await pilot.press(*["backspace"] * 4, *"main", "enter")
        await until(pilot, port.acted)
        command = port.acted()[0]
        assert isinstance(command, kind)
        assert command.confirm == "main"  # type: ignore[attr-defined]


@pytest.mark.parametrize(("venue", "grave"), [("live", True), ("testnet", True), ("paper", False), ("sim", False)])
async def test_auto_asks_for_the_account_where_money_is_real(venue: str, grave: bool) -> None:
    async with console(views=views.desk() | {"health": views.health(venue=venue)}) as (app, pilot, port):
        await pilot.press("m")
        await opened(pilot, app)
        await pilot.press("down", "enter")
        await until(pilot, lambda: "Go auto" in "\n".join(text_frame(app)))
        dialog = await opened(pilot, app)
        assert bool(dialog.query("#account")) is grave
        await pilot.press(*("main" if grave else ""), "enter")
        await until(pilot, port.acted)
        command = port.acted()[0]
        assert isinstance(command, ask.SetMode)
        assert (command.mode, command.confirm) == ("auto", "main" if grave else "")


async def test_expiry_under_the_open_ticket_means_no() -> None:
    async with console() as (app, pilot, port):
        await pilot.press("a")
        await opened(pilot, app)
        app.mono_s.s += 373.0  # type: ignore[attr-defined]
        await port.put("health", views.health(views.NOW_MS + 373_000, revision=2))
        await settle(pilot, app)
        text = "\n".join(text_frame(app))
        assert "expired: nothing will be sent" in text
        assert "Enter approve" not in text
        await pilot.press("enter", "enter")
        await settle(pilot, app)
        assert port.acted() == []


@pytest.mark.parametrize("state", ["approved", "rejected", "refused"])
async def test_decided_elsewhere_under_the_open_ticket_means_no(state: str) -> None:
    async with console() as (app, pilot, port):
        await pilot.press("a")
        await opened(pilot, app)
        decided = views.signal(state=state, reason="by telegram:42", revision=4)
        view = msgspec.structs.replace(views.signals(revision=2), rows=(decided, *views.signals().rows[1:]))
        await port.put("signals", view)
        await settle(pilot, app)
        assert f"{state}: by telegram:42" in "\n".join(text_frame(app))
        await opened(pilot, app)
        await pilot.press("enter")
        await settle(pilot, app)
        assert port.acted() == []


async def test_signal_that_changed_under_the_ticket_is_read_again_before_it_is_sent() -> None:
    async with console() as (app, pilot, port):
        await pilot.press("a")
        dialog = await opened(pilot, app)
        newer = msgspec.structs.replace(
            views.signals(revision=2), rows=(views.signal(revision=4), *views.signals().rows[1:])
        )
        await port.put("signals", newer)
        await until(pilot, lambda: "changed while you looked" in "\n".join(text_frame(app)))
        await until(pilot, lambda: dialog.armed)
        await pilot.press("enter")
        await until(pilot, port.acted)
        assert port.acted()[0].revision == 4  # type: ignore[union-attr]


async def test_ticket_that_would_be_refused_says_why_and_sends_nothing() -> None:
    bad = views.breakdown(ticket=views.ticket(refusals=("reward/risk 0.9 under 1.0",)))
    async with console(views=views.desk() | {"breakdown": bad}) as (app, pilot, port):
        await pilot.press("a")
        await opened(pilot, app)
        await until(pilot, lambda: "would be refused: reward/risk 0.9 under 1.0" in "\n".join(text_frame(app)))
        await pilot.press("enter")
        await settle(pilot, app)
        assert port.acted() == []


async def test_engine_lost_under_the_open_ticket_means_no() -> None:
    async with console() as (app, pilot, port):
        await pilot.press("a")
        await opened(pilot, app)
        await port.cut()
        await until(pilot, lambda: "engine gone: nothing can be sent" in "\n".join(text_frame(app)))
        await pilot.press("enter")
        await settle(pilot, app)
        assert port.acted() == []


async def test_position_closed_under_the_dialog_sends_nothing() -> None:
    async with console() as (app, pilot, port):
        await pilot.press("5", "c")
        await opened(pilot, app)
        await port.put("positions", views.positions(revision=2, rows=()))
        await settle(pilot, app)
        assert "the position is closed" in "\n".join(text_frame(app))
        await pilot.press("enter")
        await settle(pilot, app)
        assert port.acted() == []


async def test_leaving_halted_asks_for_the_account_name() -> None:
    halted = views.health(desk="halted", desk_reason="killed by console:ann")
    async with console(views=views.desk() | {"health": halted}) as (app, pilot, port):
        await pilot.press("p")
        await opened(pilot, app)
        await pilot.press(*"main", "enter")
        await until(pilot, port.acted)
        assert port.acted()[0] == ask.Resume(id=port.acted()[0].id, actor="console:ann", confirm="main")


@pytest.mark.parametrize("size", [(80, 24), (60, 16), (140, 40)])
async def test_ticket_is_whole_on_a_small_screen(size: tuple[int, int]) -> None:
    async with console(size) as (app, pilot, _port):
        await pilot.press("a")
        await opened(pilot, app)
        await until(pilot, lambda: "0.083" in "\n".join(text_frame(app)))
        text = "\n".join(text_frame(app))
        for words in ("expires 06:12", "risk", "0.083", "Enter approve", "Esc back"):
            assert words in text


async def test_key_stamped_before_the_dialog_stood_is_thrown_away_however_late_it_arrives() -> None:
    async with console() as (app, pilot, port):
        await pilot.press("a")
        await opened(pilot, app)
        late = events.Key("enter", "\r")
        late.time -= 60.0
        app.post_message(late)
        await settle(pilot, app)
        assert port.acted() == []
        await pilot.press("enter")
        await until(pilot, port.acted)
