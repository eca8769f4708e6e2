"""One order book: best price, depth walk and imbalance without sorting on update.

A side is a dict of its levels and a bisected list of its keys with the best at the end, so that an update near the top
moves little memory and the top twenty are a slice.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from engine.errors import BadPayload
from engine.market.imbalance import depth_imbalance
from engine.money import Side

Level = tuple[float, float]  # (price, quantity)
OFF_GRID = 1e-3  # share of a tick by which a price may miss its grid line


class OffGrid(BadPayload):
    """A price between two ticks: the symbol's tick was made coarser while finer orders rest, or ours is out of date."""


class NotALevel(BadPayload):
    """A level that cannot be: a quantity below zero, or a number that is not finite."""


@dataclass(frozen=True, slots=True)
class Walk:
    """What a market order would meet: `filled` may be less than was asked for when the known book is too thin."""

    average: float | None  # None when nothing would fill
    worst: float | None
    filled: float
    levels: int


class BookSide:
    """One side of a book; keys are `sign * price`, ascending, so the best is always the last.

    A price is known by the double its text stands for, which is the same each time; whether it lies on the grid is
    looked at when it is new. Levels are kept as they came, so the top is read without arithmetic.
    """

    __slots__ = ("_keys", "_levels", "_sign", "_tick")

    def __init__(self, tick: float, sign: int) -> None:
        self._tick = tick
        self._sign = sign
        self._levels: dict[float, Level] = {}
        self._keys: list[float] = []

    def __len__(self) -> int:
        return len(self._keys)

    def clear(self) -> None:
        self._levels.clear()
        self._keys.clear()

    def load(self, levels: Iterable[Level]) -> None:
        """Replace the side by a snapshot. Raises OffGrid, NotALevel; the side is then as it was."""
        kept = {}
        for level in levels:
            self._ticks(level[0])
            if 0.0 < level[1] < inf:
                kept[self._sign * level[0]] = level
        self._levels = kept
        self._keys = sorted(kept)

    def apply(self, levels: Iterable[Level]) -> None:
        """Set absolute quantities; zero removes. Raises OffGrid for a price that is not on the tick grid, NotALevel."""
        kept, keys, sign = self._levels, self._keys, self._sign
        for level in levels:
            price, quantity = level
            key = sign * price
            if 0.0 < quantity < inf:
                if key not in kept:
                    self._ticks(price)
                    insort(keys, key)
                kept[key] = level
            elif quantity != 0.0:
                raise NotALevel(f"{price!r} {quantity!r}", "a quantity that cannot be")
            elif key in kept:
                del kept[key]
                del keys[bisect_left(keys, key)]
            else:
                self._ticks(price)

    @property
    def best_ticks(self) -> int | None:
        return self._ticks(self._sign * self._keys[-1]) if self._keys else None

    @property
    def best(self) -> Level | None:
        """Best price and its quantity."""
        return self._levels[self._keys[-1]] if self._keys else None

    def top(self, count: int) -> list[Level]:
        """The best levels, best first."""
        kept = self._levels
        return [kept[key] for key in self._keys[: -count - 1 : -1]]

    def quantity(self, price: float) -> float:
        """Quantity at a price; 0 where there is none."""
        self._ticks(price)
        level = self._levels.get(self._sign * price)
        return level[1] if level is not None else 0.0

    def walk(self, quantity: float) -> Walk:
        """Take `quantity` from the best level on."""
        left, paid, levels, worst = quantity, 0.0, 0, None
        for key in reversed(self._keys):
            if left <= 0.0:
                break
            price, offered = self._levels[key]
            taken = min(left, offered)
            paid += taken * price
            left -= taken
            levels += 1
            worst = price
        filled = quantity - max(left, 0.0)
        return Walk(paid / filled if filled > 0.0 else None, worst, filled, levels)

    def _ticks(self, price: float) -> int:
        """Place on the tick grid."""
        ratio = price / self._tick
        try:
            ticks = round(ratio)
        except (ValueError, OverflowError) as error:
            raise NotALevel(repr(price), "a price that cannot be") from error
        if not -OFF_GRID < ratio - ticks < OFF_GRID:
            raise OffGrid(repr(price), f"not a multiple of the tick {self._tick!r}")
        return ticks


class OrderBook:
    """Both sides of one symbol's book. Knows nothing of sequence numbers; `depth_sync` feeds it in order."""

    __slots__ = ("asks", "bids", "symbol", "tick")

    def __init__(self, symbol: str, tick: float) -> None:
        if not tick > 0.0:
            raise ValueError(f"tick of {symbol} must be above 0, was {tick!r}")
        self.symbol = symbol
        self.tick = tick
        self.bids = BookSide(tick, 1)
        self.asks = BookSide(tick, -1)

    def clear(self) -> None:
        self.bids.clear()
        self.asks.clear()

    def load(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Replace the book by a snapshot. Raises OffGrid for an off-grid price."""
        self.bids.load(bids)
        self.asks.load(asks)

    def apply(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Apply one event's changes. Raises OffGrid for an off-grid price; the book is then half changed."""
        self.bids.apply(bids)
        self.asks.apply(asks)

    @property
    def sound(self) -> bool:
        """Both sides are there and do not cross."""
        bid, ask = self.bids.best, self.asks.best
        return bid is not None and ask is not None and bid[0] < ask[0]

    @property
    def mid(self) -> float | None:
        bid, ask = self.bids.best, self.asks.best
        return (bid[0] + ask[0]) / 2.0 if bid and ask else None

    @property
    def spread(self) -> float | None:
        """Best ask less best bid, price units."""
        bid, ask = self.bids.best_ticks, self.asks.best_ticks
        return (ask - bid) * self.tick if bid is not None and ask is not None else None

    @property
    def spread_bps(self) -> float | None:
        """Spread in hundredths of a percent of the mid."""
        mid, spread = self.mid, self.spread
        return spread / mid * 1e4 if mid and spread is not None else None

    def top(self, count: int) -> tuple[list[Level], list[Level]]:
        """(bids, asks), best first."""
        return self.bids.top(count), self.asks.top(count)

    def walk(self, side: Side, quantity: float) -> Walk:
        """What a market order that trades in direction `side` would meet: a long takes the asks."""
        return (self.asks if side is Side.LONG else self.bids).walk(quantity)

    def imbalance(self, levels: int = 10) -> float | None:
        """Weighted imbalance of the top levels, section 2.12 of the rules."""
        return depth_imbalance(self.bids.top(levels), self.asks.top(levels))
