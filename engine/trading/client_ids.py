"""Names of our orders: `{prefix}-{key}-{leg}-{attempt}`, within the exchange's 36 characters.

The name is a function of the signal, so an intent found in the journal after a crash is looked up, never repeated.
Anything a position needs to know about an order that comes back from the exchange can be read from its name.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

MAX_LENGTH: Final = 36
KEY_LENGTH: Final = 12

ENTRY: Final = "e"
STOP: Final = "s"
TIER1: Final = "t1"
TIER2: Final = "t2"
EXIT: Final = "x"
LEGS: Final = (ENTRY, STOP, TIER1, TIER2, EXIT)

_SHAPE = re.compile(r"^([A-Za-z0-9]+)-([A-Za-z0-9]+)-(e|s|t1|t2|x)-([1-9][0-9]*)$")

# Names the exchange gives to orders it places itself, and what they mean for a trade.
_FORCED: Final = (
    ("adl_autoclose", "adl"),
    ("settlement_autoclose-", "settlement"),
    ("autoclose-", "liquidation"),
)


@dataclass(frozen=True, slots=True)
class OrderName:
    """A parsed client id."""

    prefix: str
    key: str
    leg: str
    attempt: int


def signal_key(signal_id: str) -> str:
    """The short form of a signal id inside client ids; stable, letters and digits only."""
    return hashlib.sha256(signal_id.encode()).hexdigest()[:KEY_LENGTH]


def client_id(prefix: str, key: str, leg: str, attempt: int) -> str:
    """The name of one attempt at one leg; raises ValueError when it would not be accepted by the exchange."""
    name = f"{prefix}-{key}-{leg}-{attempt}"
    if len(name) > MAX_LENGTH or _SHAPE.match(name) is None:
        raise ValueError(f"not a client id the exchange takes: {name!r}")
    return name


@lru_cache(maxsize=4096)
def parse(name: str) -> OrderName | None:
    """What a client id says, or None when it is not one of ours."""
    match = _SHAPE.match(name)
    if match is None:
        return None
    prefix, key, leg, attempt = match.groups()
    return OrderName(prefix, key, leg, int(attempt))


def forced_reason(name: str) -> str | None:
    """liquidation, adl or settlement when the exchange itself placed the order, else None."""
    for start, reason in _FORCED:
        if name.startswith(start):
            return reason
    return None
