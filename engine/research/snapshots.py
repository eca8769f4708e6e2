"""What a decision may read at one close of a recorded history: slices that end there, as long as the live desk keeps.

Slices are views, so a snapshot costs microseconds; those of a longer frame are kept until its next bar.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from engine.market.candles import CAPACITY
from engine.research.features import BtcHistory, FundingHistory, History, joined
from engine.trading.zone_sets import Series, ZoneInputs, ZoneSets
from strategies.model import Candles, Filters, Indicators, MarketSnapshot
from strategies.settings import StrategySettings

BASE: Final = "15m"


class Snapshots:
    """Snapshots of one symbol; ask in the order of time, for the zones' sake."""

    def __init__(
        self,
        history: History,
        settings: StrategySettings,
        btc: BtcHistory | None = None,
        funding: FundingHistory | None = None,
    ) -> None:
        self._history, self._btc, self._funding = history, btc, funding
        self._zones = ZoneSets(settings, 1)
        self._filters = Filters(history.tick)
        closes_ms = history.frames[BASE].open_time + history.frames[BASE].tf_ms
        self._join = {tf: joined(frame, closes_ms).tolist() for tf, frame in history.frames.items()}
        self._kept: dict[str, tuple[int, Candles, Indicators]] = {}

    def at(self, bar: int) -> MarketSnapshot:
        """The symbol at the close of 15m bar `bar`."""
        history = self._history
        t_ms = int(history.frames[BASE].open_time[bar]) + history.frames[BASE].tf_ms
        bars: dict[str, Candles] = {}
        ind: dict[str, Indicators] = {}
        for tf in history.frames:
            last = self._join[tf][bar]
            if last >= 0:
                bars[tf], ind[tf] = self._slices(tf, last)
        series = {tf: Series(candles) for tf, candles in bars.items()}
        return MarketSnapshot(
            symbol=history.symbol, t_ms=t_ms, bars=bars, ind=ind, regime=history.regimes.at(self._join["4h"][bar]),
            source=self._zones.source(ZoneInputs(history.symbol, t_ms, series, ind, history.tick)),
            filters=self._filters, btc=self._btc.at(t_ms) if self._btc is not None else None,
            funding_z=self._funding_z(t_ms), flow_estimated=history.flow_estimated,
        )  # fmt: skip

    def _slices(self, tf: str, last: int) -> tuple[Candles, Indicators]:
        kept = self._kept.get(tf)
        if kept is not None and kept[0] == last:
            return kept[1], kept[2]
        start = max(0, last + 1 - CAPACITY[tf])
        candles = self._history.frames[tf].slice(start, last + 1)
        ind = self._history.ind[tf].slice(start, last + 1)
        self._kept[tf] = (last, candles, ind)
        return candles, ind

    def _funding_z(self, t_ms: int) -> float | None:
        if self._funding is None:
            return None
        index = int(np.searchsorted(self._funding.at_ms, t_ms, side="right")) - 1
        z = float(self._funding.z[index]) if index >= 0 else math.nan
        return z if math.isfinite(z) else None
