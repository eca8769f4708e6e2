"""What funding a history was charged: recorded settlements, and an assumed rate where nothing was recorded."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from engine.research.features import FundingHistory
from strategies.model import F64, I64

PERIOD_MS: Final = 8 * 3_600_000


class Settlements(msgspec.Struct, frozen=True, eq=False):
    """(time, rate) in order; `recorded` is the share of eight-hour periods that the recording covers."""

    rows: tuple[tuple[int, float], ...]
    recorded: float


def settlements_of(known: FundingHistory | None, from_ms: int, to_ms: int, assumed: float) -> Settlements:
    """Settlements of [from, to). A period of eight hours in which none was recorded ends with the assumed rate."""
    times: I64 = np.empty(0, dtype=np.int64) if known is None else known.at_ms
    rates: F64 = np.empty(0) if known is None else known.rate
    ends = np.arange(-(-from_ms // PERIOD_MS) * PERIOD_MS, to_ms, PERIOD_MS, dtype=np.int64)
    before = np.searchsorted(times, ends - PERIOD_MS, side="right")
    covered = np.searchsorted(times, ends, side="right") > before
    share = float(covered.mean()) if len(ends) else float(known is not None)
    inside = (times >= from_ms) & (times < to_ms)
    rows = list(zip(times[inside].tolist(), rates[inside].tolist(), strict=True))
    if assumed:
        rows += [(at_ms, assumed) for at_ms in ends[~covered].tolist()]
    return Settlements(tuple(sorted(rows)), share)
