"""The exchange's one clock: the system's UTC at speed 1, faster or held on request."""

from __future__ import annotations

from typing import Protocol

from engine.clock import SystemClock

SETTLE_MS = 5_000.0  # wall time for which clients may still count in the speed before


class ExchangeClock(Protocol):
    """What the exchange asks of time; wall milliseconds only ever as a distance."""

    @property
    def speed(self) -> float: ...
    @property
    def allowance(self) -> float:
        """Exchange milliseconds that a wall millisecond of a client may amount to."""
        ...

    def now_ms(self) -> int: ...
    def wall_ms(self) -> float: ...


class Clockwork:
    """Exchange time on the machine's clock."""

    def __init__(self, speed: float = 1.0, start_ms: int | None = None) -> None:
        self._clock = SystemClock(speed, start_ms)
        self._speed_before = speed
        self._changed_ms = -SETTLE_MS

    @property
    def speed(self) -> float:
        return self._clock.rate

    @property
    def allowance(self) -> float:
        recent = self._clock.mono_ms() - self._changed_ms < SETTLE_MS
        return max(self.speed, self._speed_before if recent else 0.0) or 1.0

    def now_ms(self) -> int:
        return self._clock.now_ms()

    def wall_ms(self) -> float:
        return self._clock.mono_ms()

    def set_speed(self, speed: float) -> None:
        """Run at another speed from now on; 0 holds the time."""
        wall_ms = self.wall_ms()
        self._speed_before, self._changed_ms = self.speed, wall_ms
        self._clock.follow(self._clock.now_ms(), wall_ms, speed)

    def skew(self, ms: int) -> None:
        """Jump: what a badly kept clock does."""
        self._clock.follow(self._clock.now_ms() + ms, self.wall_ms())


class HandClock:
    """Exchange time moved by hand or read from a virtual clock; the wall moves with it."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    @property
    def speed(self) -> float:
        return 1.0

    @property
    def allowance(self) -> float:
        return 1.0

    def now_ms(self) -> int:
        return self._now_ms

    def wall_ms(self) -> float:
        return float(self._now_ms)

    def set(self, now_ms: int) -> None:
        self._now_ms = max(self._now_ms, now_ms)
