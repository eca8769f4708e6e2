"""One symbol's price through time: the tape, bent by the scenario and by hand, walked through trade by trade.

Everything is a pure function of time apart from jumps, so that only what somebody looks at is ever computed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from engine.sim.bend import NEVER_MS, Bend
from engine.sim.minutes import walk_minutes
from engine.sim.path import BAR_MS, VERTEX_MS, VERTICES, Bar, Path, walk
from engine.sim.symbols import Contract
from engine.sim.tape import Bars, Tape

FIRST_TRADE = 5_266_000_000
KEPT_PATHS = 4


@dataclass(frozen=True, slots=True)
class Print:
    """A trade on the public tape: price in ticks, quantity in steps."""

    id: int
    at_ms: int
    price: int
    qty: int
    buy: bool


class Lane:
    """Prices, trades and candles of one contract. `origin_ms` is when bar 0 opened."""

    def __init__(self, contract: Contract, tape: Tape, bend: Bend, origin_ms: int, seed: int) -> None:
        self.contract = contract
        self.grid = contract.grid
        self.tape = tape
        self.bend = bend
        self.origin_ms = origin_ms
        self._seed = (seed & 0xFFFFFFFF, crc32(contract.symbol.encode()))
        self._paths: OrderedDict[int, Path] = OrderedDict()
        self._bent_bars: dict[int, Bar] = {}
        self._own: list[Print] = []
        self._own_ms: list[int] = []
        self._played_from_ms = NEVER_MS
        self._played_first_id = 0
        self._played_ms: list[int] = []
        self._played_paths: dict[int, Path] = {}
        self.day_cache: object = None  # kept for engine.sim.day between two closes

    def bar_at(self, at_ms: int) -> int:
        """Index of the bar that is open at a time."""
        return (at_ms - self.origin_ms) // BAR_MS

    def opens(self, bar: int) -> int:
        return self.origin_ms + bar * BAR_MS

    def path(self, bar: int) -> Path:
        path = self._played_paths.get(bar) or self._paths.get(bar)
        if path is None:
            path = self._paths[bar] = self._walk(bar)
            if len(self._paths) > KEPT_PATHS:
                self._paths.popitem(last=False)
        return path

    def last(self, at_ms: int) -> int:
        """Price of the last trade, in ticks."""
        bar = self.bar_at(at_ms)
        path = self.path(bar)
        return int(path.price[path.index(at_ms - self.opens(bar))])

    def last_print(self, at_ms: int) -> tuple[int, bool, int]:
        """(price, taker bought, its running number) of the last trade of the walk."""
        bar = self.bar_at(at_ms)
        path = self.path(bar)
        index = path.index(at_ms - self.opens(bar))
        return int(path.price[index]), bool(path.buy[index]), bar * VERTICES + index

    def average(self, at_ms: int, trades: int) -> float:
        """Mean price of the last trades of the open bar, in ticks."""
        bar = self.bar_at(at_ms)
        path = self.path(bar)
        upto = path.index(at_ms - self.opens(bar)) + 1
        return float(path.price[max(0, upto - trades) : upto].mean())

    def vertices(self, after_ms: int, upto_ms: int) -> Iterator[tuple[int, int]]:
        """(time, price) of each change of price after one time, up to and including another."""
        before = self.last(after_ms)
        for bar in range(self.bar_at(after_ms), self.bar_at(upto_ms) + 1):
            path, opens = self.path(bar), self.opens(bar)
            low, high = path.index(after_ms - opens) + 1, path.index(upto_ms - opens) + 1
            times, prices = path.at_ms[low:high].tolist(), path.price[low:high].tolist()
            for at, price in zip(times, prices, strict=True):
                if price != before:
                    yield opens + at, price
                    before = price

    def prints(self, after_ms: int, upto_ms: int) -> list[Print]:
        """Trades after one time up to and including another, in order; trades of accounts among them."""
        found: list[Print] = []
        for bar in range(max(self.bar_at(after_ms), 0), self.bar_at(upto_ms) + 1):
            path, opens = self.path(bar), self.opens(bar)
            low, high = path.index(after_ms - opens) + 1, path.index(upto_ms - opens) + 1
            columns = (path.at_ms[low:high], path.price[low:high], path.qty[low:high], path.buy[low:high])
            first = self._first_id(bar) + low if opens < self._played_from_ms else self._played_id(path, opens, low)
            for offset, (at, price, qty, buy) in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
                if qty:
                    own = bisect_left(self._own_ms, opens + at) if self._own_ms else 0
                    found.append(Print(first + offset + own, opens + at, price, qty, buy))
        if self._own_ms:
            mine = self._own[bisect_right(self._own_ms, after_ms) : bisect_right(self._own_ms, upto_ms)]
            if mine:
                found = sorted([*found, *mine], key=lambda trade: trade.id)
        return found

    def print_own(self, at_ms: int, price: int, qty: int, buy: bool) -> int:
        """Put an account's trade on the tape; returns its id. The recorded candle stays the truth of the bar."""
        trade = Print(self.next_id(at_ms), at_ms, price, qty, buy)
        self._own.append(trade)
        self._own_ms.append(at_ms)
        return trade.id

    def next_id(self, at_ms: int) -> int:
        """Id that the next trade after a time will have."""
        if at_ms >= self._played_from_ms:
            return self._played_first_id + bisect_right(self._played_ms, at_ms) + bisect_right(self._own_ms, at_ms)
        bar = self.bar_at(at_ms)
        offset_ms = at_ms - self.opens(bar)
        index = self.path(bar).index(offset_ms) if self.bend.jumps else offset_ms // VERTEX_MS
        return self._first_id(bar) + index + 1 + bisect_right(self._own_ms, at_ms)

    def time_of_id(self, trade_id: int) -> int:
        """When a trade was, to the bar at worst: a time at which no later trade than it was made."""
        bar = max(0, (trade_id - FIRST_TRADE - len(self._own) - len(self.bend.jumps)) // VERTICES)
        return self.opens(bar)

    def trades_between(self, from_ms: int, upto_ms: int) -> tuple[int, int]:
        """(first id, count) of the trades of a closed range of time that begins where a bar or a trade does."""
        first = self.next_id(from_ms - 1) if from_ms > self.origin_ms else self._first_id(0)
        return first, self.next_id(upto_ms) - first

    def forming(self, at_ms: int) -> Bar:
        """The open bar as far as a time."""
        bar = self.bar_at(at_ms)
        path = self.path(bar)
        return path.bar(path.index(at_ms - self.opens(bar)))

    def closed(self, first: int, last: int) -> Bars:
        """Closed bars `first` up to but not including `last`."""
        bars = self.tape.bars(first, last)
        altered_ms = min(self.bend.from_ms, self._played_from_ms)
        if altered_ms < self.opens(last):
            for bar in range(max(first, self.bar_at(altered_ms)), last):
                bars.put(bar - first, self._bent_bar(bar))
        return bars

    def jump(self, at_ms: int, price: int) -> None:
        """Move the market to a price now; later prices keep the distance."""
        self.bend.jump(at_ms, price / self.last(at_ms))
        bar = self.bar_at(at_ms)
        for known in [number for number in self._paths if number >= bar]:
            del self._paths[known]
        for known in [number for number in self._bent_bars if number >= bar]:
            del self._bent_bars[known]

    def _bent_bar(self, bar: int) -> Bar:
        known = self._bent_bars.get(bar)
        if known is None:
            path = self.path(bar)
            known = self._bent_bars[bar] = path.bar(len(path.price) - 1)
        return known

    def play(self, now_ms: int, trades: Sequence[tuple[int, int, int, bool]]) -> None:
        """From now on the price is what is played: trades (time, price, quantity, taker bought) up to `now_ms`."""
        if self._played_from_ms == NEVER_MS:
            self._played_first_id = self.next_id(now_ms) - bisect_right(self._own_ms, now_ms)
            self._played_from_ms = now_ms
            bar = self.bar_at(now_ms)
            self._played_paths[bar] = self.path(bar).until(now_ms - self.opens(bar))
        for bar in range(max(self._played_paths), self.bar_at(now_ms) + 1):
            opens = self.opens(bar)
            fresh = [trade for trade in trades if self.bar_at(trade[0]) == bar]
            if bar not in self._played_paths:
                before = self._played_paths[bar - 1]
                self._played_paths[bar] = Path.standing(int(before.price[-1]))
            if fresh:
                value = self.grid.tick_size * self.grid.step_size
                moved = [(at - opens, price, qty, buy) for at, price, qty, buy in fresh]
                self._played_paths[bar] = self._played_paths[bar].extended(moved, value)
        self._played_ms.extend(trade[0] for trade in trades)

    def _played_id(self, path: Path, opens: int, low: int) -> int:
        """Id of a trade of a bar that is played from its beginning; its first entry is no trade."""
        return self._played_first_id + bisect_left(self._played_ms, opens) + low - 1

    def _first_id(self, bar: int) -> int:
        """Id of the first trade of a bar, trades of accounts not counted; each jump has added a trade."""
        jumped = self.bend.before(self.opens(bar)) if self.bend.jumps else 0
        return FIRST_TRADE + bar * VERTICES + jumped

    def _walk_straight(self, bar: int) -> Path:
        whole, minutes, seed = self.tape.bar(bar), self.tape.minutes(bar), (*self._seed, bar)
        through = walk_minutes(whole, minutes, seed) if minutes is not None else None
        return through if through is not None else walk(whole, seed)

    def _walk(self, bar: int) -> Path:
        path = self._walk_straight(bar)
        if self.opens(bar) + BAR_MS <= self.bend.from_ms:
            return path
        opens = self.opens(bar)
        at, price, qty, buy = path.at_ms, path.price, path.qty, path.buy
        for jump in self.bend.within(opens, opens + BAR_MS):
            spot = int(np.searchsorted(at, jump.at_ms - opens, side="right"))
            half = int(qty[spot]) // 2 if spot < len(qty) else 0
            at = np.insert(at, spot, jump.at_ms - opens)
            price = np.insert(price, spot, price[spot - 1])
            qty = np.insert(qty, spot, half)
            qty[spot + 1 : spot + 2] -= half
            buy = np.insert(buy, spot, jump.ratio > 1)
        bent = np.maximum(np.rint(self.bend.apply(price, opens + at)), 1).astype(np.int64)
        quote = float((bent * qty.astype(np.float64)).sum()) * self.grid.tick_size * self.grid.step_size
        return Path(at, bent, qty, buy, quote)
