"""The whole screen as plain text, at every size a person may have."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import console_views as views
from tests.support.frames import console, golden, settle, text_frame

SIZES = ((80, 24), (120, 40), (140, 40), (200, 56))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_desk_at_every_size(size: tuple[int, int]) -> None:
    async with console(size) as (app, _pilot, _port):
        golden(f"desk-{size[0]}x{size[1]}", text_frame(app))


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_ascii_draws_the_same_picture_cell_for_cell(size: tuple[int, int]) -> None:
    async with console(size) as (plain, _pilot, _port):
        unicode_frame = text_frame(plain)
    async with console(size, ascii=True, theme="mono") as (app, _pilot, _port):
        frame = text_frame(app)
    golden(f"desk-ascii-{size[0]}x{size[1]}", frame)
    assert all(line.isascii() for line in frame)
    assert [len(line) for line in frame] == [len(line) for line in unicode_frame]


async def test_palettes_change_no_character() -> None:
    frames = []
    for options in ({"theme": "classic"}, {"theme": "blue-orange"}, {"theme": "mono"}, {"red_up": True}):
        async with console((140, 40), **options) as (app, _pilot, _port):  # type: ignore[arg-type]
            frames.append(text_frame(app))
    assert all(frame == frames[0] for frame in frames)


async def test_below_sixty_by_sixteen_only_status_positions_and_kill() -> None:
    async with console((58, 14)) as (app, _pilot, _port):
        frame = text_frame(app)
        golden("desk-58x14", frame)
    text = "\n".join(frame)
    assert "PAPER" in text
    assert "Positions" in text
    assert "K kill" in text
    assert "Signals" not in text


EMPTY: dict[str, Any] = {
    "signals": views.v.SignalsView(
        revision=1,
        as_of_ms=views.NOW_MS,
        rows=(),
        waiting=0,
        refused_recent=3,
        why_empty="no signals: regime CHOP on 8 of 8; 3 refused, press x",
    ),
    "positions": views.positions(rows=()),
    "book": views.book(state="buffering", reason="resyncing: gap at u=4711", bids=(), asks=()),
    "regime": views.regime(focus=None, btc=None, breadth={}, closes=(), next_close_ms=0),
    "limits": views.limits(pools=(), forecast=""),
    "health": views.health(state="LOADING", load_text="history 212/512  eta 40s", services=()),
}


async def test_every_empty_pane_says_why() -> None:
    async with console((140, 40), views=EMPTY) as (app, _pilot, _port):
        frame = text_frame(app)
        golden("desk-empty-140x40", frame)
    text = "\n".join(frame)
    for reason in ("regime CHOP on 8 of 8", "no open positions", "resyncing: gap at u=4711", "it needs 200"):
        assert reason in text


async def test_book_out_of_sync_shows_the_reason_and_no_old_price() -> None:
    async with console((140, 40)) as (app, pilot, port):
        assert any("60000.6" in line for line in text_frame(app))
        broken = views.book(revision=2, state="buffering", reason="resyncing: gap at u=4711", bids=(), asks=())
        await port.put("book", broken)
        await settle(pilot, app)
        column = "\n".join(line[:36] for line in text_frame(app))
        assert "resyncing: gap at u=4711" in column
        assert "60000.6" not in column


async def test_lost_engine_is_said_and_every_pane_goes_stale() -> None:
    async with console((140, 40)) as (app, pilot, port):
        await port.cut()
        await settle(pilot, app)
        app.mono_s.s += 5.0  # type: ignore[attr-defined]
        await settle(pilot, app)
        frame = text_frame(app)
        assert "reconnecting 5.0s" in frame[0]
        assert sum(line.count("STALE") for line in frame) == 6
        roles = {role for row in app.desk.signals.picture[1:-1] for text, role in row[1:-1] if text.strip()}
        assert roles == {"stale"}


async def test_naked_position_is_an_alarm_with_a_running_clock() -> None:
    naked = views.position(protected=False, stop=None, stop_order_id=None, naked_ms=1_300.0)
    over = views.desk() | {"health": views.health(naked_ms=1_300.0), "positions": views.positions(rows=(naked,))}
    async with console((140, 40), views=over) as (app, pilot, _port):
        assert "NAKED 1.3s" in text_frame(app)[0]
        assert "NO STOP" in "\n".join(text_frame(app))
        app.mono_s.s += 0.7  # type: ignore[attr-defined]
        await settle(pilot, app)
        assert "NAKED 2.0s" in text_frame(app)[0]


@pytest.mark.parametrize(("venue", "role"), [("live", "live"), ("paper", "paper"), ("testnet", "testnet")])
async def test_venue_is_told_by_word_and_colour(venue: str, role: str) -> None:
    async with console((140, 40), views=views.desk() | {"health": views.health(venue=venue)}) as (app, _p, _port):
        row = app.desk.status.picture[0]
        assert any(venue.upper() in text and used == role for text, used in row)
        if venue == "live":
            assert {used for _, used in row} == {"live"}


async def test_countdown_runs_on_exchange_time_at_its_speed() -> None:
    over = views.desk() | {"health": views.health(venue="sim", speed=20.0)}
    async with console((140, 40), views=over) as (app, pilot, _port):
        assert "exp 06:12" in "\n".join(text_frame(app))
        app.mono_s.s += 1.0  # type: ignore[attr-defined]
        await settle(pilot, app)
        assert "exp 05:52" in "\n".join(text_frame(app))


async def test_demo_has_a_banner() -> None:
    health = views.health(venue="sim", banner="DEMO · recorded data · speed 20x")
    async with console((140, 40), views=views.desk() | {"health": health}, demo=True) as (app, _pilot, _port):
        assert "DEMO · recorded data · speed 20x" in text_frame(app)[1]
