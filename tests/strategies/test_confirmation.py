"""Section 4.3: six witnesses, pass or fail, and what counts as absent."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from strategies.confirmation import ConfirmationParams, confirm
from strategies.measures import Measures
from strategies.model import Family, MarketSnapshot, RegimeState, State, ZoneSet
from strategies.setup import Setup
from tests.support.analysis import candles, indicators, regime, snapshot, zone

PARAMS, MEASURES = ConfirmationParams(), Measures()
NOON = 1_767_225_600_000 + 12 * 3_600_000
PLAIN = (100.0, 100.4, 99.6, 100.1)


def world(*, vr: float = 1.0, buying: float = 0.5, ema50: float = 98.0, bars: int = 30, last: tuple[float, ...] = PLAIN,
          state: RegimeState = RegimeState.TREND, **fields: object) -> MarketSnapshot:  # fmt: skip
    quarter = candles([PLAIN] * (bars - 1) + [last], taker_buy=100.0 * buying, start_ms=NOON - bars * 900_000)  # type: ignore[list-item]
    hours = candles([PLAIN] * 5, tf="1h", start_ms=NOON - 5 * 3_600_000)
    fours = candles([PLAIN] * 5, tf="4h", start_ms=NOON - 5 * 14_400_000)
    higher = indicators(5, ema50=ema50)
    return snapshot(
        {"15m": quarter, "1h": hours, "4h": fours},
        {"15m": indicators(bars, vr=vr, atr=1.0), "1h": higher, "4h": higher},
        state=regime(state, 1 if state is RegimeState.TREND else 0), **fields,
    )  # fmt: skip


def setup(family: Family = Family.BREAKOUT, side: int = 1) -> Setup:
    return Setup("x", family, side, "", "", (), 2.5, 1.0)


def states(snap: MarketSnapshot, found: Setup | None = None, zones: tuple[object, ...] = ()) -> dict[str, State]:
    _, factors = confirm(found or setup(), snap, "15m", ZoneSet("TESTUSDT", 0, "v2", zones), PARAMS, MEASURES)
    return {factor.name.removeprefix("confirm_"): factor.state for factor in factors}


def passes(snap: MarketSnapshot, found: Setup | None = None, zones: tuple[object, ...] = ()) -> bool:
    return confirm(found or setup(), snap, "15m", ZoneSet("TESTUSDT", 0, "v2", zones), PARAMS, MEASURES)[0]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"vr": 1.5, "buying": 0.53}, True),  # strategy, higher frames, volume, flow
        ({"vr": 1.5}, True),  # strategy, higher frames, volume
        ({"vr": 1.49}, False),  # strategy and higher frames only
        ({"vr": 1.5, "ema50": 102.0}, False),
        ({"vr": 1.5, "ema50": 102.0, "buying": 0.53}, True),
    ],
)
def test_three_of_those_that_are_known_must_speak(fields: dict[str, float], expected: bool) -> None:
    assert passes(world(**fields)) is expected


def test_fewer_than_three_known_factors_are_not_enough() -> None:
    """Strategy and price action are never absent; alone they do not do."""
    pin = (100.35, 100.45, 99.5, 100.4)
    snap = world(vr=np.nan, buying=np.nan, ema50=np.nan, last=pin)
    known = {name for name, state in states(snap).items() if state is not State.ABSENT}
    assert known == {"strategy", "price_action"}
    assert states(snap)["price_action"] is State.PASSED
    assert not passes(snap)


def test_hour_scales_the_volume_factor() -> None:
    """Bars that open at night need 0.6 of it."""
    snap = world(vr=0.95)
    assert states(snap)["volume"] is State.FAILED
    bars = snap.bars["15m"]
    night = msgspec.structs.replace(bars, open_time=bars.open_time - 8 * 3_600_000)
    at_four = msgspec.structs.replace(snap, bars=snap.bars | {"15m": night})
    assert states(at_four)["volume"] is State.PASSED


@pytest.mark.parametrize(
    ("state", "family", "expected"),
    [
        (RegimeState.RANGE, Family.MEAN_REVERSION, State.ABSENT),
        (RegimeState.CHOP, Family.MEAN_REVERSION, State.ABSENT),
        (RegimeState.TREND, Family.MEAN_REVERSION, State.PASSED), (RegimeState.RANGE, Family.BREAKOUT, State.PASSED),
    ],
)  # fmt: skip
def test_fades_of_a_trendless_market_do_not_ask_higher_frames(
    state: RegimeState, family: Family, expected: State
) -> None:
    """A regime other than TREND is no confirmation by itself."""
    assert states(world(state=state), setup(family))["higher_frames"] is expected


def test_both_frames_must_agree() -> None:
    snap = world()
    against = snap.ind | {"4h": indicators(5, ema50=102.0)}
    assert states(msgspec.structs.replace(snap, ind=against))["higher_frames"] is State.FAILED


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(
    ("doi", "family", "expected"),
    [
        (1.0, Family.BREAKOUT, State.PASSED), (0.9, Family.BREAKOUT, State.FAILED),
        (-1.0, Family.BREAKOUT, State.FAILED), (1.0, Family.MEAN_REVERSION, State.FAILED),
    ],
)  # fmt: skip
def test_growing_interest_speaks_for_both_sides_alike(doi: float, family: Family, expected: State, side: int) -> None:
    assert states(world(doi_pct=doi), setup(family, side))["flow"] is expected


def test_flow_is_absent_only_when_both_of_its_sources_are() -> None:
    assert states(world(buying=np.nan))["flow"] is State.ABSENT
    assert states(world(buying=np.nan, doi_pct=2.0))["flow"] is State.PASSED
    assert states(world(buying=np.nan, doi_pct=2.0), setup(Family.MEAN_REVERSION))["flow"] is State.ABSENT


@pytest.mark.parametrize(
    ("zones", "expected"),
    [
        ((), State.ABSENT),
        ((zone(99.0, 99.7),), State.PASSED), ((zone(98.0, 99.55),), State.FAILED), ((zone(99.9, 100.2),), State.PASSED),
        ((zone(99.0, 99.7, "R"),), State.FAILED), ((zone(100.2, 100.6, "R"),), State.FAILED),
    ],
)  # fmt: skip
def test_structure_is_a_supportive_edge_within_half_an_atr(zones: tuple[object, ...], expected: State) -> None:
    assert states(world(), zones=zones)["structure"] is expected


def test_point_of_control_behind_price_is_structure_too() -> None:
    """300 bars between 99.6 and 100.4 make a profile; the last one closes above all of it."""
    snap = world(bars=300, last=(100.1, 100.6, 100.0, 100.5))
    for side, expected in ((1, State.PASSED), (-1, State.FAILED)):
        assert states(snap, setup(side=side))["structure"] is expected
