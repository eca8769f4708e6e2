"""Zones written down by hand, and their mirror images."""

from __future__ import annotations

from typing import Any

import msgspec

from strategies.model import Zone, ZoneSet

SWAP = {"S": "R", "R": "S"}


def zone_at(low: float, high: float, kind: str = "R", **fields: Any) -> Zone:
    """A normal active zone of A on 15m unless said otherwise."""
    given: dict[str, Any] = {
        "id": f"{kind}{low}-{high}{fields.get('tf', '')}", "symbol": "A", "tf": "15m", "kind": kind,
        "low": low, "high": high, "mid": (low + high) / 2,
        "width_atr": 0.5, "strength": 60.0, "grade": "strong", "origin": "v3",
    }  # fmt: skip
    return Zone(**(given | fields))


def zone_set(*zones: Zone, symbol: str = "A") -> ZoneSet:
    """A set of the given zones."""
    return ZoneSet(symbol, 0, "v3", tuple(sorted(zones, key=lambda zone: zone.mid)))


def mirrored_zone(zone: Zone, about: float) -> Zone:
    """The zone in the mirror; names and notes stay."""
    return msgspec.structs.replace(
        zone, low=about - zone.high, high=about - zone.low, mid=about - zone.mid, kind=SWAP[zone.kind]
    )
