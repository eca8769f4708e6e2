"""Turns what happened inside the engine into the numbered sentences that seats are told."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from engine.bus import Bus
from engine.desk.notice_log import NoticeLog
from engine.market.events import BookLost, BookSynced, GapsRepaired, UniverseChanged
from engine.money import Instrument, Side, plain
from engine.port import notices
from engine.trading import events
from engine.trading.floor import TradingFloor
from strategies.model import Signal


class Teller:
    """Listens on the bus for as long as the engine lives."""

    def __init__(self, bus: Bus, log: NoticeLog, floor: TradingFloor, instruments: Mapping[str, Instrument]) -> None:
        self._log = log
        self._floor = floor
        self._instruments = instruments
        self._lost: set[str] = set()
        for kind, sink in (
            (events.SignalOffered, self._raised), (events.SignalDecided, self._decided),
            (events.EntryFilled, self._entered),
            (events.StopPlaced, self._protected), (events.StopMoved, self._moved),
            (events.TierPlaced, self._tier_placed), (events.TierTaken, self._tier_taken),
            (events.TradeClosed, self._closed), (events.StopFailed, self._stop_failed),
            (events.EntryFailed, self._entry_failed), (events.OrderRefused, self._refused),
            (events.QuantityDiffered, self._differed), (events.StandingChanged, self._standing),
            (BookLost, self._book_lost), (BookSynced, self._book_synced), (GapsRepaired, self._repaired),
            (UniverseChanged, self._universe),
        ):  # fmt: skip
            bus.subscribe(kind, sink)  # type: ignore[arg-type]

    def _raised(self, event: events.SignalOffered) -> None:
        signal = self._floor.admission.queue.entries[event.signal_id].signal
        self._log.tell(
            notices.SignalRaised, signal_text(signal, self._price(signal.symbol, signal.stop)),
            severity="good", symbol=signal.symbol, signal_id=signal.id, score=signal.score, expires_ms=event.expires_ms,
        )  # fmt: skip

    def _decided(self, event: events.SignalDecided) -> None:
        by = f" by {event.actor}" if event.actor else ""
        why = f": {event.reason}" if event.reason else ""
        self._log.tell(
            notices.SignalDecided, f"{event.symbol} {event.state}{by}{why}", symbol=event.symbol,
            signal_id=event.signal_id, state=event.state, actor=event.actor, reason=event.reason,
        )  # fmt: skip

    def _entered(self, event: events.EntryFilled) -> None:
        price = self._price(event.symbol, event.price)
        side = self._side(event.position_id)
        self._log.tell(
            notices.EntryFilled, f"{event.symbol} {side} {plain(event.quantity)} at {price}, 1R is {event.r0:.4g}",
            severity="good", symbol=event.symbol, signal_id=event.signal_id, price=price,
            quantity=plain(event.quantity),
        )  # fmt: skip

    def _protected(self, event: events.StopPlaced) -> None:
        price = self._price(event.symbol, event.price)
        self._log.tell(
            notices.StopPlaced,
            f"{event.symbol} stop rests on the exchange at {price}, {event.naked_ms:.0f} ms after the fill",
            severity="good", symbol=event.symbol, signal_id=event.signal_id, price=price, naked_ms=event.naked_ms,
        )  # fmt: skip

    def _moved(self, event: events.StopMoved) -> None:
        price = self._price(event.symbol, event.price)
        self._log.tell(
            notices.StopMoved, f"{event.symbol} stop moved to {price} ({event.why})", symbol=event.symbol,
            signal_id=event.signal_id, price=price, why=event.why,
        )  # fmt: skip

    def _tier_placed(self, event: events.TierPlaced) -> None:
        price = self._price(event.symbol, event.price)
        self._log.tell(
            notices.TierPlaced, f"{event.symbol} target {event.tier}: {plain(event.quantity)} rests at {price}",
            symbol=event.symbol, signal_id=event.signal_id, tier=event.tier, price=price,
        )  # fmt: skip

    def _tier_taken(self, event: events.TierTaken) -> None:
        price = self._price(event.symbol, event.price)
        self._log.tell(
            notices.TierTaken, f"{event.symbol} target {event.tier} taken at {price}, {event.r:+.2f}R", severity="good",
            symbol=event.symbol, signal_id=event.signal_id, tier=event.tier, price=price, r=event.r,
        )  # fmt: skip

    def _closed(self, event: events.TradeClosed) -> None:
        position = self._floor.keeper.position(event.position_id)
        after = f", after {max(0, event.at_ms - position.opened_ms) / 60_000:.0f} min" if position is not None else ""
        self._log.tell(
            notices.TradeClosed,
            f"{event.symbol} closed by {event.reason}: {event.net_r:+.2f}R net, {event.gross_r:+.2f}R gross, "
            f"{event.net_usdt:+.2f} USDT, MFE {event.mfe_r:+.2f}R, MAE {event.mae_r:+.2f}R{after}",
            severity="good" if event.net_r > 0 else "warn", symbol=event.symbol, signal_id=event.signal_id,
            net_r=event.net_r, net_usdt=float(event.net_usdt), reason=event.reason,
        )  # fmt: skip

    def _stop_failed(self, event: events.StopFailed) -> None:
        text = f"{event.symbol} without a stop for {event.naked_ms:.0f} ms ({event.reason}): closing at market"
        self._log.tell(notices.Degraded, text, severity="danger", symbol=event.symbol, what="stop")

    def _entry_failed(self, event: events.EntryFailed) -> None:
        self._refuse(event.symbol, event.signal_id, f"entry failed: {event.reason}")

    def _refused(self, event: events.OrderRefused) -> None:
        self._refuse(event.symbol, event.signal_id, f"order refused, {event.code}: {event.reason}")

    def _refuse(self, symbol: str, signal_id: str, reason: str) -> None:
        self._log.tell(
            notices.OrderRefused,
            f"{symbol} {reason}",
            severity="warn",
            symbol=symbol,
            signal_id=signal_id,
            reason=reason,
        )

    def _differed(self, event: events.QuantityDiffered) -> None:
        text = f"{event.symbol} holds {plain(event.exchange)} on the exchange, we thought {plain(event.ours)}"
        self._log.tell(notices.Degraded, text, severity="warn", symbol=event.symbol, what="quantity")

    def _standing(self, event: events.StandingChanged) -> None:
        why = f": {event.reason}" if event.reason else ""
        self._log.tell(
            notices.DeskStateChanged, f"desk {event.desk}, mode {event.mode}, by {event.actor}{why}",
            desk=event.desk, mode=event.mode, actor=event.actor,
        )  # fmt: skip

    def _book_lost(self, event: BookLost) -> None:
        if event.symbol not in self._lost:
            self._lost.add(event.symbol)
            text = f"{event.symbol} book out of step: {event.reason}"
            self._log.tell(notices.Degraded, text, severity="warn", symbol=event.symbol, what="book")

    def _book_synced(self, event: BookSynced) -> None:
        if event.symbol in self._lost:
            self._lost.discard(event.symbol)
            text = f"{event.symbol} book in step again"
            self._log.tell(notices.Recovered, text, symbol=event.symbol, what="book")

    def _repaired(self, event: GapsRepaired) -> None:
        self._log.tell(
            notices.GapRepaired, f"{event.symbol} {event.tf}: {_bars(event.bars)} repaired", symbol=event.symbol
        )

    def _universe(self, event: UniverseChanged) -> None:
        if event.removed or (event.added and len(event.added) < event.members):
            text = f"universe: {len(event.added)} added, {len(event.removed)} removed, {event.members} watched"
            self._log.tell(notices.GapRepaired, text)

    def _price(self, symbol: str, price: float | Decimal) -> str:
        instrument = self._instruments.get(symbol)
        return instrument.text(price) if instrument is not None else str(price)

    def _side(self, position_id: str) -> str:
        position = self._floor.keeper.position(position_id)
        return position.plan.direction.word if position is not None else ""


def signal_text(signal: Signal, stop: str) -> str:
    """One line about a signal, as a notice."""
    mode = f" {signal.mode.value}" if signal.mode is not None else ""
    risk_pct = abs(signal.ref_close - signal.stop) / signal.ref_close * 100
    return (
        f"{signal.symbol} {Side(signal.side).word} {signal.strategy}{mode} score {signal.score:g}, "
        f"stop {stop} ({signal.stop_source}, {risk_pct:.2f} %), regime {signal.regime.state.value}"
    )


def _bars(count: int) -> str:
    return "1 bar" if count == 1 else f"{count} bars"
