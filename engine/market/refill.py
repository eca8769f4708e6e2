"""When holes are looked for and how many may be filled now. Pure: the clock and the budget come in as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from strategies.model import TIMEFRAME_MS

T = TypeVar("T")

QUARTER_MS = 900_000
AFTER_BOUNDARY_MS = 180_000
AFTER_START_MS = 900_000
LEAST_BARS = 3
IDLE_SHARE = 0.30  # refilling starts only while less than this share of the whole limit is used
LEAST_CAPACITY = 50
STOP_SHARE = 0.55
BATCH_SYMBOLS = 20


def next_refill(now_ms: int, started_ms: int) -> tuple[int, tuple[str, ...]]:
    """When to look next, three minutes after a quarter hour, and at which timeframes.

    The first look is not within a quarter hour of the start.
    """
    earliest_ms = max(now_ms + 1, started_ms + AFTER_START_MS)
    boundary_ms = -(-(earliest_ms - AFTER_BOUNDARY_MS) // QUARTER_MS) * QUARTER_MS
    due = tuple(tf for tf in ("15m", "1h", "4h", "1d") if boundary_ms % TIMEFRAME_MS[tf] == 0)
    return boundary_ms + AFTER_BOUNDARY_MS, due


def lookback_ms(tf: str, lookback_min: int) -> int:
    """How far back to look: at least three bars, however short the setting."""
    return max(lookback_min * 60_000, LEAST_BARS * TIMEFRAME_MS[tf])


@dataclass(frozen=True, slots=True)
class Budget:
    """The request weight of the present minute as the background lane may use it."""

    used: int
    ceiling: int
    limit: int

    @property
    def capacity(self) -> int:
        return max(0, self.ceiling - self.used)

    @property
    def idle(self) -> bool:
        """Whether refilling may begin."""
        return self.used < IDLE_SHARE * self.limit and self.capacity >= LEAST_CAPACITY

    @property
    def spent(self) -> bool:
        """Whether the batch just done was the last of this minute."""
        return self.used > STOP_SHARE * self.limit


def burst_pause_s(used: int, ceiling: int) -> float | None:
    """How long loading rests after a burst of symbols, seconds of machine time; None: until the next minute."""
    if used > 0.9 * ceiling:
        return None
    return 2.5 if used > 0.5 * ceiling else 0.5


def split(costs: Sequence[tuple[T, int]], budget: Budget) -> list[list[T]]:
    """Batches in order: the first fits what is left of this minute (it may be empty), each other one its own minute.

    No batches when refilling may not begin now. An item dearer than a whole minute gets one for itself.
    """
    if not budget.idle:
        return []
    batches: list[list[T]] = [[]]
    room = budget.capacity
    for item, cost in costs:
        if cost > room and (batches[-1] or len(batches) == 1):
            batches.append([])
            room = budget.ceiling
        batches[-1].append(item)
        room -= cost
    return batches if costs else []
