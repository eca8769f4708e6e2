"""How good a zone is: who visited it, whether price reacted, and a strength from 0 to 100 (8.4, steps 5 and 7)."""

from __future__ import annotations

from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from strategies.model import F64, Candles
from strategies.zones.params import FrameParams, V3Params

Index = NDArray[np.intp]
Signs = NDArray[np.int8]
Mask = NDArray[np.bool_]

TOUCH_TERM: Final = (0.0, 0.40, 0.65, 0.85, 0.95, 1.0, 1.0, 0.90)
REACTION_ATR: Final = (0.7, 1.0, 1.5, 2.0)
REACTION_TERM: Final = (0.4, 0.6, 0.8, 1.0)
LIVED_IN: Final = 0.20
MANY_VISITS: Final = 5


class Visits(msgspec.Struct, frozen=True, eq=False):
    """Visits of a zone, oldest first: first bar, side (+1 tests it as support), reaction in ATR, what became of it.

    `pending` is neither valid nor failed. `last` is the newest bar that overlapped during a visit, -1 without one.
    """

    start: Index
    side: Signs
    reaction: F64
    valid: Mask
    failed: Mask
    last: int

    @property
    def pending(self) -> Mask:
        """Visits that are still to be decided, or whose ATR is absent."""
        return ~(self.valid | self.failed)

    def median_reaction(self) -> float | None:
        """Median of the valid reactions."""
        return float(np.median(self.reaction[self.valid])) if self.valid.any() else None


def visits(candles: Candles, atr: F64, low: float, high: float, frame: FrameParams, reaction_min: float) -> Visits:
    """Every return to [low, high] after some bars away from it, and how far price then left the near edge.

    The reaction begins with the bar after the touch, ends with the first close through the far edge, and is never
    negative. A touch bar that closes through the far edge has failed by itself.
    """
    n, m = len(candles), frame.reaction_bars
    overlap = np.flatnonzero((candles.low <= high) & (candles.high >= low))
    apart = np.diff(overlap, prepend=-1) > frame.visit_gap
    start = overlap[apart]
    if not len(start):
        empty = np.zeros(0, dtype=np.bool_)
        return Visits(start, np.zeros(0, dtype=np.int8), np.zeros(0), empty, empty, -1)
    side = np.where(candles.close[start - 1] > high, 1, -1).astype(np.int8)
    bars = start[:, None] + np.arange(m + 1)
    seen = bars < n
    bars = np.minimum(bars, n - 1)
    up = side[:, None] > 0
    away = np.where(up, candles.high[bars] - high, low - candles.low[bars])
    through = seen & np.where(up, candles.close[bars] < low, candles.close[bars] > high)
    counts = seen & ~np.logical_or.accumulate(through, axis=1)
    counts[:, 0] = False
    reaction = np.max(np.where(counts, away, 0.0), axis=1, initial=0.0) / atr[start]
    valid = reaction >= reaction_min
    failed = ~valid & (through.any(axis=1) | (start + m < n)) & np.isfinite(reaction)
    return Visits(start, side, reaction, valid, failed, int(overlap[-1]))


def touch_term(valid: int) -> float:
    """More valid touches are better up to six; a zone hit seven times is wearing out."""
    return TOUCH_TERM[min(valid, len(TOUCH_TERM) - 1)]


def reaction_term(median_atr: float | None) -> float:
    """Median valid reaction on a scale of 0 to 1."""
    return 0.0 if median_atr is None else float(np.interp(median_atr, REACTION_ATR, REACTION_TERM))


def freshness_term(days: float | None, fresh_days: float) -> float:
    """Decay since the last visit; nothing without one."""
    return 0.0 if days is None else float(np.exp(-days / fresh_days))


def noise_term(purity: float, visited: int, valid: int) -> float:
    """Share of closes inside when it is more than a fifth, and a charge for many visits with few reactions."""
    inside = 1.0 - purity
    noise = inside if inside > LIVED_IN else 0.0
    if visited > MANY_VISITS and valid < 0.5 * visited:
        noise += 0.3
    return min(1.0, noise)


def confluence_of(
    low: float, high: float, atr: float, *, senior: bool, levels: tuple[float | None, ...], ema200: float | None
) -> tuple[str, ...]:
    """What else speaks for the price of a zone: a senior zone, VWAP or POC inside, EMA200 near, a round number."""
    notes: list[str] = []
    if senior:
        notes.append("htf")
    if any(level is not None and low <= level <= high for level in levels):
        notes.append("value")
    if ema200 is not None and low - 0.5 * atr <= ema200 <= high + 0.5 * atr:
        notes.append("ema200")
    if has_round_number(low, high):
        notes.append("round")
    return tuple(notes)


CONFLUENCE_TERM: Final[dict[str, float]] = {"htf": 0.5, "value": 0.3, "ema200": 0.2, "round": 0.2}


def confluence_term(notes: tuple[str, ...]) -> float:
    """Sum of what speaks for a zone, at most 1."""
    return min(1.0, sum(CONFLUENCE_TERM[note] for note in notes))


def round_step(price: float) -> float:
    """Distance of the prices people think in, for any magnitude of price."""
    exponent = int(np.floor(np.log10(price)))
    leading = price / 10.0**exponent
    mantissa = 1.0 if leading < 2 else 2.5 if leading < 5 else 5.0
    return mantissa * 10.0 ** (exponent - 1)


def has_round_number(low: float, high: float, slack: float = 0.002) -> bool:
    """Whether a round price lies within the bounds or a fifth of a percent of them."""
    step = round_step((low + high) / 2)
    return bool(np.floor(high * (1 + slack) / step + 1e-9) * step >= low * (1 - slack) * (1 - 1e-9))


def strength_of(
    *, touches: float, reactions: float, freshness: float, confluence: float, noise: float, stale: bool,
    frame: FrameParams, params: V3Params,
) -> float:  # fmt: skip
    """Strength from the five terms, each in [0, 1]; a perfect zone has 100 times the timeframe's multiplier."""
    w = params.weights
    earned = w.touches * touches + w.reactions * reactions + w.freshness * freshness + w.confluence * confluence
    perfect = w.touches + w.reactions + w.freshness + w.confluence
    raw = (100.0 * earned / perfect - w.noise * noise) * frame.multiplier - (w.stale if stale else 0.0)
    return min(100.0, max(0.0, raw))


def grade_of(strength: float, params: V3Params) -> Literal["key", "strong", "normal", "weak"]:
    """The class of a strength."""
    if strength >= params.key:
        return "key"
    if strength >= params.strong:
        return "strong"
    return "normal" if strength >= params.normal else "weak"
