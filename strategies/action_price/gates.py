"""Context gates of Action Price (6.6): who may veto a scored pattern, and who only lowers its grade.

An absent input never fires a gate and is listed as absent; only an undecided regime rejects by itself (ruling 8).
"""

from __future__ import annotations

from typing import Final

from strategies.absent import at, ratio
from strategies.action_price.components import Hour
from strategies.action_price.params import ActionPriceParams
from strategies.htf import last_closed, longest_average
from strategies.model import (
    Condition,
    MarketSnapshot,
    Mode,
    RegimeState,
    Sign,
    State,
)

BTC: Final = "BTCUSDT"


def hour_at(snapshot: MarketSnapshot, t_ms: int) -> Hour:
    """The 1h band as it stood at `t_ms`."""
    ind, index = snapshot.ind.get("1h"), last_closed(snapshot, "1h", t_ms)
    return Hour(None, None) if ind is None else Hour(at(ind.ema20, index), at(ind.atr, index))


def regime_gate(snapshot: MarketSnapshot) -> Condition:
    """Rejects while the market state is undecided."""
    decided = snapshot.regime.state is not RegimeState.UNDECIDED
    return Condition("regime", State.PASSED if decided else State.FAILED, None, "decided")


def super_chop_gate(snapshot: MarketSnapshot, params: ActionPriceParams) -> Condition:
    """Rejects in a dead 1h market: no trend, no range, no band width, all three at once."""
    need = f"not (1h ADX < {params.chop_adx:g}, ranks < {params.chop_atr_rank:g})"
    ind, index = snapshot.ind.get("1h"), last_closed(snapshot, "1h", snapshot.t_ms)
    if ind is None:
        return Condition("super_chop", State.ABSENT, None, need)
    adx, atr_rank, bb_rank = at(ind.adx, index), at(ind.atr_rank, index), at(ind.bb_rank, index)
    if adx is None or atr_rank is None or bb_rank is None:
        return Condition("super_chop", State.ABSENT, adx, need)
    dead = adx < params.chop_adx and atr_rank < params.chop_atr_rank and bb_rank < params.chop_bb_rank
    return Condition("super_chop", State.FAILED if dead else State.PASSED, adx, need)


def htf_gate(snapshot: MarketSnapshot, side: Sign) -> Condition:
    """Lowers the grade of a trade against the 4h trend (ruling 9)."""
    ind, index = snapshot.ind.get("4h"), last_closed(snapshot, "4h", snapshot.t_ms)
    average = None if ind is None or index < 0 else longest_average(ind, index)
    if average is None:
        return Condition("htf_trend", State.ABSENT, None, "4h close beyond its longest EMA")
    period, level = average
    distance = ratio(100 * side * (float(snapshot.bars["4h"].close[index]) - level), level)
    against = distance is not None and distance < 0
    return Condition(
        "htf_trend", State.FAILED if against else State.PASSED, distance, f"4h close beyond EMA{period}, % >= 0"
    )


def btc_gate(snapshot: MarketSnapshot, side: Sign, params: ActionPriceParams) -> Condition:
    """Lowers the grade of a trade against the last three hours of BTCUSDT (7.3); BTCUSDT itself is exempt."""
    need = f"BTC 3h change % > -{params.btc_against_pct:g}"
    if snapshot.symbol == BTC:
        return Condition("btc_filter", State.PASSED, None, "exempt")
    change = None if snapshot.btc is None else snapshot.btc.change_pct
    if change is None:
        return Condition("btc_filter", State.ABSENT, None, need)
    against = params.btc_against_pct > 0 and side * change <= -params.btc_against_pct
    return Condition("btc_filter", State.FAILED if against else State.PASSED, side * change, need)


def volume_gate(vr_initiator: float | None, params: ActionPriceParams) -> Condition:
    """Lowers STANDARD to SCALP when the initiator came without volume; no hour factor (ruling 7)."""
    need = f"initiator volume ratio >= {params.weak_vr:g}"
    if vr_initiator is None:
        return Condition("volume", State.ABSENT, None, need)
    weak = vr_initiator < params.weak_vr
    return Condition("volume", State.FAILED if weak else State.PASSED, vr_initiator, need)


def volume_word(vr_initiator: float | None, params: ActionPriceParams) -> str:
    """The volume adjunct as printed."""
    if vr_initiator is None:
        return "absent"
    if vr_initiator >= params.strong_vr:
        return "strong"
    if vr_initiator >= params.ok_vr:
        return "ok"
    return "weak" if vr_initiator < params.weak_vr else "normal"


def lower(mode: Mode, volume: Condition, others: tuple[Condition, ...]) -> tuple[Mode, tuple[str, ...]]:
    """The grade after all downgrades, and who caused them; volume first and on STANDARD only, then one step each."""
    by: list[str] = []
    if volume.state is State.FAILED and mode is Mode.STANDARD:
        mode = Mode.SCALP
        by.append(volume.name)
    for condition in others:
        if condition.state is State.FAILED and mode is not Mode.SKIP:
            mode = Mode.SCALP if mode is Mode.STANDARD else Mode.SKIP
            by.append(condition.name)
    return mode, tuple(by)


def room_gate(ahead: float | None, known: bool, risk: float, params: ActionPriceParams) -> Condition:
    """Rejects when the nearest opposing zone is too near; `ahead` is the distance to its near edge in price."""
    need = f"nearest opposing zone at least {params.room_r:g} R away"
    if not known or params.room_r == 0:
        return Condition("room", State.ABSENT, None, need)
    if ahead is None:
        return Condition("room", State.PASSED, None, "no opposing zone")
    return Condition("room", State.FAILED if ahead < params.room_r * risk else State.PASSED, ahead / risk, need)
