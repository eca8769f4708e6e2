"""One closed bar, where it comes from and what makes it valid (section 1.5 of the rules)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from engine.errors import BadBar
from engine.exchange.wire_market import Kline, KlineEvent
from engine.store.history_rows import CandleRow
from strategies.model import F64, I64, TIMEFRAME_MS

FIELDS = ("open", "high", "low", "close", "volume", "taker_buy")
NAN = float("nan")


class Bar(msgspec.Struct, frozen=True, gc=False):
    """A closed bar; it closes at `open_ms` plus its timeframe, exclusive. NaN where a source did not say."""

    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    taker_buy: float = NAN
    quote_volume: float = NAN
    trades: int | None = None
    taker_buy_quote: float = NAN

    @staticmethod
    def of_event(event: KlineEvent) -> Bar:
        """The bar of a kline event that says it is closed."""
        return Bar(
            event.open_ms, event.open, event.high, event.low, event.close, event.volume,
            event.taker_buy, event.quote_volume, event.trades,
        )  # fmt: skip

    @staticmethod
    def of_kline(kline: Kline) -> Bar:
        """A row of a REST answer."""
        return Bar(
            kline.open_ms, kline.open, kline.high, kline.low, kline.close, kline.volume,
            kline.taker_buy, kline.quote_volume, kline.trades, kline.taker_buy_quote,
        )  # fmt: skip

    @staticmethod
    def of_column(open_ms: int, column: Iterable[float]) -> Bar:
        """A bar out of arrays, its values in the order of `FIELDS`."""
        opened, high, low, close, volume, taker_buy = map(float, column)
        return Bar(int(open_ms), opened, high, low, close, volume, taker_buy)

    def row(self, symbol: str, tf: str) -> CandleRow:
        """As it is stored."""
        return CandleRow(
            symbol, tf, self.open_ms, self.open, self.high, self.low, self.close, self.volume,
            self.quote_volume, self.trades, self.taker_buy, self.taker_buy_quote,
        )  # fmt: skip


def fault(tf: str, bar: Bar) -> str | None:
    """What is wrong with a bar; None when it is valid. Taker volume may be unknown (NaN)."""
    if bar.open_ms % TIMEFRAME_MS[tf]:
        return "its open is off the grid of its timeframe"
    if not all(map(math.isfinite, (bar.open, bar.high, bar.low, bar.close, bar.volume))) or math.isinf(bar.taker_buy):
        return "not all its numbers are finite"
    if bar.low <= 0.0:
        return f"its low is {bar.low}"
    if bar.low > min(bar.open, bar.close) or bar.high < max(bar.open, bar.close):
        return "open or close lies outside low and high"
    if bar.volume < 0.0:
        return f"its volume is {bar.volume}"
    if not math.isnan(bar.taker_buy) and not 0.0 <= bar.taker_buy <= bar.volume:
        return f"taker volume {bar.taker_buy} is not within volume {bar.volume}"
    return None


def check(symbol: str, tf: str, bar: Bar) -> Bar:
    """The bar itself. Raises BadBar, which names it."""
    what = fault(tf, bar)
    if what is not None:
        raise BadBar(symbol, tf, bar.open_ms, what)
    return bar


def valid_mask(tf: str, open_time: I64, values: F64) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of many bars are valid; `values` is (field, bar) in the order of `FIELDS`."""
    opened, high, low, close, volume, taker = values
    known = ~np.isnan(taker)
    mask: np.ndarray[tuple[int], np.dtype[np.bool_]] = (
        (open_time % TIMEFRAME_MS[tf] == 0)
        & np.isfinite(values[:5]).all(axis=0)
        & (low > 0.0)
        & (low <= np.minimum(opened, close))
        & (high >= np.maximum(opened, close))
        & (volume >= 0.0)
        & (~known | ((taker >= 0.0) & (taker <= volume)))
    )
    return mask


def fold(open_ms: int, bars: Sequence[Bar]) -> Bar:
    """One longer bar out of all its parts, oldest first; unknown taker volume of a part makes the whole unknown."""
    return Bar(
        open_ms,
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        math.fsum(bar.volume for bar in bars),
        math.fsum(bar.taker_buy for bar in bars),
        math.fsum(bar.quote_volume for bar in bars),
        None if any(bar.trades is None for bar in bars) else sum(bar.trades or 0 for bar in bars),
        math.fsum(bar.taker_buy_quote for bar in bars),
    )
