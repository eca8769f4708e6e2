"""From a close to its signals: 600 symbols through the pipeline, beside the same work in pandas. Prints figures.

Run as `python -m tests.bench.bench_close [symbols]`. Wall times depend on the machine; the ratio hardly does. The lag
of the loop is measured while the closes run: a heartbeat of one millisecond stands for orders that would have waited.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from time import perf_counter, process_time

import numpy as np

from engine.clock import SystemClock
from engine.market.bars import FIELDS, Bar
from engine.market.candles import CAPACITY, CandlePanels
from engine.market.events import BarsClosed
from engine.money import Instrument
from engine.store.history_rows import CandleColumns
from engine.trading.pipeline import Pipeline
from engine.trading.precedence import Precedence
from engine.trading.snapshots import Analyst
from strategies.evaluate import Evaluation
from strategies.filters import Blocks
from strategies.indicators import EMA_PERIODS
from strategies.model import TIMEFRAME_MS, BookFlow, Candles, MarketSnapshot
from strategies.settings import StrategySettings
from tests.bench.table import note
from tests.support.series import START_MS, TICK, walk

M15 = TIMEFRAME_MS["15m"]
Take = Callable[[Evaluation, MarketSnapshot], Awaitable[None]]
WITH_BOOK = 60  # the others are watched thinly
END_MS = START_MS + 400 * TIMEFRAME_MS["1d"]
"""Midnight: history ends there, the measured closes follow."""


class Quiet:
    """A context in which every answer is at hand, as it is when streams carry them."""

    def book(self, symbol: str) -> BookFlow | None:
        return BookFlow((0.3,) * 20, 1.0) if symbol < f"S{WITH_BOOK:03}" else None

    def spread(self, symbol: str) -> float | None:
        return TICK

    def quote_rank(self, symbol: str) -> int | None:
        return 50

    async def doi_pct(self, symbol: str) -> float | None:
        return 1.5

    async def funding_z(self, symbol: str) -> float | None:
        return 0.0


class Market:
    """Panels of many symbols, full to their capacity, with the bars of further closes at hand."""

    def __init__(self, symbols: int, closes: int) -> None:
        self.names = ("BTCUSDT", *(f"S{i:03}USDT" for i in range(1, symbols)))
        self.panels = CandlePanels()
        self._coming: dict[str, Candles] = {}
        for seed, name in enumerate(self.names):
            for tf, capacity in CAPACITY.items():
                extra = closes if tf == "15m" else 0
                series = walk(seed, capacity + extra, tf=tf, start_ms=END_MS - capacity * TIMEFRAME_MS[tf])
                self.panels.load(name, tf, _columns(series.slice(0, capacity)))
                if extra:
                    self._coming[name] = series.slice(capacity, capacity + extra)

    def close(self, number: int) -> BarsClosed:
        """Put the bars of one more close in place and say so."""
        for name in self.names:
            self.put(name, number)
        return self.closed(number)

    def put(self, name: str, number: int) -> None:
        """Put one symbol's bar of a close in place."""
        coming = self._coming[name]
        values = (getattr(coming, field)[number] for field in ("open", "high", "low", "close", "volume", "taker_buy"))
        self.panels.add(name, "15m", Bar(int(coming.open_time[number]), *map(float, values)))

    def closed(self, number: int) -> BarsClosed:
        """That a close, whose bars are in place, is gathered."""
        close_ms = END_MS + (number + 1) * M15
        ended = tuple(tf for tf in CAPACITY if close_ms % TIMEFRAME_MS[tf] == 0)
        return BarsClosed(close_ms, ended, self.names)


def _columns(candles: Candles) -> CandleColumns:
    return CandleColumns(
        candles.open_time, candles.open, candles.high, candles.low, candles.close, candles.volume,
        np.full(len(candles), np.nan), candles.taker_buy,
    )  # fmt: skip


def instrument(symbol: str) -> Instrument:
    step, most = Decimal("0.001"), Decimal(10**9)
    return Instrument(
        symbol, Decimal(str(TICK)), step, step, most, step, step, most, Decimal(5), step, most,
        Decimal("1.1"), Decimal("0.9"),
    )  # fmt: skip


def warm_pipeline(market: Market, take: Take, precedence: Precedence | None = None) -> Pipeline:
    """The desk's own pipeline over these panels, warmed up."""
    pipeline = Pipeline(
        Analyst(StrategySettings(), len(market.names)), market.panels,
        {name: instrument(name) for name in market.names}, Quiet(), SystemClock(), lambda _symbol, _t: Blocks(), take,
        precedence=precedence,
    )  # fmt: skip
    for name in market.names:
        pipeline.warm(name)
    return pipeline


async def nowhere(_evaluation: Evaluation, _snapshot: MarketSnapshot) -> None:
    """Signals that are nobody's business."""


