"""From a setup of one of the six strategies to a verdict: stop, room, confirmation, score, threshold (4.2).

Each step that fails ends in a refusal that carries what was known until then.
"""

from __future__ import annotations

from strategies.confirmation import ConfirmationParams, confirm
from strategies.measures import Measures, facts_of
from strategies.model import Condition, MarketSnapshot, Refusal, Signal, State, StrategyId
from strategies.params import Params
from strategies.regime import weight_of
from strategies.scoring import Facts, Scored, ScoringParams, score
from strategies.setup import Setup
from strategies.side import signal_id
from strategies.stops import Placed, StopParams, Unplaced, place_stop


class JudgeParams(Params, frozen=True):
    """What all six share after the setup."""

    stops: StopParams = StopParams()
    confirmation: ConfirmationParams = ConfirmationParams()
    scoring: ScoringParams = ScoringParams()


def judge(
    setup: Setup, strategy: StrategyId, tf: str, snapshot: MarketSnapshot, params: JudgeParams, measures: Measures
) -> Signal | Refusal | None:
    """The verdict on a setup; None where it failed in a regime in which its variant is not evaluated anyway."""
    weight = weight_of(strategy, setup.variant, snapshot.regime.state)
    if setup.reason:
        return None if weight is None else refuse(setup, strategy, tf, snapshot, setup.reason, setup.detail)
    if weight is None:
        state = snapshot.regime.state.value
        return refuse(setup, strategy, tf, snapshot, "block:regime", f"{setup.variant} is not taken in {state}")
    close, zones = float(snapshot.bars[tf].close[-1]), snapshot.source.zones()
    placed = place_stop(
        close, setup.side, setup.structural, zones, setup.atr, tf=tf, spread=snapshot.spread, params=params.stops
    )
    if isinstance(placed, Unplaced):
        return refuse(setup, strategy, tf, snapshot, placed.reason, placed.detail)
    room = _room(setup, close, placed)
    if room is not None and room.state is State.FAILED:
        return refuse(
            setup, strategy, tf, snapshot, "fail:room", f"target only {room.value:.2f} R away, 1 needed",
            (room,), placed,
        )  # fmt: skip
    confirmed, factors = confirm(setup, snapshot, tf, zones, params.confirmation, measures)
    facts = facts_of(snapshot, setup, tf, measures, params.scoring)
    scored = score(setup.base, weight, setup.family, setup.side, facts, params.scoring)
    seen = (*(() if room is None else (room,)), *factors, *_threshold(scored, params.scoring))
    reason, detail = _shortfall(confirmed, factors, scored, params)
    if reason:
        return refuse(setup, strategy, tf, snapshot, reason, detail, seen, placed, scored)
    return Signal(
        id=_id(setup, strategy, tf, snapshot), symbol=snapshot.symbol, side=setup.side, strategy=strategy.value,
        variant=setup.variant, family=setup.family, timeframe=tf, bar_time_ms=snapshot.bars[tf].last_close_ms,
        ref_close=close, stop=placed.price, stop_source=placed.source, tp_r=setup.tp_r,
        tp2_price=_target(setup, close, placed), atr=setup.atr, regime=snapshot.regime, score=scored.score,
        components=scored.components, modifiers=scored.modifiers, conditions=setup.conditions + seen,
        flags=_flags(snapshot, facts, scored), zone_arm=zones.origin, evidence=setup.evidence,
    )  # fmt: skip


def refuse(
    setup: Setup, strategy: StrategyId, tf: str, snapshot: MarketSnapshot, reason: str, detail: str,
    seen: tuple[Condition, ...] = (), placed: Placed | None = None, scored: Scored | None = None,
) -> Refusal:  # fmt: skip
    """A refusal that keeps what is known of the setup."""
    return Refusal(
        id=_id(setup, strategy, tf, snapshot), symbol=snapshot.symbol, side=setup.side, strategy=strategy.value,
        variant=setup.variant, timeframe=tf, bar_time_ms=snapshot.bars[tf].last_close_ms, reason=reason,
        detail=detail, score=None if scored is None else scored.score,
        components=() if scored is None else scored.components,
        modifiers=() if scored is None else scored.modifiers, conditions=setup.conditions + seen,
        ref_close=float(snapshot.bars[tf].close[-1]), stop=setup.structural if placed is None else placed.price,
        atr=setup.atr, evidence=setup.evidence,
    )  # fmt: skip


def _room(setup: Setup, close: float, placed: Placed) -> Condition | None:
    """The level a fade aims at must be at least one R away."""
    if setup.room_to is None:
        return None
    reach = setup.side * (setup.room_to - close) / placed.risk
    return Condition("room", State.PASSED if reach >= 1.0 else State.FAILED, reach, ">= 1 R to the target level")


def _target(setup: Setup, close: float, placed: Placed) -> float | None:
    if setup.tp2_price is None:
        return None
    near, far = setup.tp2_reach_r
    reach = setup.side * (setup.tp2_price - close) / placed.risk
    return setup.tp2_price if near <= reach <= far else None


def _threshold(scored: Scored, params: ScoringParams) -> tuple[Condition, Condition]:
    enough = State.PASSED if scored.score >= params.enter_threshold else State.FAILED
    spoken = State.PASSED if scored.evidenced else State.FAILED
    return (
        Condition("score", enough, scored.score, f">= {params.enter_threshold:g}"),
        Condition("evidence", spoken, None, "one of volume, flow, open interest, book"),
    )


def _shortfall(confirmed: bool, factors: tuple[Condition, ...], scored: Scored, params: JudgeParams) -> tuple[str, str]:
    if not confirmed:
        spoke = sum(factor.state is State.PASSED for factor in factors)
        known = sum(factor.state is not State.ABSENT for factor in factors)
        return "fail:confirmation", f"{spoke} of {known} known factors confirm, {params.confirmation.least} needed"
    threshold = params.scoring.enter_threshold
    if scored.score < threshold:
        return f"fail:score<{threshold:g}", f"score {scored.score:g}, {threshold:g} needed"
    if not scored.evidenced:
        return "fail:evidence", "none of volume, flow, open interest and book speaks for the trade"
    return "", ""


def _flags(snapshot: MarketSnapshot, facts: Facts, scored: Scored) -> tuple[str, ...]:
    estimated = snapshot.flow_estimated and facts.flow is not None
    return (*(("thin_data",) if scored.thin else ()), *(("flow estimated",) if estimated else ()))


def _id(setup: Setup, strategy: StrategyId, tf: str, snapshot: MarketSnapshot) -> str:
    return signal_id(strategy.value, snapshot.symbol, tf, setup.side, int(snapshot.bars[tf].open_time[-1]))
