"""Section 5.5: rejection and acceptance at the edges of the value area."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from strategies.measures import Measures
from strategies.model import BookFlow, MarketSnapshot, Refusal, Signal, StrategyId
from strategies.registry import STRATEGIES
from strategies.settings import StrategySettings
from strategies.setup import Setup
from strategies.side import signal_id
from strategies.value_area import ValueAreaParams, evaluate, volume_ratio
from strategies.value_area import _excursion as excursion
from strategies.value_area import _left as left
from strategies.value_area import _returned as returned
from strategies.verdict import judge
from tests.support.analysis import candles
from tests.support.goldens import RANGE, TREND, value_acceptance, value_rejection

PARAMS, MEASURES = ValueAreaParams(), Measures()


def found(snap: MarketSnapshot) -> Setup:
    (setup,) = evaluate(snap, PARAMS, MEASURES)
    return setup


@pytest.mark.parametrize(
    ("closes", "rejected", "accepted"),
    [
        ((100.35, 99.95, 99.80), True, False),
        ((100.10, 99.95, 100.30), False, True),
        ((100.35, 100.10, 100.05), True, True),  # within a thousandth of the edge still counts as inside
        ((100.35, 100.11, 99.80), False, False),
        ((99.90, 99.95, 99.80), False, False),
        ((99.90, 99.95, 100.24), False, False),
        ((99.90, 99.95, 100.25), False, True),
        ((100.10, 100.20, 99.90), False, False),  # the newest close must be outside to be accepted there
    ],
)
def test_what_closes_say_about_an_edge(closes: tuple[float, ...], rejected: bool, accepted: bool) -> None:
    """Edge 100, ATR 1."""
    beyond = np.array([close - 100.0 for close in closes])
    assert returned(beyond, 100.0, PARAMS) is rejected
    assert left(beyond, 1.0, PARAMS) is accepted


def test_excursion_of_the_table_and_its_stop() -> None:
    """Closes 100.35, 99.95, 99.80 with a high of 100.50: stop 100.75."""
    c = candles([(99.5, 99.9, 99.4, 99.8), (99.8, 100.50, 99.7, 100.35), (100.3, 100.4, 99.9, 99.95),
                 (99.95, 100.0, 99.7, 99.80)])  # fmt: skip
    assert excursion(c, 1, 100.0, PARAMS) == 100.50
    assert excursion(c, 1, 100.0, PARAMS) + 0.25 == 100.75


def test_longer_excursion_counts_from_where_it_left() -> None:
    c = candles([(99.5, 101.9, 99.4, 99.8), (99.8, 101.0, 99.7, 100.6), (100.6, 100.7, 100.1, 100.35),
                 (100.3, 100.4, 99.9, 99.95), (99.95, 100.0, 99.7, 99.80)])  # fmt: skip
    assert excursion(c, 1, 100.0, PARAMS) == 101.0


def table_setup(poc: float) -> Setup:
    """The rejection of the table: SHORT at 99.80, stop 100.75, R 0.95."""
    setup = found(value_rejection())
    return msgspec.structs.replace(setup, side=-1, structural=100.75, atr=1.0, tp2_price=poc, room_to=poc)


@pytest.mark.parametrize(("poc", "room", "tp2"), [(98.20, True, 98.20), (98.90, False, None), (96.90, True, None)])
def test_the_point_of_control_is_the_target_and_must_leave_room(poc: float, room: bool, tp2: float | None) -> None:
    """1.68 R: tier two goes to it; 0.95 R away: no room; beyond 3 R: the ordinary tier."""
    snap = value_rejection()
    bars = snap.bars["15m"]
    close = bars.close.copy()
    close[-1] = 99.80
    snap = msgspec.structs.replace(snap, bars=snap.bars | {"15m": msgspec.structs.replace(bars, close=close)})
    loose = msgspec.convert(
        {"confirmation": {"least": 1}, "scoring": {"enter_threshold": -9.0}}, type(StrategySettings().judge)
    )
    verdict = judge(table_setup(poc), StrategyId.VALUE_AREA, "15m", snap, loose, MEASURES)
    if room:
        assert isinstance(verdict, Signal)
        assert verdict.stop == pytest.approx(100.75)
        assert verdict.tp2_price == tp2
    else:
        assert isinstance(verdict, Refusal)
        assert verdict.reason == "fail:room"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, ""), ({"doi_pct": 1.9}, ""), ({"doi_pct": 2.0}, "fail:doi"), ({"book": BookFlow((0.4,) * 20, 1.0)}, ""),
        ({"book": BookFlow((-0.4,) * 20, 1.0)}, "fail:book"), ({"book": None}, ""),
    ],
)  # fmt: skip
def test_rejection_vetoes_only_what_is_present(fields: dict[str, object], reason: str) -> None:
    assert found(value_rejection(**fields)).reason == reason


@pytest.mark.parametrize(("doi", "reason"), [(1.0, ""), (0.99, "fail:doi"), (None, "absent:doi"), (-2.0, "fail:doi")])
def test_acceptance_asks_growing_interest_on_either_side(doi: float | None, reason: str) -> None:
    assert found(value_acceptance(doi_pct=doi)).reason == reason


def test_far_point_of_control_is_no_reason_against_a_fade() -> None:
    setup = found(value_rejection())
    assert setup.side == 1
    assert setup.room_to == pytest.approx(setup.evidence["poc"])


def test_the_regime_of_the_snapshot_is_never_overwritten() -> None:
    for snap, state in ((value_rejection(), RANGE), (value_acceptance(), TREND)):
        (signal,) = STRATEGIES[StrategyId.VALUE_AREA].evaluate(snap, StrategySettings())
        assert isinstance(signal, Signal)
        assert signal.regime == state
        assert signal.id == signal_id("value_area", snap.symbol, "15m", signal.side, signal.bar_time_ms - 900_000)


def test_names_mean_what_they_say() -> None:
    """A rejection at VAL is a long; the reference had them inverted."""
    assert (found(value_rejection()).variant, found(value_rejection()).side) == ("rejection", 1)
    assert (found(value_acceptance()).variant, found(value_acceptance()).side) == ("acceptance", 1)


def test_volume_is_compared_with_the_fifty_bars_before() -> None:
    c = candles([(1.0, 1.0, 1.0, 1.0)] * 52, volume=[10.0] * 50 + [30.0, 15.0])
    assert volume_ratio(c, 50)[-2:].tolist() == [3.0, 1.5]
    assert np.isnan(volume_ratio(c, 50)[:50]).all()
