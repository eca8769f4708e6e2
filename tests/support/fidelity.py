"""One stretch of the market lived through twice: by the laboratory's quick walk, and by the desk on the exchange.

Both read the very candles the exchange serves, pay the same fee on every fill and the exchange's own funding. `compare`
names every difference; one that nothing explains is left so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from config.schema import ExitSettings
from engine.clock import VirtualLoop
from engine.research.candidates import scan, window_of
from engine.research.data import Tape
from engine.research.features import BtcHistory, history_of
from engine.research.prices import path_of
from engine.research.replay import Rules, replay, terms_of
from engine.research.snapshots import Snapshots
from engine.research.trades import Trade
from engine.research.walk import Fees
from engine.sim.candles import candles as klines
from engine.sim.lane import Lane
from engine.sim.opening import contracts_of, open_market
from engine.sim.tape import Recording
from engine.sim.venue import TAKER_FEE
from engine.trading.booking import cooldown_bars
from strategies.model import Candles
from strategies.registry import STRATEGIES
from strategies.settings import StrategySettings
from tests.support.lived_desk import BAR, ROOM, LeapingClock, Lived, LivedDesk
from tests.support.smooth_market import MINUTE_MS, SmoothMarket

FEES = Fees(float(TAKER_FEE), float(TAKER_FEE), 0.0)
SEED = 7
SAME_MINUTE = "the price came back to the stop in the very minute that moved it there, and moves count from the next"
ONE_MINUTE = "stop and target lie in one minute, and the stop is taken to be first"
FOLLOWS = "follows from another end of the trade before"


def alone(name: str) -> StrategySettings:
    """One strategy and no other: an account holds one position a symbol, the laboratory one for each strategy."""
    settings = StrategySettings()
    for other in STRATEGIES:
        params = msgspec.structs.replace(getattr(settings, other), enabled=other == name)
        settings = msgspec.structs.replace(settings, **{other: params})
    without_gate = msgspec.structs.replace(settings.action_price, room_r=0.0)  # or hardly a trade would be left
    return msgspec.structs.replace(settings, action_price=without_gate)


class Stretch:
    """Recordings opened as an exchange at one of their bars; `origin_ms` is when their first bar opened."""

    def __init__(
        self, recordings: Mapping[str, Recording], origin_ms: int, from_ms: int, to_ms: int, settings: StrategySettings
    ) -> None:
        symbols = tuple(sorted(recordings))
        self.from_ms, self.to_ms, self.settings = from_ms, to_ms, settings
        contracts = contracts_of(symbols, recordings)
        bar = (from_ms - origin_ms) // BAR
        opened = open_market(contracts, recordings, "recorded", SEED, from_ms, bar)
        self.market = SmoothMarket(opened.lanes, SEED, from_ms)
        self.bars = {symbol: quarters(self.market.lanes[symbol], to_ms) for symbol in symbols}

    def tick(self, symbol: str) -> float:
        return self.market.lanes[symbol].grid.tick_size

    def step(self, symbol: str) -> float:
        return self.market.lanes[symbol].grid.step_size

    def fast(self) -> list[Trade]:
        """The laboratory's trades, in the order of their signals."""
        settings = self.settings
        tapes = {symbol: Tape(symbol, bars, self._minutes(symbol)) for symbol, bars in self.bars.items()}
        histories = {symbol: history_of(tape, settings, self.tick(symbol)) for symbol, tape in tapes.items()}
        base = histories["BTCUSDT"]
        btc = BtcHistory(base.frames["1h"], base.ind["1h"], settings)
        rules = Rules(settings, ExitSettings(), ROOM, FEES)
        trades: list[Trade] = []
        for symbol, history in histories.items():
            window = window_of(history, self.from_ms - BAR, self.to_ms - BAR)
            found = scan(history, Snapshots(history, settings, btc), settings, window=window).found
            path = path_of(history.frames["15m"], history.minutes)
            trades += replay(history, path, found, rules, self._settlements(symbol)).trades
        return sorted(trades, key=lambda trade: (trade.signal_ms, trade.symbol))

    def slow(self) -> LivedDesk:
        """The desk after it has lived through the stretch."""
        loop = VirtualLoop()
        try:
            asyncio.set_event_loop(loop)
            return loop.run_until_complete(self._live(LeapingClock(loop, self.from_ms)))
        finally:
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(loop.shutdown_asyncgens())
            asyncio.set_event_loop(None)
            loop.close()

    async def _live(self, clock: LeapingClock) -> LivedDesk:
        desk = LivedDesk(self.market, self.bars, self.settings, clock)
        await desk.start()
        try:
            for close_ms in range(self.from_ms, self.to_ms, BAR):
                await desk.quarter(close_ms)
        finally:
            await desk.stop()
        return desk

    def _settlements(self, symbol: str) -> tuple[tuple[int, float], ...]:
        rates = self.market.funding(symbol)
        times = range(rates.next_time(self.from_ms - 1), self.to_ms, rates.interval_ms)
        return tuple((at_ms, float(rates.at(at_ms))) for at_ms in times)

    def _minutes(self, symbol: str) -> Candles:
        lane = self.market.lanes[symbol]
        rows = [
            (one.open_ms, one.bar.open, one.bar.high, one.bar.low, one.bar.close, one.bar.volume, one.bar.taker)
            for one in klines(lane, "1m", self.from_ms, self.to_ms - 1, self.to_ms)
        ]
        table = np.array(rows, dtype=np.int64).T
        prices = (np.round(column * self.tick(symbol), 10) for column in table[1:5])
        return Candles("1m", table[0], *prices, table[5] * self.step(symbol), table[6] * self.step(symbol))


