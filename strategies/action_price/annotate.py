"""Which volume-weighted averages price rests on at a signal: an annotation for people and studies, never a point (6.6).

The sticky anchors walk over hundreds of bars, so this is asked for what is published and recorded, not for candidates.
"""

from __future__ import annotations

from typing import Final

from strategies.absent import at
from strategies.action_price.trigger import TF
from strategies.anchor import ROLES, sticky_anchors
from strategies.bars import median_range
from strategies.model import Candles, MarketSnapshot, Sign
from strategies.vwap import DAY_MS, confluent, daily_vwap

ANCHOR_BARS: Final = 300


def vwap_confluence(snapshot: MarketSnapshot, side: Sign) -> tuple[str, ...]:
    """Names of the averages behind or at price in the trade direction, within one median range; all count once."""
    candles = snapshot.bars[TF]
    last = len(candles) - 1
    close = float(candles.close[last])
    tail = candles.slice(max(0, len(candles) - 31), len(candles))
    unit = at(median_range(tail), len(tail) - 1)
    levels = {"daily": _daily(candles)} | {f"anchor_{tf}": _anchored(snapshot, tf) for tf in ROLES[TF]}
    return tuple(
        name for name, level in levels.items() if confluent(close, level, unit, side, snapshot.filters.tick) is True
    )


def _daily(candles: Candles) -> float | None:
    """VWAP since the day began; the newest day's bars are enough."""
    today = candles.slice(max(0, len(candles) - DAY_MS // candles.tf_ms), len(candles))
    return at(daily_vwap(today).value, len(today) - 1)


def _anchored(snapshot: MarketSnapshot, tf: str) -> float | None:
    """VWAP from the sticky anchor of a higher frame, as of its last closed bar."""
    candles = snapshot.bars.get(tf)
    if candles is None:
        return None
    closed = candles.upto(snapshot.t_ms)
    recent = closed.slice(max(0, len(closed) - ANCHOR_BARS), len(closed))
    return at(sticky_anchors(recent).vwap, len(recent) - 1) if len(recent) else None
