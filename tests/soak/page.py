"""The result of a soak on one page: each promise with what was measured, then the figures behind it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Promise:
    """One line: what must hold and what was seen."""

    name: str
    seen: str
    wanted: str
    holds: bool


@dataclass
class Page:
    """Lines of the result; `missed` is how many promises did not hold."""

    title: str
    promises: list[Promise] = field(default_factory=list)
    figures: list[tuple[str, str]] = field(default_factory=list)

    def promise(self, name: str, seen: str, wanted: str, holds: bool) -> None:
        self.promises.append(Promise(name, seen, wanted, holds))

    def figure(self, name: str, seen: str) -> None:
        self.figures.append((name, seen))

    @property
    def missed(self) -> int:
        return sum(not one.holds for one in self.promises)

    @property
    def text(self) -> str:
        verdict = "all held" if not self.missed else f"{self.missed} of {len(self.promises)} MISSED"
        lines = [self.title, "=" * len(self.title), "", f"{len(self.promises)} promises: {verdict}", ""]
        lines += [
            f"{'ok' if one.holds else 'MISSED':<7}{one.name:<29}{one.seen:<52}{one.wanted}" for one in self.promises
        ]
        return "\n".join([*lines, "", *(f"{name:<36}{seen}" for name, seen in self.figures), ""])

    def write(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.text, encoding="utf-8")


def percentiles(values: Sequence[float], unit: str = "ms") -> str:
    """Median, 95th, 99th and the most, or a word when there is none."""
    if not values:
        return "none"
    ordered = sorted(values)
    at = [ordered[min(len(ordered) - 1, math.ceil(len(ordered) * share) - 1)] for share in (0.5, 0.95, 0.99)]
    return f"p50 {at[0]:.0f}, p95 {at[1]:.0f}, p99 {at[2]:.0f}, most {ordered[-1]:.0f} {unit}, of {len(ordered)}"


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Units per hour over the second half: the first is when caches fill."""
    second = points[len(points) // 2 :]
    if len(second) < 3 or second[0][0] == second[-1][0]:
        return 0.0
    return statistics.linear_regression(*zip(*second, strict=True)).slope


def counted(counts: Mapping[str, int]) -> str:
    """Names and counts, most first."""
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=lambda one: -one[1])) or "none"
