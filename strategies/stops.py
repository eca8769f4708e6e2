"""Where the stop of the six strategies goes, and when a trade has no acceptable one (9.1).

Structure first, then a zone, then a multiple of ATR; what is tighter than a minimum is widened, what is wider than a
maximum is refused. After the real fill the stop keeps its price and `fault_of` is asked again.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from strategies.model import Sign, Zone, ZoneSet
from strategies.params import NotNegative, Params, Positive
from strategies.zones.query import behind

Source = Literal["structural", "zone", "fallback"]


class StopParams(Params, frozen=True):
    """Distances in ATR14 of the strategy's timeframe unless the name says otherwise; 0 switches a limit off."""

    zone_reach_atr: Positive = 5.0
    zone_pad_atr: NotNegative = 0.1
    join_atr: NotNegative = 0.5
    fallback_atr: Positive = 2.0
    min_atr: NotNegative = 0.5
    max_atr: Positive = 3.0
    max_pct_15m: Positive = 5.0
    max_pct_4h: Positive = 8.0
    min_spreads: NotNegative = 8.0
    max_cost_r: NotNegative = 0.0
    round_trip_bps: NotNegative = 10.0


class Placed(msgspec.Struct, frozen=True):
    """A stop that passes all limits; `risk` is its distance from the entry, above zero."""

    price: float
    source: Source
    risk: float


class Unplaced(msgspec.Struct, frozen=True):
    """Why there is no acceptable stop."""

    reason: str
    detail: str


def place_stop(
    entry: float,
    side: Sign,
    structural: float | None,
    zones: ZoneSet,
    atr: float,
    *,
    tf: str,
    spread: float | None,
    params: StopParams,
) -> Placed | Unplaced:
    """The stop for an entry at `entry`; `atr` and `spread` in price units, an absent spread sets no minimum."""
    price, source = _choose(entry, side, structural, zones, atr, params)
    risk = side * (entry - price)
    if risk <= 0:
        return Unplaced("fail:stop_side", f"stop {price:g} is not behind entry {entry:g}")
    least = minimum_of(entry, atr, spread, params)
    if risk < least:
        risk, price = least, entry - side * least
    fault = _too_wide(entry, risk, atr, tf, params)
    return Unplaced("fail:stop_width", fault) if fault else Placed(price, source, risk)


def minimum_of(entry: float, atr: float, spread: float | None, params: StopParams) -> float:
    """The least distance a stop may have, in price."""
    cost = params.round_trip_bps / 10_000 * entry / params.max_cost_r if params.max_cost_r > 0 else 0.0
    return max(params.min_atr * atr, params.min_spreads * (spread or 0.0), cost)


def fault_of(entry: float, side: Sign, stop: float, atr: float, *, tf: str, params: StopParams) -> str:
    """Why a stop that keeps its price no longer serves the real fill, or an empty string."""
    risk = side * (entry - stop)
    if risk <= 0:
        return f"stop {stop:g} is not behind entry {entry:g}"
    if risk < params.min_atr * atr - 1e-9 * entry:
        return f"stop is {risk / atr:.2f} ATR away, at least {params.min_atr:g} needed"
    return _too_wide(entry, risk, atr, tf, params)


def _choose(
    entry: float, side: Sign, structural: float | None, zones: ZoneSet, atr: float, params: StopParams
) -> tuple[float, Source]:
    zone = _nearest(entry, side, zones, atr, params)
    shelter = None if zone is None else _far_edge(zone, side)
    pad = side * params.zone_pad_atr * atr
    if structural is None:
        return (
            (shelter - pad, "zone") if shelter is not None else (entry - side * params.fallback_atr * atr, "fallback")
        )
    if shelter is not None and side * (structural - shelter) <= params.join_atr * atr:
        joined = shelter - pad
        if side * (structural - joined) > 0:
            return joined, "zone"
    return structural, "structural"


def _nearest(entry: float, side: Sign, zones: ZoneSet, atr: float, params: StopParams) -> Zone | None:
    for zone in behind(zones, entry, side):
        if abs(entry - zone.mid) <= params.zone_reach_atr * atr:
            return zone
    return None


def _far_edge(zone: Zone, side: Sign) -> float:
    return zone.low if side > 0 else zone.high


def _too_wide(entry: float, risk: float, atr: float, tf: str, params: StopParams) -> str:
    limit = params.max_pct_4h if tf == "4h" else params.max_pct_15m
    if risk > params.max_atr * atr:
        return f"stop is {risk / atr:.2f} ATR away, at most {params.max_atr:g}"
    if 100 * risk / entry > limit:
        return f"stop is {100 * risk / entry:.2f} % away, at most {limit:g}"
    return ""