async def heartbeat(lags: list[float]) -> None:
    """Wake every millisecond and note by how much too late, in milliseconds."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + 0.001
        await asyncio.sleep(0.001)
        lags.append(max(0.0, (loop.time() - due) * 1000.0))


async def measure(symbols: int, closes: int) -> None:
    market = Market(symbols, closes)
    verdicts: Counter[str] = Counter()

    async def take(evaluation: Evaluation, _snapshot: MarketSnapshot) -> None:
        verdicts["signals"] += len(evaluation.signals)
        verdicts["refusals"] += len(evaluation.refusals)

    started = perf_counter()
    pipeline = warm_pipeline(market, take)
    print(f"warm-up of {symbols} symbols: {perf_counter() - started:.2f} s")
    runner = asyncio.create_task(pipeline.run())
    ours: list[float] = []
    lag_p99_ms: list[float] = []
    for number in range(closes):
        event = market.close(number)
        lags: list[float] = []
        beat = asyncio.create_task(heartbeat(lags))
        await asyncio.sleep(0.05)
        verdicts.clear()
        started, busy = perf_counter(), process_time()
        pipeline.on_closed(event)
        idle = asyncio.create_task(pipeline.idle.wait())
        await asyncio.wait((idle, runner), return_when=asyncio.FIRST_COMPLETED)
        if runner.done():
            await runner
        wall = perf_counter() - started
        beat.cancel()
        report = pipeline.report
        assert report is not None
        ours.append(report.wall_ms / 1000)
        lag_p99_ms.append(float(np.percentile(lags, 99)))
        rate = process_time() - busy
        print(
            f"close of {'+'.join(event.timeframes):12} signals out after {report.wall_ms / 1000:6.3f} s, all done "
            f"after {wall:.3f} s ({rate:.3f} s of a core), lag p50 {np.percentile(lags, 50):.1f} "
            f"p99 {np.percentile(lags, 99):.1f} max {max(lags):.1f} ms, "
            f"{verdicts['signals']} signals, {verdicts['refusals']} refusals"
        )
        print("   ", dict(report.reasons.most_common(12)))
    runner.cancel()
    note("close of all symbols, slowest until its signals", max(ours), unit=" s", goal=1.0, detail=f"{symbols} symbols")
    note("lag of the loop during closes, worst p99", max(lag_p99_ms), unit=" ms", goal=20.0)
    theirs = [in_pandas({tf: market.panels.candles(name, tf) for tf in CAPACITY}) for name in market.names[:8]]
    mine, other = min(ours) / symbols, min(theirs)
    note(
        "candle close, to pandas and pandas-ta-classic", mine / other, goal=0.01,
        detail=f"{mine * 1e3:.2f} to {other * 1e3:.1f} ms a symbol, {other / mine:.0f} times",
    )  # fmt: skip


def in_pandas(bars: dict[str, Candles]) -> float:
    """Seconds that the features behind one symbol's verdicts take where nothing is kept between closes.

    All four timeframes: averages, ATR, ADX, RSI, bands, both ranks, volume ratio, swings, delta ratios; daily VWAP and
    volume profile on 15m. The rules themselves, zones and scoring are left out, in favour of pandas.
    """
    import pandas as pd
    import pandas_ta_classic as ta

    started = perf_counter()
    for tf, candles in bars.items():
        index = pd.to_datetime(candles.open_time, unit="ms", utc=True)
        frame = pd.DataFrame({name: getattr(candles, name) for name in FIELDS}, index=index)
        high, low, close, volume = frame.high, frame.low, frame.close, frame.volume
        for period in EMA_PERIODS:
            frame[f"ema{period}"] = ta.ema(close, period)
        frame["atr"] = ta.atr(high, low, close, 14)
        frame = frame.join(ta.adx(high, low, close, 14))
        frame["rsi"] = ta.rsi(close, 14)
        bands = ta.bbands(close, 20, 2)
        frame["bb_rank"] = bands.iloc[:, 3].rolling(90, min_periods=60).rank(pct=True)
        frame["atr_rank"] = (100 * frame.atr / close).rolling(90, min_periods=60).rank(pct=True)
        frame["vr"] = volume / volume.shift(1).rolling(20).median()
        frame["swing_high"] = high == high.rolling(11, center=True).max()
        frame["swing_low"] = low == low.rolling(11, center=True).min()
        delta = 2 * frame.taker_buy - volume
        for bars_back in (3, 5):
            frame[f"dr{bars_back}"] = delta.rolling(bars_back).sum() / volume.rolling(bars_back).sum()
        if tf == "15m":
            typical = (high + low + close) / 3
            day = frame.index.floor("D")
            frame["vwap"] = (typical * volume).groupby(day).cumsum() / volume.groupby(day).cumsum()
            frame[-288:].groupby(pd.cut(typical[-288:], 200), observed=True).volume.sum().idxmax()
    return perf_counter() - started


def main(arguments: Sequence[str]) -> None:
    symbols = int(arguments[0]) if arguments else 600
    asyncio.run(measure(symbols, 6))


if __name__ == "__main__":
    main(sys.argv[1:])
