"""Zones of several timeframes at one price."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.model import Zone
from strategies.zones.merge import merged, overlap
from strategies.zones.params import DEFAULTS
from tests.support.zones import mirrored_zone, zone_at

ABOUT = 512.0


def test_overlap_is_a_part_of_the_narrower_zone() -> None:
    assert overlap(zone_at(100, 104), zone_at(103, 105)) == 0.5
    assert overlap(zone_at(100, 104), zone_at(104, 105)) == 0.0
    assert overlap(zone_at(100, 104), zone_at(101, 102)) == 1.0


def test_a_junior_of_the_same_kind_is_absorbed() -> None:
    senior, junior = zone_at(100, 104, tf="4h", strength=58.0, grade="normal"), zone_at(103, 105, tf="1h")
    (kept,) = merged([junior, senior], DEFAULTS)
    assert (kept.low, kept.high, kept.tf) == (100, 104, "4h")
    assert (kept.strength, kept.grade) == (63.0, "strong")
    assert kept.confluence == ("with 1h",)


def test_the_bonus_is_per_timeframe_and_capped() -> None:
    senior = zone_at(100, 104, tf="1d", strength=93.0)
    juniors = [zone_at(100, 101, tf="4h"), zone_at(102, 103, tf="4h"), zone_at(101, 102, tf="1h")]
    (kept,) = merged([senior, *juniors], DEFAULTS)
    assert kept.strength == 100.0
    (two,) = merged([zone_at(100, 104, tf="1d", strength=60.0), *juniors], DEFAULTS)
    assert two.strength == 70.0


def test_too_little_overlap_leaves_both() -> None:
    assert len(merged([zone_at(100, 104, tf="4h"), zone_at(103.3, 105.3, tf="1h")], DEFAULTS)) == 2


@pytest.mark.parametrize(("flipped", "survives"), [(None, False), (5, False), (6, True)])
def test_an_opposite_junior_survives_only_when_it_flipped_later(flipped: int | None, survives: bool) -> None:
    senior = zone_at(100, 104, "R", tf="4h", last_touch_ms=5)
    junior = zone_at(101, 102, "S", tf="1h", flipped_at_ms=flipped)
    found = merged([senior, junior], DEFAULTS)
    assert (junior in found) is survives
    assert senior in found


def test_an_absorbed_zone_absorbs_nobody() -> None:
    # 4h takes the 1h; the 15m overlaps only the 1h that is gone, and stays
    day = zone_at(100, 104, tf="4h")
    middle, small = zone_at(103, 107, tf="1h"), zone_at(105.5, 106.5, tf="15m")
    middle_in = merged([day, zone_at(102, 107, tf="1h"), small], DEFAULTS)
    assert {zone.tf for zone in middle_in} == {"4h", "15m"}
    assert {zone.tf for zone in merged([day, middle, small], DEFAULTS)} == {"4h", "1h"}


rows = st.lists(
    st.tuples(st.integers(360, 440), st.integers(2, 20), st.sampled_from(["1d", "4h", "1h", "15m"]), st.booleans()),
    max_size=12,
)


def zones_of(found: list[tuple[int, int, str, bool]]) -> list[Zone]:
    return [
        zone_at(low / 4, (low + width) / 4, "S" if support else "R", tf=tf, id=str(i))
        for i, (low, width, tf, support) in enumerate(found)
    ]


@given(rows)
def test_nothing_is_invented_seniors_never_move_and_the_mirror_agrees(found: list[tuple[int, int, str, bool]]) -> None:
    zones = zones_of(found)
    kept = merged(zones, DEFAULTS)
    given_zones = {zone.id: zone for zone in zones}
    for zone in kept:
        assert (zone.low, zone.high) == (given_zones[zone.id].low, given_zones[zone.id].high)
        assert given_zones[zone.id].strength <= zone.strength <= 100
    days = {zone.id for zone in zones if zone.tf == "1d"}
    assert days <= {zone.id for zone in kept}
    mirror = merged([mirrored_zone(zone, ABOUT) for zone in zones], DEFAULTS)
    assert {(z.id, z.strength) for z in mirror} == {(z.id, z.strength) for z in kept}
