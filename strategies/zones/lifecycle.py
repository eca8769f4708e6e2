"""Which zones are fit to trade on, and which few of them are kept (section 8.4, steps 9 and 10 of the rules).

The previous build is the only memory, and it is handed in: a zone found again keeps its name and its standing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from strategies.model import Zone, ZoneSet
from strategies.zones.merge import overlap
from strategies.zones.params import FrameParams, V3Params

STANDING: Final = {"key": 0, "active": 1, "candidate": 2}


def recognised(zones: Sequence[Zone], previous: ZoneSet | None, params: V3Params) -> list[Zone]:
    """The zones under the names and with the standing that they had in the previous build; new ones are candidates."""
    known = [] if previous is None else list(previous.zones)
    found: list[Zone] = []
    for zone in sorted(zones, key=lambda zone: (-zone.strength, zone.id)):
        able = [old for old in known if _same(zone, old, params)]
        old = max(able, key=lambda old: (old.id == zone.id, old.kind == zone.kind, overlap(zone, old)), default=None)
        if old is None:
            found.append(msgspec.structs.replace(zone, lifecycle="candidate"))
        else:
            known.remove(old)
            found.append(msgspec.structs.replace(zone, id=old.id, lifecycle=old.lifecycle))
    return found


def promoted(zone: Zone, *, stale: bool, params: V3Params) -> Zone:
    """The zone with its standing after this build. What was earned stays until strength or purity fall away."""
    if zone.strength < params.active_strength or zone.purity < params.purity_keep:
        return msgspec.structs.replace(zone, lifecycle="candidate")
    proven = zone.valid_touches >= params.active_touches and zone.purity >= params.purity_min and not stale
    if zone.lifecycle == "candidate" and not proven:
        return zone
    weighty = "htf" in zone.confluence or zone.valid_touches >= params.key_touches
    is_key = zone.lifecycle == "key" or (zone.strength >= params.key and weighty)
    return msgspec.structs.replace(zone, lifecycle="key" if is_key else "active")


def selected(zones: Sequence[Zone], close: float, atr: float, frame: FrameParams, params: V3Params) -> list[Zone]:
    """The zones of one timeframe that are kept: the best standing, then the strongest, then the nearest, well apart."""
    kept: list[Zone] = []
    crowd: Counter[int] = Counter()
    for zone in sorted(zones, key=lambda z: (STANDING[z.lifecycle], -z.strength, abs(z.mid - close), z.id)):
        bucket = int(np.rint((zone.mid - close) / atr))  # price itself is in the middle of one
        apart = all(abs(zone.mid - other.mid) >= frame.spacing_atr * atr for other in kept)
        if len(kept) < frame.cap and apart and crowd[bucket] < params.per_bucket:
            crowd[bucket] += 1
            kept.append(zone)
    return kept


def _same(zone: Zone, old: Zone, params: V3Params) -> bool:
    return zone.symbol == old.symbol and zone.tf == old.tf and overlap(zone, old) >= params.same_overlap
