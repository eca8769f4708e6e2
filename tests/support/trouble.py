"""Parameters of random faults, for whoever lets trouble loose on an exchange."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any


def parameters(rng: Random, kind: str, symbols: Sequence[str], most_pct: float) -> dict[str, Any]:
    """What a fault of this kind needs to know but for how long it lasts; `most_pct` bounds a jump of the price."""
    params: dict[str, Any] = {}
    if kind == "disconnect":
        params["route"] = rng.choice(["all", "public", "market", "private"])
    if kind == "silent_socket":
        params["route"] = rng.choice(["market", "public", "all"])
    if kind == "server_error":
        params["status"] = rng.choice([500, 502, 503, 504])
    if kind == "clock_skew":
        params["ms"] = rng.choice([-8000, -1500, 700, 3000, 9000])
    if kind == "price":
        params |= {"symbol": rng.choice(symbols), "pct": rng.uniform(-most_pct, most_pct)}
    return params
