"""What would turn a verdict around: true sentences with their numbers."""

from __future__ import annotations

import re

import msgspec
import pytest

from strategies.action_price.evaluate import evaluate
from strategies.action_price.params import ActionPriceParams
from strategies.flips import flips
from strategies.model import ComponentScore, Refusal, RegimeState, Signal, StrategyId
from strategies.registry import STRATEGIES
from strategies.settings import StrategySettings
from tests.support.analysis import BtcContext, Zones, regime, signal, zone
from tests.support.cross import worked_example
from tests.support.goldens import flow_reclaim, sweep_continuation, sweep_fade

SETTINGS = StrategySettings()


def action_price(**params: float) -> StrategySettings:
    return msgspec.structs.replace(SETTINGS, action_price=ActionPriceParams(**params))


def test_refused_score_names_the_single_steps_that_would_do() -> None:
    settings = action_price(scalp_score=9.0, standard_score=12.0)
    (refused,) = evaluate(worked_example(), settings.action_price)
    found = flips(refused, settings)
    assert found[0] == "score 8; 9 would be SCALP"
    assert "confirm_depth 0.45; < 0.3 would make the score 9, SCALP" in found
    assert "slope200 0.05; >= 0.2 would make the score 9, SCALP" in found
    assert "retest_tag 0; >= 1 would make the score 10, SCALP" in found


def test_every_promised_step_is_true() -> None:
    """Each sentence about a component: the points it names really cross the border."""
    settings = action_price(scalp_score=8.0, standard_score=9.0)
    (found,) = evaluate(worked_example(), settings.action_price)
    promised = [re.search(r"the score (-?[\d.]+), (\w+)", text) for text in flips(found, settings)]
    grades = {(float(m[1]), m[2]) for m in promised if m}
    assert grades
    for score, grade in grades:
        assert grade == ("STANDARD" if score >= 9 else "SCALP" if score >= 8 else "SKIP")
        assert grade != "SCALP"  # the score is 8, SCALP now


def test_gate_that_lowered_the_grade_is_named() -> None:
    (found,) = evaluate(worked_example(btc=BtcContext(change_pct=-0.5)), SETTINGS.action_price)
    assert isinstance(found, Signal)
    assert "btc_filter is -0.5; BTC 3h change % > -0.3 would do" in flips(found)


def test_vetoes_are_named_with_their_number() -> None:
    (near,) = evaluate(worked_example(source=Zones(zone(101.0, 101.5, "R"))), SETTINGS.action_price)
    assert any(text.startswith("room is 0.44; nearest opposing zone at least 1.2 R away") for text in flips(near))
    (undecided,) = evaluate(worked_example(state=regime(RegimeState.UNDECIDED)), SETTINGS.action_price)
    assert "regime fails; decided would do" in flips(undecided)


def test_absent_input_that_refused_is_named_and_others_are_not() -> None:
    (refused,) = STRATEGIES[StrategyId.ORDER_FLOW].evaluate(flow_reclaim(book=None), SETTINGS)
    assert isinstance(refused, Refusal)
    assert flips(refused)[0] == "book is absent; >= 0.25 and steady would do"


def test_short_of_the_threshold_names_penalties_and_missing_evidence() -> None:
    (refused,) = STRATEGIES[StrategyId.LIQUIDITY_SWEEP].evaluate(sweep_fade(btc=BtcContext(change_pct=-0.5)), SETTINGS)
    found = flips(refused)
    assert found[0].startswith(f"score {refused.score:g}; 3 needed")
    assert any("without btc_filter (-2) the score were" in text for text in found)
    assert any(text.startswith("open_interest is absent; speaking for the trade") for text in found)


def test_signal_names_what_it_stands_on() -> None:
    (found,) = STRATEGIES[StrategyId.LIQUIDITY_SWEEP].evaluate(sweep_continuation(), SETTINGS)
    assert isinstance(found, Signal)
    strict = msgspec.convert({"judge": {"scoring": {"enter_threshold": found.score - 0.5}}}, StrategySettings)
    assert any(text.startswith("without volume (+1)") for text in flips(found, strict))


@pytest.mark.parametrize(("bonuses", "stands_on"), [(6, 0), (1, 1)])
def test_what_the_cap_takes_anyway_decides_nothing(bonuses: int, stands_on: int) -> None:
    modifiers = tuple(ComponentScore(f"m{i}", 1.0, 1.0) for i in range(bonuses))
    over = max(0, bonuses - 4)
    capped = (*modifiers, ComponentScore("cap", float(bonuses), -float(over))) if over else modifiers
    base = 3.0 - min(4, bonuses)
    found = signal(score=3.0, components=(ComponentScore("base", base, base),), modifiers=capped)
    assert len([text for text in flips(found) if text.startswith("without")]) == stands_on


def test_missing_factors_are_named_when_confirmation_refused() -> None:
    strict = msgspec.convert({"judge": {"confirmation": {"least": 6}}}, StrategySettings)
    (refused,) = STRATEGIES[StrategyId.LIQUIDITY_SWEEP].evaluate(sweep_continuation(), strict)
    assert isinstance(refused, Refusal)
    assert any(text.startswith("confirm_price_action") for text in flips(refused, strict))
