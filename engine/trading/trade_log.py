"""Writes down what positions do: their state, orders, fills, the steps of their signal, and the money booked.

Intents are made durable by the executor before anything is sent, with the state of the position beside them. What
is written here may lag by one batch: after a crash the exchange is asked anyway, and tells the same fills again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from engine.clock import Clock
from engine.exchange.orders import Fill
from engine.store.rows import FillRow, OrderRow, Row, SignalRow
from engine.trading.booking import fee_in_quote
from engine.trading.executor import Journal
from engine.trading.inputs import AnyInput, FillSeen, FundingPaid
from engine.trading.intents import Tell
from engine.trading.losses import Booking
from engine.trading.position_state import Position
from engine.trading.records import (
    cooldown_row,
    event_row,
    fill_row,
    order_row,
    position_row,
    with_trade,
)

_EXCURSION_MS = 60_000  # excursions and peaks are written at least this often, on exchange time


class TradeLog:
    """Rows of positions, and the bookings the loss limits read."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._signals: dict[str, SignalRow] = {}
        self._last_ended: dict[tuple[str, str], SignalRow] = {}
        self._written_ms: dict[str, int] = {}
        # Since the last intent of a position: fills by number, orders by name, of each the newest word.
        self._fresh: dict[str, dict[int | str, FillRow | OrderRow]] = {}
        self.bookings: list[Booking] = []
        self.ended: Callable[[Position], None] = _nobody

    def restore(self, signals: Iterable[SignalRow], bookings: Iterable[Booking]) -> None:
        self._signals = {row.signal_id: row for row in signals}
        self.bookings = list(bookings)

    def track(self, signal: SignalRow) -> None:
        """Keep the row of a signal that is being traded."""
        self._signals[signal.signal_id] = signal

    def signal(self, signal_id: str) -> SignalRow | None:
        return self._signals.get(signal_id)

    def state_of(self, position: Position) -> list[Row]:
        """What goes to disk beside an intent: the position, and the fills and orders its state already counts."""
        fresh = self._fresh.pop(position.plan.position_id, {})
        return [position_row(position, self._clock.now_ms()), *fresh.values()]

    def write(self, before: Position, after: Position, event: AnyInput, told: list[Tell]) -> None:
        """Write what changed between two states of a position."""
        now_ms = self._clock.now_ms()
        plan = after.plan
        rows: list[Row] = []
        if isinstance(event, FillSeen) and after.trades is not before.trades:
            row = fill_row(after, event.fill)
            rows.append(row)
            self._fresh.setdefault(plan.position_id, {})[row.trade_id] = row
            self.book(after, event.fill)
        if isinstance(event, FundingPaid) and after.fundings is not before.fundings:
            self.bookings.append(Booking(event.now_ms, event.amount))
        if after.orders is not before.orders:
            orders = [
                order_row(after, order, now_ms)
                for name, order in after.orders.items()
                if before.orders.get(name) is not order
            ]
            rows += orders
            self._fresh.setdefault(plan.position_id, {}).update({row.client_id: row for row in orders})
        changed = after.revision != before.revision or after.over != before.over
        stale = now_ms - self._written_ms.get(plan.position_id, 0) >= _EXCURSION_MS
        moved = (after.best, after.worst, after.peak) != (before.best, before.worst, before.peak)
        if changed or (stale and (moved or after.mark != before.mark)):
            self._written_ms[plan.position_id] = now_ms
            rows.append(position_row(after, now_ms))
            rows += self._signal_rows(after)
        rows += [step for tell in told if (step := event_row(tell)) is not None]
        if after.state == "closed" and before.state != "closed" and (rest := cooldown_row(after)) is not None:
            rows.append(rest)
        if after.state == "closed" and before.state != "closed":
            self.ended(after)
        if rows:
            self._journal.put(*rows)

    def book(self, position: Position, fill: Fill) -> None:
        """Realised result less the fee, at the moment of the fill."""
        self.bookings.append(Booking(fill.at_ms, fill.realized - fee_in_quote(fill, position.plan)))

    def ended_rows(self, strategy: str, symbol: str) -> list[SignalRow]:
        """The row of the last ended trade: one strategy may have one open row per symbol, so it goes down first."""
        row = self._last_ended.get((strategy, symbol))
        return [row] if row is not None else []

    def forget(self, position: Position) -> None:
        row = self._signals.pop(position.plan.signal_id, None)
        if row is not None and row.status == "closed":
            self._last_ended[row.strategy_id, row.symbol] = row
        self._written_ms.pop(position.plan.position_id, None)
        self._fresh.pop(position.plan.position_id, None)

    def _signal_rows(self, position: Position) -> list[Row]:
        row = self._signals.get(position.plan.signal_id)
        if row is None:
            return []
        updated = with_trade(row, position)
        if updated == row:
            return []
        self._signals[row.signal_id] = updated
        return [updated]


def _nobody(_position: Position) -> None:
    """Until somebody wants to hear of ended trades."""
