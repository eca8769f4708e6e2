"""An exchange of bars for tests: series are arithmetic of symbol and time, with whatever trouble is asked for."""

from __future__ import annotations

from collections.abc import Callable

from engine.clock import Clock
from engine.exchange.limits import Lane
from engine.exchange.wire_market import Kline, KlineEvent
from engine.market.bars import Bar
from strategies.model import TIMEFRAME_MS
from tests.support.bars import M15, T0


class FakeKlines:
    """Answers like `MarketApi.klines`, the forming bar included. `listed_ms` is the first bar there ever was."""

    def __init__(self, clock: Clock, listed_ms: int = 0) -> None:
        self._clock = clock
        self.listed_ms = listed_ms
        self.asked: list[tuple[str, str, int | None, int, Lane]] = []
        self.lost: set[tuple[str, int]] = set()  # (symbol, open) of 15m bars the exchange does not have
        self.fail: Callable[[str, str], Exception | None] = lambda _symbol, _tf: None
        self.bad: set[tuple[str, int]] = set()  # 15m bars it delivers with a negative low
        self.latency_s = 0.05
        self.at_once = self.most_at_once = 0

    async def klines(
        self,
        symbol: str,
        tf: str,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
        lane: Lane = Lane.BACKGROUND,
    ) -> list[Kline]:
        self.asked.append((symbol, tf, start_ms, limit, lane))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self._clock.sleep(self.latency_s)
        finally:
            self.at_once -= 1
        error = self.fail(symbol, tf)
        if error is not None:
            raise error
        step, now_ms = TIMEFRAME_MS[tf], self._clock.now_ms()
        forming_ms = now_ms // step * step
        until_ms = min(forming_ms + step, end_ms if end_ms is not None else forming_ms + step)
        first_ms = until_ms - limit * step if start_ms is None else -(-start_ms // step) * step
        times = range(max(first_ms, -(-self.listed_ms // step) * step), until_ms, step)[:limit]
        return [self.kline(symbol, tf, at) for at in times if tf != "15m" or (symbol, at) not in self.lost]

    def kline(self, symbol: str, tf: str, open_ms: int) -> Kline:
        bar = self.bar(symbol, tf, open_ms)
        low = -1.0 if tf == "15m" and (symbol, open_ms) in self.bad else bar.low
        return Kline(
            open_ms, bar.open, bar.high, low, bar.close, bar.volume, open_ms + TIMEFRAME_MS[tf] - 1, 1000.0, 3,
            bar.taker_buy, 500.0,
        )  # fmt: skip

    def bar(self, symbol: str, tf: str, open_ms: int) -> Bar:
        """The bar as it will always be; longer frames are what their 15m bars fold to."""
        parts = max(1, TIMEFRAME_MS[tf] // M15)
        first = _price(symbol, open_ms)
        lasts = [_price(symbol, open_ms + k * M15) + 0.5 for k in range(parts)]
        return Bar(open_ms, first, max(lasts) + 0.5, first - 1.0, lasts[-1], 10.0 * parts, 5.0 * parts)

    def event(self, symbol: str, open_ms: int, closed: bool = True) -> KlineEvent:
        """The kline event of a 15m bar."""
        bar = self.bar(symbol, "15m", open_ms)
        return KlineEvent(
            symbol, "15m", open_ms, open_ms + M15, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.taker_buy,
            1000.0, 3, closed, open_ms + M15,
        )  # fmt: skip


def _price(symbol: str, at_ms: int) -> float:
    # Rises within a day and falls back at midnight, so that a longer bar's low is its first bar's.
    return 100.0 + sum(map(ord, symbol)) % 7 + ((at_ms - T0) // M15 % 96) * 0.125


class FakeBudget:
    """A ledger to look at."""

    def __init__(self) -> None:
        self.use = 0
        self.top = 1320  # of the background lane
        self.gate_state = "open"

    def used(self) -> int:
        return self.use

    def limit(self) -> int:
        return 2400

    def ceiling(self, lane: Lane) -> int:
        return {Lane.TRADING: 2280, Lane.INTERACTIVE: 1920, Lane.LIVE: 1680, Lane.BACKGROUND: self.top}[lane]
