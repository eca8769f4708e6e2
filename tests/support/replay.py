"""A recorded symbol walked bar by bar with everything computed once over its whole history, as a backtest does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import numpy as np

from engine.market.candles import CAPACITY
from engine.trading.zone_sets import Series, ZoneInputs, ZoneSets
from strategies.btc import btc_context
from strategies.evaluate import Evaluation, due, evaluate_one, settle
from strategies.flow import estimate_taker_buy
from strategies.indicators import indicators
from strategies.model import BtcContext, Candles, Filters, Indicators, MarketSnapshot, Regime, RegimeState, StrategyId
from strategies.regime import RegimeSeries, regime_series
from strategies.registry import STRATEGIES
from strategies.settings import StrategySettings
from tests.support.series import folded

FRAMES = ("15m", "1h", "4h", "1d")


def read_candles(path: Path, tf: str = "15m") -> Candles:
    """Candles of a kline file (Parquet, columns as in the demo pack)."""
    from pyarrow import parquet

    names = ["open_time", "open", "high", "low", "close", "volume", "taker_buy_volume"]
    table = parquet.read_table(path, columns=names)
    columns = [table.column(name).to_numpy(zero_copy_only=False) for name in names]
    return Candles(tf, columns[0].astype(np.int64), *(column.astype(np.float64) for column in columns[1:]))


def tick_of(candles: Candles) -> float:
    """The finest price step the recording uses, a power of ten."""
    for digits in range(10):
        scaled = candles.close[-2000:] * 10.0**digits
        if np.abs(scaled - np.rint(scaled)).max() < 1e-6 * max(1.0, float(scaled.max())) * 1e-3:
            return 10.0**-digits
    return 1e-9


class History:
    """One symbol with its whole past. `window` True: a snapshot holds no more bars than the desk keeps in memory."""

    def __init__(self, symbol: str, quarters: Candles, settings: StrategySettings, *, window: bool = True) -> None:
        estimated = settings.measures.flow.estimate != "off"
        filled = estimate_taker_buy(quarters) if estimated else quarters
        self.symbol, self.settings, self.tick = symbol, settings, tick_of(quarters)
        self.flow_estimated = filled is not quarters
        self.bars: dict[str, Candles] = {"15m": filled} | {tf: folded(filled, tf) for tf in FRAMES[1:]}
        self.ind: dict[str, Indicators] = {tf: indicators(c, tick=self.tick) for tf, c in self.bars.items()}
        self.regimes: RegimeSeries = regime_series(self.bars["4h"], self.ind["4h"], settings.measures.regime)
        self._zones = ZoneSets(settings, 8)
        self._window = window

    def candidates(self, since_ms: int, until_ms: int) -> Iterator[tuple[int, tuple[StrategyId, ...]]]:
        """Closes on which some strategy's screen lets the newest bar through, with those strategies, in time order."""
        found: dict[int, list[StrategyId]] = {}
        for name, row in STRATEGIES.items():
            candles, ind = self.bars[row.tf], self.ind[row.tf]
            mask = row.screen(candles, ind, self.settings)
            for close_ms in candles.open_time[np.flatnonzero(mask)] + candles.tf_ms:
                if since_ms < close_ms <= until_ms:
                    found.setdefault(int(close_ms), []).append(name)
        for close_ms in sorted(found):
            yield close_ms, tuple(found[close_ms])

    def snapshot(self, close_ms: int, btc: BtcContext | None) -> MarketSnapshot:
        """What was known at a close."""
        bars: dict[str, Candles] = {}
        ind: dict[str, Indicators] = {}
        for tf, candles in self.bars.items():
            stop = int(np.searchsorted(candles.open_time, close_ms - candles.tf_ms, side="right"))
            start = max(0, stop - CAPACITY[tf]) if self._window else 0
            if stop:
                bars[tf], ind[tf] = candles.slice(start, stop), self.ind[tf].slice(start, stop)
        inputs = ZoneInputs(self.symbol, close_ms, {tf: Series(c) for tf, c in bars.items()}, ind, self.tick)
        return MarketSnapshot(
            symbol=self.symbol, t_ms=close_ms, bars=bars, ind=ind, regime=self.regime(close_ms),
            source=self._zones.source(inputs), filters=Filters(self.tick), btc=btc, flow_estimated=self.flow_estimated,
        )  # fmt: skip

    def regime(self, close_ms: int) -> Regime:
        four = self.bars["4h"]
        index = int(np.searchsorted(four.open_time, close_ms - four.tf_ms, side="right")) - 1
        return self.regimes.at(index) if index >= 0 else Regime(RegimeState.UNDECIDED, 0, 0.0, reason="absent:bars")

    def evaluate(self, close_ms: int, names: tuple[StrategyId, ...], btc: BtcContext | None) -> Evaluation:
        """Verdicts of these strategies at a close, filters and conflicts included; nothing is open or cooling."""
        snap = self.snapshot(close_ms, btc)
        able = [name for name in due(snap, self.settings) if name in names]
        found = [verdict for name in able for verdict in evaluate_one(name, snap, self.settings)]
        return settle(found, snap, self.settings)


class BtcHistory:
    """What BTCUSDT said at any close."""

    def __init__(self, quarters: Candles, settings: StrategySettings) -> None:
        self._hours = folded(quarters, "1h")
        self._ind = indicators(self._hours)
        self._params = settings.measures.btc
        self._kept: dict[int, BtcContext | None] = {}

    def at(self, close_ms: int) -> BtcContext | None:
        hours = self._hours
        stop = int(np.searchsorted(hours.open_time, close_ms - hours.tf_ms, side="right"))
        start = max(0, stop - CAPACITY["1h"])
        key = int(hours.open_time[stop - 1]) if stop else 0
        if key not in self._kept:
            now = min(close_ms, key + 2 * hours.tf_ms)
            self._kept[key] = btc_context(hours.slice(start, stop), self._ind.slice(start, stop), now, self._params)
        found = self._kept[key]
        stale = stop == 0 or close_ms - (key + hours.tf_ms) > self._params.stale_min * 60_000
        return None if stale else found


def with_flow(settings: StrategySettings, estimate: bool) -> StrategySettings:
    """The settings with missing taker volume estimated, or left absent."""
    flow = msgspec.structs.replace(settings.measures.flow, estimate="close_location" if estimate else "off")
    measures = msgspec.structs.replace(settings.measures, flow=flow)
    return msgspec.structs.replace(settings, measures=measures)


def newest_ms(bars: Mapping[str, Candles]) -> int:
    return bars["15m"].last_close_ms
