"""Rolling statistics of the last 24 hours of one symbol."""

from __future__ import annotations

from dataclasses import dataclass

from engine.sim.lane import Lane
from engine.sim.path import BAR_MS
from engine.sim.tape import Bars

DAY_BARS = 96


@dataclass(frozen=True, slots=True)
class Day:
    """Prices in ticks, quantities in steps, `quote` in quote currency, `average` a price."""

    open: int
    high: int
    low: int
    last: int
    last_qty: int
    volume: int
    quote: float
    open_ms: int
    close_ms: int
    first_id: int
    last_id: int
    average: float

    @property
    def change(self) -> int:
        return self.last - self.open

    @property
    def change_pct(self) -> float:
        return (self.last - self.open) / self.open * 100

    @property
    def count(self) -> int:
        return self.last_id - self.first_id + 1


@dataclass(slots=True)
class _Closed:
    bar: int
    bars: Bars
    high: int
    low: int
    volume: int
    quote: float


def day_of(lane: Lane, now_ms: int) -> Day:
    """The last 96 bars, the open one among them."""
    bar = lane.bar_at(now_ms)
    closed = _closed(lane, bar)
    forming = lane.forming(now_ms)
    path = lane.path(bar)
    index = path.index(now_ms - lane.opens(bar))
    volume, quote = closed.volume + forming.volume, closed.quote + forming.quote
    first_ms = max(lane.origin_ms, lane.opens(bar) - (DAY_BARS - 1) * BAR_MS)
    base = volume * lane.grid.step_size
    return Day(
        open=int(closed.bars.open[0]) if len(closed.bars) else forming.open,
        high=max(closed.high, forming.high),
        low=min(closed.low, forming.low),
        last=forming.close,
        last_qty=int(path.qty[index]),
        volume=volume,
        quote=quote,
        open_ms=first_ms,
        close_ms=now_ms,
        first_id=lane.trades_between(first_ms, first_ms)[0],
        last_id=lane.next_id(now_ms) - 1,
        average=quote / base if base else forming.close * lane.grid.tick_size,
    )


def _closed(lane: Lane, bar: int) -> _Closed:
    kept = lane.day_cache
    if isinstance(kept, _Closed) and kept.bar == bar:
        return kept
    bars = lane.closed(max(0, bar - DAY_BARS + 1), bar)
    some = len(bars) > 0
    fresh = _Closed(
        bar, bars,
        int(bars.high.max()) if some else 0,
        int(bars.low.min()) if some else 1 << 60,
        int(bars.volume.sum()), float(bars.quote.sum()),
    )  # fmt: skip
    lane.day_cache = fresh
    return fresh
