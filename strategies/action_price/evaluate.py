"""One close, one verdict of Action Price: a signal, a refusal that says why, or nothing at all.

Independent of the six strategies: own score and threshold, own limits, no confirmation gate (ruling 24). The gates
are asked for every pattern, zones only for those that everything else lets through.
"""

from __future__ import annotations

from typing import Final

from strategies.absent import at
from strategies.action_price import gates, plan
from strategies.action_price.params import ActionPriceParams
from strategies.action_price.pattern import screen
from strategies.action_price.trigger import TF, Trigger, find
from strategies.model import (
    ComponentScore,
    Condition,
    Family,
    MarketSnapshot,
    Mode,
    Refusal,
    Signal,
    State,
    StrategyId,
)
from strategies.side import adverse, signal_id
from strategies.zones.query import room

__all__ = ["evaluate", "screen"]

NAME: Final = StrategyId.ACTION_PRICE.value


def evaluate(snapshot: MarketSnapshot, params: ActionPriceParams) -> tuple[Signal | Refusal, ...]:
    """The verdict on the newest closed 15m bar; empty when no cross is to be judged on it."""
    trigger = find(snapshot, params)
    return () if trigger is None else (_judge(snapshot, trigger, params),)


def _judge(snapshot: MarketSnapshot, trigger: Trigger, params: ActionPriceParams) -> Signal | Refusal:
    reading, score = trigger.reading, trigger.score
    c, s, i = reading.candles, reading.side, reading.initiator
    close = float(c.close[reading.bar])
    atr_i, atr = at(reading.ind.atr, i), at(reading.ind.atr, reading.bar)
    depth, vr = reading.depth(), at(reading.ind.vr, i)
    if atr_i is None or atr is None or depth is None:
        return _refuse(snapshot, trigger, params, "absent:atr", "ATR of the scored bar is absent", Mode.SKIP, ())

    mode = plan.mode_of(score, params)
    volume = gates.volume_gate(vr, params)
    lowering = (gates.htf_gate(snapshot, s), gates.btc_gate(snapshot, s, params))
    regime, chop = gates.regime_gate(snapshot), gates.super_chop_gate(snapshot, params)
    graded, downgrades = gates.lower(mode, volume, lowering)
    stop = plan.stop_of(float(adverse(c, s)[i]), atr_i, s, params)
    risk = s * (close - stop)
    fault = plan.width_fault(close, stop, atr_i, s, params)
    conditions = (
        Condition("depth", _state(trigger.waited > 0 or depth < params.skip_from_atr), depth,
                  f"< {params.skip_from_atr:g} ATR"),
        Condition("score", _state(mode is not Mode.SKIP), score, f">= {params.scalp_score:g}"),
        regime, chop, volume, *lowering,
        Condition("stop_width", _state(not fault), risk / atr_i, f"<= {params.max_stop_atr:g} ATR"),
    )  # fmt: skip

    def refuse(reason: str, detail: str, room_seen: tuple[Condition, ...] = ()) -> Refusal:
        return _refuse(snapshot, trigger, params, reason, detail, graded, conditions + room_seen, stop, downgrades)

    if trigger.waited == 0 and depth >= params.skip_from_atr:
        return refuse(
            f"fail:depth>={params.skip_from_atr:g}", f"closed {depth:.2f} ATR beyond EMA200, nothing to chase"
        )
    if mode is Mode.SKIP:
        return refuse(f"fail:score<{params.scalp_score:g}", f"score {score:g}, {params.scalp_score:g} needed")
    if trigger.waited == 0 and depth >= params.wait_from_atr:
        return refuse(
            "wait:pullback",
            f"closed {depth:.2f} ATR beyond EMA200; waits up to {params.wait_bars} bars for a pullback",
        )
    if regime.state is State.FAILED:
        return refuse("block:regime", f"market state is undecided: {snapshot.regime.reason or 'no data'}")
    if chop.state is State.FAILED:
        return refuse("fail:super_chop", f"1h market is dead, ADX {chop.value:.1f}")
    if graded is Mode.SKIP:
        return refuse("fail:downgraded", f"{mode.value} lowered to SKIP by {', '.join(downgrades)}")
    if fault:
        return refuse("fail:stop_width" if risk > 0 else "fail:stop_side", fault)
    room_seen = _room(snapshot, trigger, close, risk, params)
    if room_seen.state is State.FAILED:
        return refuse(
            f"fail:room<{params.room_r:g}R",
            f"opposing zone only {room_seen.value:.2f} R away, {params.room_r:g} needed",
            (room_seen,),
        )
    modifiers = tuple(
        ComponentScore(condition.name, condition.value, 0.0, _note(condition, downgrades))
        for condition in (volume, *lowering)
    )
    return Signal(
        id=_id(snapshot, trigger), symbol=snapshot.symbol, side=s, strategy=NAME, variant=_variant(trigger),
        family=Family.CROSS, timeframe=TF, bar_time_ms=_bar_time(trigger), ref_close=close, stop=stop,
        stop_source="initiator", tp_r=plan.targets_of(graded, params), tp2_price=None, atr=atr,
        regime=snapshot.regime, score=score, components=trigger.components, modifiers=modifiers,
        conditions=(*conditions, room_seen), mode=graded, flags=_flags(lowering[1]),
        evidence=_evidence(trigger, risk, downgrades, params),
    )  # fmt: skip


