"""Signals that were not taken, followed on candles by the very function that keeps real positions.

A shadow starts with its signal, at the close that made it, so that what a refusal cost or saved is known later. While
the signal still waits its outcome is kept back; a signal that is traded drops its shadow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from msgspec.structs import replace

from engine.clock import Clock
from engine.money import Instrument, Side, decimal
from engine.store.rows import PositionRow, Row, SignalRow
from engine.trading.executor import Journal
from engine.trading.paper import Bar, PaperTrade, open_paper, walk_bar
from engine.trading.plan import costs_of, plan_of
from engine.trading.position_state import Position
from engine.trading.records import cooldown_row, position_row, recover, with_trade
from engine.trading.risk import Rules, risk_share
from engine.trading.sizing import size
from strategies.model import Signal

_LEAST_STEPS = 100  # a shadow is large enough to have three tiers whatever the account


class _Shadow:
    def __init__(self, trade: PaperTrade, row: SignalRow, decided: bool) -> None:
        self.trade = trade
        self.row = row
        self.decided = decided


class Shadows:
    """Followed trades by signal id. `ended` hears of each one that closed, with its final row."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        rules: Rules,
        instrument_of: Callable[[str], Instrument | None],
        equity: Callable[[], Decimal],
        ended: Callable[[SignalRow, Position], None] = lambda _row, _position: None,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._rules = rules
        self._instrument_of = instrument_of
        self._equity = equity
        self.ended = ended
        self._shadows: dict[str, _Shadow] = {}

    def positions(self) -> list[Position]:
        return [shadow.trade.position for shadow in self._shadows.values()]

    def open_strategies(self, symbol: str) -> frozenset[str]:
        """Strategies whose shadow is the open signal of a symbol (mode signals)."""
        return frozenset(
            shadow.row.strategy_id
            for shadow in self._shadows.values()
            if shadow.row.symbol == symbol and shadow.row.status == "open"
        )

    def start(self, signal: Signal, row: SignalRow, decided: bool) -> None:
        """Follow a signal from its close. Its row is written here once it is decided."""
        instrument = self._instrument_of(signal.symbol)
        if instrument is None or signal.id in self._shadows:
            return
        side = Side(signal.side)
        costs = costs_of(self._rules.risk)
        stop = instrument.stop_price(signal.stop, side)
        entry = decimal(signal.ref_close)
        if side * (entry - stop) <= 0:
            return
        sizing = size(
            self._equity(), risk_share(signal, self._rules.risk), entry, stop, costs, instrument,
            decimal(self._rules.risk.max_leverage),
        )  # fmt: skip
        least = max(instrument.step * _LEAST_STEPS, instrument.qty(instrument.min_notional * 10 / entry))
        quantity = max(sizing.quantity, least)
        plan = plan_of(
            signal, instrument, self._rules.exits, costs, quantity=quantity, stop=stop,
            planned_ms=signal.bar_time_ms, prefix=self._rules.prefix, expected_entry=entry,
            risk_usdt=quantity * sizing.unit, shadow=True,
        )  # fmt: skip
        trade = open_paper(plan, signal.ref_close, signal.bar_time_ms)
        self._shadows[signal.id] = _Shadow(trade, row, decided)
        self._write(self._shadows[signal.id])

    def decide(self, signal_id: str, row: SignalRow) -> None:
        """The signal was not taken: `row` says how it ended, and the outcome is written from now on."""
        shadow = self._shadows.get(signal_id)
        if shadow is None:
            self._journal.put(row)
            return
        shadow.row, shadow.decided = replace(row, status="beside"), True
        self._write(shadow)

    def drop(self, signal_id: str) -> list[Row]:
        """The signal is being traded: rows that end its shadow."""
        shadow = self._shadows.pop(signal_id, None)
        if shadow is None:
            return []
        now_ms = self._clock.now_ms()
        return [replace(position_row(shadow.trade.position, now_ms), state="dropped", closed_ms=now_ms)]

    def step_aside(self, strategy: str, symbol: str) -> list[Row]:
        """A real trade becomes the open signal; a shadow that was it runs on beside."""
        rows: list[Row] = []
        for shadow in self._shadows.values():
            row = shadow.row
            if row.strategy_id == strategy and row.symbol == symbol and row.status == "open":
                shadow.row = replace(row, status="beside")
                rows.append(shadow.row)
        return rows

    def on_bar(self, symbol: str, bar: Bar) -> None:
        """A closed 15m bar, or a 1m bar of a stretch that was missed; bars that are not later are passed over."""
        for signal_id, shadow in list(self._shadows.items()):
            position = shadow.trade.position
            if position.plan.symbol != symbol or bar.open_ms < _next_open_ms(position):
                continue
            walk_bar(shadow.trade, bar)
            self._write(shadow)
            if shadow.trade.over() and shadow.decided:
                del self._shadows[signal_id]

    def recover(self, rows: Iterable[PositionRow], signals: Iterable[SignalRow]) -> None:
        """Take over shadows of the last process; missed bars are then fed in order."""
        by_id = {row.signal_id: row for row in signals}
        for row in rows:
            signal = by_id.get(row.signal_id)
            if signal is not None:
                decided = signal.status != "pending"
                self._shadows[row.signal_id] = _Shadow(PaperTrade(recover(row)), signal, decided)

    def _write(self, shadow: _Shadow) -> None:
        position = shadow.trade.position
        rows: list[Row] = [position_row(position, self._clock.now_ms())]
        if shadow.decided:
            shadow.row = with_trade(shadow.row, position)
            rows.append(shadow.row)
            if position.state == "closed":
                if (rest := cooldown_row(position)) is not None and shadow.row.stage == "shadow":
                    rows.append(rest)
                self.ended(shadow.row, position)
        self._journal.put(*rows)


def _next_open_ms(position: Position) -> int:
    """Open of the first bar a shadow has not walked: the one after its last excursion was looked at."""
    return max(position.plan.planned_ms, position.walked_ms)
