"""Scripted trouble: what can go wrong, when, and how it is written down.

`at_s` and every duration are wall seconds, because these are troubles of the network and of people, not of the
exchange's calendar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of trouble: what it does in words, and the parameters it knows with their defaults."""

    words: str
    params: Mapping[str, Any] = field(default_factory=dict)


KINDS: dict[str, Kind] = {
    "depth_gap": Kind("one depth event is never sent.", {"symbol": None, "count": 1}),
    "depth_duplicate": Kind("one depth event is sent twice.", {"symbol": None, "count": 1}),
    "depth_out_of_order": Kind("two depth events change places.", {"symbol": None, "count": 1}),
    "stale_snapshot": Kind("the next depth snapshot is an old one.", {"symbol": None, "count": 1}),
    "silent_socket": Kind("market sockets stay open and say nothing.", {"seconds": 30.0, "route": "market"}),
    "private_stream_dead": Kind("the private socket stays open and says nothing.", {"seconds": 30.0}),
    "listen_key_expired": Kind("the listen key ends before its time."),
    "disconnect": Kind("sockets are cut without a farewell.", {"route": "all"}),
    "rate_limited": Kind("the request budget is used up: 429 until the minute ends."),
    "banned": Kind("the address is banned: 418.", {"seconds": None}),
    "region_refused": Kind("the exchange refuses this region: 451.", {"seconds": 30.0}),
    "server_error": Kind("requests are answered with 5xx.", {"seconds": 10.0, "status": 500, "path": None}),
    "clock_skew": Kind("the exchange's clock jumps, old time stamps are refused.", {"ms": 5000}),
    "overload": Kind("new orders are refused with -1008, exits are exempt.", {"seconds": 10.0}),
    "submit_timeout_accepted": Kind("an order is taken but its answer never comes.", {"count": 1, "seconds": 15.0}),
    "submit_timeout_lost": Kind("an order is lost and its answer never comes.", {"count": 1, "seconds": 15.0}),
    "unknown_accepted": Kind("an order is taken but answered with 503, outcome unknown.", {"count": 1}),
    "unknown_lost": Kind("an order is lost and answered with 503, outcome unknown.", {"count": 1}),
    "partial_fill": Kind(
        "a market order finds half of what it wants, the rest expires.", {"share": 0.5, "symbol": None}
    ),
    "fill_before_ack": Kind("the fill is told before the order is acknowledged.", {"count": 1, "seconds": 0.4}),
    "stop_rejected": Kind("the next stop order is refused.", {"code": -4045, "count": 1}),
    "would_trigger": Kind("the next stop order would trigger at once: -2021.", {"count": 1}),
    "reduce_only_rejected": Kind("the next reduce-only order is refused: -2022.", {"code": -2022, "count": 1}),
    "manual_close": Kind("another client closes a position.", {"symbol": None}),
    "liquidation": Kind("a position is liquidated.", {"symbol": None}),
    "adl": Kind("a position is deleveraged against a bankrupt one.", {"symbol": None, "share": 1.0}),
    "price": Kind("a market jumps.", {"symbol": "BTCUSDT", "price": None, "pct": None}),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One trouble at one moment; `params` holds every parameter of its kind."""

    kind: str
    at_s: float
    params: Mapping[str, Any]


class BadFault(Exception):
    """A fault that cannot be understood."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


def read_fault(raw: object, where: str = "fault") -> Fault:
    """A fault from a mapping `{at_s, kind, ...}`; raises BadFault naming what is wrong."""
    if not isinstance(raw, Mapping):
        raise BadFault(f"{where}: expected a mapping with 'kind', was {raw!r}")
    kind = raw.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadFault(f"{where}: unknown kind {kind!r}, expected one of {', '.join(sorted(KINDS))}")
    at_s = raw.get("at_s", 0)
    if isinstance(at_s, bool) or not isinstance(at_s, int | float) or at_s < 0:
        raise BadFault(f"{where}: at_s must be a number of seconds, was {at_s!r}")
    known = KINDS[kind].params
    given = {str(name): value for name, value in raw.items() if name not in ("kind", "at_s")}
    for name in given:
        if name not in known:
            raise BadFault(f"{where}: {kind} has no parameter {name!r}; it knows {', '.join(known) or 'none'}")
    return Fault(kind, float(at_s), {**known, **given})


def read_faults(file: Path) -> list[Fault]:
    """The faults of a YAML list, by time; raises BadFault naming file and item."""
    import yaml  # noqa: PLC0415 - only a scripted run needs it

    try:
        raw = yaml.safe_load(file.read_text())
    except yaml.YAMLError as error:
        raise BadFault(f"{file}: {error}") from error
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        raise BadFault(f"{file}: expected a list of faults")
    faults = [read_fault(item, f"{file}: item {number}") for number, item in enumerate(raw, 1)]
    return sorted(faults, key=lambda fault: fault.at_s)


def faults_of_scenario(scenario: str) -> list[Fault]:
    """The trouble of a scenario that is named for a kind: half a minute after the start."""
    return [read_fault({"kind": scenario, "at_s": 30})] if scenario in KINDS else []
