"""Zones of different timeframes at one price become one (section 8.4, step 8 of the rules)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from strategies.model import Zone
from strategies.zones.params import SENIOR_FIRST, V3Params
from strategies.zones.quality import grade_of


def overlap(a: Zone, b: Zone) -> float:
    """Shared width as a part of the narrower zone's; 0 where they do not meet."""
    return max(0.0, min(a.high, b.high) - max(a.low, b.low)) / min(a.high - a.low, b.high - b.low)


def merged(zones: Sequence[Zone], params: V3Params) -> list[Zone]:
    """Seniors with the juniors they absorbed, and the juniors that stand alone.

    A senior keeps its bounds and gains once for each junior timeframe. A junior of the other kind is dropped unless it
    flipped after the senior's last touch. Only zones that survived may absorb, by their own bounds: no chains.
    """
    kept: list[Zone] = []
    absorbed: dict[str, set[str]] = {}
    for tf in SENIOR_FIRST:
        seniors = list(kept)
        for junior in (zone for zone in zones if zone.tf == tf):
            senior = _master(junior, seniors, params)
            if senior is None:
                kept.append(junior)
            elif senior.kind == junior.kind:
                absorbed.setdefault(senior.id, set()).add(tf)
            elif _is_newer(junior, senior):
                kept.append(junior)
    return [_raised(zone, absorbed.get(zone.id, set()), params) for zone in kept]


def _master(junior: Zone, seniors: Sequence[Zone], params: V3Params) -> Zone | None:
    """The most senior zone that overlaps enough, the one that overlaps most among equals."""
    able = [senior for senior in seniors if overlap(junior, senior) >= params.merge_overlap]
    return min(able, key=lambda senior: _precedence(junior, senior), default=None)


def _precedence(junior: Zone, senior: Zone) -> tuple[int, float, bool, float, float]:
    """Lowest first. Overlaps that differ by rounding alone are equal; then kind, strength and nearness decide."""
    shared = round(overlap(junior, senior), 9)
    return (
        SENIOR_FIRST.index(senior.tf),
        -shared,
        senior.kind != junior.kind,
        -senior.strength,
        abs(senior.mid - junior.mid),
    )


def _is_newer(junior: Zone, senior: Zone) -> bool:
    return junior.flipped_at_ms is not None and junior.flipped_at_ms > (senior.last_touch_ms or 0)


def _raised(zone: Zone, frames: set[str], params: V3Params) -> Zone:
    if not frames:
        return zone
    strength = min(100.0, zone.strength + params.merge_bonus * len(frames))
    notes = tuple(f"with {tf}" for tf in SENIOR_FIRST if tf in frames)
    return msgspec.structs.replace(
        zone, strength=strength, grade=grade_of(strength, params), confluence=(*zone.confluence, *notes)
    )
