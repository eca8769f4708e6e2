"""A loss that comes to its limit is told once a day and once a week, at just that size."""

from __future__ import annotations

from decimal import Decimal

from config.schema import RiskSettings
from engine.clock import VirtualClock, run_virtual
from engine.desk.loss_alarm import LossAlarm
from engine.desk.notice_log import KEPT, NoticeLog
from engine.port import notices
from engine.port.commands import Done, Halt, Reply
from engine.trading.risk import Portfolio

MONDAY_NOON_MS = 1_767_614_400_000  # 2026-01-05 12:00 UTC
SETTINGS = RiskSettings(max_daily_loss_pct=3.0, max_weekly_loss_pct=5.0)


def test_limit_reached_is_told_once_for_its_day_and_once_for_its_week() -> None:
    async def scenario(clock: VirtualClock) -> None:
        log, held = NoticeLog(clock), [Portfolio()]
        halted: list[str] = []

        async def halt(command: Halt) -> Reply:
            halted.append(command.reason)
            return Done()

        alarm = LossAlarm(lambda: held[0], lambda: Decimal(9_700), SETTINGS, clock, log, halt)

        async def told() -> list[str]:
            await alarm.look()
            await alarm.look()
            texts = [one.text for one in log.kept if isinstance(one, notices.Degraded) and one.what == "limit"]
            assert len(texts) == len(log.kept)
            assert halted == texts
            return texts

        held[0] = Portfolio(day_usdt=Decimal("-299.9"), week_usdt=Decimal("-299.9"))
        assert await told() == []
        held[0] = Portfolio(day_usdt=Decimal(-300), week_usdt=Decimal(-300))
        assert await told() == ["loss today 3.00 % >= 3 %: no new entries before 00:00 UTC"]
        held[0] = Portfolio(day_usdt=Decimal(-200), week_usdt=Decimal(-450), open_usdt=Decimal(-150))
        assert (await told())[1:] == ["loss this week 5.91 % >= 5 %: no new entries before Monday 00:00 UTC"]
        again = LossAlarm(lambda: held[0], lambda: Decimal(9_700), SETTINGS, clock, log, halt)
        await again.look()
        assert (await told())[2:] == [], "a restart finds what was told"
        await clock.sleep(86_400)
        assert (await told())[2:] == ["loss today 3.54 % >= 3 %: no new entries before 00:00 UTC"]
        held[0] = Portfolio(week_usdt=Decimal(-200))
        await clock.sleep(7 * 86_400)
        assert (await told())[3:] == []

    run_virtual(scenario, MONDAY_NOON_MS)


def test_limit_that_other_news_pushed_out_of_the_log_is_not_told_again() -> None:
    async def scenario(clock: VirtualClock) -> None:
        log, halted = NoticeLog(clock), list[str]()

        async def halt(command: Halt) -> Reply:
            halted.append(command.reason)
            return Done()

        loss = Portfolio(day_usdt=Decimal(-300), week_usdt=Decimal(-300))
        alarm = LossAlarm(lambda: loss, lambda: Decimal(9_700), SETTINGS, clock, log, halt)
        await alarm.look()
        for number in range(KEPT):
            log.tell(notices.Recovered, f"other news {number}", what="book")
        await alarm.look()
        assert len(halted) == 1, "who has resumed would be stopped again"

    run_virtual(scenario, MONDAY_NOON_MS)
