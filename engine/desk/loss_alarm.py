"""Stops entries when the loss of a day or a week has come to its limit, and says so, once for each day and week.

The desk is then reducing until a person resumes it, also after a restart. Who resumes sooner than the day or week is
over is still refused each entry by the limit itself (`risk`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal

from config.schema import RiskSettings
from engine.clock import Clock
from engine.desk.notice_log import NoticeLog
from engine.money import decimal
from engine.port import notices
from engine.port.commands import Halt, Reply
from engine.trading.losses import day_start_ms, loss_share, week_start_ms
from engine.trading.risk import Portfolio

EVERY_S = 1.0
ACTOR = "risk"


class LossAlarm:
    """`portfolio` and `equity` are those the limits are counted with. Keep `run` running."""

    def __init__(
        self, portfolio: Callable[[], Portfolio], equity: Callable[[], Decimal], settings: RiskSettings, clock: Clock,
        log: NoticeLog, halt: Callable[[Halt], Awaitable[Reply]],
    ) -> None:  # fmt: skip
        self._halt = halt
        self._portfolio = portfolio
        self._equity = equity
        self._settings = settings
        self._clock = clock
        self._log = log
        self._told: set[tuple[str, int]] = set()

    async def run(self) -> None:
        """Ends only by cancellation."""
        while True:
            await self.look()
            await self._clock.sleep(EVERY_S)

    async def look(self) -> None:
        """Compare both losses with their limits. Raises StoreError."""
        now_ms, held, settings = self._clock.now_ms(), self._portfolio(), self._settings
        for word, booked, limit_pct, start_ms, end in (
            ("today", held.day_usdt, settings.max_daily_loss_pct, day_start_ms(now_ms), "00:00 UTC"),
            ("this week", held.week_usdt, settings.max_weekly_loss_pct, week_start_ms(now_ms), "Monday 00:00 UTC"),
        ):
            loss_pct = loss_share(booked, held.open_usdt, self._equity()) * 100
            if loss_pct < decimal(limit_pct) or (word, start_ms) in self._told:
                continue
            if not self._was_told(word, start_ms):
                text = f"loss {word} {loss_pct:.2f} % >= {limit_pct:g} %: no new entries before {end}"
                await self._halt(Halt(id=f"loss-{start_ms}", actor=ACTOR, reason=text))
                self._log.tell(notices.Degraded, text, severity="warn", what="limit")
            # Other news would push it out of the log within a bad week.
            self._told.add((word, start_ms))

    def _was_told(self, word: str, start_ms: int) -> bool:
        """What is kept of earlier runs counts too: a restart is no new loss."""
        return any(
            isinstance(one, notices.Degraded) and one.what == "limit" and one.at_ms >= start_ms
            and one.text.startswith(f"loss {word} ")
            for one in self._log.kept
        )  # fmt: skip
