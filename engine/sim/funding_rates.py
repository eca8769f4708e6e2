"""Running and settled funding rates: a slow seeded wave around the interest rate, the same for the same seed."""

from __future__ import annotations

import math
from decimal import Decimal
from zlib import crc32

HOUR_MS = 3_600_000
INTEREST = Decimal("0.00010000")
CAP = Decimal("0.02000000")
ADJUSTED_SHARE = 9  # one symbol in so many settles every four hours


class FundingRates:
    """Funding of one symbol."""

    def __init__(self, symbol: str, seed: int, major: bool) -> None:
        self._phase = crc32(f"funding {seed} {symbol}".encode())
        self.interval_hours = 8 if major or self._phase % ADJUSTED_SHARE else 4

    @property
    def interval_ms(self) -> int:
        return self.interval_hours * HOUR_MS

    def next_time(self, now_ms: int) -> int:
        return (now_ms // self.interval_ms + 1) * self.interval_ms

    def at(self, settlement_ms: int) -> Decimal:
        """The rate settled at a time, or running towards it."""
        number = settlement_ms // self.interval_ms
        wave = math.sin((number + self._phase % 97) / 5.0) + 0.6 * math.sin((number * 3 + self._phase % 31) / 7.0)
        return (INTEREST * Decimal(repr(round(1 + 0.9 * wave, 4)))).quantize(Decimal("0.00000001"))
