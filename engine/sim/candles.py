"""Klines of any interval out of one symbol's 15m bars, or out of its trades below that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from engine.sim.lane import Lane
from engine.sim.path import BAR_MS, Bar
from engine.sim.symbols import Grid

MINUTE_MS = 60_000
DAY_MS = 86_400_000
MONDAY_MS = 4 * DAY_MS  # the first Monday after the epoch
INTERVALS: dict[str, int] = {
    "1m": MINUTE_MS, "3m": 3 * MINUTE_MS, "5m": 5 * MINUTE_MS, "15m": BAR_MS, "30m": 2 * BAR_MS, "1h": 4 * BAR_MS,
    "2h": 8 * BAR_MS, "4h": 16 * BAR_MS, "6h": 24 * BAR_MS, "8h": 32 * BAR_MS, "12h": 48 * BAR_MS, "1d": DAY_MS,
    "3d": 3 * DAY_MS, "1w": 7 * DAY_MS, "1M": 0,
}  # fmt: skip
SECOND = {"1s": 1_000}


@dataclass(frozen=True, slots=True)
class Candle:
    """One kline; `close_ms` is its last millisecond. Numbers as in `Bar`."""

    open_ms: int
    close_ms: int
    bar: Bar
    first_id: int
    trades: int


def open_time(at_ms: int, interval: str) -> int:
    """When the kline of an interval that holds a time opened (UTC)."""
    if interval == "1M":
        day = datetime.fromtimestamp(at_ms / 1000, UTC)
        return int(datetime(day.year, day.month, 1, tzinfo=UTC).timestamp()) * 1000
    length = (INTERVALS | SECOND)[interval]
    base = MONDAY_MS if interval == "1w" else 0
    return (at_ms - base) // length * length + base


def next_open(open_ms: int, interval: str) -> int:
    """When the kline after the one that opened at `open_ms` opens."""
    if interval != "1M":
        return open_ms + (INTERVALS | SECOND)[interval]
    return open_time(open_ms + 32 * DAY_MS, interval)


def candle(lane: Lane, interval: str, open_ms: int, now_ms: int) -> Candle | None:
    """The kline that opened at `open_ms` as it stands now; None before the first recorded bar."""
    return next(candles(lane, interval, open_ms, open_ms, now_ms), None)


def candles(lane: Lane, interval: str, first_ms: int, last_ms: int, now_ms: int) -> Iterator[Candle]:
    """Klines whose open time lies in a closed range, oldest first; the newest may still be forming."""
    first = open_time(first_ms, interval)
    if first < first_ms:
        first = next_open(first, interval)
    last = min(open_time(last_ms, interval), open_time(now_ms, interval))
    if (INTERVALS.get(interval, BAR_MS) < BAR_MS and interval != "1M") or interval in SECOND:
        yield from _from_trades(lane, interval, first, last, now_ms)
    else:
        yield from _from_bars(lane, interval, first, last, now_ms)


def row(grid: Grid, each: Candle) -> list[object]:
    """A kline as REST writes it."""
    bar = each.bar
    taker_quote = bar.quote * bar.taker / bar.volume if bar.volume else 0.0
    return [
        each.open_ms, grid.price_text(bar.open), grid.price_text(bar.high), grid.price_text(bar.low),
        grid.price_text(bar.close), grid.qty_text(bar.volume), each.close_ms, grid.amount_text(bar.quote),
        each.trades, grid.qty_text(bar.taker), grid.amount_text(taker_quote), "0",
    ]  # fmt: skip


def _from_bars(lane: Lane, interval: str, first_ms: int, last_ms: int, now_ms: int) -> Iterator[Candle]:
    begin = max(lane.bar_at(first_ms), 0)
    forming = lane.bar_at(now_ms)
    # The open bar is not among the closed ones.
    end = min(lane.bar_at(min(next_open(last_ms, interval), now_ms)), forming)
    if end < begin and forming < begin:
        return
    end = max(end, begin)
    spans, opens = [], first_ms
    while opens <= last_ms:
        closes = next_open(opens, interval)
        if lane.bar_at(closes) > 0:
            spans.append((opens, closes, max(lane.bar_at(opens), 0), lane.bar_at(closes)))
        opens = closes
    starts = [low - begin for _, _, low, _ in spans if low < end]
    merged: Iterator[Bar] = iter(_merged(lane.closed(begin, end).columns(), starts))
    for opens, closes, low, high in spans:
        bar = next(merged) if low < end else None
        if low <= forming < high:
            bar = _joined(bar, lane.forming(now_ms))
        if bar is not None:
            trades = lane.trades_between(lane.opens(low), min(closes - 1, now_ms))
            yield Candle(opens, closes - 1, bar, trades[0], trades[1])


def _merged(columns: Sequence[np.ndarray], starts: Sequence[int]) -> list[Bar]:
    """Consecutive bars as one each, up to where the next begins; every one of them has at least one bar."""
    if not starts:
        return []
    opens, highs, lows, closes, volumes, takers, quotes = columns
    if len(starts) < len(opens):
        at = np.asarray(starts)
        last = np.append(at[1:], len(opens)) - 1
        opens, closes = opens[at], closes[last]
        highs, lows = np.maximum.reduceat(highs, at), np.minimum.reduceat(lows, at)
        volumes, takers, quotes = (np.add.reduceat(column, at) for column in (volumes, takers, quotes))
    table = (opens, highs, lows, closes, volumes, takers, quotes)
    return [Bar(*row) for row in zip(*(column.tolist() for column in table), strict=True)]


def _joined(bar: Bar | None, forming: Bar) -> Bar:
    """A kline with the bar that is still open at its end."""
    if bar is None:
        return forming
    return Bar(
        bar.open, max(bar.high, forming.high), min(bar.low, forming.low), forming.close,
        bar.volume + forming.volume, bar.taker + forming.taker, bar.quote + forming.quote,
    )  # fmt: skip


def _from_trades(lane: Lane, interval: str, first_ms: int, last_ms: int, now_ms: int) -> Iterator[Candle]:
    opens = max(first_ms, lane.origin_ms)
    while opens <= last_ms:
        closes = next_open(opens, interval)
        bar = lane.bar_at(opens)
        path, base = lane.path(bar), lane.opens(bar)
        low = path.index(opens - base - 1) + 1
        high = path.index(min(closes - 1, now_ms) - base) + 1
        if high > low:
            before = (
                (int(path.volume[low - 1]), int(path.taker[low - 1]), float(path.value[low - 1]))
                if low
                else (0, 0, 0.0)
            )
            prices = path.price[low:high]
            trades = lane.trades_between(opens, min(closes - 1, now_ms))
            yield Candle(
                opens, closes - 1,
                Bar(
                    int(prices[0]), int(prices.max()), int(prices.min()), int(prices[-1]),
                    int(path.volume[high - 1]) - before[0], int(path.taker[high - 1]) - before[1],
                    float(path.value[high - 1]) - before[2],
                ),
                trades[0], trades[1],
            )  # fmt: skip
        opens = closes
