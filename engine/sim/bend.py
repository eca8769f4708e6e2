"""How a scenario and an outside hand change prices: a monotone map of each price, and jumps that stay.

The map keeps order (a higher price stays higher), so a bent bar's extremes are the bent extremes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

NEVER_MS = 1 << 62

Factor = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Course:
    """A scenario's change: `price' = anchor x (price / anchor) ** power x factor(ms since start)`."""

    power: float = 1.0
    factor: Factor | None = None


@dataclass(frozen=True, slots=True)
class Jump:
    """From `at_ms` on, prices are `ratio` times what they were."""

    at_ms: int
    ratio: float


class Bend:
    """The change of one symbol's prices from `start_ms` on; nothing before is touched."""

    def __init__(self, course: Course, start_ms: int, anchor: float) -> None:
        self._course = course
        self._start_ms = start_ms
        self._anchor = anchor
        self.jumps: list[Jump] = []
        self._ratios = np.ones(1)

    @property
    def from_ms(self) -> int:
        """No price before this time is changed."""
        if self._course.power != 1.0 or self._course.factor is not None:
            return self._start_ms
        return self.jumps[0].at_ms if self.jumps else NEVER_MS

    def jump(self, at_ms: int, ratio: float) -> None:
        self.jumps.append(Jump(at_ms, ratio))
        self._ratios = np.append(self._ratios, self._ratios[-1] * ratio)

    def before(self, at_ms: int) -> int:
        """How many jumps there were before a time."""
        return bisect_left([jump.at_ms for jump in self.jumps], at_ms)

    def within(self, from_ms: int, to_ms: int) -> list[Jump]:
        """Jumps of a half-open range of time."""
        return self.jumps[self.before(from_ms) : self.before(to_ms)]

    def apply(self, price: np.ndarray, at_ms: np.ndarray) -> np.ndarray:
        """Bent prices (float64, same unit) of prices at their times."""
        bent = price.astype(np.float64)
        course = self._course
        if course.power != 1.0:
            bent = self._anchor * (bent / self._anchor) ** course.power
        if course.factor is not None:
            bent *= course.factor(np.maximum(at_ms - self._start_ms, 0))
        if self.jumps:
            times = np.array([jump.at_ms for jump in self.jumps])
            bent *= self._ratios[np.searchsorted(times, at_ms, side="right")]
        return np.where(at_ms >= self._start_ms, bent, price)
