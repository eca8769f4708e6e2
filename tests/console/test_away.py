"""What happened while nobody looked."""

from __future__ import annotations

from console.away import digest_rows, missed
from console.rows import plain
from tests.support import console_views as views
from tests.support.frames import console, settle, text_frame, until


def test_only_what_came_after_the_last_seen_and_before_the_return_counts() -> None:
    notices = views.notices()
    assert [each.seq for each in missed(notices, 3, notices[6].at_ms)] == [4, 5, 6]


def test_digest_counts_and_sums() -> None:
    text = "\n".join(plain(row) for row in digest_rows(views.notices(), views.NOW_MS))
    assert "signals raised    1" in text
    assert "trades closed     1  +1.12R  +56.00 USDT" in text
    assert "decided           approved 1" in text
    assert "entry refused: margin is insufficient" in text


def test_nothing_is_no_digest() -> None:
    assert digest_rows((), views.NOW_MS) == []


async def test_return_shows_the_digest_once_and_no_burst_of_alarms() -> None:
    shown: list[int] = []
    async with console((120, 40), notices_after=1, seen=shown.append) as (app, pilot, port):
        for notice in views.notices():
            await port.tell(notice)
        await until(pilot, lambda: shown == list(range(2, 10)))
        assert app.screen is app.desk
        app.mono_s.s += 0.6  # type: ignore[attr-defined]
        await until(pilot, lambda: "While you were away" in "\n".join(text_frame(app)))
        assert app._notifications is not None
        assert len(app._notifications) == 0
        await until(pilot, lambda: getattr(app.screen, "armed", False))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.desk)
        app.mono_s.s += 5.0  # type: ignore[attr-defined]
        await settle(pilot, app)
        assert app.screen is app.desk


async def test_first_visit_has_no_digest() -> None:
    async with console((120, 40)) as (app, pilot, port):
        for notice in views.notices():
            await port.tell(notice)
        await until(pilot, lambda: len(app.notices) == 9)
        app.mono_s.s += 2.0  # type: ignore[attr-defined]
        await settle(pilot, app)
        assert app.screen is app.desk
