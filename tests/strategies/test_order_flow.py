"""Section 5.3: the cases of the table; without a live book there is silence."""

from __future__ import annotations

import pytest

from strategies.measures import Measures
from strategies.model import BookFlow, MarketSnapshot
from strategies.order_flow import OrderFlowParams, evaluate
from strategies.order_flow import _confirmed as confirmed
from strategies.order_flow import _stop as stop_of
from strategies.setup import Setup
from tests.support.analysis import candles
from tests.support.goldens import flow_acceptance, flow_reclaim, short

PARAMS, MEASURES = OrderFlowParams(), Measures()


def found(snap: MarketSnapshot) -> Setup:
    (setup,) = evaluate(snap, PARAMS, MEASURES)
    return setup


def test_reclaim_of_the_table() -> None:
    """VAL 100, low 99.85, close 100.20: LONG, stop 99.50, R 0.70, TP 100.90 / 101.60."""
    c = candles([(100.0, 100.3, 99.9, 100.1), (100.1, 100.3, 99.85, 100.20)])
    assert confirmed(c, 1, "VAL", 100.0) == "reclaim"
    stop = stop_of(c, 1, 100.0, 1.0, PARAMS)
    assert stop == pytest.approx(99.50)
    assert [100.20 + r * (100.20 - stop) for r in (1, 2)] == pytest.approx([100.90, 101.60])


def test_acceptance_of_the_table() -> None:
    """VAL 100, closes 99.90 and 99.80, high 100.05: SHORT, stop 100.50, R 0.70."""
    c = candles([(100.0, 100.2, 99.8, 99.90), (99.9, 100.05, 99.7, 99.80)])
    assert confirmed(c, -1, "VAL", 100.0) == "acceptance"
    assert stop_of(c, -1, 100.0, 1.0, PARAMS) == pytest.approx(100.50)


@pytest.mark.parametrize(("name", "variant"), [("VAH", None), ("POC", "reclaim"), ("VAL", "reclaim")])
def test_level_must_be_on_the_supportive_side(name: str, variant: str | None) -> None:
    c = candles([(100.0, 100.3, 99.5, 99.9), (99.9, 100.3, 99.85, 100.20)])
    assert confirmed(c, 1, name, 100.0) == variant


def test_a_close_up_alone_confirms_nothing() -> None:
    c = candles([(100.0, 100.3, 100.05, 100.1), (100.1, 100.3, 100.08, 100.20)])
    assert confirmed(c, 1, "VAL", 100.0) is None


@pytest.mark.parametrize(
    ("snap", "reason"),
    [
        (flow_reclaim(), ""), (flow_acceptance(), ""), (short(flow_reclaim()), ""), (short(flow_acceptance()), ""),
        (flow_reclaim(doi_pct=0.6), "fail:doi"), (flow_reclaim(doi_pct=None), "absent:doi"),
        (flow_reclaim(near=0.35), "fail:near"), (flow_reclaim(book=None), "absent:book"),
        (flow_reclaim(book=BookFlow((0.31,) * 20, 0.5)), "absent:book"),
        (flow_reclaim(book=BookFlow((0.24,) * 20, 1.0)), "fail:book"),
        (flow_reclaim(book=BookFlow((0.31,) * 15 + (0.0,) * 5, 1.0)), "fail:book"),
        (flow_reclaim(book=BookFlow((-0.31,) * 20, 1.0)), "fail:book"),
    ],
)  # fmt: skip
def test_every_condition_has_its_own_reason(snap: MarketSnapshot, reason: str) -> None:
    assert found(snap).reason == reason


def test_negative_imbalance_serves_shorts_and_only_shorts() -> None:
    """DI -0.31 must never earn a long its condition, nor deny it to a short."""
    assert found(short(flow_reclaim())).side == -1
    assert found(short(flow_reclaim())).reason == ""
