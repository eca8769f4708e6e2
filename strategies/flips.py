"""What would turn a verdict around: the nearest rule for each way it could have gone, with the number.

For a trader who asks "how close was it", not for the decision.
"""

from __future__ import annotations

from typing import Final

from strategies.action_price.ladders import SINGLE
from strategies.action_price.params import ActionPriceParams
from strategies.model import ComponentScore, Condition, Mode, Refusal, Signal, State, StrategyId
from strategies.scoring import DIGITS, TRADED_EVIDENCE, ScoringParams
from strategies.settings import StrategySettings

DEFAULTS: Final = StrategySettings()


def flips(verdict: Signal | Refusal, settings: StrategySettings = DEFAULTS) -> tuple[str, ...]:
    """Sentences without an end mark, the most direct first; empty when nothing single would do."""
    found = [_mended(condition) for condition in verdict.conditions if _decides(condition, verdict)]
    if verdict.score is not None:
        if verdict.strategy == StrategyId.ACTION_PRICE:
            found += _grades(verdict, verdict.score, settings.action_price)
        else:
            found += _threshold(verdict, verdict.score, settings.judge.scoring)
    return tuple(dict.fromkeys(found))


def _decides(condition: Condition, verdict: Signal | Refusal) -> bool:
    """Conditions that refused the candidate or lowered its grade; score and factors are told by their own rules."""
    if condition.name == "score":
        return False
    if isinstance(verdict, Refusal) and condition.state is State.ABSENT:
        return verdict.reason == f"absent:{condition.name}"
    if condition.name.startswith("confirm_"):
        return isinstance(verdict, Refusal) and verdict.reason == "fail:confirmation" and _open(condition)
    return condition.state is State.FAILED


def _open(condition: Condition) -> bool:
    return condition.state is not State.PASSED


def _mended(condition: Condition) -> str:
    if condition.state is State.ABSENT:
        return f"{condition.name} is absent; {condition.need} would do"
    shown = "fails" if condition.value is None else f"is {condition.value:.4g}"
    return f"{condition.name} {shown}; {condition.need} would do"


def _grades(verdict: Signal | Refusal, score: float, params: ActionPriceParams) -> list[str]:
    """Single components whose next step would carry the score over a border of the grades."""
    borders = ((Mode.STANDARD, params.standard_score), (Mode.SCALP, params.scalp_score))
    found = [f"score {score:g}; {border:g} would be {mode.value}" for mode, border in borders[::-1] if score < border][
        :1
    ]
    for component in verdict.components:
        ladder = SINGLE.get(component.name)
        weight: float = getattr(params.weights, component.name, 1.0)
        if ladder is None or component.input is None:
            continue
        if component.name == "confirm_depth" and params.depth_mode == "legacy":
            continue
        for need, points in ladder.changes(component.input):
            after = score - component.points + weight * points
            crossed = _grade(after, params)
            if crossed is not _grade(score, params):
                found.append(
                    f"{component.name} {component.input:.4g}; {need} would make the score {after:g}, {crossed.value}"
                )
    return found


def _grade(score: float, params: ActionPriceParams) -> Mode:
    if score >= params.standard_score:
        return Mode.STANDARD
    return Mode.SCALP if score >= params.scalp_score else Mode.SKIP


def _threshold(verdict: Signal | Refusal, score: float, params: ScoringParams) -> list[str]:
    """Modifiers that decide alone: what would lift a refusal, and whose loss would drop a signal."""
    threshold = params.enter_threshold
    found = [] if score >= threshold else [f"score {score:g}; {threshold:g} needed, {threshold - score:.4g} short"]
    for modifier in verdict.modifiers:
        if modifier.name == "cap":
            continue
        without = _rescored(verdict, modifier.name, 0.0, params)
        if modifier.points and (without >= threshold) is not (score >= threshold):
            found.append(f"without {modifier.name} ({modifier.points:+g}) the score were {without:g}")
        if modifier.name in TRADED_EVIDENCE and modifier.points == 0 and score < threshold:
            spoken = _rescored(verdict, modifier.name, 1.0, params)
            if spoken >= threshold:
                found.append(f"{_said(modifier)}; speaking for the trade it would make the score {spoken:g}")
    speaking = [part.name for part in verdict.modifiers if part.name in TRADED_EVIDENCE and part.points > 0]
    if len(speaking) == 1 and score >= threshold:
        found.append(f"{speaking[0]} is the only one of {', '.join(TRADED_EVIDENCE)} that speaks for the trade")
    return found


def _rescored(verdict: Signal | Refusal, name: str, points: float, params: ScoringParams) -> float:
    """The score if one modifier had earned other points, the cap applied anew."""
    given = [
        points if part.name == name else part.points
        for part in verdict.modifiers
        if part.name not in ("cap", "confluence")
    ]
    bonuses, costs = sum(p for p in given if p > 0), sum(p for p in given if p < 0)
    company = sum(part.points for part in verdict.modifiers if part.name == "confluence" != name)
    base = sum(part.points for part in verdict.components)
    return round(base + min(params.positive_cap, bonuses) + costs + company, DIGITS)


def _said(modifier: ComponentScore) -> str:
    return f"{modifier.name} is absent" if modifier.input is None else f"{modifier.name} is {modifier.input:.4g}"
