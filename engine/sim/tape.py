"""Recorded 15m candles on an endless axis of bars, in a contract's own ticks and steps.

Bar 0 is the first recorded one. Past the end the recording plays again, scaled so that its first open is the last
close. A symbol without a recording of its own follows another's, shifted in time and scaled to its own price.
Taker volume that was not recorded is made from where the bar closed in its range; quote volume from its prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from engine.sim.minutes import Minutes
from engine.sim.path import VERTICES, Bar
from engine.sim.symbols import DATA, Grid

TAKER_TILT = 0.3  # share of volume by which a close at the high lifts taker buying above a half
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class Recording:
    """Aligned float64 columns of one symbol, oldest first, without gaps."""

    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    quote_volume: np.ndarray | None = None
    taker_buy_volume: np.ndarray | None = None
    minutes: Minutes | None = None

    def __len__(self) -> int:
        return len(self.open)

    def since(self, bar: int) -> Recording:
        """The recording without its first bars."""
        quote, taker = self.quote_volume, self.taker_buy_volume
        return Recording(
            self.open[bar:], self.high[bar:], self.low[bar:], self.close[bar:], self.volume[bar:],
            None if quote is None else quote[bar:], None if taker is None else taker[bar:],
            None if self.minutes is None else self.minutes.since(bar),
        )  # fmt: skip


def recording_of(columns: Mapping[str, np.ndarray]) -> Recording:
    """A recording from columns by name; what was not recorded is left out."""
    prices = (columns["open"], columns["high"], columns["low"], columns["close"])
    return Recording(*prices, columns["volume"], columns.get("quote_volume"), columns.get("taker_buy_volume"))


@dataclass(frozen=True, slots=True)
class Bars:
    """Consecutive bars: int64 ticks and steps, float64 quote volume."""

    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    taker: np.ndarray
    quote: np.ndarray

    def __len__(self) -> int:
        return len(self.open)

    def at(self, index: int) -> Bar:
        return Bar(
            int(self.open[index]), int(self.high[index]), int(self.low[index]), int(self.close[index]),
            int(self.volume[index]), int(self.taker[index]), float(self.quote[index]),
        )  # fmt: skip

    def put(self, index: int, bar: Bar) -> None:
        values = (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.taker, bar.quote)
        for column, value in zip(self.columns(), values, strict=True):
            column[index] = value

    def columns(self) -> tuple[np.ndarray, ...]:
        return (self.open, self.high, self.low, self.close, self.volume, self.taker, self.quote)


class Tape:
    """Bars of one contract by index."""

    def __init__(
        self, recording: Recording, grid: Grid, price_scale: float = 1.0, volume_scale: float = 1.0, shift: int = 0
    ) -> None:
        self._recording = recording
        self._grid = grid
        self._price_scale = price_scale
        self._volume_scale = volume_scale
        self._shift = shift
        self._lap_ratio = float(recording.close[-1] / recording.open[0])
        self._min_volume = VERTICES * 4 if (price_scale, volume_scale) != (1.0, 1.0) else 0

    def bars(self, first: int, last: int) -> Bars:
        """Bars `first` up to but not including `last`; `first` is not negative."""
        index = np.arange(first, last) + self._shift
        at, lap = index % len(self._recording), index // len(self._recording)
        factor = self._price_scale * self._lap_ratio**lap
        ticks = [self._ticks(getattr(self._recording, name)[at] * factor) for name in PRICES]
        opens, highs, lows, closes = ticks
        step = self._grid.step_size
        volume = np.rint(self._recording.volume[at] * self._volume_scale / step).astype(np.int64)
        np.maximum(volume, self._min_volume, out=volume)
        taker = self._taker(at, volume, ticks)
        return Bars(opens, highs, lows, closes, volume, taker, self._quote(at, volume, ticks, factor))

    def bar(self, index: int) -> Bar:
        return self.bars(index, index + 1).at(0)

    def minutes(self, index: int) -> Minutes | None:
        """The minutes of a bar, where they were recorded and the bar is played as it was."""
        recorded = self._recording.minutes
        if recorded is None or self._min_volume:
            return None
        lap, at = divmod(index + self._shift, len(self._recording))
        factor = self._price_scale * self._lap_ratio**lap
        return recorded.of(at, self._grid.tick_size / factor, self._grid.step_size / self._volume_scale)

    @property
    def mean_volume(self) -> float:
        """Mean volume of a bar in base units."""
        return max(float(self._recording.volume.mean()) * self._volume_scale, self._grid.step_size * 100)

    def _ticks(self, price: np.ndarray) -> np.ndarray:
        ticks: np.ndarray = np.maximum(np.rint(price / self._grid.tick_size), 1).astype(np.int64)
        return ticks

    def _taker(self, at: np.ndarray, volume: np.ndarray, ticks: list[np.ndarray]) -> np.ndarray:
        recorded = self._recording.taker_buy_volume
        if recorded is not None:
            share = recorded[at] / np.maximum(self._recording.volume[at], 1e-12)
        else:
            _, high, low, close = ticks
            location = np.where(high > low, (2 * close - high - low) / np.maximum(high - low, 1), 0.0)
            share = 0.5 + TAKER_TILT * location
        taker: np.ndarray = np.clip(np.rint(volume * share), 0, volume).astype(np.int64)
        return taker

    def _quote(self, at: np.ndarray, volume: np.ndarray, ticks: list[np.ndarray], factor: np.ndarray) -> np.ndarray:
        recorded = self._recording.quote_volume
        if recorded is not None and self._min_volume == 0:
            return np.asarray(recorded[at] * factor * self._volume_scale, dtype=np.float64)
        typical = sum(ticks[1:], start=np.zeros(len(volume))) / 3 * self._grid.tick_size
        return np.asarray(volume * self._grid.step_size * typical, dtype=np.float64)


@cache
def bundled_recordings() -> dict[str, Recording]:
    """The recordings of the pack by symbol."""
    with np.load(DATA / "candles_15m.npz") as arrays:
        columns: dict[str, dict[str, np.ndarray]] = {}
        for name in arrays.files:
            symbol, _, column = name.partition(".")
            if column not in ("open_time", "trades"):
                columns.setdefault(symbol, {})[column] = arrays[name]
    return {symbol: recording_of(each) for symbol, each in columns.items()}


def scaled_to(recording: Recording, grid: Grid, price: float, at: int, volume_scale: float, shift: int) -> Tape:
    """A tape that follows `recording` and stands at `price` when bar `at` opens."""
    there = Tape(recording, grid, 1.0, 1.0, shift)
    index = at + shift
    lap = index // len(recording)
    original = float(recording.open[index % len(recording)]) * there._lap_ratio**lap
    return Tape(recording, grid, price / original, volume_scale * original / price, shift)
