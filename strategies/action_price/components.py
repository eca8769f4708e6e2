"""The eleven scored components of Action Price (6.2), each a small function of one reading.

Measures are in ATR14 of the bar they belong to, and signed so that more is further in the trade direction. An absent
element earns no points and is listed with input None (ruling 16). Compression, base, retest and stickiness are
measured before the initiator, so that the impulse does not judge itself.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Final

import msgspec

from strategies.absent import at, ratio
from strategies.action_price import ladders
from strategies.action_price.params import ActionPriceParams
from strategies.model import F64, Candles, ComponentScore, Indicators, Sign
from strategies.side import adverse

FAN: Final = ("ema5", "ema9", "ema13", "ema21")
BEFORE: Final = range(-6, -1)  # t-6..t-2
SLOPE_BARS: Final = 10


class Hour(msgspec.Struct, frozen=True):
    """Middle and width of the 1h band at the bar that is scored; None where absent."""

    ema20: float | None
    atr: float | None


class Reading(msgspec.Struct, frozen=True, eq=False):
    """What the scorers look at. `bar` is the confirmation, or the pullback bar that ended a wait (ruling 3)."""

    candles: Candles
    ind: Indicators
    hour: Hour
    side: Sign
    confirm: int
    bar: int

    @property
    def initiator(self) -> int:
        """Index of the bar whose body crossed."""
        return self.confirm - 1

    def depth(self) -> float | None:
        """How far the scored bar closed beyond EMA200, in ATR."""
        return ratio(self.beyond("ema200", self.bar), at(self.ind.atr, self.bar))

    def beyond(self, average: str, index: int) -> float | None:
        """Signed distance of a close beyond an average, in price."""
        level = at(getattr(self.ind, average), index)
        return None if level is None else self.side * (float(self.candles.close[index]) - level)

    def fan(self, index: int) -> tuple[float, float, float, float] | None:
        """EMA5, 9, 13, 21 at a bar, or None when one is absent."""
        values = [at(getattr(self.ind, name), index) for name in FAN]
        known = [value for value in values if value is not None]
        return (known[0], known[1], known[2], known[3]) if len(known) == 4 else None


class _Measure(msgspec.Struct, frozen=True):
    input: float | None
    points: float = 0.0
    note: str = ""


def initiator_size(reading: Reading, params: ActionPriceParams) -> _Measure:
    """Body of the initiator."""
    c, i = reading.candles, reading.initiator
    size = ratio(abs(float(c.close[i]) - float(c.open[i])), at(reading.ind.atr, i))
    return _climb(size, ladders.INITIATOR_SIZE)


def confirm_depth(reading: Reading, params: ActionPriceParams) -> _Measure:
    """Close beyond EMA200: near is good, or far in the legacy mode kept for comparison."""
    legacy = params.depth_mode == "legacy"
    return _climb(reading.depth(), ladders.CONFIRM_DEPTH_LEGACY if legacy else ladders.CONFIRM_DEPTH)


def close_position(reading: Reading, params: ActionPriceParams) -> _Measure:
    """Close against the leading short average; between EMA200 and EMA13 is the best place."""
    fan, atr = reading.fan(reading.bar), at(reading.ind.atr, reading.bar)
    if fan is None or atr is None:
        return _Measure(None)
    s, close = reading.side, float(reading.candles.close[reading.bar])
    lead = max(s * value for value in fan) * s
    beyond = s * (close - lead) / atr
    if s * (fan[2] - close) >= 0:
        return _Measure(beyond, 2, "between EMA200 and EMA13")
    return _climb(beyond, ladders.CLOSE_POSITION)


def slope200(reading: Reading, params: ActionPriceParams) -> _Measure:
    """Drift of EMA200 over ten bars."""
    now, then = at(reading.ind.ema200, reading.confirm), at(reading.ind.ema200, reading.confirm - SLOPE_BARS)
    drift = None if now is None or then is None else reading.side * (now - then)
    return _climb(ratio(drift, at(reading.ind.atr, reading.confirm)), ladders.SLOPE200)


def ema_fan(reading: Reading, params: ActionPriceParams) -> _Measure:
    """Order of the four short averages now, and how compressed they were before the initiator (ruling 19)."""
    t = reading.confirm
    fan, before = reading.fan(t), reading.fan(t - 2)
    atr, atr_before = at(reading.ind.atr, t), at(reading.ind.atr, t - 2)
    if fan is None or before is None or atr is None or atr_before is None:
        return _Measure(None)
    spread = (max(before) - min(before)) / atr_before
    match fan_order(fan, reading.side):
        case -1:
            return _Measure(spread, -2, "reverse order")
        case 0:
            return _Measure(spread, 0, "not ordered")
    points = ladders.FAN_COMPRESSION.points(spread)
    if points == 0:
        reach = reading.side * (fan[0] - fan[3]) / atr
        return _Measure(spread, -2 if reach >= 1.0 else 0, f"ordered, reach {reach:.2f} ATR")
    return _Measure(spread, points, "ordered")


def fan_order(fan: tuple[float, float, float, float], side: Sign) -> int:
    """+1 strictly ordered in the trade direction, -1 strictly the other way, else 0."""
    steps = [side * (fast - slow) for fast, slow in pairwise(fan)]
    if all(step > 0 for step in steps):
        return 1
    return -1 if all(step < 0 for step in steps) else 0


def gap_to_atr(reading: Reading, params: ActionPriceParams) -> _Measure:
    """Room to the outer band of the 1h frame."""
    hour, close = reading.hour, float(reading.candles.close[reading.bar])
    beyond = None if hour.ema20 is None else reading.side * (close - hour.ema20)
    stretch = ratio(beyond, hour.atr)
    return _climb(None if stretch is None else 1.5 - stretch, ladders.GAP_TO_ATR)


def ema200_stickiness(reading: Reading, params: ActionPriceParams) -> _Measure:
    """Bars before the initiator that touched EMA200: a price glued to it crosses without meaning."""
    c = reading.candles

    def touches(j: int) -> bool | None:
        level = at(reading.ind.ema200, j)
        return None if level is None else float(c.low[j]) <= level <= float(c.high[j])

    return _climb(_count(reading.confirm, BEFORE, touches), ladders.STICKINESS)


def confirm_color(reading: Reading, params: ActionPriceParams) -> _Measure:
    """Body of the scored bar in the trade direction; a shallow bar of the other colour costs."""
    c, depth = reading.candles, reading.depth()
    body = reading.side * (float(c.close[reading.bar]) - float(c.open[reading.bar]))
    if body > 0:
        return _Measure(body, 1)
    return _Measure(body, -1 if depth is not None and depth < 0.30 else 0)


def break_and_base(reading: Reading, params: ActionPriceParams) -> _Measure:
    """Quiet bars resting near EMA200 before the initiator."""
    c = reading.candles

    def rests(j: int) -> bool | None:
        level, atr = at(reading.ind.ema200, j), at(reading.ind.atr, j)
        if level is None or atr is None:
            return None
        return float(c.high[j]) - float(c.low[j]) < 0.5 * atr and abs(float(c.close[j]) - level) <= atr

    return _climb(_count(reading.confirm, range(-4, -1), rests), ladders.BREAK_AND_BASE)


def retest_tag(reading: Reading, params: ActionPriceParams) -> _Measure:
    """Bars that dipped to EMA13 or EMA21 and closed beyond the same average, while those were in order (ruling 20)."""
    s, c = reading.side, reading.candles
    extremes: F64 = adverse(c, s)

    def tags(j: int) -> bool | None:
        ema13, ema21 = at(reading.ind.ema13, j), at(reading.ind.ema21, j)
        if ema13 is None or ema21 is None:
            return None
        if not s * (ema13 - ema21) > 0:
            return False
        extreme, close = float(extremes[j]), float(c.close[j])
        return any(s * (extreme - m) <= 0 < s * (close - m) for m in (ema13, ema21))

    return _climb(_count(reading.confirm, BEFORE, tags), ladders.RETEST_TAG)


def initiator_wick(reading: Reading, params: ActionPriceParams) -> _Measure:
    """Adverse wick of the initiator: what tried to stop the cross and failed."""
    c, i, s = reading.candles, reading.initiator, reading.side
    body_end = min(s * float(c.open[i]), s * float(c.close[i])) * s
    wick = s * (body_end - float(adverse(c, s)[i]))
    return _climb(ratio(wick, at(reading.ind.atr, i)), ladders.INITIATOR_WICK)


Scorer = Callable[[Reading, ActionPriceParams], _Measure]

SCORERS: Final[tuple[Scorer, ...]] = (
    initiator_size, confirm_depth, close_position, slope200, ema_fan, gap_to_atr,
    ema200_stickiness, confirm_color, break_and_base, retest_tag, initiator_wick,
)  # fmt: skip

NAMES: Final[tuple[str, ...]] = tuple(scorer.__name__ for scorer in SCORERS)


def score_components(reading: Reading, params: ActionPriceParams) -> tuple[ComponentScore, ...]:
    """The eleven components in their printed order; the score is the sum of their points."""
    scored: list[ComponentScore] = []
    for name, scorer in zip(NAMES, SCORERS, strict=True):
        measure = scorer(reading, params)
        weight: float = getattr(params.weights, name)
        scored.append(ComponentScore(name, measure.input, weight * measure.points, measure.note))
    return tuple(scored)


def _climb(measure: float | None, ladder: ladders.Ladder) -> _Measure:
    return _Measure(None) if measure is None else _Measure(measure, ladder.points(measure))


def _count(confirm: int, offsets: range, test: Callable[[int], bool | None]) -> float | None:
    """How many of the bars satisfy a test; None when one of them is absent."""
    if confirm + offsets.start < 0:
        return None
    answers = [test(confirm + offset) for offset in offsets]
    return None if None in answers else float(sum(answer is True for answer in answers))
