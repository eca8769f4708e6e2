"""The displayed order book of one symbol: laid around a price, never still, taken from by market orders.

Prices are ticks, quantities steps. A `DepthFeed` collects what changed since it was last cut, which is one event of
a depth stream; ids of updates are not dense, as on the exchange.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from random import Random

BID, ASK = 0, 1
KEPT_RANKS = 1000
TRIMMED_RANKS = 1150
REBUILD_RANKS = 300
LEANING_RANKS = 100  # a lean is full at the touch and fades out over so many levels
FIRST_UPDATE = 9_876_000_000_000


class DepthFeed:
    """Changes since the last cut of one stream speed."""

    def __init__(self, update_id: int) -> None:
        self.last_id = update_id
        self.first_id: int | None = None
        self.changed: tuple[set[int], set[int]] = (set(), set())


class Sides:
    """Both sides of a book as price -> quantity, with prices sorted from the touch; knows ids and feeds."""

    def __init__(self, update_id: int) -> None:
        self.update_id = update_id
        self._qty: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._keys: tuple[list[int], list[int]] = ([], [])  # ascending from the touch; bids negated
        self.feeds: list[DepthFeed] = []

    @property
    def bid(self) -> tuple[int, int]:
        price = -self._keys[BID][0]
        return price, self._qty[BID][price]

    @property
    def ask(self) -> tuple[int, int]:
        price = self._keys[ASK][0]
        return price, self._qty[ASK][price]

    def top(self, side: int, count: int) -> list[tuple[int, int]]:
        """(price, quantity) of the best levels of a side."""
        sign, qty = _sign(side), self._qty[side]
        return [(sign * key, qty[sign * key]) for key in self._keys[side][:count]]

    def quantity(self, side: int, price: int) -> int:
        return self._qty[side].get(price, 0)

    def put(self, side: int, price: int, qty: int) -> None:
        """Set a level; 0 removes it."""
        levels = self._qty[side]
        if qty:
            if price not in levels:
                insort(self._keys[side], _sign(side) * price)
            levels[price] = qty
        elif levels.pop(price, 0):
            keys = self._keys[side]
            del keys[bisect_left(keys, _sign(side) * price)]
        else:
            return
        for feed in self.feeds:
            feed.changed[side].add(price)

    def stamp(self, update_id: int, first_id: int | None = None) -> None:
        """Close a batch of changes under an id; its first one is the next after the last unless told."""
        for feed in self.feeds:
            if feed.first_id is None and (feed.changed[0] or feed.changed[1]):
                feed.first_id = first_id if first_id is not None else self.update_id + 1
        self.update_id = update_id

    def feed(self) -> DepthFeed:
        feed = DepthFeed(self.update_id)
        self.feeds.append(feed)
        return feed

    def cut(self, feed: DepthFeed) -> tuple[int, int, int, list[tuple[int, int]], list[tuple[int, int]]] | None:
        """(U, u, pu, bids, asks) of what changed since the last cut; None when nothing did."""
        if feed.first_id is None:
            return None
        bids = [(price, self.quantity(BID, price)) for price in sorted(feed.changed[BID], reverse=True)]
        asks = [(price, self.quantity(ASK, price)) for price in sorted(feed.changed[ASK])]
        event = (feed.first_id, self.update_id, feed.last_id, bids, asks)
        feed.last_id, feed.first_id, feed.changed = self.update_id, None, (set(), set())
        return event

    def take(self, buy: bool, qty: int, worst: int | None) -> list[tuple[int, int]]:
        """Levels a taker hits, best first, never beyond `worst`; what is taken is gone."""
        side = ASK if buy else BID
        hit: list[tuple[int, int]] = []
        while qty and len(self._keys[side]) > 1:
            price = abs(self._keys[side][0])
            if worst is not None and (price > worst if buy else price < worst):
                break
            there = self._qty[side][price]
            taken = min(qty, there)
            self.put(side, price, there - taken)
            hit.append((price, taken))
            qty -= taken
        if hit:
            self.stamp(self.update_id + len(hit))
        return hit


class Ladder(Sides):
    """A book made up around a moving touch, with a recorded shape and rhythm.

    `mean_qty[rank]` and `gap[rank]` are steps and ticks at a distance of `rank` levels; `spreads`, `noise`, `ranks`
    and `changes` are sorted samples to draw from. `lean` in (-1, +1) makes bids heavier and asks lighter, or the other
    way round: levels take it on as they change, so that the book follows over seconds.
    """

    def __init__(
        self,
        touch: tuple[int, int],
        mean_qty: Sequence[float],
        gap: Sequence[int],
        noise: Sequence[float],
        ranks: Sequence[int],
        changes: Sequence[int],
        rng: Random,
        lean: float = 0.0,
    ) -> None:
        super().__init__(FIRST_UPDATE + rng.randrange(10**9))
        self._mean_qty, self._gap, self._noise = mean_qty, gap, noise
        self._ranks, self._changes = ranks, changes
        self._rng = rng
        self._lean = 0.0
        self._leaning = (mean_qty, mean_qty)
        self._lean_to(lean)
        for side in (BID, ASK):
            self._lay(side, touch[side], KEPT_RANKS)
        self.update_id += 1

    def settle(self, touch: tuple[int, int], lean: float = 0.0) -> None:
        """Move the touch, then let some levels change as they do all the time."""
        self._lean_to(lean)
        for side in (BID, ASK):
            self._move(side, touch[side])
        changes = self.stir(self._changes[self._rng.randrange(len(self._changes))])
        self.stamp(self.update_id + 1 + changes * 3 + self._rng.randrange(40))

    def stir(self, count: int) -> int:
        """Change some levels of the recorded depth below the touch; returns how many."""
        draw, keys, qty = self._rng.random, self._keys, self._qty
        ranks, noise, leaning, gap = self._ranks, self._noise, self._leaning, self._gap
        for _ in range(count):
            side = BID if draw() < 0.5 else ASK
            ladder = keys[side]
            rank = min(ranks[int(draw() * len(ranks))], len(ladder) - 1)
            price = _sign(side) * ladder[rank]
            amount = max(1, int(leaning[side][rank] * noise[int(draw() * len(noise))]))
            if rank == 0 or draw() < 0.6:
                self.put(side, price, amount if amount != qty[side][price] else amount + 1)
            elif draw() < 0.5 and len(ladder) > KEPT_RANKS // 2:
                self.put(side, price, 0)
            else:
                self.put(side, _sign(side) * (ladder[rank] + gap[rank] // 2), amount)
        return count

    def _move(self, side: int, price: int) -> None:
        keys, sign = self._keys[side], _sign(side)
        key = sign * price
        passed = bisect_left(keys, key)
        if passed > REBUILD_RANKS or not keys or (keys[0] - key) > sum(self._gap[:REBUILD_RANKS]):
            for old in list(keys):
                self.put(side, sign * old, 0)
            self._lay(side, price, KEPT_RANKS)
            return
        for old in keys[:passed]:
            self.put(side, sign * old, 0)
        nearest = keys[0] if keys else key + self._gap[0]
        rank, fresh = 0, key
        while fresh < nearest and rank < REBUILD_RANKS:
            self.put(side, sign * fresh, self._amount(side, rank))
            fresh += self._gap[rank]
            rank += 1
        if len(keys) > TRIMMED_RANKS:
            for old in keys[KEPT_RANKS:]:
                self.put(side, sign * old, 0)
        elif len(keys) < KEPT_RANKS:
            self._lay(side, sign * (keys[-1] + self._gap[-1]), KEPT_RANKS - len(keys))

    def _lay(self, side: int, price: int, count: int) -> None:
        key, sign = _sign(side) * price, _sign(side)
        begin = len(self._keys[side])
        for rank in range(begin, begin + count):
            if sign * key <= 0:
                return
            at = min(rank, KEPT_RANKS - 1)
            self.put(side, sign * key, self._amount(side, at))
            key += self._gap[at]

    def _lean_to(self, lean: float) -> None:
        lean = round(lean, 2)
        if lean != self._lean:
            self._lean = lean
            self._leaning = (_leaning(self._mean_qty, lean), _leaning(self._mean_qty, -lean))

    def _amount(self, side: int, rank: int) -> int:
        return max(1, int(self._leaning[side][rank] * self._noise[int(self._rng.random() * len(self._noise))]))


def _leaning(mean_qty: Sequence[float], lean: float) -> list[float]:
    near = min(LEANING_RANKS, len(mean_qty))
    faded = [mean * (1.0 + lean * (1.0 - rank / near)) for rank, mean in enumerate(mean_qty[:near])]
    return faded + list(mean_qty[near:])


def _sign(side: int) -> int:
    return -1 if side == BID else 1
