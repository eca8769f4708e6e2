"""Only verdicts that open interest or funding could turn are worth a request."""

from __future__ import annotations

import msgspec
import pytest

from strategies.conflicts import dropped
from strategies.evaluate import evaluate_one
from strategies.interest import hinges
from strategies.model import Signal, StrategyId
from strategies.settings import StrategySettings
from tests.support.analysis import signal
from tests.support.goldens import GOLDENS, short

SETTINGS = StrategySettings()
INTEREST = (None, -3.0, 0.0, 0.7, 1.5, 2.5, 6.0)


@pytest.mark.parametrize(
    ("strategy", "reason", "asks"),
    [
        ("order_flow", "absent:doi", True),
        ("order_flow", "absent:book", False),
        ("value_area", "absent:doi", True),
        ("value_area", "fail:flow", False),
        ("liquidity_sweep", "fail:flow", True),
        ("liquidity_sweep", "fail:hour", False),
        ("break_retest", "fail:confirmation", True),
        ("break_retest", "fail:score<3", True),
        ("pullback", "fail:evidence", True),
        ("pullback", "fail:stop_width", False),
        ("atr_momentum", "block:regime", False),
        ("action_price", "fail:score<3", False),
    ],
)
def test_a_refusal_asks_only_where_the_answer_could_lift_it(strategy: str, reason: str, asks: bool) -> None:
    assert hinges(dropped(signal(strategy), reason, "")) is asks


def test_a_signal_of_the_six_asks_and_one_of_action_price_does_not() -> None:
    assert hinges(signal("pullback"))
    assert not hinges(signal("action_price"))


@pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])
@pytest.mark.parametrize(("strategy", "variant"), [pytest.param(*key, id="-".join(key)) for key in GOLDENS])
def test_what_does_not_ask_is_not_changed_into_a_signal_by_any_answer(
    strategy: StrategyId, variant: str, side: int
) -> None:
    snap = GOLDENS[strategy, variant]()
    snap = snap if side > 0 else short(snap)
    blind = evaluate_one(strategy, msgspec.structs.replace(snap, doi_pct=None, funding_z=None), SETTINGS)
    if any(hinges(verdict) for verdict in blind):
        return
    for doi in INTEREST:
        known = evaluate_one(strategy, msgspec.structs.replace(snap, doi_pct=doi), SETTINGS)
        assert not any(isinstance(verdict, Signal) for verdict in known)


def test_every_variant_that_needs_interest_asks_for_it() -> None:
    for (strategy, variant), build in GOLDENS.items():
        snap = build()
        blind = evaluate_one(strategy, msgspec.structs.replace(snap, doi_pct=None, funding_z=None), SETTINGS)
        assert any(hinges(verdict) for verdict in blind), (strategy, variant)
