"""A recorded order book of one symbol played as it was, lap after lap.

It plays at its own pace on the wall clock. Between two laps the book changes in one event from how the recording ended
to how it began.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from engine.sim.ladder import ASK, BID, Sides
from engine.sim.symbols import DATA

CAPTURED_SYMBOL = "BTCUSDT"


@dataclass(frozen=True, slots=True)
class Captured:
    """A capture as integer rows; prices in ticks, quantities in steps, times in ms since its first line.

    `depth`: at, E, T, U, u, pu; `levels`: event, side, price, quantity; `trades`: at, E, T, id, price, quantity,
    buyer is maker, at market; `tickers`: at, E, T, u, bid, quantity, ask, quantity.
    """

    depth: list[list[int]]
    levels: list[list[list[int]]]  # by event
    trades: list[list[int]]
    tickers: list[list[int]]
    snapshot: list[list[int]]
    snapshot_id: int

    @staticmethod
    @cache
    def load() -> Captured:
        with np.load(DATA / "capture.npz") as arrays:
            rows = {name: arrays[name].tolist() for name in arrays.files}
        by_event: list[list[list[int]]] = [[] for _ in rows["depth"]]
        for row in rows["levels"]:
            by_event[row[0]].append(row)
        trades = [row for row in rows["trades"] if row[7]]
        return Captured(rows["depth"], by_event, trades, rows["tickers"], rows["snapshot"], rows["snapshot_id"][0])

    @property
    def start_price(self) -> int:
        """Best bid of the snapshot, in ticks."""
        return max(price for _, side, price, _ in self.snapshot if side == BID)

    @property
    def first(self) -> int:
        """Index of the event that bridges the snapshot: its range of ids holds the snapshot's."""
        return next(number for number, row in enumerate(self.depth) if row[4] >= self.snapshot_id)


@dataclass(frozen=True, slots=True)
class PlayedTrade:
    """A recorded trade; `part` is how far through the stretch just played it was, from 0 to 1."""

    part: float
    price: int
    qty: int
    buy: bool


class CapturedBook(Sides):
    """The recorded book at a moment of its lap."""

    def __init__(self, captured: Captured) -> None:
        super().__init__(captured.snapshot_id)
        self._captured = captured
        self._first = captured.first
        self._start_ms = captured.depth[self._first][0]
        self._length_ms = captured.depth[-1][0] - self._start_ms + 100
        self._played_ms = 0.0
        self._event, self._trade = self._first, 0
        self._id_offset = 0
        self._skip_early_trades()
        for _, side, price, qty in captured.snapshot:
            self.put(side, price, qty)

    def advance(self, elapsed_ms: float) -> list[PlayedTrade]:
        """Play on until `elapsed_ms` after the beginning; returns the trades on the way."""
        begin, trades = self._played_ms, list[PlayedTrade]()
        while True:
            lap = int(elapsed_ms // self._length_ms)
            lap_end = (int(self._played_ms // self._length_ms) + 1) * self._length_ms
            until = min(elapsed_ms, lap_end)
            trades += self._play(until - lap_end + self._length_ms, begin, elapsed_ms, lap_end - self._length_ms)
            self._played_ms = until
            if lap_end > elapsed_ms or lap < 0:
                return trades
            self._rewind()

    def _play(self, lap_ms: float, begin: float, end: float, lap_start: float) -> list[PlayedTrade]:
        captured, until = self._captured, lap_ms + self._start_ms
        while self._event < len(captured.depth) and captured.depth[self._event][0] <= until:
            row = captured.depth[self._event]
            for _, side, price, qty in captured.levels[self._event]:
                self.put(side, price, qty)
            self.stamp(row[4] + self._id_offset, row[3] + self._id_offset)
            self._event += 1
        trades = []
        while self._trade < len(captured.trades) and captured.trades[self._trade][0] <= until:
            row = captured.trades[self._trade]
            at = row[0] - self._start_ms + lap_start
            part = (at - begin) / (end - begin) if end > begin else 1.0
            trades.append(PlayedTrade(min(max(part, 0.0), 1.0), row[4], row[5], not row[6]))
            self._trade += 1
        return trades

    def _rewind(self) -> None:
        captured = self._captured
        wanted: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for _, side, price, qty in captured.snapshot:
            wanted[side][price] = qty
        for side in (BID, ASK):
            for price, _ in self.top(side, 1 << 30):
                if price not in wanted[side]:
                    self.put(side, price, 0)
            for price, qty in wanted[side].items():
                if self.quantity(side, price) != qty:
                    self.put(side, price, qty)
        self._id_offset = self.update_id + 1 - captured.snapshot_id
        self.stamp(self.update_id + 1)
        self._event, self._trade = self._first, 0
        self._skip_early_trades()

    def _skip_early_trades(self) -> None:
        trades = self._captured.trades
        while self._trade < len(trades) and trades[self._trade][0] < self._start_ms:
            self._trade += 1
