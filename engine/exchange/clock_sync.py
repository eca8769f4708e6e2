"""Follows the exchange's clock, and says when it cannot be trusted.

The exchange dates and counts by its own clock, so the desk runs on it: offset from the quickest of a few readings,
rate from two readings some time apart. A served exchange may run many times faster than the machine, or be held; the
live one runs at exactly 1. A jump of more than a second of machine time means that either clock was set: nothing is
signed until a second measurement agrees with the first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from engine.clock import Clock, SystemClock, sleep_or, wall_ms
from engine.errors import ClockSkew, ExchangeError

log = structlog.get_logger("exchange")

READINGS = 3
BASELINE_MS = 200.0
LONGEST_BASELINE_MS = 2_000.0
RATE_TOLERANCE = 0.02
PACE_JUMP_MS = 50.0
WARN_JUMP_MS = 500.0
BLOCK_JUMP_MS = 1_000.0
SCALED_CHECK_S = 2.0
CHANGED_CHECK_S = 0.5
RETRY_S = 0.5


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer about the exchange's time, dated to the middle of its round trip on the machine's clock."""

    server_ms: int
    sent_mono_ms: float
    received_mono_ms: float

    @property
    def middle_ms(self) -> float:
        return (self.sent_mono_ms + self.received_mono_ms) / 2

    @property
    def round_trip_ms(self) -> float:
        return self.received_mono_ms - self.sent_mono_ms


def quickest(readings: list[Reading]) -> Reading:
    """The reading that can be wrong by the least."""
    return min(readings, key=lambda reading: reading.round_trip_ms)


def rate_between(first: Reading, last: Reading) -> tuple[float, float]:
    """(rate, how far it may be off): exchange milliseconds in each machine millisecond.

    A rate that may be 1 is 1, and one that may be a single whole number is that number: speeds are set, not drifted.
    """
    span_ms = max(last.middle_ms - first.middle_ms, 1e-6)
    rate = (last.server_ms - first.server_ms) / span_ms
    # Each reading is off by half its round trip at most, plus the millisecond the answer is rounded to.
    error = max(rate, 1.0) * (first.round_trip_ms + last.round_trip_ms) / 2 / span_ms + 1.0 / span_ms
    if abs(rate - 1.0) <= error + RATE_TOLERANCE:
        return 1.0, error
    whole = round(rate)
    if abs(rate - whole) <= error < 0.5:
        return float(whole), error
    return rate, error


class Trust(Protocol):
    """What requests ask about the clock their timestamps come from."""

    async def trusted(self) -> None:
        """Returns when timestamps can be trusted, after a measurement under way. Raises ClockSkew."""
        ...

    def require(self) -> None:
        """Raises ClockSkew while they cannot."""
        ...

    async def remeasure(self) -> None:
        """A timestamp was refused. Raises ExchangeError when nothing can be measured."""
        ...


class Blind:
    """A clock nobody measures."""

    async def trusted(self) -> None:
        """Nothing to wait for."""

    def require(self) -> None:
        """Nothing to refuse."""

    async def remeasure(self) -> None:
        """Nothing to measure."""


