"""The Action Price record: all groups, plain values, tags from measures."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest

from strategies.action_price.annotate import vwap_confluence
from strategies.action_price.components import NAMES
from strategies.action_price.evaluate import evaluate
from strategies.action_price.params import ActionPriceParams, ComponentWeights
from strategies.action_price.record import record
from tests.support.analysis import BtcContext, Zones, candles, indicators, mirrored, signal, snapshot, zone
from tests.support.cross import worked_example

PARAMS = ActionPriceParams()


def recorded(snap: object, params: ActionPriceParams = PARAMS) -> dict[str, dict[str, object]]:
    (verdict,) = evaluate(snap, params)
    return record(verdict, snap)


def test_groups_and_fields_of_a_signal() -> None:
    found = recorded(worked_example(source=Zones(zone(103.0, 103.5, "R"), zone(101.0, 101.4, "S"))))
    assert list(found) == ["identity", "score", "plan", "initiator", "confirmation", "context"]
    assert found["identity"]["pattern"] == "ema200_cross_immediate"
    assert found["identity"]["mode"] == "STANDARD"
    assert list(found["score"]["score_components"]) == list(NAMES) == list(found["score"]["raw_inputs"])
    assert found["score"]["score_total"] == 8
    plan = found["plan"]
    assert (plan["sl_price"], plan["risk_r"]) == (pytest.approx(99.20), pytest.approx(1.25))
    assert (plan["tp1_price"], plan["tp2_price"]) == (pytest.approx(101.70), pytest.approx(102.95))
    assert plan["entry_price"] is None
    assert [z["kind"] for z in found["context"]["zones_near"]] == ["S"]
    assert json.loads(json.dumps(found)) == found


def test_bars_are_those_of_the_pattern() -> None:
    found = recorded(worked_example())
    assert [found["initiator"][name] for name in ("open", "high", "low", "close")] == [99.60, 100.70, 99.30, 100.70]
    assert found["initiator"]["body_size_atr"] == pytest.approx(1.10)
    assert found["initiator"]["lower_wick_atr"] == pytest.approx(0.30)
    assert found["confirmation"]["close"] == 100.45


def test_tags_come_from_measures_not_from_points() -> None:
    """Re-weighting a component to nothing leaves its tag alone."""
    snap = worked_example()
    low, close = snap.bars["15m"].low.copy(), snap.bars["15m"].close.copy()
    low[-4], close[-4] = 99.35, 99.44
    tagged = msgspec.structs.replace(
        snap, bars=snap.bars | {"15m": msgspec.structs.replace(snap.bars["15m"], low=low, close=close)}
    )
    for weight in (1.0, 0.0):
        params = msgspec.structs.replace(PARAMS, weights=ComponentWeights(retest_tag=weight))
        context = recorded(tagged, params)["context"]
        assert (context["retest_tag"], context["break_and_base_tag"]) == (True, False)


def test_context_words() -> None:
    context = recorded(worked_example())["context"]
    assert (context["fan_state"], context["close_vs_fan"], context["confirm_color"]) == ("ordered", "beyond", "red")
    assert (context["body_cross_type"], context["trend_tag"]) == ("up", "flat")
    assert (context["touches_ema200"], context["touch_ema200"]) == (1.0, True)
    mirror = recorded(mirrored(worked_example(), 200.0))["context"]
    assert (mirror["fan_state"], mirror["close_vs_fan"], mirror["confirm_color"]) == ("ordered", "beyond", "green")
    assert mirror["body_cross_type"] == "down"


def test_refusals_are_recorded_with_the_same_score_group() -> None:
    strict = msgspec.structs.replace(PARAMS, scalp_score=9.0, standard_score=12.0)
    source = Zones(zone(103.0, 103.5, "R"))
    found = recorded(worked_example(source=source), strict)
    assert found["identity"]["reason"] == "fail:score<9"
    assert sum(found["score"]["score_components"].values()) == 8
    assert (found["plan"]["tp1_price"], found["context"]["zones_near"]) == (None, [])
    assert source.asked == 0


def test_downgrades_are_a_list() -> None:
    assert recorded(worked_example(btc=BtcContext(change_pct=-1.0)))["score"]["downgrades"] == ["btc_filter"]
    assert recorded(worked_example())["score"]["downgrades"] == []


def test_absent_measures_are_none() -> None:
    snap = worked_example()
    n = len(snap.bars["15m"])
    ind = msgspec.structs.replace(snap.ind["15m"], ema21=np.full(n, np.nan))
    found = recorded(msgspec.structs.replace(snap, ind=snap.ind | {"15m": ind}))
    assert found["context"]["fan_state"] is None
    assert found["confirmation"]["ema21"] is None
    assert found["score"]["raw_inputs"]["ema_fan"] is None


def test_verdict_of_another_strategy_has_no_record() -> None:
    with pytest.raises(KeyError):
        record(signal("value_area"), worked_example())


def test_averages_under_price_are_an_annotation() -> None:
    """The day's VWAP of the example lies far below a long and is not confluent; a tight day is, on one side only."""
    assert recorded(worked_example())["context"]["vwap_confluence"] == []
    flat = candles([(100.0, 100.2, 99.8, 100.0)] * 40 + [(100.0, 100.3, 99.9, 100.2)])
    snap = snapshot({"15m": flat}, {"15m": indicators(41)})
    assert vwap_confluence(snap, 1) == ("daily",)
    assert vwap_confluence(snap, -1) == ()
