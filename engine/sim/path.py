"""Inside one 15m bar: a seeded walk from the open over both extremes to the close, in which every step is a trade.

The walk is made so that what is summed from it is the recorded bar exactly: highest, lowest, first and last price,
volume and taker-buy volume. Prices are ticks, quantities steps, times milliseconds since the bar opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

BAR_MS = 900_000
VERTICES = 900
VERTEX_MS = BAR_MS // VERTICES
JITTER = 0.18  # of the bar's range: how far the walk strays from the straight way between its corners


@dataclass(frozen=True, slots=True)
class Bar:
    """One closed 15m bar in ticks and steps; `quote` in quote currency."""

    open: int
    high: int
    low: int
    close: int
    volume: int
    taker: int
    quote: float


@dataclass(slots=True)
class Path:
    """Trades of one bar in order. `quote` of the whole bar is spread over them in proportion to price x quantity."""

    at_ms: np.ndarray
    price: np.ndarray
    qty: np.ndarray
    buy: np.ndarray
    quote: float
    high: np.ndarray = field(init=False)
    low: np.ndarray = field(init=False)
    volume: np.ndarray = field(init=False)
    taker: np.ndarray = field(init=False)
    value: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.high = np.maximum.accumulate(self.price)
        self.low = np.minimum.accumulate(self.price)
        self.volume = np.cumsum(self.qty)
        self.taker = np.cumsum(np.where(self.buy, self.qty, 0))
        value = np.cumsum(self.price * self.qty.astype(np.float64))
        self.value = value * (self.quote / value[-1]) if value[-1] > 0 else value

    @staticmethod
    def standing(price: int) -> Path:
        """A bar that has opened at the price before and not traded yet."""
        one = np.array([price], dtype=np.int64)
        return Path(np.zeros(1, dtype=np.int64), one, np.zeros(1, dtype=np.int64), np.zeros(1, dtype=bool), 0.0)

    def until(self, at_ms: int) -> Path:
        """The trades up to a time."""
        upto = self.index(at_ms) + 1
        quote = float(self.value[upto - 1])
        return Path(self.at_ms[:upto], self.price[:upto], self.qty[:upto], self.buy[:upto], quote)

    def extended(self, trades: Sequence[tuple[int, int, int, bool]], unit: float) -> Path:
        """With trades (time, price, quantity, taker bought) after the last; `unit` is the value of tick x step."""
        at, price, qty, buy = (np.array(column) for column in zip(*trades, strict=True))
        quote = self.quote + float((price * qty.astype(np.float64)).sum()) * unit
        return Path(
            np.append(self.at_ms, at),
            np.append(self.price, price),
            np.append(self.qty, qty),
            np.append(self.buy, buy),
            quote,
        )

    def index(self, at_ms: int) -> int:
        """Index of the last trade at or before `at_ms`."""
        return int(np.searchsorted(self.at_ms, at_ms, side="right")) - 1

    def bar(self, last: int) -> Bar:
        """The bar as far as its trade number `last`."""
        return Bar(
            int(self.price[0]), int(self.high[last]), int(self.low[last]), int(self.price[last]),
            int(self.volume[last]), int(self.taker[last]), float(self.value[last]),
        )  # fmt: skip


def walk(bar: Bar, seed: Sequence[int]) -> Path:
    """The path of one bar; the same bar and seed give the same path."""
    rng = np.random.default_rng(list(seed))
    price = _prices(bar, rng)
    move = np.diff(price, prepend=price[0])
    buy = np.where(move == 0, rng.random(VERTICES) < 0.5, move > 0)
    if 0 < bar.taker < bar.volume:
        buy[1], buy[2] = True, False  # both kinds exist, whatever the walk did
    else:
        buy[:] = bar.taker > 0
    weight = rng.gamma(0.8, 1.0, VERTICES) + 0.05 + np.abs(move) / (np.abs(move).mean() + 1.0)
    qty = np.zeros(VERTICES, dtype=np.int64)
    _share_out(qty, buy, weight, bar.taker)
    _share_out(qty, ~buy, weight, bar.volume - bar.taker)
    return Path(np.arange(VERTICES, dtype=np.int64) * VERTEX_MS, price, qty, buy, bar.quote)


def _prices(bar: Bar, rng: np.random.Generator) -> np.ndarray:
    rising = bar.close >= bar.open
    low_first = bool(rng.random() < (0.7 if rising else 0.3))
    first, second = (bar.low, bar.high) if low_first else (bar.high, bar.low)
    at_first = int(rng.integers(VERTICES // 20, VERTICES // 2))
    at_second = int(rng.integers(at_first + VERTICES // 20, VERTICES - VERTICES // 20))
    corners = [0, at_first, at_second, VERTICES - 1]
    levels = [bar.open, first, second, bar.close]
    straight = np.interp(np.arange(VERTICES), corners, levels)
    noise = np.cumsum(rng.standard_normal(VERTICES))
    bridge = noise - np.interp(np.arange(VERTICES), corners, noise[corners])
    spread = np.abs(bridge).max() or 1.0
    price = np.rint(straight + bridge * ((bar.high - bar.low) * JITTER / spread)).astype(np.int64)
    np.clip(price, bar.low, bar.high, out=price)
    price[corners] = levels
    return price


def _share_out(qty: np.ndarray, where: np.ndarray, weight: np.ndarray, total: int) -> None:
    """Whole steps by weight among the chosen trades, summing to `total` exactly."""
    if total <= 0 or not where.any():
        return
    chosen = np.cumsum(np.where(where, weight, 0.0))
    upto = np.floor(chosen * (total / chosen[-1])).astype(np.int64)
    upto[-1] = total
    share = np.diff(upto, prepend=0)
    last = int(np.flatnonzero(where)[-1])
    share[last] += share[last + 1 :].sum()
    qty[where] = share[where]
