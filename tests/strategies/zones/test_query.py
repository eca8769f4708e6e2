"""Questions about a zone set."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from strategies.model import Sign, Zone
from strategies.side import SIDES, opposite
from strategies.zones.query import ahead, back, behind, containing, front, room
from tests.support.zones import mirrored_zone, zone_at, zone_set

ABOUT = 512.0


def test_behind_a_long_are_supports_below_nearest_first() -> None:
    far, near = zone_at(90, 91, "S"), zone_at(95, 96, "S")
    zones = zone_set(far, near, zone_at(93, 94, "R"), zone_at(99, 101, "S"), zone_at(103, 104, "S"))
    assert behind(zones, 100.0, 1) == (near, far)


def test_ahead_of_a_long_are_resistances_above_nearest_first() -> None:
    near, far = zone_at(103, 104, "R"), zone_at(108, 109, "R")
    zones = zone_set(far, near, zone_at(105, 106, "S"), zone_at(99, 101, "R"))
    assert ahead(zones, 100.0, 1) == (near, far)
    assert room(zones, 100.0, 1) == 3.0
    assert room(zones, 108.5, 1) is None


def test_an_edge_at_the_entry_is_neither_behind_nor_ahead() -> None:
    zones = zone_set(zone_at(99, 100, "S"), zone_at(100, 101, "R"))
    assert behind(zones, 100.0, 1) == ()
    assert ahead(zones, 100.0, 1) == ()


def test_containing_is_padded_and_strongest_first() -> None:
    weak, strong = zone_at(99, 100, strength=40.0), zone_at(99.5, 101, "S", strength=80.0)
    zones = zone_set(weak, strong, zone_at(102, 103))
    assert containing(zones, 100.0) == (strong, weak)
    assert containing(zones, 101.25, 0.25) == (strong,)
    assert containing(zones, 101.75, 0.25) == (zones.zones[-1],)


def test_zones_of_another_symbol_never_answer() -> None:
    other = zone_at(95, 96, "S", symbol="B")
    zones = zone_set(other, zone_at(103, 104, "R", symbol="B"), symbol="A")
    assert behind(zones, 100.0, 1) == ()
    assert ahead(zones, 100.0, 1) == ()
    assert containing(zones, 95.5) == ()
    assert room(zones, 100.0, 1) is None


def test_candidates_are_for_the_screen_only() -> None:
    candidate = msgspec.structs.replace(zone_at(95, 96, "S"), lifecycle="candidate")
    assert behind(zone_set(candidate), 100.0, 1) == ()
    assert containing(zone_set(candidate), 95.5) == ()


def zones_of(rows: list[tuple[int, int, bool, int]]) -> list[Zone]:
    return [
        zone_at(low / 4, (low + width) / 4, "S" if support else "R", strength=float(strength), id=str(i))
        for i, (low, width, support, strength) in enumerate(rows)
    ]


rows = st.lists(st.tuples(st.integers(80, 480), st.integers(1, 40), st.booleans(), st.integers(0, 100)), max_size=12)


@given(rows, st.integers(80, 520), st.sampled_from(SIDES))
def test_the_mirror_answers_the_same(found: list[tuple[int, int, bool, int]], price: int, side: Sign) -> None:
    zones = zones_of(found)
    entry = price / 4
    here, there = zone_set(*zones), zone_set(*(mirrored_zone(zone, ABOUT) for zone in zones))
    other, away = opposite(side), ABOUT - entry
    assert {z.id for z in behind(here, entry, side)} == {z.id for z in behind(there, away, other)}
    assert {z.id for z in ahead(here, entry, side)} == {z.id for z in ahead(there, away, other)}
    assert {z.id for z in containing(here, entry, 0.5)} == {z.id for z in containing(there, away, 0.5)}
    assert room(here, entry, side) == room(there, away, other)
    distances = [side * (entry - front(zone, side)) for zone in behind(here, entry, side)]
    assert distances == sorted(distances)
    assert all(distance > 0 for distance in distances)
    assert all(side * (back(zone, side) - entry) > 0 for zone in ahead(here, entry, side))
