"""Signals as seats and programs see them."""

from __future__ import annotations

from typing import Any

from engine.money import Instrument, Side, decimal
from engine.port.views import SignalRow, SignalsView
from engine.trading.approval import Queue, Waiting
from engine.trading.plan import exit_plan_of
from engine.trading.risk import Rules
from engine.trading.tiers import second_target_r, tier_prices
from strategies.model import Signal

SHOWN_DECIDED = 50


def signal_view_row(entry: Waiting, instrument: Instrument | None, rules: Rules, now_ms: int) -> SignalRow:
    """One line of the signals pane; the entry shown is the close that made the signal."""
    signal = entry.signal
    return SignalRow(
        id=signal.id,
        revision=entry.revision,
        at_ms=signal.bar_time_ms,
        symbol=signal.symbol,
        side=Side(signal.side).word,
        strategy=signal.strategy,
        mode=signal.mode.value if signal.mode is not None else None,
        score=signal.score,
        reward_risk=_reward(signal, rules),
        expires_ms=entry.expires_ms,
        state=entry.state,
        reason=entry.reason,
        entry=instrument.text(signal.ref_close) if instrument is not None else None,
        stop=instrument.text(instrument.stop_price(signal.stop, Side(signal.side))) if instrument is not None else None,
        snoozed=now_ms < entry.snoozed_until_ms,
        flags=signal.flags,
    )


def signals_view(
    queue: Queue, instruments: dict[str, Instrument], rules: Rules, now_ms: int, why_empty: str = ""
) -> SignalsView:
    """Waiting ones first, newest on top, then the newest decided ones."""
    entries = sorted(queue.entries.values(), key=lambda entry: entry.raised_ms, reverse=True)
    waiting = [entry for entry in entries if entry.pending]
    decided = [entry for entry in entries if not entry.pending][:SHOWN_DECIDED]
    rows = tuple(
        signal_view_row(entry, instruments.get(entry.signal.symbol), rules, now_ms) for entry in waiting + decided
    )
    return SignalsView(
        revision=0,
        as_of_ms=now_ms,
        rows=rows,
        waiting=len(waiting),
        refused_recent=sum(entry.state == "refused" for entry in decided),
        why_empty="" if rows else why_empty or "no signals yet",
    )


def signal_json(
    signal: Signal, state: str, expires_ms: int, instrument: Instrument | None, rules: Rules
) -> dict[str, Any]:
    """A signal wherever it is printed as JSON. Points of components and modifiers add up to the score."""
    side = Side(signal.side)
    prices: dict[str, str | None] = {"entry": None, "stop": None, "tp1": None, "tp2": None}
    if instrument is not None:
        entry, stop = instrument.price(signal.ref_close), instrument.stop_price(signal.stop, side)
        prices |= {"entry": instrument.text(entry), "stop": instrument.text(stop)}
        if side * (entry - stop) > 0:
            first, second = tier_prices(entry, stop, exit_plan_of(signal, rules.exits), instrument, side)
            prices |= {
                "tp1": instrument.text(first),
                "tp2": instrument.text(second) if second is not None else None,
            }
    return {
        "id": signal.id,
        "symbol": signal.symbol,
        "side": side.word,
        "strategy": signal.strategy,
        "mode": signal.mode.value if signal.mode is not None else None,
        "timeframe": signal.timeframe,
        "bar_time": signal.bar_time_ms,
        "expires_ms": expires_ms,
        "regime": signal.regime.state.value,
        "score": signal.score,
        "components": [{"name": part.name, "input": part.input, "points": part.points} for part in signal.components],
        "modifiers": [{"name": part.name, "points": part.points} for part in signal.modifiers],
        "entry": prices["entry"],
        "stop": prices["stop"],
        "stop_source": signal.stop_source,
        "tp1": prices["tp1"],
        "tp2": prices["tp2"],
        "state": state,
    }


def _reward(signal: Signal, rules: Rules) -> float | None:
    side = Side(signal.side)
    entry, stop = decimal(signal.ref_close), decimal(signal.stop)
    if side * (entry - stop) <= 0:
        return None
    return second_target_r(entry, stop, exit_plan_of(signal, rules.exits), side) or signal.tp_r[0]
