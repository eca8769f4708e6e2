"""The Action Price record: everything a later study of the rules needs to know about one verdict.

Groups of plain values, ready for JSON; what is only known after the fill is None here and filled in by whoever fills.
Tags come from the measures themselves, never from points, so re-weighting a component cannot silence a tag.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from strategies.absent import at, ratio
from strategies.action_price.annotate import vwap_confluence
from strategies.action_price.components import FAN, fan_order
from strategies.action_price.trigger import TF
from strategies.indicators import swings
from strategies.model import Candles, Indicators, MarketSnapshot, Refusal, Sign, Signal
from strategies.side import NAMES

Value = object
Group = dict[str, Value]

SWING_K: Final = 2
SWING_BARS: Final = 100
NEAR_ATR: Final = 2.0
TREND_SLOPE: Final = 0.20
QUIET_RANK: Final = 40.0


def record(verdict: Signal | Refusal, snapshot: MarketSnapshot) -> dict[str, Group]:
    """The groups of one verdict; raises KeyError for a verdict that is not from Action Price."""
    candles, ind = snapshot.bars[TF], snapshot.ind[TF]
    initiator = _index(candles, verdict.evidence["initiator_open_ms"])
    confirm = _index(candles, verdict.evidence["confirm_open_ms"])
    bar = _index(candles, float(verdict.bar_time_ms - candles.tf_ms))
    return {
        "identity": _identity(verdict, snapshot),
        "score": _score(verdict),
        "plan": _plan(verdict, at(ind.atr, initiator)),
        "initiator": _bar(candles, ind, initiator),
        "confirmation": _bar(candles, ind, confirm),
        "context": _context(verdict, snapshot, confirm, bar),
    }


def _identity(verdict: Signal | Refusal, snapshot: MarketSnapshot) -> Group:
    return {
        "signal_id": verdict.id, "t_decision": snapshot.t_ms, "t_bar": verdict.bar_time_ms, "symbol": verdict.symbol,
        "tf": verdict.timeframe, "side": NAMES[verdict.side], "pattern": f"ema200_cross_{verdict.variant}",
        "mode": verdict.mode.value if verdict.mode else None,
        "reason": verdict.reason if isinstance(verdict, Refusal) else None,
    }  # fmt: skip


def _score(verdict: Signal | Refusal) -> Group:
    downgrades = str(verdict.evidence.get("downgrades") or "")
    return {
        "score_total": verdict.score,
        "score_components": {component.name: component.points for component in verdict.components},
        "raw_inputs": {component.name: component.input for component in verdict.components},
        "volume_confirmation": verdict.evidence.get("volume_confirmation"),
        "downgrades": downgrades.split(", ") if downgrades else [],
    }


def _plan(verdict: Signal | Refusal, atr_initiator: float | None) -> Group:
    """Levels as seen from the reference close; the fill moves the targets, never the stop."""
    close, stop, s = verdict.ref_close, verdict.stop, verdict.side
    risk = None if close is None or stop is None else s * (close - stop)
    targets: tuple[float | None, float | None] = (None, None)
    if isinstance(verdict, Signal) and risk is not None:
        targets = (verdict.ref_close + s * verdict.tp_r[0] * risk, verdict.ref_close + s * verdict.tp_r[1] * risk)
    return {
        "ref_close": close, "entry_price": None, "slippage_entry": None, "spread_at_entry": None, "sl_price": stop,
        "sl_source": verdict.stop_source if isinstance(verdict, Signal) else None, "risk_r": risk,
        "risk_atr": ratio(risk, atr_initiator), "risk_pct": ratio(None if risk is None else 100 * risk, close),
        "tp1_price": targets[0], "tp2_price": targets[1],
    }  # fmt: skip


def _bar(candles: Candles, ind: Indicators, index: int) -> Group:
    o, h, low, c = (float(column[index]) for column in (candles.open, candles.high, candles.low, candles.close))
    atr = at(ind.atr, index)
    group: Group = {"open": o, "high": h, "low": low, "close": c, "volume": float(candles.volume[index])}
    group |= {name: at(getattr(ind, name), index) for name in (*FAN, "ema200", "atr")}
    group |= {"band_upper": at(ind.bb_upper, index), "band_lower": at(ind.bb_lower, index)}
    return group | {
        "body_size_atr": ratio(abs(c - o), atr),
        "upper_wick_atr": ratio(h - max(o, c), atr),
        "lower_wick_atr": ratio(min(o, c) - low, atr),
    }


def _context(verdict: Signal | Refusal, snapshot: MarketSnapshot, confirm: int, bar: int) -> Group:
    candles, ind, s = snapshot.bars[TF], snapshot.ind[TF], verdict.side
    inputs = {component.name: component.input for component in verdict.components}
    slope, touches = inputs.get("slope200"), inputs.get("ema200_stickiness")
    base, retest = inputs.get("break_and_base"), inputs.get("retest_tag")
    return {
        "slope200_norm": slope,
        "fan_state": _fan_state(ind, confirm, s),
        "fan_spread_norm": _fan_spread(ind, confirm),
        "body_cross_type": "up" if s > 0 else "down",
        "confirm_depth_atr": inputs.get("confirm_depth"),
        "confirm_color": _color(candles, bar),
        "touch_ema200": None if touches is None else touches > 0,
        "close_vs_fan": _place(candles, ind, bar, s),
        "gap_to_band_atr": inputs.get("gap_to_atr"),
        "touches_ema200": touches,
        "trend_tag": None if slope is None else _trend(slope),
        "retest_tag": None if retest is None else retest >= 1,
        "break_and_base_tag": None if base is None else base >= 2,
        **_swings(candles, bar),
        "regime": snapshot.regime.state.value,
        "bias": snapshot.regime.bias.value,
        "atr_regime": _volatility(snapshot.regime.atr_rank),
        "zones_near": _zones_near(snapshot, verdict) if isinstance(verdict, Signal) else [],
        "vwap_confluence": list(vwap_confluence(snapshot, s)) if isinstance(verdict, Signal) else [],
    }


def _fan_state(ind: Indicators, t: int, side: Sign) -> str | None:
    values = [value for name in FAN if (value := at(getattr(ind, name), t)) is not None]
    if len(values) < len(FAN):
        return None
    order = fan_order((values[0], values[1], values[2], values[3]), side)
    return {1: "ordered", 0: "mixed", -1: "reverse"}[order]


def _fan_spread(ind: Indicators, t: int) -> float | None:
    values = [value for name in FAN if (value := at(getattr(ind, name), t)) is not None]
    return ratio(max(values) - min(values), at(ind.atr, t)) if len(values) == len(FAN) else None


def _color(candles: Candles, bar: int) -> str:
    body = float(candles.close[bar]) - float(candles.open[bar])
    return "green" if body > 0 else "red" if body < 0 else "doji"


def _place(candles: Candles, ind: Indicators, bar: int, side: Sign) -> str | None:
    values = [side * value for name in FAN if (value := at(getattr(ind, name), bar)) is not None]
    if len(values) < len(FAN):
        return None
    close = side * float(candles.close[bar])
    if close <= values[2]:
        return "behind_ema13"
    return "beyond" if close > max(values) else "within"


def _trend(slope: float) -> str:
    return "with" if slope >= TREND_SLOPE else "against" if slope <= -TREND_SLOPE else "flat"


def _volatility(rank: float | None) -> str | None:
    return None if rank is None else "quiet" if rank < QUIET_RANK else "active"


def _swings(candles: Candles, bar: int) -> Group:
    """The last swing on each side known at the bar; `index` counts bars back from it."""
    start = max(0, bar + 1 - SWING_BARS)
    window = candles.slice(start, bar + 1)
    highs, lows = swings(window.high, window.low, SWING_K)
    last = len(window) - 1
    return {
        "swing_high": {"price": float(window.high[highs[-1]]), "index": int(highs[-1]) - last} if len(highs) else None,
        "swing_low": {"price": float(window.low[lows[-1]]), "index": int(lows[-1]) - last} if len(lows) else None,
    }


def _zones_near(snapshot: MarketSnapshot, signal: Signal) -> list[Group]:
    reach = NEAR_ATR * signal.atr
    return [
        {"kind": zone.kind, "tf": zone.tf, "low": zone.low, "high": zone.high, "strength": zone.strength}
        for zone in snapshot.source.zones().zones
        if zone.low - reach <= signal.ref_close <= zone.high + reach
    ]


def _index(candles: Candles, open_ms: float | str | None) -> int:
    if not isinstance(open_ms, float):
        raise KeyError("open time of a bar of the pattern")
    return int(np.searchsorted(candles.open_time, int(open_ms)))