class ClockSync:
    """Keeps a system clock on exchange time; a virtual clock is exchange time already and is left alone."""

    def __init__(self, clock: Clock, read: Callable[[], Awaitable[Reading]], check_min: float) -> None:
        """`read` asks the exchange for its time; it may raise ExchangeError."""
        self._clock = clock
        self._read = read
        self._check_s = check_min * 60.0
        self._known = not isinstance(clock, SystemClock)
        self._measuring = asyncio.Lock()
        self._doubted = asyncio.Event()  # a measurement ended with nothing
        self._jump_ms: float | None = None
        self._last: Reading | None = None
        self._delay_s = self._check_s
        self.jumps = 0

    async def start(self) -> None:
        """Measure offset and rate. Raises ExchangeError when the exchange cannot be asked."""
        clock = self._clock
        if not isinstance(clock, SystemClock):
            return
        first = quickest(await self._readings(READINGS))
        baseline_ms = BASELINE_MS
        while True:
            await clock.sleep(max(0.0, first.middle_ms + baseline_ms - clock.mono_ms()) / 1000.0)
            last = quickest(await self._readings(2))
            rate, error = rate_between(first, last)
            if error <= 0.05 * max(rate, 1.0) or baseline_ms >= LONGEST_BASELINE_MS:
                break
            baseline_ms *= 2
        clock.follow(last.server_ms, last.middle_ms, rate)
        self._known, self._jump_ms, self._last = True, None, last
        self._delay_s = self._check_s if rate == 1.0 else min(SCALED_CHECK_S, self._check_s)
        log.info("clock_known", rate=rate, round_trip_ms=round(last.round_trip_ms, 1))

    async def check(self) -> float:
        """Measure again; returns the jump in machine milliseconds. Raises ExchangeError.

        Where both clocks run alike, a jump of a second or more is measured once more before anything may be signed.
        Where they do not, it is a change of pace, and the new pace is followed at once.
        """
        clock = self._clock
        if not isinstance(clock, SystemClock):
            return 0.0
        if not self._known or self._last is None:
            await self.start()
            return 0.0
        rate, last = clock.rate, self._last
        before_ms, before_mono_ms = clock.now_ms(), clock.mono_ms()
        reading = quickest(await self._readings(READINGS if rate == 1.0 else 1))
        # In machine time: what a quick clock calls a minute may be the blink of an eye here.
        jump_ms = (reading.server_ms - before_ms - (reading.middle_ms - before_mono_ms) * rate) / max(rate, 1.0)
        if rate != 1.0:
            self._follow_pace(clock, last, reading, jump_ms)
            return jump_ms
        self._last = reading
        clock.follow(reading.server_ms, reading.middle_ms)
        if abs(jump_ms) > BLOCK_JUMP_MS:
            self._jump_ms, self.jumps = jump_ms, self.jumps + 1
            log.warning("clock_jumped", jump_ms=round(jump_ms))
            await self.start()
        elif abs(jump_ms) > WARN_JUMP_MS:
            log.warning("clock_drifted", jump_ms=round(jump_ms))
        self._delay_s = self._check_s
        return jump_ms

    def _follow_pace(self, clock: SystemClock, last: Reading, reading: Reading, jump_ms: float) -> None:
        # Who changed the pace may have told the clock already: it is right when it foresaw this reading.
        same = abs(jump_ms) <= PACE_JUMP_MS + reading.round_trip_ms / 2
        clock.follow(reading.server_ms, reading.middle_ms, clock.rate if same else rate_between(last, reading)[0])
        self._last = reading
        if not same:
            self._delay_s = CHANGED_CHECK_S
        elif clock.rate < 1.0:
            # Budgets refill with the exchange's minutes: on a held clock, asking must become rare.
            self._delay_s = min(self._delay_s * 2, self._check_s)
        else:
            self._delay_s = min(SCALED_CHECK_S, self._check_s)

    async def run(self) -> None:
        """Check now and then for good; more often where the exchange's time does not run as the machine's.

        Once a timestamp was refused this goes on until the clock is known again: whoever met the refusal may not live
        to see the end of its measurement, and nobody else is sent who could meet another.
        """
        while True:
            await sleep_or(self._clock, self._delay_s, self._doubted)
            self._doubted.clear()
            try:
                await self.check()
            except ExchangeError as error:
                log.warning("clock_check_failed", reason=str(error))
                self._delay_s = self._check_s if self.usable else RETRY_S

    async def remeasure(self) -> None:
        """The exchange refused a timestamp: what we believed is not used before it is measured again.

        Many refusals at once lead to one measurement. Raises ExchangeError.
        """
        if not isinstance(self._clock, SystemClock):
            return
        asked_mono_ms = self._clock.mono_ms()
        async with self._measuring:
            if self._known and self._last is not None and self._last.sent_mono_ms >= asked_mono_ms:
                return
            self._known = False
            try:
                await self.start()
            finally:
                if not self._known:
                    self._doubted.set()

    async def trusted(self) -> None:
        """Returns when timestamps can be trusted, after a measurement under way. Raises ClockSkew."""
        if self._measuring.locked():
            async with self._measuring:
                pass
        self.require()

    def require(self) -> None:
        """Raises ClockSkew while nothing may be signed."""
        if self._jump_ms is not None:
            raise ClockSkew(round(self._jump_ms))
        if not self._known:
            raise ClockSkew(None)

    @property
    def usable(self) -> bool:
        return self._known and self._jump_ms is None

    @property
    def offset_ms(self) -> float | None:
        """How far the exchange's clock is ahead of the machine's; None where they do not run at one pace."""
        if not self._known or self._clock.rate != 1.0 or not isinstance(self._clock, SystemClock):
            return None
        return float(self._clock.now_ms() - wall_ms())

    async def _readings(self, count: int) -> list[Reading]:
        return [await self._read() for _ in range(count)]
