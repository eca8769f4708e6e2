"""Holes in series and what follows from them. Pure: times come in, verdicts go out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.store.history_rows import GapRow

RECENT_BARS = 300  # a hole here changes every indicator
OK_PCT = 99.0
DEGRADED_PCT = 95.0
MAX_ATTEMPTS = 3
GIVE_UP_AFTER_MS = 1_800_000
DAY_MS = 86_400_000


class Gap(NamedTuple):
    """Missing bars that would open in [from, to)."""

    from_ms: int
    to_ms: int
    missing: int


class Grade(StrEnum):
    """How far a series may be trusted."""

    OK = "ok"
    DEGRADED = "degraded"  # analysed, flagged
    SUSPENDED = "suspended"
    ABSENT = "absent"  # nothing can be expected yet


@dataclass(frozen=True, slots=True)
class Scan:
    """What a look at a series found; `corrupt` are open times that are off the grid or there twice."""

    gaps: tuple[Gap, ...]
    corrupt: tuple[int, ...]
    present: int
    expected: int

    @property
    def completeness_pct(self) -> float | None:
        """Present of expected bars; None where none is expected."""
        return 100.0 * self.present / self.expected if self.expected else None

    @property
    def missing(self) -> int:
        return sum(gap.missing for gap in self.gaps)


def find_gaps(open_times: Sequence[int] | NDArray[np.int64], tf_ms: int, start_ms: int, end_ms: int) -> Scan:
    """Holes between the bars that should open in [start, end), sorted.

    `end_ms` is the open of the forming bar, which is not expected. Bars outside the range are not looked at.
    """
    start_ms = -(-start_ms // tf_ms) * tf_ms
    end_ms = -(-end_ms // tf_ms) * tf_ms
    times = np.sort(np.asarray(open_times, dtype=np.int64))
    times = times[(times >= start_ms) & (times < end_ms)]
    on_grid = times % tf_ms == 0
    repeated = np.zeros(len(times), dtype=bool)
    repeated[1:] = times[1:] == times[:-1]
    corrupt = tuple(int(at) for at in np.unique(times[~on_grid | repeated]))
    good = times[on_grid & ~repeated]
    edges = np.concatenate(([start_ms - tf_ms], good, [end_ms])) if end_ms > start_ms else np.empty(0, dtype=np.int64)
    holes = np.flatnonzero(np.diff(edges) > tf_ms)
    gaps = tuple(
        Gap(int(edges[i]) + tf_ms, int(edges[i + 1]), (int(edges[i + 1]) - int(edges[i])) // tf_ms - 1) for i in holes
    )
    return Scan(gaps, corrupt, len(good), max(0, (end_ms - start_ms) // tf_ms))


def expected_span(now_ms: int, tf_ms: int, history_ms: int, listed_ms: int) -> tuple[int, int]:
    """[start, end) of open times a series should have: from its warm-up or its listing on, up to the forming bar."""
    end_ms = now_ms // tf_ms * tf_ms
    start_ms = max(end_ms - history_ms, listed_ms)
    return min(-(-start_ms // tf_ms) * tf_ms, end_ms), end_ms


def grade(scan: Scan, tf_ms: int, end_ms: int, recent_bars: int = RECENT_BARS) -> Grade:
    """What may be done with the series; any hole within the newest bars suspends it, however complete the rest is."""
    completeness = scan.completeness_pct
    if completeness is None or scan.present == 0:
        return Grade.ABSENT
    if any(gap.to_ms > end_ms - recent_bars * tf_ms for gap in scan.gaps) or completeness < DEGRADED_PCT:
        return Grade.SUSPENDED
    return Grade.OK if completeness >= OK_PCT else Grade.DEGRADED


# -- the life of a hole -----------------------------------------------------------------------------------------------


def track(symbol: str, tf: str, gap: Gap) -> GapRow:
    """A hole as it is remembered."""
    return GapRow(symbol=symbol, tf=tf, from_ms=gap.from_ms, to_ms=gap.to_ms, missing=gap.missing)


def after_attempt(gap: GapRow, missing_now: int, now_ms: int) -> GapRow:
    """A hole after somebody tried to fill it: it is closed only by bars that are in the store.

    After three tries over at least half an hour the exchange has none; it is asked again the next day.
    """
    if missing_now == 0:
        return msgspec.structs.replace(gap, missing=0, state="closed")
    attempts = gap.attempts + 1
    first_ms = gap.first_try_ms if gap.first_try_ms is not None else now_ms
    given_up = attempts >= MAX_ATTEMPTS and now_ms - first_ms >= GIVE_UP_AFTER_MS
    return msgspec.structs.replace(
        gap,
        missing=missing_now,
        attempts=attempts,
        first_try_ms=first_ms,
        state="unfillable" if given_up else "open",
        next_try_ms=(now_ms // DAY_MS + 1) * DAY_MS if given_up else now_ms,
    )


def repair_plan(gaps: Sequence[GapRow], now_ms: int) -> list[GapRow]:
    """The holes to be tried now, newest first."""
    due = [gap for gap in gaps if gap.state in ("open", "queued", "unfillable") and gap.next_try_ms <= now_ms]
    return sorted(due, key=lambda gap: (-gap.to_ms, gap.symbol, gap.tf))
