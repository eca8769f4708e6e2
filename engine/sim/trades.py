"""Trades put together as the exchange's aggregate tape does: same price, same taker side, close in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.sim.lane import Print

WINDOW_MS = 100
MOST_AGGREGATES = 4


@dataclass(slots=True)
class Aggregate:
    """One row of the aggregate tape; its id is that of its last trade, so it is the same whoever asks."""

    first_id: int
    last_id: int
    at_ms: int
    price: int
    qty: int
    buy: bool

    @property
    def id(self) -> int:
        return self.last_id


def aggregated(trades: Sequence[Print], window_ms: int = WINDOW_MS) -> list[Aggregate]:
    """Neighbours of one price and side within a window become one."""
    rows: list[Aggregate] = []
    for trade in trades:
        before = rows[-1] if rows else None
        if (
            before is not None
            and before.price == trade.price
            and before.buy == trade.buy
            and trade.at_ms // window_ms == before.at_ms // window_ms
        ):
            before.last_id, before.at_ms = trade.id, trade.at_ms
            before.qty += trade.qty
        else:
            rows.append(Aggregate(trade.id, trade.id, trade.at_ms, trade.price, trade.qty, trade.buy))
    return rows


def condensed(trades: Sequence[Print]) -> list[Aggregate]:
    """What one push carries: every trade's quantity and side, in a bounded number of rows however fast time runs."""
    if len(trades) <= MOST_AGGREGATES:
        return aggregated(trades)
    rows: list[Aggregate] = []
    size = -(-len(trades) // (MOST_AGGREGATES // 2))
    for begin in range(0, len(trades), size):
        part = trades[begin : begin + size]
        for buy in (True, False):
            one_side = [trade for trade in part if trade.buy is buy]
            if one_side:
                last = one_side[-1]
                total = sum(trade.qty for trade in one_side)
                rows.append(Aggregate(one_side[0].id, last.id, last.at_ms, last.price, total, buy))
    return sorted(rows, key=lambda each: each.last_id)
