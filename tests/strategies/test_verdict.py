"""Section 4.2: a setup becomes a signal, or a refusal that keeps what was known."""

from __future__ import annotations

import msgspec
import pytest

from strategies.measures import Measures
from strategies.model import BookFlow, MarketSnapshot, Refusal, RegimeState, Signal, State, StrategyId
from strategies.registry import STRATEGIES
from strategies.settings import StrategySettings
from strategies.setup import Checks
from strategies.verdict import JudgeParams, judge
from tests.support.analysis import Zones, regime, zone
from tests.support.goldens import break_retest, flow_reclaim, sweep_continuation, sweep_fade

SETTINGS = StrategySettings()


def verdict(snap: MarketSnapshot, strategy: StrategyId, judge_: dict[str, object] | None = None) -> Signal | Refusal:
    settings = msgspec.structs.replace(SETTINGS, judge=msgspec.convert(judge_ or {}, JudgeParams))
    (found,) = STRATEGIES[strategy].evaluate(snap, settings)
    return found


def test_each_step_that_fails_says_so() -> None:
    sweep = StrategyId.LIQUIDITY_SWEEP
    cases: list[tuple[MarketSnapshot, dict[str, object], str]] = [
        (sweep_continuation(), {}, ""),
        (sweep_continuation(spread=0.5), {}, "fail:stop_width"),
        (sweep_continuation(), {"confirmation": {"least": 6}}, "fail:confirmation"),
        (sweep_continuation(), {"scoring": {"enter_threshold": 9.0}}, "fail:score<9"),
    ]
    for snap, params, reason in cases:
        found = verdict(snap, sweep, params)
        assert (found.reason if isinstance(found, Refusal) else "") == reason


def test_refusal_by_score_keeps_components_conditions_and_levels() -> None:
    found = verdict(sweep_continuation(), StrategyId.LIQUIDITY_SWEEP, {"scoring": {"enter_threshold": 9.0}})
    assert isinstance(found, Refusal)
    assert found.score == pytest.approx(sum(p.points for p in (*found.components, *found.modifiers)))
    assert found.stop == pytest.approx(100.5)
    assert {c.name for c in found.conditions} >= {"flow", "hour", "confirm_volume", "score", "evidence"}
    assert next(c for c in found.conditions if c.name == "score").state is State.FAILED


def test_score_without_any_evidence_does_not_enter() -> None:
    """Base 2.5 x 1.5 clears the bar; volume, flow, open interest and book all absent."""
    snap = break_retest()
    n = len(snap.bars["15m"])
    silent = msgspec.structs.replace(snap.bars["15m"], taker_buy=snap.bars["15m"].taker_buy * float("nan"))
    ind = msgspec.structs.replace(snap.ind["15m"], vr=snap.ind["15m"].vr.clip(max=1.45))
    snap = msgspec.structs.replace(snap, bars=snap.bars | {"15m": silent}, ind=snap.ind | {"15m": ind})
    loose = msgspec.structs.replace(SETTINGS.break_retest, vr_trend=1.2)
    settings = msgspec.structs.replace(
        SETTINGS, break_retest=loose, judge=msgspec.convert({"confirmation": {"least": 1}}, JudgeParams)
    )
    (found,) = STRATEGIES[StrategyId.BREAK_RETEST].evaluate(snap, settings)
    assert isinstance(found, Refusal)
    assert (found.reason, found.score is not None and found.score >= 3) == ("fail:evidence", True)
    assert n == len(silent)


def test_zone_near_the_structure_takes_the_stop() -> None:
    found = verdict(sweep_continuation(source=Zones(zone(100.2, 100.45))), StrategyId.LIQUIDITY_SWEEP)
    assert isinstance(found, Signal)
    assert (found.stop, found.stop_source) == (pytest.approx(100.1), "zone")


def test_signal_carries_what_every_reader_needs() -> None:
    snap = sweep_fade()
    found = verdict(snap, StrategyId.LIQUIDITY_SWEEP)
    assert isinstance(found, Signal)
    assert (found.symbol, found.timeframe, found.bar_time_ms) == (snap.symbol, "15m", snap.t_ms)
    assert (found.tp_r, found.tp2_price, found.mode, found.atr) == ((1.0, 2.0), None, None, 1.0)
    assert [component.name for component in found.components] == ["base"]
    assert found.components[0].points == pytest.approx(2.5 * 1.3)
    assert found.zone_arm == "v2"
    assert found.flags == ()


def test_estimated_flow_is_tagged_wherever_it_was_used() -> None:
    found = verdict(sweep_fade(flow_estimated=True), StrategyId.LIQUIDITY_SWEEP)
    assert found.flags == ("flow estimated",)


def test_absent_btc_tags_thin_data() -> None:
    assert verdict(sweep_fade(btc=None), StrategyId.LIQUIDITY_SWEEP).flags == ("thin_data",)


@pytest.mark.parametrize("imbalance", [0.5, -0.5])
@pytest.mark.parametrize("side", [1, -1])
def test_book_point_goes_to_the_side_the_book_leans_to(imbalance: float, side: int) -> None:
    """Never to a long at DI -0.5, and never denied to a short there."""
    from tests.support.analysis import mirrored

    base = sweep_continuation()
    snap = msgspec.structs.replace(base if side > 0 else mirrored(base, 200.0), book=BookFlow((imbalance,) * 20, 1.0))
    found = verdict(snap, StrategyId.LIQUIDITY_SWEEP)
    book = next(m for m in found.modifiers if m.name == "book")
    assert found.side == side
    assert book.points == (1.0 if side * imbalance > 0 else 0.0)


def test_setup_that_fails_where_its_variant_is_not_evaluated_is_silent() -> None:
    snap = msgspec.structs.replace(sweep_continuation(), regime=regime(RegimeState.RANGE))
    found = STRATEGIES[StrategyId.LIQUIDITY_SWEEP].evaluate(snap, SETTINGS)
    assert [verdict.reason for verdict in found if isinstance(verdict, Refusal)] == ["block:regime"]
    undecided = msgspec.structs.replace(snap, regime=regime(RegimeState.UNDECIDED))
    assert STRATEGIES[StrategyId.LIQUIDITY_SWEEP].evaluate(undecided, SETTINGS) == ()


def test_first_required_condition_that_fails_is_the_reason() -> None:
    checks = Checks()
    assert checks.need("a", 1.0, True, ">= 1")
    assert checks.unless("b", None, False, "not below")
    assert not checks.need("c", None, True, ">= 2")
    assert not checks.require("d", False, "yes")
    assert (checks.reason, checks.detail) == ("absent:c", "c is absent, >= 2 needed")
    assert [condition.state for condition in checks.asked] == [State.PASSED, State.ABSENT, State.ABSENT, State.FAILED]


def test_veto_that_fires_is_a_reason_and_an_absent_one_is_not() -> None:
    checks = Checks()
    checks.unless("b", None, True, "< 2")
    assert checks.reason == ""
    checks.unless("doi", 2.5, True, "< 2 %")
    assert (checks.reason, checks.detail) == ("fail:doi", "doi 2.5, < 2 % needed")


def test_same_setup_gives_the_same_verdict_again() -> None:
    snap = flow_reclaim()
    row = STRATEGIES[StrategyId.ORDER_FLOW]
    assert row.evaluate(snap, SETTINGS) == row.evaluate(snap, SETTINGS)
    assert judge.__doc__
    assert Measures() == SETTINGS.measures