class Difference(msgspec.Struct, frozen=True):
    """A trade that is not the same on both ways; `why` is empty where nothing explains it."""

    symbol: str
    signal_ms: int
    what: str
    why: str
    fast: Trade | None
    slow: Lived | None


class Comparison(msgspec.Struct, frozen=True):
    """Both ways side by side; trades still open at the end have no result and are left out."""

    fast: int
    slow: int
    same: int
    differences: tuple[Difference, ...]

    @property
    def unexplained(self) -> list[Difference]:
        return [one for one in self.differences if not one.why]


def compare(stretch: Stretch, fast: Sequence[Trade], slow: Sequence[Lived]) -> Comparison:
    """Trade by trade: entry, stop, tiers, last price, end and R, to the tick, the minute and the step."""
    mine = {(one.symbol, one.signal_ms): one for one in fast}
    other = {(one.symbol, one.signal_ms): one for one in slow}
    open_at_end = {key for key, one in mine.items() if not one.counts}
    found: list[Difference] = []
    same = 0
    for key in sorted((mine.keys() | other.keys()) - open_at_end, key=lambda key: (key[1], key[0])):
        a, b = mine.get(key), other.get(key)
        if a is not None and b is not None:
            what = _differs(stretch, a, b)
            if not what:
                same += 1
                continue
            why = _why(a, b)
        else:
            what, why = "only fast" if b is None else "only slow", _before(found, *key)
        found.append(Difference(*key, what, why, a, b))
    return Comparison(len(mine.keys() - open_at_end), len(other.keys() - open_at_end), same, tuple(found))


def _differs(stretch: Stretch, a: Trade, b: Lived) -> str:
    tick = stretch.tick(a.symbol)
    at_step = 8 * stretch.step(a.symbol) / float(b.quantity)  # two parts cut to whole steps, each up to 4 R away
    near = tick / abs(a.entry - a.stop) + at_step
    checks = {
        "side": a.side == b.side,
        "entry": abs(a.entry - float(b.entry)) < tick / 2,
        "stop": abs(a.stop - float(b.stop)) < tick / 2,
        "tier 1": a.tp1_ms == _minute(b.tp1_ms),
        "tier 2": a.tp2_ms == _minute(b.tp2_ms),
        "reason": a.reason == b.reason,
        "end": a.exit_ms == _minute(b.exit_ms),
        "last price": abs(_last_price(a, tick) - float(b.last_price)) < tick / 2,
        "gross R": abs(a.r_gross - b.r_gross) < near,
        "net R": abs(a.r_net - b.r_net) < near,
    }
    return ", ".join(name for name, right in checks.items() if not right)


def _last_price(a: Trade, tick: float) -> float:
    """At what price the last part left: the average exit without the tiers that were taken."""
    assert a.exits is not None
    terms = terms_of(1 if a.side > 0 else -1, a.entry, a.stop, a.exits, tick)
    left, value = 1.0, a.exit
    for taken, share, price in ((a.tp1_ms, terms.shares[0], terms.tp1), (a.tp2_ms, terms.shares[1], terms.tp2)):
        if taken and price is not None and left - share > 1e-9:
            left, value = left - share, value - share * price
    return value / left


def _why(a: Trade, b: Lived) -> str:
    """What in the conventions explains another end; looked for in the trades themselves."""
    moved = {_minute(at_ms) for at_ms in (b.tp1_ms, b.tp2_ms) if at_ms}
    if b.reason in ("breakeven", "tp1_lock") and _minute(b.exit_ms) in moved:
        return SAME_MINUTE
    if a.reason in ("stop", "breakeven", "tp1_lock") and a.exit_ms in moved and a.exit_ms not in (a.tp1_ms, a.tp2_ms):
        return ONE_MINUTE
    return ""


def _before(found: Sequence[Difference], symbol: str, signal_ms: int) -> str:
    """A trade before it that ended at another time blocked the strategy, or let it rest, for another time."""
    for one in found:
        if one.symbol != symbol or one.signal_ms >= signal_ms:
            continue
        ends = [end.exit_ms + (1 + cooldown_bars(end.reason)) * BAR for end in (one.fast, one.slow) if end is not None]
        if signal_ms <= max(ends):
            return FOLLOWS
    return ""


def _minute(at_ms: int) -> int:
    return at_ms // MINUTE_MS * MINUTE_MS


def quarters(lane: Lane, to_ms: int) -> Candles:
    """All closed bars of a lane as the exchange serves them."""
    count = (to_ms - lane.origin_ms) // BAR
    bars, grid = lane.closed(0, count), lane.grid
    times = lane.origin_ms + BAR * np.arange(count, dtype=np.int64)
    prices = (np.round(column * grid.tick_size, 10) for column in (bars.open, bars.high, bars.low, bars.close))
    return Candles("15m", times, *prices, bars.volume * grid.step_size, bars.taker * grid.step_size)
