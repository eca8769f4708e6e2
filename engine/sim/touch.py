"""Where a symbol's best prices stand and how its book is shaped, scaled from the recorded shape to its own grid."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from random import Random

import numpy as np

from engine.sim.book_shape import BookShape
from engine.sim.ladder import Ladder
from engine.sim.lane import Lane
from engine.sim.symbols import DATA

LEAN_BARS = 4  # an hour of taker flow, the open bar among them
LEAN_GAIN = 5.0  # takers that buy a tenth more of the volume than they sell make the book lean by a half
LEAN_MOST = 0.8
RECORDED_VOLUME = 1917.0  # mean volume of a 15m bar of the symbol whose book was recorded, in base units
MOST_CHANGES = 60  # levels changed in a tenth of a second, at most


@cache
def recorded_shape() -> BookShape:
    return BookShape.load(DATA / "book_shape.npz")


class TouchMaker:
    """Best prices of one lane, and its ladder when somebody looks at the book."""

    def __init__(self, lane: Lane, seed: int) -> None:
        shape = recorded_shape()
        self._lane = lane
        self._seed = seed
        self._spreads: Sequence[int] = [max(1, round(x)) for x in shape.spread_ticks.tolist()]
        self._noise: Sequence[float] = [max(x, 1e-3) for x in shape.qty_spread.tolist()[1:-1]]
        grid = lane.grid
        level = lane.tape.mean_volume * shape.top_qty / RECORDED_VOLUME / grid.step_size
        tick_bps = grid.tick_size / (lane.last(lane.origin_ms) * grid.tick_size) * 1e4
        self._gap: list[int] = np.maximum(np.rint(shape.gap_bps / tick_bps), 1).astype(int).tolist()
        dense = np.maximum(tick_bps / np.maximum(shape.gap_bps, 1e-6), 1.0)
        self._mean_qty: list[float] = np.maximum(level * shape.qty_mean * dense, 1.0).tolist()
        busy = min(1.0, max(0.04, (lane.tape.mean_volume * lane.last(lane.origin_ms) * grid.tick_size / 1.3e8) ** 0.5))
        self._changes: Sequence[int] = [min(MOST_CHANGES, max(2, round(x * busy))) for x in shape.changes.tolist()]
        self._ranks: Sequence[int] = [int(x) for x in shape.ranks.tolist()]
        self._flow_before: tuple[int, int, int] = (-1, 0, 0)  # bar, volume and taker buying of the bars before it

    def prices(self, at_ms: int) -> tuple[int, int]:
        """(bid, ask) in ticks: the last trade was at one of them."""
        price, buy, number = self._lane.last_print(at_ms)
        spread = self._spreads[(number * 7919) % len(self._spreads)]
        bid = max(1, price - spread) if buy else price
        return bid, (price if buy else price + spread)

    def quantities(self, at_ms: int) -> tuple[int, int]:
        """Quantities at the touch of a symbol whose ladder nobody has asked for."""
        number, lean = self._lane.last_print(at_ms)[2], self.lean(at_ms)
        picks = ((number * 31) % len(self._noise), (number * 57 + 11) % len(self._noise))
        sides = zip(picks, (1.0 + lean, 1.0 - lean), strict=True)
        bid, ask = (max(1, int(self._mean_qty[0] * self._noise[pick] * weight)) for pick, weight in sides)
        return bid, ask

    def lean(self, at_ms: int) -> float:
        """How far the book leans to the bids: with the flow of takers, which in real books comes with resting orders.

        In the recorded minutes of a book its imbalance rose by 0.2 to 1.0 for each unit of flow, the more the longer
        the flow was summed; the gain here is larger, so that a market which is bought for an hour looks like it.
        """
        lane = self._lane
        bar = lane.bar_at(at_ms)
        if self._flow_before[0] != bar:
            before = lane.closed(max(0, bar + 1 - LEAN_BARS), bar)
            self._flow_before = (bar, int(before.volume.sum()), int(before.taker.sum()))
        path = lane.path(bar)
        index = path.index(at_ms - lane.opens(bar))
        volume, taker = (self._flow_before[1] + int(path.volume[index]), self._flow_before[2] + int(path.taker[index]))
        share = (2 * taker - volume) / volume if volume else 0.0
        return max(-LEAN_MOST, min(LEAN_MOST, LEAN_GAIN * share))

    def ladder(self, at_ms: int) -> Ladder:
        rng = Random(f"book {self._seed} {self._lane.contract.symbol}")
        return Ladder(
            self.prices(at_ms),
            self._mean_qty,
            self._gap,
            self._noise,
            self._ranks,
            self._changes,
            rng,
            self.lean(at_ms),
        )
