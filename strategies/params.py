"""The base of all parameter structs and the ranges their fields may have."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]
AtLeastOne = Annotated[int, Meta(ge=1)]


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Parameters of one rule; every default of the rules is named here, never inline."""


class Switchable(Params, frozen=True):
    """Parameters of a strategy; one that is not enabled is not asked. `zones` names a builder of its own."""

    enabled: bool = True
    zones: Literal["default", "v2", "v3"] = "default"
