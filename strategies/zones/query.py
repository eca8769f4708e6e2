"""Questions about a zone set; every consumer asks these, whoever built the set (section 8.1 of the rules).

Only zones of the set's own symbol that are active or key answer: candidates are for the screen.
"""

from __future__ import annotations

from collections.abc import Iterator

from strategies.model import Sign, Zone, ZoneSet


def behind(zones: ZoneSet, entry: float, side: Sign) -> tuple[Zone, ...]:
    """Supportive zones whose near edge is strictly behind the entry, nearest first."""
    kind = "S" if side > 0 else "R"
    found = [zone for zone in _tradable(zones) if zone.kind == kind and side * (entry - front(zone, side)) > 0]
    return tuple(sorted(found, key=lambda zone: side * (entry - front(zone, side))))


def ahead(zones: ZoneSet, entry: float, side: Sign) -> tuple[Zone, ...]:
    """Opposing zones whose near edge is strictly beyond the entry, nearest first."""
    kind = "R" if side > 0 else "S"
    found = [zone for zone in _tradable(zones) if zone.kind == kind and side * (back(zone, side) - entry) > 0]
    return tuple(sorted(found, key=lambda zone: side * (back(zone, side) - entry)))


def containing(zones: ZoneSet, price: float, pad: float = 0.0) -> tuple[Zone, ...]:
    """Zones around a price, widened by `pad` in price units on both edges, strongest first."""
    found = [zone for zone in _tradable(zones) if zone.low - pad <= price <= zone.high + pad]
    return tuple(sorted(found, key=lambda zone: -zone.strength))


def room(zones: ZoneSet, entry: float, side: Sign) -> float | None:
    """Distance to the near edge of the nearest opposing zone in price units; None when nothing is ahead."""
    found = ahead(zones, entry, side)
    return side * (back(found[0], side) - entry) if found else None


def front(zone: Zone, side: Sign) -> float:
    """The edge that lies further in the trade direction."""
    return zone.high if side > 0 else zone.low


def back(zone: Zone, side: Sign) -> float:
    """The edge that lies further against the trade direction."""
    return zone.low if side > 0 else zone.high


def _tradable(zones: ZoneSet) -> Iterator[Zone]:
    return (zone for zone in zones.zones if zone.symbol == zones.symbol and zone.lifecycle != "candidate")
