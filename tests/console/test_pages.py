"""Chart, history, log, explain, palette and command bar on screen."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.port import commands as ask
from tests.support import console_views as views
from tests.support.fake_port import FakePort
from tests.support.frames import console, golden, settle, text_frame, until

PAGES: dict[str, Any] = views.desk() | {"chart": views.chart(), "performance": views.performance()}


def lists(port: FakePort) -> None:
    known = {"directory": views.symbols_json(), "trades": msgspec.json.encode(views.TRADES)}
    port.answer(ask.Query, lambda command: ask.Done(data=known.get(command.what, b"[]")))


@pytest.mark.parametrize(("key", "name", "word"), [
    ("t", "chart", "◂59594.8"), ("h", "history", "12-31 21:37"), ("L", "log", "engine started on paper"),
    ("enter", "explain", "at the stop"), ("question_mark", "help", "decide and act"),
])  # fmt: skip
async def test_page_frame(key: str, name: str, word: str) -> None:
    async with console((120, 40), views=PAGES) as (app, pilot, port):
        lists(port)
        for notice in views.notices():
            await port.tell(notice)
        await until(pilot, lambda: len(app.notices) == 9 and app.feed.views.get("breakdown"))
        await pilot.press(key)
        await until(pilot, lambda: word in "\n".join(text_frame(app)))
        await settle(pilot, app)
        golden(f"{name}-120x40", text_frame(app))
        await pilot.press("q" if name != "help" else "escape")
        await until(pilot, lambda: app.screen is app.desk)
        assert port.acted() == []


async def test_chart_keys_change_the_timeframe_and_pages_are_watched_only_while_open() -> None:
    async with console((100, 30), views=PAGES) as (app, pilot, port):
        await pilot.press("t")
        await until(pilot, lambda: port.watched.get("chart") == {"symbol": "BTCUSDT", "tf": "15m"})
        await pilot.press("]", "]", "[")
        await until(pilot, lambda: port.watched.get("chart") == {"symbol": "BTCUSDT", "tf": "1h"})
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.desk)
        assert "chart" not in app.feed._wanted


async def test_approving_works_from_the_chart_with_the_same_ticket() -> None:
    async with console((100, 30), views=PAGES) as (app, pilot, port):
        await pilot.press("t")
        await until(pilot, lambda: app.screen is not app.desk)
        await pilot.press("a")
        await until(pilot, lambda: getattr(app.screen, "armed", False))
        await pilot.press("enter")
        await until(pilot, port.acted)
        assert isinstance(port.acted()[0], ask.ApproveSignal)


async def test_desk_key_on_a_page_goes_back_to_the_desk() -> None:
    async with console((100, 30), views=PAGES) as (app, pilot, _port):
        await pilot.press("t")
        await until(pilot, lambda: app.screen is not app.desk)
        await pilot.press("5")
        await until(pilot, lambda: app.screen is app.desk)
        await until(pilot, lambda: app.desk.where() == "positions")


async def test_history_without_a_list_says_so() -> None:
    async with console((100, 30), views=PAGES) as (app, pilot, port):
        port.answer(ask.Query, ask.Refused("unknown", "no such list"))
        await pilot.press("h")
        await until(pilot, lambda: "the engine gave no list: no such list" in "\n".join(text_frame(app)))


async def test_palette_finds_and_does() -> None:
    async with console((100, 30), views=PAGES) as (app, pilot, port):
        await pilot.press("ctrl+p")
        await until(pilot, lambda: getattr(app.screen, "armed", False))
        await pilot.press(*"pause", "enter")
        await until(pilot, port.acted)
        assert isinstance(port.acted()[0], ask.Pause)


async def test_palette_opens_the_same_ticket_and_not_a_short_cut() -> None:
    async with console((100, 30), views=PAGES) as (app, pilot, port):
        await pilot.press("ctrl+p")
        await until(pilot, lambda: getattr(app.screen, "armed", False))
        await pilot.press(*"approve", "enter")
        await until(pilot, lambda: "Ticket BTCUSDT" in "\n".join(text_frame(app)))
        assert port.acted() == []


async def test_command_bar_completes_acts_and_remembers() -> None:
    history: list[str] = []
    async with console((100, 30), views=PAGES, history=history) as (app, pilot, port):
        lists(port)
        await pilot.press("colon")
        await until(pilot, lambda: getattr(app.screen, "armed", False))
        await pilot.press(*"pau", "tab", *"30m", "enter")
        await until(pilot, port.acted)
        assert port.acted()[0] == ask.Pause(id=port.acted()[0].id, actor="console:ann", for_s=1_800.0)
        assert history == ["pause 30m"]
        await until(pilot, lambda: app.screen is app.desk)
        await pilot.press("colon")
        await until(pilot, lambda: getattr(app.screen, "armed", False))
        await pilot.press("up", "enter")
        await until(pilot, lambda: len(port.acted()) == 2)


async def test_command_bar_tells_what_it_does_not_know() -> None:
    async with console((100, 30), views=PAGES) as (app, pilot, port):
        await pilot.press("colon")
        await until(pilot, lambda: getattr(app.screen, "armed", False))
        await pilot.press(*"sell all", "enter")
        await until(pilot, lambda: "no such command: sell" in text_frame(app)[-1])
        assert port.acted() == []


async def test_command_bar_asks_before_auto_like_the_key() -> None:
    async with console((100, 30), views=PAGES) as (app, pilot, port):
        await pilot.press("colon")
        await until(pilot, lambda: getattr(app.screen, "armed", False))
        await pilot.press(*"mode auto", "enter")
        await until(pilot, lambda: "Go auto" in "\n".join(text_frame(app)))
        assert port.acted() == []
