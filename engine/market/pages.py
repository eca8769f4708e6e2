"""What a stretch of bars costs: pages of 499 are the cheapest per bar, and every page is charged by its limit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

PAGE_BARS = 499
_WEIGHTS = ((100, 1), (500, 2), (1001, 5))
DEAREST = 10


class Page(NamedTuple):
    """One request: bars that open in [start, end), `limit` of them."""

    start_ms: int
    end_ms: int
    limit: int


def page_plan(bars: int) -> list[int]:
    """Limits of the requests for so many bars: pages of 499 and one remainder."""
    whole, rest = divmod(max(0, bars), PAGE_BARS)
    return [PAGE_BARS] * whole + ([rest] if rest else [])


def page_weight(limit: int) -> int:
    """Request weight of one page of klines."""
    return next((weight for below, weight in _WEIGHTS if limit < below), DEAREST)


def cost(bars: int) -> int:
    """Request weight of so many bars of one series."""
    return sum(map(page_weight, page_plan(bars)))


def pages(start_ms: int, end_ms: int, tf_ms: int) -> Iterator[Page]:
    """The requests for the bars that open in [start, end), newest first, so that what is needed first comes first."""
    bars = max(0, -(-(end_ms - start_ms) // tf_ms))
    until_ms = start_ms + bars * tf_ms
    for limit in page_plan(bars):
        yield Page(until_ms - limit * tf_ms, until_ms, limit)
        until_ms -= limit * tf_ms


def forecast_minutes(weights: Iterable[int], ceiling: int) -> float:
    """Minutes a batch takes at full use of a ceiling per minute."""
    return sum(weights) / ceiling
