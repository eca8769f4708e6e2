"""The desk itself, from a close to the end of a trade: pipeline, admission, positions, client and exchange, all real.

Exchange time leaps to the next second that matters, machine time passes only while somebody waits for an answer, so a
month of three symbols takes minutes.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

import msgspec
import numpy as np

from config.schema import RiskSettings, Settings
from engine.bus import Bus
from engine.clock import VirtualClock
from engine.desk.verdicts import Verdicts
from engine.market.candles import CandlePanels
from engine.market.events import BarsClosed
from engine.money import Instrument
from engine.sim.clockwork import HandClock
from engine.sim.direct import DirectExchange
from engine.sim.exchange import Exchange
from engine.sim.venue import TAKER_FEE
from engine.trading.booking import result_of
from engine.trading.events import SignalDecided
from engine.trading.floor import TradingFloor
from engine.trading.pipeline import Pipeline
from engine.trading.position_state import Position
from engine.trading.pricing import Surroundings
from engine.trading.quotes import Quote
from engine.trading.snapshots import Analyst
from strategies.model import TIMEFRAME_MS, BookFlow, Candles
from strategies.settings import StrategySettings
from tests.support.bundled import bar_of, fill
from tests.support.desk_rig import MemoryJournal, MemoryReads
from tests.support.direct_desk import DirectDesk
from tests.support.smooth_market import SmoothMarket

BAR, SECOND = 900_000, 1_000
KEY_EVERY_MS = 1_500_000  # the exchange's listen key lives an hour of its time
ROOM = RiskSettings(  # no limit of the account stands between a signal and its trade: the laboratory asks those later
    risk_pct=0.1, scalp_risk_pct=0.1, max_open=50, max_same_side=50, max_open_risk_pct=100.0,
    max_daily_loss_pct=100.0, max_weekly_loss_pct=100.0, max_spread_bps=50.0,
)  # fmt: skip


class LeapingClock(VirtualClock):
    """Virtual time on which the exchange's part may leap ahead while no machine time passes."""

    leaped_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.leaped_ms

    def leap_to(self, at_ms: int) -> None:
        self.leaped_ms += max(0, at_ms - self.now_ms())


class Lived(msgspec.Struct, frozen=True):
    """One trade as the desk lived it; times in milliseconds, results in R."""

    symbol: str
    strategy: str
    side: int
    signal_ms: int
    entry: Decimal
    stop: Decimal
    quantity: Decimal
    tp1_ms: int
    tp2_ms: int
    exit_ms: int
    last_price: Decimal  # at which the last part left
    reason: str
    r_gross: float
    r_net: float
    funding_r: float


class _NoContext:
    """Nothing but bars: what the recordings do not hold is absent on both ways."""

    def book(self, symbol: str) -> BookFlow | None:
        return None

    def spread(self, symbol: str) -> float | None:
        return None

    def quote_rank(self, symbol: str) -> int | None:
        return None

    async def doi_pct(self, symbol: str) -> float | None:
        return None

    async def funding_z(self, symbol: str) -> float | None:
        return None


