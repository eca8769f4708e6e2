"""Which builder serves the zones of a symbol on a day; consumers never know (section 8.5 of the rules)."""

from __future__ import annotations

from hashlib import blake2b
from typing import Literal

from strategies.params import Params
from strategies.zones.params import V3Params
from strategies.zones.v2 import V2Params

Arm = Literal["v2", "v3"]

DAY_MS = 86_400_000


class ZoneParams(Params, frozen=True):
    """`shadow` trades on v2 and records what v3 would have decided; `split` gives each symbol one arm a day."""

    provider: Literal["v2", "v3", "shadow", "split"] = "shadow"
    v2: V2Params = V2Params()
    v3: V3Params = V3Params()


def arm_of(symbol: str, t_ms: int, params: ZoneParams) -> Arm:
    """The builder that signals of a symbol are decided on at `t_ms`; the same all day, on every machine."""
    match params.provider:
        case "v2" | "shadow":
            return "v2"
        case "v3":
            return "v3"
        case "split":
            digest = blake2b(f"{symbol}|{t_ms // DAY_MS}".encode(), digest_size=8).digest()
            return "v3" if digest[-1] % 2 else "v2"


def shadow_arm(params: ZoneParams) -> Arm | None:
    """The builder whose decisions are only recorded, if there is one."""
    return "v3" if params.provider == "shadow" else None
