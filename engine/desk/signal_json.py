"""A signal as JSON, the same wherever it is printed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from engine.money import Instrument, Side, decimal
from engine.store.rows import SignalRow
from engine.trading.approval import Waiting
from strategies.flips import flips
from strategies.model import ComponentScore, Refusal, Signal
from strategies.settings import StrategySettings


def of_waiting(
    entry: Waiting, instrument: Instrument | None, expires_ms: int, settings: StrategySettings
) -> dict[str, Any]:
    """A signal of this run."""
    value = of_signal(entry.signal, instrument, settings)
    return {**value, "expires_ms": expires_ms, "state": entry.state, "reason": entry.reason, "actor": entry.actor}


def of_signal(signal: Signal, instrument: Instrument | None, settings: StrategySettings) -> dict[str, Any]:
    """What was proposed; targets are those of an entry at the signal's close."""
    side = Side(signal.side)
    risk = signal.side * (signal.ref_close - signal.stop)
    tp1, tp2 = (signal.ref_close + signal.side * risk * r for r in signal.tp_r)
    return {
        **_common(signal, settings),
        "regime": signal.regime.state.value, "score": signal.score,
        "entry": _price(instrument, signal.ref_close),
        "stop": _stop(instrument, signal.stop, side), "stop_source": signal.stop_source,
        "tp1": _target(instrument, tp1, side), "tp2": _target(instrument, tp2, side),
        "tp1_r": signal.tp_r[0], "tp2_r": signal.tp_r[1], "bias": signal.regime.bias.value, "zone_arm": signal.zone_arm,
        "stop_atr": round(abs(risk) / signal.atr, 2) if signal.atr > 0 else None,
        "expires_ms": 0, "state": "pending", "reason": "",
    }  # fmt: skip


def of_refusal(refusal: Refusal, instrument: Instrument | None, settings: StrategySettings) -> dict[str, Any]:
    """A candidate that did not become a signal."""
    side = Side(refusal.side)
    return {
        **_common(refusal, settings),
        "regime": None, "score": refusal.score, "entry": _price(instrument, refusal.ref_close),
        "stop": _stop(instrument, refusal.stop, side), "stop_source": None, "tp1": None, "tp2": None,
        "expires_ms": 0, "state": "refused", "reason": refusal.detail or refusal.reason, "code": refusal.reason,
    }  # fmt: skip


def of_row(row: SignalRow, instrument: Instrument | None, settings: StrategySettings) -> dict[str, Any]:
    """A signal of an earlier run, from its row."""
    signal = msgspec.json.decode(row.evidence, type=Signal)
    value = of_signal(signal, instrument, settings)
    value |= {
        "state": STATES.get(row.status, row.status), "expires_ms": row.expires_ms, "reason": row.exit_reason,
        "actor": row.decided_by,
    }  # fmt: skip
    if row.entry is not None:
        value["entry"] = instrument.text(row.entry) if instrument is not None else str(row.entry)
    if row.result_net_r is not None:
        value |= {"net_r": row.result_net_r, "mfe_r": row.mfe_r, "mae_r": row.mae_r}
    return value


STATES = {"open": "approved", "invalid": "refused", "beside": "expired"}
"""Words of the journal that seats and programs see under another name."""


def _common(verdict: Signal | Refusal, settings: StrategySettings) -> dict[str, Any]:
    return {
        "id": verdict.id, "symbol": verdict.symbol, "side": Side(verdict.side).word, "strategy": verdict.strategy,
        "variant": verdict.variant, "mode": verdict.mode.value if verdict.mode is not None else None,
        "timeframe": verdict.timeframe, "bar_time": verdict.bar_time_ms,
        "components": _terms(verdict.components), "modifiers": _terms(verdict.modifiers),
        "conditions": [
            {"name": c.name, "state": c.state.value, "value": c.value, "need": c.need} for c in verdict.conditions
        ],
        "flags": list(verdict.flags), "flips": list(flips(verdict, settings)),
    }  # fmt: skip


def _terms(parts: Iterable[ComponentScore]) -> list[dict[str, Any]]:
    return [{"name": part.name, "input": part.input, "points": part.points, "note": part.note} for part in parts]


def _price(instrument: Instrument | None, value: float | None) -> str | None:
    if value is None:
        return None
    return instrument.text(instrument.price(value)) if instrument is not None else repr(value)


def _stop(instrument: Instrument | None, value: float | None, side: Side) -> str | None:
    if value is None:
        return None
    return instrument.text(instrument.stop_price(decimal(value), side)) if instrument is not None else repr(value)


def _target(instrument: Instrument | None, value: float, side: Side) -> str:
    return instrument.text(instrument.target_price(decimal(value), side)) if instrument is not None else repr(value)
