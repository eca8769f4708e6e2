"""Standing and selection."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.model import Zone
from strategies.zones.lifecycle import promoted, recognised, selected
from strategies.zones.params import DEFAULTS
from tests.support.zones import zone_at, zone_set

M15 = DEFAULTS.frame("15m")


def candidate(**fields: object) -> Zone:
    given_fields: dict = {"lifecycle": "candidate", "strength": 85.0, "valid_touches": 3, "purity": 0.9}
    return zone_at(100, 101, **(given_fields | fields))


@pytest.mark.parametrize(
    ("fields", "stale", "standing"),
    [
        ({}, False, "key"),
        ({"valid_touches": 2}, False, "active"),
        ({"valid_touches": 2, "confluence": ("htf",)}, False, "key"),
        ({"valid_touches": 1, "confluence": ("htf",)}, False, "candidate"),
        ({"strength": 79.9}, False, "active"),
        ({"strength": 49.9}, False, "candidate"),
        ({"purity": 0.64}, False, "candidate"),
        ({}, True, "candidate"),
        # what was active or key stays so until strength or purity fall away
        ({"lifecycle": "active", "valid_touches": 0, "strength": 50.0, "purity": 0.60}, True, "active"),
        ({"lifecycle": "key", "valid_touches": 0, "strength": 50.0}, True, "key"),
        ({"lifecycle": "active"}, False, "key"),
        ({"lifecycle": "active", "strength": 49.9}, False, "candidate"),
        ({"lifecycle": "key", "purity": 0.59}, False, "candidate"),
    ],
)
def test_promotion_and_demotion(fields: dict, stale: bool, standing: str) -> None:
    assert promoted(candidate(**fields), stale=stale, params=DEFAULTS).lifecycle == standing


def test_a_zone_found_again_keeps_name_and_standing() -> None:
    old = zone_at(100, 101, id="old", lifecycle="key")
    new = zone_at(100.5, 101.4, id="new")
    (found,) = recognised([new], zone_set(old), DEFAULTS)
    assert (found.id, found.lifecycle, found.low) == ("old", "key", 100.5)
    (moved,) = recognised([zone_at(100.6, 101.6, id="new")], zone_set(old), DEFAULTS)
    assert (moved.id, moved.lifecycle) == ("new", "candidate")


@pytest.mark.parametrize("fields", [{"tf": "1h"}, {"symbol": "B"}])
def test_other_timeframes_and_symbols_are_not_recognised(fields: dict) -> None:
    old = zone_at(100, 101, id="old", lifecycle="key")
    (found,) = recognised([zone_at(100, 101, id="new", **fields)], zone_set(old), DEFAULTS)
    assert found.id == "new"


def test_a_name_is_given_once() -> None:
    old = zone_at(100, 101, id="old", lifecycle="active")
    found = recognised(
        [zone_at(100, 100.8, id="a", strength=90.0), zone_at(100.2, 101, id="b")], zone_set(old), DEFAULTS
    )
    assert sorted(zone.id for zone in found) == ["b", "old"]


def test_a_zone_prefers_its_own_name_then_its_kind() -> None:
    support, resistance = zone_at(100, 101, "S", id="s"), zone_at(100, 101, "R", id="r")
    found = recognised(
        [zone_at(100, 101, "R", id="new"), zone_at(100, 101, "S", id="s")], zone_set(support, resistance), DEFAULTS
    )
    assert {(zone.id, zone.kind) for zone in found} == {("r", "R"), ("s", "S")}


def test_selection_prefers_standing_then_strength_then_nearness() -> None:
    zones = [
        zone_at(102, 103, id="candidate", lifecycle="candidate", strength=99.0),
        zone_at(104, 105, id="strong", lifecycle="active", strength=70.0),
        zone_at(106, 107, id="near", lifecycle="active", strength=60.0),
        zone_at(110, 111, id="far", lifecycle="active", strength=60.0),
        zone_at(120, 121, id="key", lifecycle="key", strength=80.0),
    ]
    kept = selected(zones, 105.5, 1.0, msgspec.structs.replace(M15, cap=4), DEFAULTS)
    assert [zone.id for zone in kept] == ["key", "strong", "near", "far"]


def test_zones_keep_their_distance_and_do_not_crowd() -> None:
    close = [zone_at(100, 100.2, id="a"), zone_at(100.3, 100.5, id="b", strength=59.0)]
    assert [zone.id for zone in selected(close, 100.0, 1.0, M15, DEFAULTS)] == ["a"]
    crowd = [zone_at(mid, mid, id=str(mid)) for mid in (99.6, 99.9, 100.1, 100.4, 100.6, 101.4)]
    loose = msgspec.structs.replace(M15, spacing_atr=0.0)
    assert len(selected(crowd, 100.0, 1.0, loose, DEFAULTS)) == 4  # two of each bucket


@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 100), st.sampled_from(["key", "active", "candidate"])),
        max_size=60,
    )
)
def test_whatever_comes_the_caps_hold(rows: list[tuple[int, int, str]]) -> None:
    zones = [
        zone_at(90 + at / 16, 90.4 + at / 16, id=str(i), strength=float(strength), lifecycle=standing)
        for i, (at, strength, standing) in enumerate(rows)
    ]
    kept = selected(zones, 100.0, 1.0, M15, DEFAULTS)
    assert len(kept) <= M15.cap
    mids = sorted(zone.mid for zone in kept)
    assert all(b - a >= 0.4 for a, b in pairwise(mids))
    if zones:
        assert kept[0].lifecycle == min((z.lifecycle for z in zones), key=["key", "active", "candidate"].index)
