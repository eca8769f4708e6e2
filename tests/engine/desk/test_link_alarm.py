"""A link that is gone for a minute is an alarm, told once; so is its return."""

from __future__ import annotations

from engine.clock import VirtualClock, run_virtual
from engine.desk.link_alarm import LinkAlarm
from engine.desk.notice_log import NoticeLog
from engine.port import notices

NOON_MS = 1_767_268_800_000


def test_link_gone_for_a_minute_is_told_once_and_its_return_once() -> None:
    async def scenario(clock: VirtualClock) -> None:
        links = {"market": "ok", "private": "ok"}
        log = NoticeLog(clock)
        alarm = LinkAlarm(lambda: links, clock, log)
        links["market"] = "down"
        for _ in range(61):
            alarm.look()
            await clock.sleep(1.0)
        assert log.kept == ()
        alarm.look()
        alarm.look()
        (told,) = log.kept
        assert isinstance(told, notices.Degraded)
        assert (told.severity, told.what) == ("danger", "link")
        assert "market link down" in told.text
        links["market"] = "ok"
        for _ in range(9):
            alarm.look()
            await clock.sleep(1.0)
        assert [type(one).__name__ for one in log.kept] == ["Degraded", "Recovered"]

    run_virtual(scenario, NOON_MS)


def test_short_break_is_not_worth_a_word() -> None:
    async def scenario(clock: VirtualClock) -> None:
        links = {"market": "ok"}
        log = NoticeLog(clock)
        alarm = LinkAlarm(lambda: links, clock, log)
        for second in range(300):
            links["market"] = "late" if second % 50 < 40 else "ok"
            alarm.look()
            await clock.sleep(1.0)
        assert log.kept == ()

    run_virtual(scenario, NOON_MS)


def test_socket_that_opens_anew_and_says_nothing_is_not_back() -> None:
    async def scenario(clock: VirtualClock) -> None:
        links = {"market": "ok"}
        log = NoticeLog(clock)
        alarm = LinkAlarm(lambda: links, clock, log)
        for second in range(150):  # a silent socket is cut and opened again; a new one counts as fresh for 5 s
            links["market"] = "ok" if second % 30 < 5 else "late"
            alarm.look()
            await clock.sleep(1.0)
        (told,) = log.kept
        assert "market link" in told.text
        links["market"] = "ok"
        for _ in range(9):
            alarm.look()
            await clock.sleep(1.0)
        assert [type(one).__name__ for one in log.kept] == ["Degraded", "Recovered"]

    run_virtual(scenario, NOON_MS)
