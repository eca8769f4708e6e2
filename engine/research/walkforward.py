"""Parameters chosen on the past and judged on what came after, fold by fold.

A fold trains on everything before its test period. Trades that reach into the test period are purged, and a gap of
days after the training period is left out, so that neither period knows the other. Only the joined test periods are
the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

import msgspec

from engine.research.grid import Cell
from engine.research.stats import DAY_MS, Summary, summary
from engine.research.trades import Trade

LEAST_TRAINED: Final = 100  # trades of the training period below which a cell cannot be chosen


class Fold(msgspec.Struct, frozen=True):
    """One test period with the cell that the past preferred."""

    train_to: str
    test_from: str
    test_to: str
    chosen: dict[str, Any]
    trained: Summary
    tested: Summary


class WalkForward(msgspec.Struct, frozen=True):
    """All folds, their joined test periods, and what no choosing at all would have given there."""

    folds: tuple[Fold, ...]
    joined: Summary
    unchosen: Summary  # the first cell over the same periods
    trials: int


def walk_forward(
    cells: Sequence[Cell], trades: Sequence[Sequence[Trade]], folds: int = 5, embargo_days: float = 7.0
) -> WalkForward:
    """`trades` are those of each cell over the whole time; the first cell is the present setting."""
    every = [trade for found in trades for trade in found]
    if not every:
        return WalkForward((), summary([]), summary([]), len(cells))
    first = min(trade.entry_ms for trade in every) // DAY_MS * DAY_MS
    last = (max(trade.exit_ms for trade in every) // DAY_MS + 1) * DAY_MS
    gap = int(embargo_days * DAY_MS)
    edges = _edges(first, last, folds, sorted(trade.entry_ms for trade in every))
    found: list[Fold] = []
    joined: list[Trade] = []
    unchosen: list[Trade] = []
    for start, stop in edges:
        trained = [_within(one, first, start - gap, purged=True) for one in trades]
        able = [k for k, one in enumerate(trained) if len(one) >= LEAST_TRAINED] or [0]
        chosen = max(able, key=lambda k: (summary(trained[k], intervals=False).expectancy_r or 0.0, -k))
        tested = _within(trades[chosen], start, stop)
        joined += tested
        unchosen += _within(trades[0], start, stop)
        found.append(
            Fold(_day(start - gap), _day(start), _day(stop), dict(cells[chosen]),
                 summary(trained[chosen]), summary(tested))
        )  # fmt: skip
    return WalkForward(tuple(found), summary(joined), summary(unchosen), len(cells))


def _edges(first: int, last: int, folds: int, entries: Sequence[int]) -> list[tuple[int, int]]:
    """Test periods of about equal numbers of trades; the first part only trains."""
    cuts = [entries[len(entries) * k // (folds + 1)] // DAY_MS * DAY_MS for k in range(1, folds + 1)]
    bounds = [*cuts, last]
    return [(start, stop) for start, stop in pairwise(bounds) if first < start < stop]


def _within(trades: Sequence[Trade], start: int, stop: int, *, purged: bool = False) -> list[Trade]:
    return [
        trade for trade in trades
        if start <= trade.entry_ms < stop and not (purged and trade.exit_close_ms > stop)
    ]  # fmt: skip


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()
