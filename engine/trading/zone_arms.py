"""What another zone builder would have decided: the shadow side of the comparison in section 8.5 of the rules.

Nothing here acts. A verdict is decided again on the other arm's zones with everything else equal, and the difference
is written down beside it: stop, room, retest zone, and whether there would have been a signal.
"""

from __future__ import annotations

from typing import Final

import msgspec

from engine.trading.zone_sets import SymbolZones
from strategies.evaluate import evaluate_one
from strategies.model import MarketSnapshot, Refusal, Sign, Signal, StrategyId
from strategies.settings import StrategySettings
from strategies.zones.provider import shadow_arm
from strategies.zones.query import room

DECIDED: Final = ("fail:stop", "fail:room", "fail:runway", "fail:confirmation", "fail:score<")
"""Refusals in which zones have a say."""


class Comparison(msgspec.Struct, frozen=True):
    """One verdict in the eyes of both arms."""

    verdict: Signal | Refusal
    ours: ArmView
    theirs: ArmView


class ArmView(msgspec.Struct, frozen=True):
    """One verdict in the eyes of one arm; prices are analysis floats, `room_r` is in R to the nearest obstacle."""

    arm: str
    would_signal: bool
    reason: str = ""  # of the refusal
    stop: float | None = None
    stop_source: str = ""
    room_r: float | None = None
    retest_low: float | None = None
    retest_high: float | None = None
    score: float | None = None


def shadowed(snapshot: MarketSnapshot, settings: StrategySettings) -> MarketSnapshot | None:
    """The same decision on the zones of the recorded arm; None when nothing is compared."""
    arm = shadow_arm(settings.zones)
    if arm is None or not isinstance(snapshot.source, SymbolZones):
        return None
    return msgspec.structs.replace(snapshot, source=snapshot.source.other(arm))


def zones_decide(verdict: Signal | Refusal) -> bool:
    """Whether another set of zones could have led to another verdict. The score of Action Price knows no zones."""
    if isinstance(verdict, Signal):
        return True
    scored = verdict.strategy == StrategyId.ACTION_PRICE and not verdict.reason.startswith("fail:room")
    return verdict.reason.startswith(DECIDED) and not scored


def compare(verdict: Signal | Refusal, snapshot: MarketSnapshot, settings: StrategySettings) -> Comparison | None:
    """A verdict beside what the recorded arm makes of the same market; None when nothing is compared."""
    shadow = shadowed(snapshot, settings)
    if shadow is None:
        return None
    return Comparison(verdict, view(verdict, verdict.side, snapshot), other_view(verdict, shadow, settings))


def other_view(verdict: Signal | Refusal, shadow: MarketSnapshot, settings: StrategySettings) -> ArmView:
    """What the strategy of a verdict says on the shadow's zones, on the same side."""
    answers = evaluate_one(StrategyId(verdict.strategy), shadow, settings)
    theirs = next((answer for answer in answers if answer.side == verdict.side), None)
    return view(theirs, verdict.side, shadow)


def view(verdict: Signal | Refusal | None, side: Sign, snapshot: MarketSnapshot) -> ArmView:
    """A verdict reduced to what zones have a say in."""
    arm = snapshot.source.zones().origin
    if verdict is None:
        return ArmView(arm, False, "none")
    signals = isinstance(verdict, Signal)
    close, stop = verdict.ref_close, verdict.stop
    ahead = None if close is None else room(snapshot.source.zones(), close, side)
    risk = None if close is None or stop is None else side * (close - stop)
    return ArmView(
        arm, signals,
        reason="" if isinstance(verdict, Signal) else verdict.reason,
        stop=stop, stop_source=verdict.stop_source if isinstance(verdict, Signal) else "",
        room_r=None if ahead is None or not risk or risk <= 0 else ahead / risk,
        retest_low=_number(verdict, "zone_low"), retest_high=_number(verdict, "zone_high"), score=verdict.score,
    )  # fmt: skip


def _number(verdict: Signal | Refusal, name: str) -> float | None:
    value = verdict.evidence.get(name)
    return value if isinstance(value, float) else None