class LivedDesk:
    """The desk over one stretch: `trades` in the order they ended, `decided` why signals became none."""

    def __init__(
        self, market: SmoothMarket, bars: dict[str, Candles], settings: StrategySettings, clock: LeapingClock
    ) -> None:
        self._market, self._bars, self._clock = market, bars, clock
        self._start_ms = clock.now_ms()
        hand = HandClock(clock.now_ms())
        exchange = Exchange(market, hand, 7, Decimal(10_000_000), maker_fee=TAKER_FEE)
        self._exchange = DirectExchange(exchange, hand, clock.now_ms)
        self._account = exchange.account._accounts[exchange.keys.account]
        market.waiting = self._waiting
        self._desk = DirectDesk(clock, tuple(bars), latency_s=0.0, exchange=self._exchange)
        bus = Bus()
        bus.subscribe(SignalDecided, self._note)
        whole = Settings(
            venue="sim", mode="auto", strategies=settings, risk=ROOM,
            approval=msgspec.structs.replace(Settings().approval, unattended=True),
        )  # fmt: skip
        around = Surroundings(self._quote, self._instrument, venue="sim")
        self._journal = MemoryJournal()
        self._floor = TradingFloor(self._desk.client.gateway, self._journal, bus, clock, whole, around)
        booked = self._floor.log.ended
        self._floor.log.ended = lambda position: (self._keep(position), booked(position))[1]
        verdicts = Verdicts(self._floor, lambda _verdict, _snapshot: None)
        self._panels = CandlePanels()
        self._instruments: dict[str, Instrument] = {}
        self._pipeline = Pipeline(
            Analyst(settings), self._panels, self._instruments, _NoContext(), clock, verdicts.blocks_of,
            verdicts.take,
        )  # fmt: skip
        self._tasks: list[asyncio.Future[None]] = []
        self._key_ms, self._fills = clock.now_ms(), 0
        self.trades: list[Lived] = []
        self.refused: dict[tuple[str, int], str] = {}

    async def start(self) -> None:
        await self._desk.start()
        self._instruments.update({s: self._desk.instruments[s] for s in self._bars})
        before = self._start_ms - BAR
        for symbol, bars in self._bars.items():
            fill(self._panels, symbol, bars.slice(0, int(np.searchsorted(bars.open_time, before))))
        await self._floor.recover(MemoryReads(self._journal))
        for _, work in self._floor.services():
            self._tasks.append(asyncio.ensure_future(work()))
        self._tasks.append(asyncio.ensure_future(self._pipeline.run()))
        while not self._floor.reconciler.reconciled:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.05)
        await self._floor.facts.refresh()
        for symbol in self._bars:
            await self._floor.facts.warm(symbol)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._desk.stop()

    async def quarter(self, close_ms: int) -> None:
        """One close and the fifteen minutes after it, second by second where something is held."""
        assert not any(task.done() for task in self._tasks), [task for task in self._tasks if task.done()]
        self._clock.leap_to(close_ms)
        if close_ms - self._key_ms >= KEY_EVERY_MS:
            self._key_ms = close_ms
            self._exchange.request("PUT", "/fapi/v1/listenKey")
        closed = [self._close(symbol, close_ms) for symbol in self._bars]
        timeframes = tuple(tf for tf, size in TIMEFRAME_MS.items() if close_ms % size == 0)
        self._pipeline.on_closed(BarsClosed(close_ms, timeframes, tuple(closed)))
        await self._pipeline.idle.wait()
        await self._settle()
        for second in range(900):
            if not self._held():
                return
            self._clock.leap_to(close_ms + second * SECOND)
            await self._second(second % 60 == 0)

    async def _second(self, minute: bool) -> None:
        keeper = self._floor.keeper
        self._catch_up()
        if len(self._account.trades) != self._fills:
            self._fills = len(self._account.trades)
            await self._settle()
        for symbol in self._held():
            keeper.on_price(symbol, float(self._market.last(symbol)))
        if minute:
            keeper.tick()
        if self._unanswered():
            await self._settle()

    def _catch_up(self) -> None:
        self._exchange.now_ms()
        self._exchange.exchange.catch_up()

    def _held(self) -> set[str]:
        """Symbols in which the account or the desk has something; only these are stepped."""
        held = {position.plan.symbol for position in self._floor.keeper.positions()}
        held |= {symbol for symbol in self._bars if self._account.touches(symbol)}
        self._market.follow(held)
        return held

    async def _settle(self) -> None:
        """Let everybody answer everybody; a few tenths of a second of machine time."""
        calm = 0
        while calm < 3:
            await asyncio.sleep(0.02)
            self._held()
            calm = 0 if self._unanswered() else calm + 1

    def _unanswered(self) -> bool:
        orders = (order for position in self._floor.keeper.positions() for order in position.orders.values())
        return any(order.live and (order.cancel_sent or not order.resting) for order in orders)

    def _close(self, symbol: str, close_ms: int) -> str:
        bars = self._bars[symbol]
        index = int(np.searchsorted(bars.open_time, close_ms - BAR))
        self._panels.add(symbol, "15m", bar_of(bars, index))
        return symbol

    def _waiting(self, symbol: str) -> list[Decimal]:
        account = self._account
        return [order.price for order in account.resting.get(symbol, {}).values()] + [
            algo.trigger_price for algo in account.armed.get(symbol, {}).values()
        ]

    def _instrument(self, symbol: str) -> Instrument | None:
        return self._desk.instruments.get(symbol)

    def _quote(self, symbol: str) -> Quote:
        self._catch_up()
        price = float(self._market.last(symbol))
        return Quote(symbol, True, ((price, 1e12),), ((price, 1e12),), mark=price)

    def _note(self, event: SignalDecided) -> None:
        if event.state not in ("approved", "closed"):
            self.refused[event.symbol, event.at_ms // BAR * BAR] = event.reason

    def _keep(self, position: Position) -> None:
        unit = float(position.entered.quantity) * position.r0
        last = max(position.tallies.values(), key=lambda tally: (tally.last_ms, tally.last_trade))
        result = result_of(position)
        self.trades.append(
            Lived(
                symbol=position.plan.symbol, strategy=position.plan.strategy, side=position.plan.side,
                signal_ms=position.plan.planned_ms // BAR * BAR, entry=position.entry_price, stop=position.plan.stop,
                quantity=position.entered.quantity, tp1_ms=position.tp1_ms, tp2_ms=position.tp2_ms,
                exit_ms=position.closed_ms, last_price=last.average, reason=position.close_reason,
                r_gross=result.gross_r, r_net=result.net_r, funding_r=float(position.funding) / unit,
            )
        )  # fmt: skip
