"""Recorded minutes inside 15m bars, and the walk that goes through every one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.sim.path import BAR_MS, VERTEX_MS, VERTICES, Bar, Path

MINUTES = 15
MINUTE_MS = BAR_MS // MINUTES
STEPS = VERTICES // MINUTES  # trades a minute
JITTER = 0.18
NAMES = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Minutes:
    """Minutes of consecutive 15m bars: arrays (bars, 15), float64 as recorded or int64 ticks and steps.

    A bar whose minutes were not all recorded is NaN in every column.
    """

    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray

    def __len__(self) -> int:
        return len(self.open)

    @staticmethod
    def placed(open_time: np.ndarray, columns: Mapping[str, np.ndarray], start_ms: int, bars: int) -> Minutes:
        """Minutes with their open times, put into the bars that begin at `start_ms`."""
        flat = {name: np.full(bars * MINUTES, np.nan) for name in NAMES}
        at = (open_time - start_ms) // MINUTE_MS
        within = (at >= 0) & (at < bars * MINUTES)
        for name in NAMES:
            flat[name][at[within]] = columns[name][within]
        table = {name: column.reshape(bars, MINUTES) for name, column in flat.items()}
        holes = np.isnan(table["close"]).any(axis=1)
        for column in table.values():
            column[holes] = np.nan
        return Minutes(**table)

    def since(self, bar: int) -> Minutes:
        return Minutes(self.open[bar:], self.high[bar:], self.low[bar:], self.close[bar:], self.volume[bar:])

    def of(self, bar: int, price_unit: float, volume_unit: float) -> Minutes | None:
        """Minutes of one bar as whole ticks and steps; None when they are not all there."""
        if np.isnan(self.close[bar]).any():
            return None
        prices = [np.rint(getattr(self, name)[bar] / price_unit).astype(np.int64) for name in NAMES[:4]]
        return Minutes(
            prices[0], prices[1], prices[2], prices[3], np.rint(self.volume[bar] / volume_unit).astype(np.int64)
        )


def walk_minutes(bar: Bar, minutes: Minutes, seed: Sequence[int]) -> Path | None:
    """The path through the minutes of a bar; None when they do not make up that bar."""
    ends = (minutes.open[0], minutes.high.max(), minutes.low.min(), minutes.close[-1], minutes.volume.sum())
    if tuple(int(end) for end in ends) != (bar.open, bar.high, bar.low, bar.close, bar.volume):
        return None
    rng = np.random.default_rng(list(seed))
    price = _prices(minutes, rng)
    taker = _takers(minutes, bar.taker)
    move = np.diff(price, prepend=price[0])
    buy = np.where(move == 0, rng.random(VERTICES) < 0.5, move > 0)
    weight = rng.gamma(0.8, 1.0, VERTICES) + 0.05
    qty = np.zeros(VERTICES, dtype=np.int64)
    for minute in range(MINUTES):
        part = slice(minute * STEPS, (minute + 1) * STEPS)
        bought, sold = int(taker[minute]), int(minutes.volume[minute] - taker[minute])
        side = buy[part]
        if bought and sold:
            side[1], side[2] = True, False
        else:
            side[:] = bought > 0
        qty[part] = _shared(side, weight[part], bought) + _shared(~side, weight[part], sold)
    return Path(np.arange(VERTICES, dtype=np.int64) * VERTEX_MS, price, qty, buy, bar.quote)


def _prices(minutes: Minutes, rng: np.random.Generator) -> np.ndarray:
    rising = minutes.close >= minutes.open
    low_first = rng.random(MINUTES) < np.where(rising, 0.7, 0.3)
    first = rng.integers(STEPS // 10, STEPS // 2, MINUTES)
    second = first + rng.integers(STEPS // 10, STEPS // 3, MINUTES)
    begin = np.arange(MINUTES) * STEPS
    corners = np.stack([begin, begin + first, begin + second, begin + STEPS - 1], axis=1).ravel()
    lows, highs = minutes.low, minutes.high
    turns = (np.where(low_first, lows, highs), np.where(low_first, highs, lows))
    levels = np.stack([minutes.open, *turns, minutes.close], axis=1).ravel()
    grid = np.arange(VERTICES)
    noise = np.cumsum(rng.standard_normal(VERTICES))
    bridge = noise - np.interp(grid, corners, noise[corners])
    minute = grid // STEPS
    reach = np.abs(bridge).reshape(MINUTES, STEPS).max(axis=1)
    scale = (highs - lows) * JITTER / np.where(reach > 0, reach, 1.0)
    price: np.ndarray = np.rint(np.interp(grid, corners, levels) + bridge * scale[minute]).astype(np.int64)
    price = np.clip(price, lows[minute], highs[minute])
    price[corners] = levels
    return price


def _takers(minutes: Minutes, total: int) -> np.ndarray:
    """Taker buying of each minute: more where it closed higher in its range, `total` in sum, never above the volume."""
    span = np.maximum(minutes.high - minutes.low, 1)
    share = 0.5 + 0.3 * np.where(
        minutes.high > minutes.low, (2 * minutes.close - minutes.high - minutes.low) / span, 0.0
    )
    wish = np.cumsum(minutes.volume * share)
    if wish[-1] <= 0:
        return np.zeros(MINUTES, dtype=np.int64)
    upto = np.floor(wish * (total / wish[-1])).astype(np.int64)
    upto[-1] = total
    taker: np.ndarray = np.minimum(np.diff(upto, prepend=0), minutes.volume)
    for minute in range(MINUTES):
        taker[minute] += min(total - int(taker.sum()), int(minutes.volume[minute] - taker[minute]))
    return taker


def _shared(where: np.ndarray, weight: np.ndarray, total: int) -> np.ndarray:
    if total <= 0:
        return np.zeros(len(weight), dtype=np.int64)
    chosen = np.cumsum(np.where(where, weight, 0.0))
    upto = np.floor(chosen * (total / chosen[-1])).astype(np.int64)
    upto[np.flatnonzero(where)[-1] :] = total
    share: np.ndarray = np.diff(upto, prepend=0)
    return share
