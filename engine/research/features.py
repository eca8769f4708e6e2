"""Everything about one symbol that does not depend on the moment asked about, computed once for its whole history.

Every value at index j looks back only, so a decision at a close reads slices that end there and sees exactly what was
known. The history of a long run is longer than the windows of the live desk; recursive averages then differ by the
share of their seed (ruling 17 of the rules), which is below 0.25 % where a rule may read them.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.research.data import FundingRates, Tape
from strategies.btc import btc_context
from strategies.flow import estimate_taker_buy
from strategies.indicators import indicators
from strategies.model import F64, I64, TIMEFRAME_MS, BtcContext, Candles, Indicators
from strategies.regime import RegimeSeries, regime_series
from strategies.settings import StrategySettings

LONGER: Final = ("1h", "4h", "1d")
BTC_TAIL: Final = 80  # 1h bars that the context of BTC reads at most
SETTLED: Final = 90  # settlements of the funding z-score
SETTLED_LEAST: Final = 30


class History(msgspec.Struct, frozen=True, eq=False):
    """Bars, indicators and regimes of one symbol; `flow_estimated` says taker volume was put in place."""

    symbol: str
    tick: float
    frames: dict[str, Candles]
    ind: dict[str, Indicators]
    regimes: RegimeSeries
    minutes: Candles | None = None
    flow_estimated: bool = False


class FundingHistory(msgspec.Struct, frozen=True, eq=False):
    """Settlements with the z-score of each against the ones before it and itself; NaN with too few."""

    at_ms: I64
    rate: F64
    z: F64


def history_of(tape: Tape, settings: StrategySettings, tick: float = 0.0) -> History:
    """Fold and measure a tape. A tick of 0 means unknown: nothing is rounded (ruling 22)."""
    quarter, estimated = tape.bars, False
    if settings.measures.flow.estimate != "off":
        quarter = estimate_taker_buy(quarter)
        estimated = quarter is not tape.bars
    frames = {"15m": quarter} | {tf: fold_frame(quarter, tf) for tf in LONGER}
    ind = {tf: indicators(candles, tick=tick) for tf, candles in frames.items()}
    regimes = regime_series(frames["4h"], ind["4h"], settings.measures.regime)
    return History(tape.symbol, tick, frames, ind, regimes, tape.minutes, estimated)


def fold_frame(candles: Candles, tf: str) -> Candles:
    """Longer bars, of those whose parts are all there (ruling 23)."""
    size = TIMEFRAME_MS[tf]
    if not len(candles):
        return msgspec.structs.replace(candles, tf=tf)
    period = candles.open_time // size
    starts = np.flatnonzero(np.diff(period, prepend=period[0] - 1))
    counts = np.diff(np.append(starts, len(candles)))
    whole = counts == size // candles.tf_ms
    if not whole.any():
        return msgspec.structs.replace(candles.slice(0, 0), tf=tf)
    last = starts + counts - 1
    return Candles(
        tf, (period[starts] * size)[whole], candles.open[starts][whole],
        np.maximum.reduceat(candles.high, starts)[whole], np.minimum.reduceat(candles.low, starts)[whole],
        candles.close[last][whole], np.add.reduceat(candles.volume, starts)[whole],
        np.add.reduceat(candles.taker_buy, starts)[whole],
    )  # fmt: skip


def joined(frame: Candles, closes_ms: I64) -> I64:
    """Index of the last bar of a frame that had closed at each moment, -1 where there was none (1.6)."""
    return np.searchsorted(frame.open_time, closes_ms - frame.tf_ms, side="right") - 1


def just_closed(frame: Candles, closes_ms: I64) -> tuple[I64, NDArray[np.bool_]]:
    """For each moment the index of the last closed bar of a frame, and whether it closed right then."""
    index = joined(frame, closes_ms)
    due: NDArray[np.bool_] = (index >= 0) & (frame.open_time[index] + frame.tf_ms == closes_ms)
    return index, due


def funding_history(rates: FundingRates) -> FundingHistory:
    """Settlements with their z-scores (section 2.14 of the rules)."""
    z = np.full(len(rates.rate), np.nan)
    for index in range(SETTLED_LEAST - 1, len(z)):
        known = rates.rate[max(0, index + 1 - SETTLED) : index + 1]
        deviation = float(known.std())
        if deviation > 0:
            z[index] = (float(rates.rate[index]) - float(known.mean())) / deviation
    return FundingHistory(rates.at_ms, rates.rate, z)


class BtcHistory:
    """What BTCUSDT 1h said at any close; answers are kept by the bar they rest on."""

    def __init__(self, candles: Candles, ind: Indicators, settings: StrategySettings) -> None:
        self._candles, self._ind, self._params = candles, ind, settings.measures.btc
        self._kept: dict[int, BtcContext | None] = {}

    def at(self, t_ms: int) -> BtcContext | None:
        """The context at a close; None with too few bars, or when the newest is old."""
        last = int(np.searchsorted(self._candles.open_time, t_ms - self._candles.tf_ms, side="right")) - 1
        if last < 0:
            return None
        closed_ms = int(self._candles.open_time[last]) + self._candles.tf_ms
        if t_ms - closed_ms > self._params.stale_min * 60_000:
            return None
        if last not in self._kept:
            start = max(0, last + 1 - max(BTC_TAIL, self._params.least_bars))
            tail, ind = self._candles.slice(start, last + 1), self._ind.slice(start, last + 1)
            self._kept[last] = btc_context(tail, ind, closed_ms, self._params)
        return self._kept[last]
