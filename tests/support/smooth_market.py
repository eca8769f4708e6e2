"""The simulator's market with the conventions of a back-test: no spread, and no level is leapt over.

Between two trades of a minute the price passes every level at which an order waits, and takers are filled at the price
that is. Only the first trade of a minute may open elsewhere, as the first price of a recorded bar does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from engine.sim.contract import Level
from engine.sim.lane import Lane
from engine.sim.market import Market

MINUTE_MS = 60_000


class SmoothMarket(Market):
    """`waiting` names the prices at which orders of a symbol wait; `stepped` are the symbols that are followed."""

    def __init__(self, lanes: Mapping[str, Lane], seed: int, start_ms: int) -> None:
        super().__init__(lanes, seed, start_ms)
        self.waiting: Callable[[str], Iterable[Decimal]] = lambda _symbol: ()
        self._passing: dict[str, Decimal] = {}
        self._before: dict[str, Decimal] = {}

    def follow(self, symbols: set[str]) -> None:
        """Step these trade by trade from now on, and no others."""
        for symbol in symbols - self._traded:
            self._before[symbol] = super().last(symbol)
        self._traded = set(symbols)

    def trade(self, symbol: str) -> None:
        """Whom to follow is said by `follow` alone."""

    def last(self, symbol: str) -> Decimal:
        return self._passing.get(symbol) or super().last(symbol)

    def best(self, symbol: str) -> tuple[Decimal, Decimal]:
        price, tick = self.last(symbol), self.lanes[symbol].grid.tick
        return price - tick, price + tick

    def take(self, symbol: str, side: str, qty: Decimal, worst: Decimal | None, now_ms: int) -> list[Level]:
        return [Level(self.last(symbol), qty)]

    def _tell(self, symbol: str, at_ms: int) -> None:
        reached = super().last(symbol)
        passed = self._before.get(symbol, reached)
        if (at_ms - self.lanes[symbol].origin_ms) % MINUTE_MS:
            while (level := self._next(symbol, passed, reached)) is not None:
                self._passing[symbol] = passed = level
                self._hear(symbol, level, at_ms)
        self._passing.pop(symbol, None)
        self._before[symbol] = reached
        self._hear(symbol, reached, at_ms)

    def _next(self, symbol: str, passed: Decimal, reached: Decimal) -> Decimal | None:
        """The nearest level between two prices, both exclusive."""
        low, high = min(passed, reached), max(passed, reached)
        between = [level for level in self.waiting(symbol) if low < level < high]
        if not between:
            return None
        return min(between) if reached > passed else max(between)

    def _hear(self, symbol: str, price: Decimal, at_ms: int) -> None:
        if self._account is not None:
            self._account.on_price(symbol, price, price, at_ms)
