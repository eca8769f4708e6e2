"""Who was in a hurry: signed volume of the bars and the resting side of the book (sections 2.9, 2.12, 7.4).

The level and the sign of a cumulative delta depend on where the sum begins, so no rule reads them; every measure here
is a share of volume over a few stated bars, in [-1, +1], and absent where taker volume is missing or nothing traded.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from strategies.absent import at
from strategies.model import F64, BookFlow, Candles, Sign
from strategies.params import AtLeastOne, Params, Positive, Share
from strategies.windows import trailing_sum

Mask = NDArray[np.bool_]


class FlowParams(Params, frozen=True):
    """Spans in bars, thresholds as shares of volume; the book's in samples of one second."""

    with_bars: AtLeastOne = 5
    with_min: Positive = 0.05
    flip_bars: AtLeastOne = 3
    flip_min: Positive = 0.05
    book_samples: AtLeastOne = 20
    book_min: Positive = 0.05
    book_share: Share = 0.80
    book_healthy: Share = 0.80
    estimate: Literal["off", "close_location"] = "off"  # stand-in for missing taker volume, never live (ruling 31)


DEFAULTS: Final = FlowParams()


def delta(candles: Candles) -> F64:
    """Taker buying minus taker selling of each bar, base units; NaN where not recorded."""
    return 2.0 * candles.taker_buy - candles.volume


def delta_ratio(candles: Candles, bars: int) -> F64:
    """Delta of the last `bars` bars as a share of their volume; NaN where missing or where nothing traded."""
    volume = trailing_sum(candles.volume, bars)
    signed = trailing_sum(delta(candles), bars)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(volume > 0, signed / volume, np.nan)


def delta_ratio_at(candles: Candles, bars: int, index: int) -> float | None:
    """The same for the bars ending at `index`; None where absent."""
    if index < bars - 1 or index >= len(candles):
        return None
    return at(delta_ratio(candles.slice(index - bars + 1, index + 1), bars), bars - 1)


def flow_with(candles: Candles, side: Sign, index: int, params: FlowParams = DEFAULTS) -> bool | None:
    """Whether takers of the last five bars lean to the side; None without taker volume."""
    ratio = delta_ratio_at(candles, params.with_bars, index)
    return None if ratio is None else side * ratio >= params.with_min


def flow_flip(candles: Candles, side: Sign, index: int, params: FlowParams = DEFAULTS) -> bool | None:
    """Whether takers turned to the side: with it over three bars, against it over the three before."""
    now = delta_ratio_at(candles, params.flip_bars, index)
    then = delta_ratio_at(candles, params.flip_bars, index - params.flip_bars)
    if now is None or then is None:
        return None
    return side * now >= params.flip_min and side * then <= -params.flip_min


def flow_with_mask(candles: Candles, side: Sign, params: FlowParams = DEFAULTS) -> Mask:
    """`flow_with` for every bar; absent counts as no."""
    return side * delta_ratio(candles, params.with_bars) >= params.with_min


def flow_flip_mask(candles: Candles, side: Sign, params: FlowParams = DEFAULTS) -> Mask:
    """`flow_flip` for every bar; absent counts as no."""
    ratio = side * delta_ratio(candles, params.flip_bars)
    out = np.zeros(len(ratio), dtype=np.bool_)
    bars = params.flip_bars
    out[bars:] = (ratio[bars:] >= params.flip_min) & (ratio[:-bars] <= -params.flip_min)
    return out


def estimate_taker_buy(candles: Candles) -> Candles:
    """Candles with missing taker volume put in place by where each bar closed in its range (ruling 31).

    For research only, and everything that read the result must say that its flow is estimated. A bar without range
    gives half of its volume to either side.
    """
    missing = np.isnan(candles.taker_buy)
    if not missing.any():
        return candles
    span = candles.high - candles.low
    place = np.divide(candles.close - candles.low, span, out=np.full(len(span), 0.5), where=span > 0)
    return msgspec.structs.replace(candles, taker_buy=np.where(missing, candles.volume * place, candles.taker_buy))


def book_supports(
    book: BookFlow | None, side: Sign, least: float | None = None, params: FlowParams = DEFAULTS
) -> bool | None:
    """Whether the book leaned to the side for most of the last seconds; None unless most of its samples are healthy.

    Imbalance is in [-1, +1] with positive for a heavy bid, so a short asks for it to be negative. `least` replaces
    the ordinary threshold where a strategy asks for more. A second without a sample supports nobody.
    """
    if book is None or book.healthy_share < params.book_healthy:
        return None
    samples = book.imbalance[-params.book_samples :]
    if len(samples) < params.book_healthy * params.book_samples:
        return None
    threshold = params.book_min if least is None else least
    leaning = sum(side * sample >= threshold for sample in samples)
    return leaning >= params.book_share * params.book_samples


def imbalance_at(book: BookFlow | None, params: FlowParams = DEFAULTS) -> float | None:
    """Mean imbalance of the last seconds for the screen and the evidence; None where the book is not healthy."""
    if book is None or book.healthy_share < params.book_healthy or not book.imbalance:
        return None
    samples = book.imbalance[-params.book_samples :]
    return sum(samples) / len(samples)
