"""Section 9.1: structure, then zone, then distance; widened to a minimum, refused beyond a maximum."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.model import Sign, Zone, ZoneSet
from strategies.stops import Placed, StopParams, Unplaced, fault_of, minimum_of, place_stop
from tests.support.analysis import zone

PARAMS = StopParams()


def zones(*found: Zone) -> ZoneSet:
    return ZoneSet("TESTUSDT", 0, "v2", found)


def placed(
    entry: float, structural: float | None, around: ZoneSet, atr: float, *, side: Sign = 1, tf: str = "15m",
    spread: float | None = None, params: StopParams = PARAMS,
) -> Placed | Unplaced:  # fmt: skip
    return place_stop(entry, side, structural, around, atr, tf=tf, spread=spread, params=params)


@pytest.mark.parametrize(
    ("around", "price", "source"),
    [
        (zones(zone(94.5, 95.5)), 94.3, "zone"),
        (zones(), 94.0, "fallback"),
        (zones(zone(85.5, 86.5)), 94.0, "fallback"),
        (zones(zone(94.5, 95.5, "R")), 94.0, "fallback"),
    ],
)
def test_table_of_the_simple_provider(around: ZoneSet, price: float, source: str) -> None:
    found = placed(98.0, None, around, 2.0)
    assert isinstance(found, Placed)
    assert (found.price, found.source) == (pytest.approx(price), source)


@pytest.mark.parametrize(
    ("structural", "price", "source"),
    [
        (95.0, 94.3, "zone"),  # the zone's far edge 94.5 is 0.25 ATR further: sheltered behind it
        (95.5, 94.3, "zone"),  # exactly 0.5 ATR further
        (95.6, 95.6, "structural"),
        (94.4, 94.3, "zone"),  # far edge nearer than the structure, its pad reaches further
        (93.2, 93.2, "structural"),  # never tightened
    ],
)
def test_structural_stop_takes_shelter_behind_a_near_zone(structural: float, price: float, source: str) -> None:
    found = placed(98.0, structural, zones(zone(94.5, 95.5)), 2.0)
    assert isinstance(found, Placed)
    assert (found.price, found.source) == (pytest.approx(price), source)


def test_what_is_too_tight_is_widened_not_refused() -> None:
    found = placed(100.0, 99.9, zones(), 1.0)
    assert isinstance(found, Placed)
    assert (found.price, found.risk, found.source) == (99.5, 0.5, "structural")
    wide_spread = placed(100.0, 99.9, zones(), 1.0, spread=0.1)
    assert isinstance(wide_spread, Placed)
    assert wide_spread.risk == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("structural", "atr", "tf", "spread"),
    [(96.99, 1.0, "15m", None), (94.9, 3.0, "15m", None), (91.9, 4.0, "4h", None), (99.0, 1.0, "15m", 0.4),
     (99.0, 20.0, "15m", None)],
)  # fmt: skip
def test_what_is_too_wide_is_refused_also_after_widening(
    structural: float, atr: float, tf: str, spread: float | None
) -> None:
    found = placed(100.0, structural, zones(), atr, tf=tf, spread=spread)
    assert isinstance(found, Unplaced)
    assert found.reason == "fail:stop_width"


def test_wider_frame_allows_eight_percent() -> None:
    assert isinstance(placed(100.0, 92.1, zones(), 4.0, tf="4h"), Placed)
    assert isinstance(placed(100.0, 92.1, zones(), 4.0, tf="15m"), Unplaced)


def test_zone_five_atr_away_does_not_pass_because_a_zone_was_found() -> None:
    """The reference took any zone within 5 ATR although the limit was 3."""
    assert isinstance(placed(100.0, None, zones(zone(95.4, 95.8)), 1.0), Unplaced)


@pytest.mark.parametrize("structural", [100.0, 100.5])
def test_stop_on_the_wrong_side_is_refused(structural: float) -> None:
    found = placed(100.0, structural, zones(), 1.0)
    assert isinstance(found, Unplaced)
    assert found.reason == "fail:stop_side"


def test_cost_limit_widens_only_when_it_is_switched_on() -> None:
    assert minimum_of(50.10, 0.40, None, PARAMS) == pytest.approx(0.20)
    strict = msgspec.structs.replace(PARAMS, max_cost_r=0.15)
    assert minimum_of(50.10, 0.40, None, strict) == pytest.approx(0.0501 / 0.15)


@pytest.mark.parametrize(
    ("fill", "fault"), [(100.0, False), (99.5, False), (99.49, True), (102.0, False), (102.01, True), (98.9, True)]
)
def test_fill_is_judged_against_a_stop_that_stays(fill: float, fault: bool) -> None:
    """Stop 99.0, ATR 1: R between 0.5 and 3 ATR."""
    assert bool(fault_of(fill, 1, 99.0, 1.0, tf="15m", params=PARAMS)) is fault


@given(
    entry=st.integers(100_000, 200_000), risk=st.integers(-200, 5_000), atr=st.integers(10, 2_000),
    low=st.integers(-6_000, 6_000), height=st.integers(1, 800), structural=st.booleans(),
)  # fmt: skip
def test_any_stop_is_behind_the_entry_within_the_limits_and_mirrored(
    entry: int, risk: int, atr: int, low: int, height: int, structural: bool
) -> None:
    """Share-of-price limits do not mirror, so they are out of the way; the grid is binary, so mirrors are exact."""
    free = msgspec.structs.replace(PARAMS, max_pct_15m=100.0)
    price, unit, about = entry / 1024, atr / 1024, 512.0
    stop = price - risk / 1024 if structural else None
    around = zone(price + low / 1024, price + (low + height) / 1024)
    long = placed(price, stop, zones(around), unit, params=free)
    flipped = zones(zone(about - around.high, about - around.low, "R"))
    short = placed(about - price, None if stop is None else about - stop, flipped, unit, side=-1, params=free)
    assert type(long) is type(short)
    if isinstance(long, Placed) and isinstance(short, Placed):
        assert about - short.price == pytest.approx(long.price, abs=1e-9)
        assert short.source == long.source
        assert price - long.price == pytest.approx(long.risk)
        assert 0.5 * unit - 1e-9 <= long.risk <= 3.0 * unit + 1e-9
        assert fault_of(price, 1, long.price, unit, tf="15m", params=free) == ""