def _room(
    snapshot: MarketSnapshot, trigger: Trigger, close: float, risk: float, params: ActionPriceParams
) -> Condition:
    """Zones are dear, so they are asked for last, and not at all when the gate is switched off."""
    if params.room_r == 0:
        return gates.room_gate(None, False, risk, params)
    zones = snapshot.source.zones()
    return gates.room_gate(room(zones, close, trigger.reading.side), bool(zones.zones), risk, params)


def _refuse(
    snapshot: MarketSnapshot, trigger: Trigger, params: ActionPriceParams, reason: str, detail: str, mode: Mode,
    conditions: tuple[Condition, ...], stop: float | None = None, downgrades: tuple[str, ...] = (),
) -> Refusal:  # fmt: skip
    reading = trigger.reading
    return Refusal(
        id=_id(snapshot, trigger), symbol=snapshot.symbol, side=reading.side, strategy=NAME,
        variant=_variant(trigger), timeframe=TF, bar_time_ms=_bar_time(trigger), reason=reason, detail=detail,
        score=trigger.score, components=trigger.components, conditions=conditions, mode=mode,
        ref_close=float(reading.candles.close[reading.bar]), stop=stop, atr=at(reading.ind.atr, reading.bar),
        evidence=_evidence(trigger, None, downgrades, params),
    )  # fmt: skip


def _evidence(
    trigger: Trigger, risk: float | None, downgrades: tuple[str, ...], params: ActionPriceParams
) -> dict[str, float | str | None]:
    reading = trigger.reading
    i, j = reading.initiator, reading.bar
    atr_i, vr = at(reading.ind.atr, i), at(reading.ind.vr, i)
    close = float(reading.candles.close[j])
    return {
        "depth_atr": reading.depth(),
        "ema200": at(reading.ind.ema200, j),
        "atr_initiator": atr_i,
        "vr_initiator": vr,
        "volume_confirmation": gates.volume_word(vr, params),
        "initiator_open_ms": float(reading.candles.open_time[i]),
        "confirm_open_ms": float(reading.candles.open_time[reading.confirm]),
        "waited_bars": float(trigger.waited),
        "risk_atr": None if risk is None or atr_i is None else risk / atr_i,
        "risk_pct": None if risk is None else 100 * risk / close,
        "downgrades": ", ".join(downgrades),
    }


def _id(snapshot: MarketSnapshot, trigger: Trigger) -> str:
    reading = trigger.reading
    opened = int(reading.candles.open_time[reading.bar])
    return signal_id(NAME, snapshot.symbol, TF, reading.side, opened)


def _bar_time(trigger: Trigger) -> int:
    candles = trigger.reading.candles
    return int(candles.open_time[trigger.reading.bar]) + candles.tf_ms


def _variant(trigger: Trigger) -> str:
    return "pullback" if trigger.waited else "immediate"


def _flags(btc: Condition) -> tuple[str, ...]:
    return ("thin_data",) if btc.state is State.ABSENT else ()


def _note(condition: Condition, downgrades: tuple[str, ...]) -> str:
    if condition.name in downgrades:
        return "lowers the grade"
    return "absent" if condition.state is State.ABSENT else ""


def _state(holds: bool) -> State:
    return State.PASSED if holds else State.FAILED
