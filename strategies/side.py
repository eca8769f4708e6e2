"""Side algebra: each rule is written once, for both sides (section 1.2 of the rules).

`side` is +1 for long and -1 for short. `side * (x - y)` is how far x lies beyond y in the trade direction; the adverse
extreme of a bar is the one that hurts the trade.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from strategies.model import F64, Candles, Sign

SIDES: Final[tuple[Sign, Sign]] = (1, -1)
NAMES: Final[dict[int, str]] = {1: "long", -1: "short"}


def adverse(candles: Candles, side: Sign) -> F64:
    """Lows for longs, highs for shorts."""
    return candles.low if side > 0 else candles.high


def favour(candles: Candles, side: Sign) -> F64:
    """Highs for longs, lows for shorts."""
    return candles.high if side > 0 else candles.low


def opposite(side: Sign) -> Sign:
    """The other side."""
    return -1 if side > 0 else 1


def signal_id(strategy: str, symbol: str, tf: str, side: Sign, bar_open_ms: int) -> str:
    """The same candidate has the same id wherever and whenever it is found; 12 hexadecimal digits."""
    key = f"{strategy}|{symbol}|{tf}|{NAMES[side]}|{bar_open_ms}"
    return blake2b(key.encode(), digest_size=6).hexdigest()
