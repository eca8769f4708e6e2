"""The shape and the rhythm of a recorded order book, small enough to lay around any price path.

Measured once from a capture: how far apart levels stand, how much rests on each, how wide the spread is, how many
levels change in a tenth of a second and how deep below the touch. Everything is by rank from the touch, so that it
can be scaled to symbols of another price, tick and volume.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

RANKS = 1000
WINDOW_MS = 100
QUANTILES = 101
TOP = 20
STEP = 0.001  # quantity step of the captured symbol


@dataclass(frozen=True, slots=True)
class BookShape:
    """All arrays float64. Quantities are relative to the mean quantity of the best 20 levels."""

    top_qty: float  # mean quantity of the best 20 levels, in base units
    qty_mean: np.ndarray  # (RANKS,) mean quantity by rank
    qty_spread: np.ndarray  # (QUANTILES,) quantiles of quantity over the mean of its rank
    gap_bps: np.ndarray  # (RANKS,) mean distance to the level before, in basis points of the price
    changes: np.ndarray  # (QUANTILES,) quantiles of changed levels per 100 ms
    ranks: np.ndarray  # (QUANTILES,) quantiles of the rank of a changed level
    spread_ticks: np.ndarray  # (QUANTILES,) quantiles of the spread in ticks

    @staticmethod
    def load(file: Path) -> BookShape:
        with np.load(file) as arrays:
            measured = {name: arrays[name] for name in arrays.files}
        return BookShape(top_qty=measured.pop("top_qty").item(), **measured)


def measure_shape(capture: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Fields of `BookShape` from the integer arrays of a capture (see `engine.sim.pack`)."""
    sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for _, side, price, qty in capture["snapshot"].tolist():
        sides[side][price] = qty
    by_event: dict[int, list[list[int]]] = {}
    for row in capture["levels"].tolist():
        by_event.setdefault(row[0], []).append(row)
    samples: list[np.ndarray] = []
    gaps: list[np.ndarray] = []
    spreads: list[int] = []
    counts: list[int] = []
    ranks: list[int] = []
    window, changed = 0, set[tuple[int, int]]()
    for index, event in enumerate(capture["depth"].tolist()):
        if event[4] < capture["snapshot_id"][0]:
            continue
        if event[0] // WINDOW_MS != window:
            bids, asks = _ladders(sides)
            counts.append(len(changed))
            ranks.extend(_rank(bids if side == 0 else asks, price) for side, price in changed)
            if len(counts) % 10 == 0:
                samples += [_padded([sides[0][p] for p in bids]), _padded([sides[1][p] for p in asks])]
                gaps += [_padded(np.abs(np.diff(bids)).tolist()), _padded(np.abs(np.diff(asks)).tolist())]
            spreads.append(asks[0] - bids[0])
            window, changed = event[0] // WINDOW_MS, set()
        for _, side, price, qty in by_event.get(index, []):
            changed.add((side, price))
            if qty:
                sides[side][price] = qty
            else:
                sides[side].pop(price, None)
    quantity = np.array(samples)
    mean = np.nanmean(quantity, axis=0)
    middle = (max(sides[0]) + min(sides[1])) / 2
    grid = np.linspace(0, 1, QUANTILES)
    return {
        "top_qty": np.array(mean[:TOP].mean() * STEP),
        "qty_mean": mean / mean[:TOP].mean(),
        "qty_spread": np.quantile((quantity / mean)[~np.isnan(quantity)], grid),
        "gap_bps": np.nanmean(np.array(gaps), axis=0) / middle * 1e4,
        "changes": np.quantile(counts, grid),
        "ranks": np.quantile(ranks, grid),
        "spread_ticks": np.quantile(spreads, grid),
    }


def _ladders(sides: tuple[dict[int, int], dict[int, int]]) -> tuple[list[int], list[int]]:
    return sorted(sides[0], reverse=True), sorted(sides[1])


def _rank(ladder: list[int], price: int) -> int:
    descending = len(ladder) > 1 and ladder[0] > ladder[-1]
    if descending:
        return min(bisect_left(ladder, -price, key=lambda other: -other), RANKS - 1)
    return min(bisect_left(ladder, price), RANKS - 1)


def _padded(values: list[int]) -> np.ndarray:
    row = np.full(RANKS, np.nan)
    row[: min(RANKS, len(values))] = values[:RANKS]
    return row
