"""Rows of the history database: closed bars, holes in them, and the tape."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.store.rows import Row


class CandleRow(NamedTuple):
    """One closed bar, in the order of the table's columns; a plain tuple, because bars come by the million."""

    symbol: str
    tf: str
    open_time: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    quote_volume: float | None = None
    trades: int | None = None
    taker_buy: float | None = None  # base units; None where the source does not say
    taker_buy_quote: float | None = None


class CandleColumns(NamedTuple):
    """Stored bars of one series, oldest first, as arrays; NaN where a column was not recorded."""

    open_time: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    quote_volume: NDArray[np.float64]
    taker_buy: NDArray[np.float64]


class GapRow(Row, frozen=True, kw_only=True):
    """A hole in a series, half-open in open times. `state` is open, queued, closed or unfillable."""

    symbol: str
    tf: str
    from_ms: int
    to_ms: int
    missing: int
    attempts: int = 0
    state: str = "open"
    first_try_ms: int | None = None
    next_try_ms: int = 0


class TradeRow(NamedTuple):
    """One print of the tape."""

    symbol: str
    trade_id: int
    at_ms: int
    price: float
    quantity: float
    buyer_maker: bool
