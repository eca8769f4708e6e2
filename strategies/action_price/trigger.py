"""Which bar enters: the confirmation itself, or the pullback that ends a wait (6.4, rulings 2 and 3).

Nothing is remembered between closes: a wait is found again by looking back over the last eight bars.
"""

from __future__ import annotations

import msgspec

from strategies.absent import at
from strategies.action_price.components import Reading, score_components
from strategies.action_price.gates import hour_at
from strategies.action_price.params import ActionPriceParams
from strategies.action_price.pattern import crosses, first_touch
from strategies.action_price.plan import mode_of
from strategies.model import Candles, ComponentScore, Indicators, MarketSnapshot, Mode, Sign
from strategies.side import SIDES, adverse

TF = "15m"
RESCORED = frozenset(("confirm_depth", "close_position", "gap_to_atr", "confirm_color"))


class Trigger(msgspec.Struct, frozen=True, eq=False):
    """A cross that is to be judged on the newest bar, with its components as they count there."""

    reading: Reading
    components: tuple[ComponentScore, ...]

    @property
    def waited(self) -> int:
        """Bars between the confirmation and the bar of the entry."""
        return self.reading.bar - self.reading.confirm

    @property
    def score(self) -> float:
        """Sum of the points, nothing else."""
        return float(sum(component.points for component in self.components))


def find(snapshot: MarketSnapshot, params: ActionPriceParams) -> Trigger | None:
    """The trigger of the newest closed bar: a fresh cross first, else the youngest wait that it ends."""
    candles, ind = snapshot.bars[TF], snapshot.ind[TF]
    last = len(candles) - 1
    for side in SIDES:
        if _confirms(candles, ind, side, last, params):
            reading = _read(snapshot, side, last, last)
            return Trigger(reading, score_components(reading, params))
    for side in SIDES:
        for waited in range(1, params.wait_bars + 1):
            trigger = _waiting(snapshot, side, last - waited, params)
            if trigger is not None:
                return trigger
    return None


def _waiting(snapshot: MarketSnapshot, side: Sign, confirm: int, params: ActionPriceParams) -> Trigger | None:
    candles, ind = snapshot.bars[TF], snapshot.ind[TF]
    last = len(candles) - 1
    if not _confirms(candles, ind, side, confirm, params):
        return None
    reading = _read(snapshot, side, confirm, confirm)
    depth = reading.depth()
    if depth is None or not params.wait_from_atr <= depth < params.skip_from_atr:
        return None
    if first_touch(candles, ind, side, confirm, params) != last:
        return None
    kept = score_components(reading, params)
    if mode_of(sum(component.points for component in kept), params) is Mode.SKIP:
        return None
    again = _read(snapshot, side, confirm, last)
    merged = tuple(
        new if new.name in RESCORED else old for old, new in zip(kept, score_components(again, params), strict=True)
    )
    return Trigger(again, merged)


def _confirms(candles: Candles, ind: Indicators, side: Sign, t: int, params: ActionPriceParams) -> bool:
    """The cross test of `pattern.crosses` for one bar, first by the cheap reads that rule most bars out."""
    if t < 1:
        return False
    before, now = at(ind.ema200, t - 1), at(ind.ema200, t)
    if before is None or now is None:
        return False
    if not side * (float(candles.close[t - 1]) - before) > 0 > side * (float(candles.open[t - 1]) - before):
        return False
    if not side * (float(adverse(candles, side)[t]) - now) > 0:
        return False
    pair = candles.slice(t - 1, t + 1)
    return bool(crosses(pair, ind.slice(t - 1, t + 1), side, params)[-1])


def _read(snapshot: MarketSnapshot, side: Sign, confirm: int, bar: int) -> Reading:
    candles = snapshot.bars[TF]
    close_ms = int(candles.open_time[bar]) + candles.tf_ms
    return Reading(candles, snapshot.ind[TF], hour_at(snapshot, close_ms), side, confirm, bar)
