"""Closed bars with plain numbers, for tests of the market rooms."""

from __future__ import annotations

from typing import Any

from engine.market.bars import Bar
from strategies.model import TIMEFRAME_MS

M15 = TIMEFRAME_MS["15m"]
DAY = TIMEFRAME_MS["1d"]
T0 = 1_767_225_600_000  # 2026-01-01 00:00 UTC


def bar(n: int, close: float = 100.0, tf: str = "15m", start_ms: int = T0, **changes: Any) -> Bar:
    """The n-th bar after `start_ms`: opens at 100, ranges one around its body, half of its volume bought."""
    given: dict[str, Any] = {
        "open_ms": start_ms + n * TIMEFRAME_MS[tf], "open": 100.0, "high": max(100.0, close) + 1.0,
        "low": min(100.0, close) - 1.0, "close": close, "volume": 10.0, "taker_buy": 5.0, "quote_volume": 1000.0,
        "trades": 4, "taker_buy_quote": 500.0,
    }  # fmt: skip
    return Bar(**{**given, **changes})


def bars(count: int, start: int = 0, tf: str = "15m", start_ms: int = T0) -> list[Bar]:
    """`count` bars whose closes count up, so that each can be told from the others."""
    return [bar(n, 100.0 + n % 50 / 10.0, tf, start_ms) for n in range(start, start + count)]
