"""Entries at random moments with everything else equal: what exits, costs and the market give away by themselves.

Each trade is matched by trades of the same symbol, side, stop width in ATR and targets, entered at the open after a
bar drawn evenly from the evaluated ones. Only the moment differs, so the difference is what the moment is worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import msgspec
import numpy as np

from engine.research.features import History, joined
from engine.research.prices import PricePath
from engine.research.replay import terms_of
from engine.research.snapshots import BASE
from engine.research.trades import Trade
from engine.research.walk import END, Fees, follow
from strategies.model import F64, I64, Sign


class Matched(msgspec.Struct, frozen=True):
    """Results of one draw: net R and the day of entry of each match."""

    r_net: tuple[float, ...]
    days: tuple[int, ...]


def random_entries(
    history: History,
    path: PricePath,
    trades: Sequence[Trade],
    fees: Fees,
    *,
    window: tuple[int, int],
    draws: int,
    seed: int,
    funding: Sequence[tuple[int, float]] = (),
) -> list[Matched]:
    """`draws` matched sets for the closed trades of one symbol; the same seed gives the same ones."""
    digest = sha256(f"{history.symbol}|{seed}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    frames = {trade.timeframe for trade in trades}
    warm = {tf: _warm_bars(history, tf, window) for tf in frames}
    sets: list[Matched] = []
    for _ in range(draws):
        results: list[float] = []
        days: list[int] = []
        for trade in trades:
            bars, atrs = warm[trade.timeframe]
            if not trade.counts or not len(bars) or trade.exits is None:
                continue
            pick = int(rng.integers(len(bars)))
            t_ms = int(bars[pick])
            first = path.starting_at(t_ms)
            if first is None:
                continue
            side: Sign = 1 if trade.side > 0 else -1
            atr = float(atrs[pick])
            entry = path.open[first] * (1 + side * fees.slippage)
            stop = entry - side * abs(trade.entry - trade.stop) / trade.atr * atr
            if stop <= 0:
                continue
            exits = msgspec.structs.replace(trade.exits, atr=atr, tp2_price=None)
            terms = terms_of(side, entry, stop, exits)
            outcome = follow(path, first, terms, fees, funding)
            if outcome.reason != END:
                results.append(outcome.net_r)
                days.append(t_ms // 86_400_000)
        sets.append(Matched(tuple(results), tuple(days)))
    return sets


def _warm_bars(history: History, tf: str, window: tuple[int, int]) -> tuple[I64, F64]:
    """Closes of the evaluated 15m bars at which the frame's ATR is known, and that ATR."""
    base = history.frames[BASE]
    start, stop = window
    closes = base.open_time[start : max(start, stop - 1)] + base.tf_ms
    index = joined(history.frames[tf], closes)
    atr = history.ind[tf].atr[index]
    known = (index >= 0) & np.isfinite(atr)
    return closes[known], atr[known]
