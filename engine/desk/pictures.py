"""Builds the views of the market and of decisions: what each pane paints, from the owners of the state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from engine.clock import Clock
from engine.desk.measured import Measured
from engine.desk.verdicts import Verdicts
from engine.market.books import Books
from engine.market.candles import CandlePanels
from engine.market.feed import MarketFeed
from engine.money import Instrument, Side, decimal, plain
from engine.port.views import (
    BookView,
    BreakdownView,
    ChartBar,
    ChartLevel,
    ChartView,
    Check,
    RegimeView,
    SignalRow,
    SignalsView,
    SymbolRegime,
    TapeTrade,
    Term,
)
from engine.trading.approval import Waiting
from engine.trading.floor import TradingFloor
from engine.trading.picture import own_levels
from engine.trading.pipeline import BTC, Pipeline
from engine.trading.refusals import RiskRefusal
from strategies.flips import flips
from strategies.model import Refusal, Regime, Signal
from strategies.settings import StrategySettings
from strategies.value import profile
from strategies.vwap import daily_vwap

SHOWN_TRADES = 30
SHOWN_REFUSED = 60
SPARK_BARS = 60
CHART_BARS = 160
FOUR_HOURS_MS = 14_400_000


class Pictures:
    """Views of one moment; nothing here changes anything."""

    def __init__(
        self,
        clock: Clock,
        books: Books,
        feed: MarketFeed,
        panels: CandlePanels,
        pipeline: Pipeline,
        floor: TradingFloor,
        verdicts: Verdicts,
        instruments: Mapping[str, Instrument],
        strategies: StrategySettings,
        show_levels: int,
        measured: Measured,
    ) -> None:
        self._clock = clock
        self._books = books
        self._feed = feed
        self._panels = panels
        self._pipeline = pipeline
        self._floor = floor
        self._verdicts = verdicts
        self._instruments = instruments
        self._strategies = strategies
        self._levels = show_levels
        self._measured = measured
        self.focus = BTC

    # -- market --------------------------------------------------------------------------------------------------------

    def book(self, args: Mapping[str, str]) -> BookView:
        """Ladder of a symbol; no levels unless the book may be used."""
        symbol = args.get("symbol") or self.focus
        reading, instrument = self._books.book(symbol), self._instruments.get(symbol)
        if instrument is None:
            return BookView(
                revision=0, as_of_ms=self._clock.now_ms(), symbol=symbol, state="empty", reason="unknown symbol"
            )
        book, text = reading.book, instrument.text
        bids, asks = book.top(self._levels) if book is not None else ([], [])
        mark, last = self._feed.marks.get(symbol), self._feed.last.get(symbol)
        tape = list(self._feed.tape.get(symbol, ()))[-SHOWN_TRADES:]
        return BookView(
            revision=0, as_of_ms=self._clock.now_ms(), symbol=symbol, state=reading.state.value.lower(),
            reason=reading.reason, tick=plain(instrument.tick.normalize()),
            bids=tuple((text(price), quantity) for price, quantity in bids),
            asks=tuple((text(price), quantity) for price, quantity in asks),
            last=text(last) if last is not None else None, mark=text(mark.mark) if mark is not None else None,
            mid=book.mid if book is not None else None, spread_bps=book.spread_bps if book is not None else None,
            imbalance=book.imbalance() if book is not None else None, resyncs=reading.resyncs, age_ms=reading.age_ms,
            trades=tuple(
                TapeTrade(trade.traded_ms, text(trade.price), trade.quantity, not trade.buyer_is_maker)
                for trade in reversed(tape)
            ),
            own=own_levels(self._floor.keeper.positions(), symbol),
        )  # fmt: skip

    def regime(self, args: Mapping[str, str]) -> RegimeView:
        """State of the focus and of BTC, and the breadth of the market."""
        symbol = args.get("symbol") or self.focus
        regimes, btc = self._pipeline.regimes, self._pipeline.btc
        now_ms = self._clock.now_ms()
        closes = self._panels.candles(symbol, "15m").close[-SPARK_BARS:]
        return RegimeView(
            revision=0, as_of_ms=now_ms,
            focus=_symbol_regime(symbol, regimes[symbol]) if symbol in regimes else None,
            btc=_symbol_regime(BTC, regimes[BTC]) if BTC in regimes else None,
            btc_change_pct=btc.change_pct if btc is not None else None,
            btc_blocks_reversion=btc is not None and now_ms < btc.reversion_blocked_until_ms,
            breadth=dict(Counter(regime.state.value for regime in regimes.values())),
            closes=tuple(float(close) for close in closes),
            next_close_ms=(now_ms // FOUR_HOURS_MS + 1) * FOUR_HOURS_MS,
        )  # fmt: skip

    def chart(self, args: Mapping[str, str]) -> ChartView:
        """Candles of a symbol with everything that is drawn on them."""
        symbol, tf = args.get("symbol") or self.focus, args.get("tf", "15m")
        instrument = self._instruments.get(symbol)
        candles = self._panels.candles(symbol, tf)
        shown = candles.slice(max(0, len(candles) - CHART_BARS), len(candles))
        levels: list[ChartLevel] = []
        if instrument is not None and len(candles):
            levels = self._chart_levels(symbol, tf)
        quarter = self._panels.candles(symbol, "15m")
        volume = profile(quarter, len(quarter), float(instrument.tick) if instrument is not None else 0.0)
        if volume is not None:
            levels += [
                ChartLevel("poc", volume.poc, volume.poc, "POC"),
                ChartLevel("value", volume.val, volume.vah, "value area"),
            ]
        return ChartView(
            revision=0, as_of_ms=self._clock.now_ms(), symbol=symbol, timeframe=tf,
            tick=plain(instrument.tick.normalize()) if instrument is not None else "0.1",
            bars=tuple(
                ChartBar(int(t), float(o), float(h), float(low), float(c), float(v))
                for t, o, h, low, c, v in zip(
                    shown.open_time, shown.open, shown.high, shown.low, shown.close, shown.volume, strict=True
                )
            ),
            levels=tuple(levels),
        )  # fmt: skip

    def _chart_levels(self, symbol: str, tf: str) -> list[ChartLevel]:
        snapshot = self._pipeline.snapshot(symbol, self._panels.candles(symbol, "15m").last_close_ms)
        levels = [
            ChartLevel(f"zone_{zone.kind.lower()}", zone.low, zone.high, f"{zone.tf} {zone.grade}")
            for zone in snapshot.source.zones().zones
        ]
        if tf in ("15m", "1h") and len(snapshot.bars.get(tf, ())):
            vwap = float(daily_vwap(snapshot.bars[tf]).value[-1])
            levels.append(ChartLevel("vwap", vwap, vwap, "VWAP"))
        position = self._floor.keeper.on_symbol(symbol)
        if position is not None:
            for own in own_levels([position], symbol):
                levels.append(ChartLevel(own.kind, float(own.price), float(own.price), own.kind))
        return levels

    # -- decisions -----------------------------------------------------------------------------------------------------

    def signals(self, _args: Mapping[str, str]) -> SignalsView:
        """Waiting signals first, then decided and refused ones, newest first."""
        entries = list(self._floor.admission.queue.entries.values())
        waiting = [self._row(entry) for entry in reversed(entries) if entry.pending]
        decided = [self._row(entry) for entry in reversed(entries) if not entry.pending]
        refused = [self._refused_row(refusal) for refusal in list(self._verdicts.refused)[:SHOWN_REFUSED]]
        rest = sorted((*decided, *refused), key=lambda row: -row.at_ms)
        return SignalsView(
            revision=0, as_of_ms=self._clock.now_ms(), rows=(*waiting, *rest), waiting=len(waiting),
            refused_recent=len(refused), why_empty=self._why_empty() if not waiting else "",
        )  # fmt: skip

    def breakdown(self, args: Mapping[str, str]) -> BreakdownView:
        """Everything about one verdict; without an id the newest waiting signal, else the newest verdict."""
        found = self.find(args.get("signal_id", ""))
        now_ms = self._clock.now_ms()
        if found is None:
            return BreakdownView(revision=0, as_of_ms=now_ms, signal=None, why_empty=self._why_empty())
        verdict, row, waiting = found
        ticket = None
        targets: tuple[tuple[str, float], ...] = ()
        if isinstance(verdict, Signal):
            targets = self._targets(verdict)
            if waiting is not None and waiting.pending:
                priced = self._floor.pricing.ticket(verdict)
                ticket = None if isinstance(priced, RiskRefusal) else priced
        return BreakdownView(
            revision=0, as_of_ms=now_ms, signal=row,
            components=tuple(Term(part.name, part.input, part.points, part.note) for part in verdict.components),
            modifiers=tuple(Term(part.name, part.input, part.points, part.note) for part in verdict.modifiers),
            checks=tuple(Check(c.name, c.state.value, c.value, c.need) for c in verdict.conditions),
            flips=flips(verdict, self._strategies),
            stop_source=verdict.stop_source if isinstance(verdict, Signal) else "",
            targets=targets, ticket=ticket, measured=self._measured.text(verdict),
        )  # fmt: skip

    def find(self, signal_id: str) -> tuple[Signal | Refusal, SignalRow, Waiting | None] | None:
        """A verdict by id, with its row."""
        queue = self._floor.admission.queue.entries
        if not signal_id:
            pending = [entry for entry in queue.values() if entry.pending]
            if pending:
                return pending[-1].signal, self._row(pending[-1]), pending[-1]
            newest = max(queue.values(), key=lambda entry: entry.raised_ms, default=None)
            refusal = self._verdicts.refused[0] if self._verdicts.refused else None
            if newest is not None and (refusal is None or newest.signal.bar_time_ms >= refusal.bar_time_ms):
                return newest.signal, self._row(newest), newest
            return (refusal, self._refused_row(refusal), None) if refusal is not None else None
        if (entry := queue.get(signal_id)) is not None:
            return entry.signal, self._row(entry), entry
        for refusal in self._verdicts.refused:
            if refusal.id == signal_id:
                return refusal, self._refused_row(refusal), None
        return None

    def _row(self, entry: Waiting) -> SignalRow:
        signal = entry.signal
        text = self._instruments[signal.symbol].text
        return SignalRow(
            id=signal.id, revision=entry.revision, at_ms=signal.bar_time_ms, symbol=signal.symbol,
            side=Side(signal.side).word, strategy=signal.strategy, mode=signal.mode.value if signal.mode else None,
            score=signal.score, reward_risk=signal.tp_r[1], expires_ms=expires_ms(entry, self._clock),
            state=entry.state, reason=entry.reason, entry=text(signal.ref_close), stop=text(signal.stop),
            snoozed=entry.snoozed_until_ms > self._clock.now_ms(), flags=signal.flags,
        )  # fmt: skip

    def _refused_row(self, refusal: Refusal) -> SignalRow:
        instrument = self._instruments.get(refusal.symbol)

        def text(price: float | None) -> str | None:
            return instrument.text(price) if instrument is not None and price is not None else None

        return SignalRow(
            id=refusal.id, revision=0, at_ms=refusal.bar_time_ms, symbol=refusal.symbol, side=Side(refusal.side).word,
            strategy=refusal.strategy, mode=refusal.mode.value if refusal.mode else None, score=refusal.score,
            reward_risk=None, expires_ms=0, state="refused", reason=refusal.detail or refusal.reason,
            entry=text(refusal.ref_close), stop=text(refusal.stop), flags=refusal.flags,
        )  # fmt: skip

    def _targets(self, signal: Signal) -> tuple[tuple[str, float], ...]:
        instrument, side = self._instruments[signal.symbol], Side(signal.side)
        risk = signal.side * (signal.ref_close - signal.stop)
        prices = (signal.ref_close + signal.side * risk * r for r in signal.tp_r)
        return tuple(
            (instrument.text(instrument.target_price(decimal(price), side)), r)
            for price, r in zip(prices, signal.tp_r, strict=True)
        )

    def _why_empty(self) -> str:
        regimes = Counter(regime.state.value for regime in self._pipeline.regimes.values())
        if not regimes:
            return "no signals: history is loading"
        state, count = regimes.most_common(1)[0]
        refused = len(self._verdicts.refused)
        return f"no signals: regime {state} on {count} of {sum(regimes.values())}; {refused} refused, press x"


def expires_ms(entry: Waiting, clock: Clock) -> int:
    """When a signal really ends: its bar, or the shortest life on the wall, whichever is later."""
    left_mono_ms = entry.not_before_mono_ms - clock.mono_ms()
    return max(entry.expires_ms, clock.now_ms() + round(max(0.0, left_mono_ms) * clock.rate))


def _symbol_regime(symbol: str, regime: Regime) -> SymbolRegime:
    return SymbolRegime(
        symbol, regime.state.value, regime.direction, regime.confidence, regime.adx, regime.slope20, regime.bb_rank,
        regime.bias.value, regime.reason,
    )  # fmt: skip
