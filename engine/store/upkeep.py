"""Once a day, what is older than it is kept for is dropped."""

from __future__ import annotations

import structlog

from config.schema import StoreSettings
from engine.clock import Clock
from engine.store.history_writer import HistoryWriter
from engine.store.journal import Journal
from engine.store.retention import DAY_MS, prune_history, prune_messages, prune_metrics

log = structlog.get_logger("engine")

AFTER_MIDNIGHT_MS = 25 * 60_000  # between two closes, and not with the busiest one of the day


class Upkeep:
    """Keep `run` running."""

    def __init__(self, settings: StoreSettings, clock: Clock, writer: HistoryWriter, trading: Journal) -> None:
        self._settings = settings
        self._clock = clock
        self._writer = writer
        self._trading = trading

    async def run(self) -> None:
        """Prune at the start of each day of exchange time. Raises StoreError."""
        while True:
            now_ms = self._clock.now_ms()
            await self._clock.sleep_until((now_ms // DAY_MS + 1) * DAY_MS + AFTER_MIDNIGHT_MS)
            await self.prune()

    async def prune(self) -> dict[str, int]:
        """Drop what is too old; returns how much of each kind."""
        now_ms = self._clock.now_ms()
        dropped = await prune_history(self._writer, self._settings, now_ms)
        dropped["metrics"] = await prune_metrics(self._trading, now_ms)
        dropped["messages"] = await prune_messages(self._trading, now_ms)
        log.info("pruned", **dropped)
        return dropped
