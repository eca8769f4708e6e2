"""A trade walked over recorded bars in plain floats: the quick twin of `position.step` fed by `paper.walk_bar`.

Same order inside a bar (open beyond the stop, stop, targets by distance), same stops, same clocks; a property test
holds the two to the same exits. Figures are per unit of quantity: shares replace quantities.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from engine.research.prices import PricePath
from engine.trading.plan import ExitPlan

GONE: Final = 1e-12  # shares that rounding leaves
END: Final = "end_of_data"


class Fees(msgspec.Struct, frozen=True):
    """Costs as fractions of notional; `maker` is what resting targets pay."""

    taker: float
    maker: float
    slippage: float


class Terms(msgspec.Struct, frozen=True):
    """A trade at its entry. `entry` is the fill, slippage included; `tp2` None: no second target.

    `shares` are those of the first target, the second and the runner; a first share of 0 is merged into the others,
    and the stage is then reached by price alone.
    """

    side: int
    entry: float
    stop: float
    tp1: float
    tp2: float | None
    shares: tuple[float, float, float]
    exits: ExitPlan
    tick: float = 0.0


class Outcome(msgspec.Struct, frozen=True):
    """How a trade ended. `last` is the index of the bar it ended in; `exit` averages over its parts."""

    last: int
    exit_ms: int
    exit: float
    reason: str
    gross_r: float
    costs_r: float
    funding_r: float
    net_r: float
    mfe_r: float
    mae_r: float
    tp1_ms: int
    tp2_ms: int


class _Ledger:
    """What one unit of the trade has brought so far."""

    def __init__(self, terms: Terms, taker: float) -> None:
        self.side, self.entry = terms.side, terms.entry
        self.left, self.gross, self.value, self.paid = 1.0, 0.0, 0.0, terms.entry * taker

    def leave(self, share: float, price: float, fee: float) -> None:
        """A part goes out at a price."""
        part = min(share, self.left)
        self.gross += part * self.side * (price - self.entry)
        self.value += part * price
        self.paid += part * price * fee
        self.left = self.left - part if self.left - part > GONE else 0.0


def follow(path: PricePath, first: int, terms: Terms, fees: Fees, funding: Sequence[tuple[int, float]] = ()) -> Outcome:
    """Walk from the bar of the entry to the end of the trade, or of the bars.

    `funding` are settlements (time, rate) in order; those after the entry are charged on what is open, at the open of
    their bar.
    """
    side, entry, exits = terms.side, terms.entry, terms.exits
    slip, taker = fees.slippage, fees.taker
    r0 = side * (entry - terms.stop)
    first_share, second_share, _ = terms.shares
    book, received = _Ledger(terms, taker), 0.0
    working, why, pending, reason = terms.stop, "stop", "", END
    best = worst = entry
    peak: float | None = None
    stage, tp1_ms, tp2_ms = 0, 0, 0
    entered_ms = path.open_ms[first]
    entry_bar = entered_ms // exits.bar_ms * exits.bar_ms
    settled = _first_after(funding, entered_ms)
    first_rests, second_rests = first_share > 0, terms.tp2 is not None and second_share > 0
    last, exit_ms = len(path) - 1, path.close_ms[-1]
    for i in range(first, len(path)):
        open_ms, close_ms, o, h, low = path.open_ms[i], path.close_ms[i], path.open[i], path.high[i], path.low[i]
        while settled < len(funding) and funding[settled][0] < close_ms:
            received -= side * funding[settled][1] * o * book.left
            settled += 1
        reach, adverse = (h, low) if side > 0 else (low, h)
        price = 0.0
        if pending:
            price, reason = o * (1 - side * slip), pending
        elif side * (o - working) <= 0:
            price, reason = o * (1 - side * slip), why
        elif side * (adverse - working) <= 0:
            price, reason = working * (1 - side * slip), why
        if price:
            book.leave(book.left, price, taker)
            best, worst = (max(best, price), min(worst, price)) if side > 0 else (min(best, price), max(worst, price))
            last, exit_ms = i, open_ms
            break
        if first_rests and side * (reach - terms.tp1) >= 0:
            book.leave(first_share, price := terms.tp1, fees.maker)
            first_rests, stage, tp1_ms, reason = False, 1, open_ms, "tp1"
        if second_rests and terms.tp2 is not None and side * (reach - terms.tp2) >= 0:
            book.leave(second_share, price := terms.tp2, fees.maker)
            second_rests, stage, tp2_ms, reason = False, 2, open_ms, "tp2"
            tp1_ms = tp1_ms or open_ms
        if not book.left:
            best = max(best, price) if side > 0 else min(best, price)
            last, exit_ms = i, open_ms
            break
        best, worst = (max(best, h), min(worst, low)) if side > 0 else (min(best, low), max(worst, h))
        if stage < 1 and not first_share and side * (reach - terms.tp1) >= 0:
            stage, tp1_ms = 1, open_ms
        trails = stage >= 2 or (stage >= 1 and terms.tp2 is None)
        if trails:
            peak = reach if peak is None or side * (reach - peak) > 0 else peak
        mfe_atr = max(0.0, side * (best - entry) / exits.atr) if exits.atr > 0 else 0.0
        if close_ms >= _deadline(exits, entry_bar, stage, tp1_ms, tp2_ms, mfe_atr):
            pending = "time_stop"
            continue
        moved = working
        if stage >= 1 and side * ((price := _breakeven(terms, taker)) - moved) > 0:
            moved, why = price, "breakeven"
        if stage >= 2 and side * (terms.tp1 - moved) > 0:
            moved, why = terms.tp1, "tp1_lock"
        by_price = stage >= 1 and not first_share  # a stop that price alone moved may be through already
        if trails and peak is not None:
            raw = peak - side * exits.trail_atr * exits.atr
            if raw > 0 and side * ((price := _tighter(raw, side, terms.tick)) - moved) > 0:
                moved, why, by_price = price, "trail", True
        if moved != working:
            if by_price and side * (path.close[i] - moved) <= 0:
                pending = why
            working = moved
    if book.left:
        book.leave(book.left, path.close[-1] * (1 - side * slip), taker)
        reason = END
    return Outcome(
        last, exit_ms, book.value, reason, book.gross / r0, (book.paid - received) / r0, received / r0,
        (book.gross - book.paid + received) / r0,
        max(0.0, side * (best - entry) / r0), min(0.0, side * (worst - entry) / r0), tp1_ms, tp2_ms,
    )  # fmt: skip


def _deadline(exits: ExitPlan, entry_bar: int, stage: int, tp1_ms: int, tp2_ms: int, mfe_atr: float) -> int:
    """When the present stage ends at the latest; the arithmetic of `engine.trading.time_stop`."""
    absolute = entry_bar + exits.absolute_ms
    if stage >= 2:
        return min(absolute, (tp2_ms // exits.bar_ms + 1) * exits.bar_ms + exits.after_tp2_ms)
    if stage == 1:
        return min(absolute, (tp1_ms // exits.bar_ms + 1) * exits.bar_ms + exits.after_tp1_ms)
    if mfe_atr < exits.time_stop_min_mfe_atr:
        return min(absolute, entry_bar + exits.time_stop_bars * exits.bar_ms)
    return absolute


def _breakeven(terms: Terms, taker: float) -> float:
    """The stop after the first target, never beyond it (ruling 14)."""
    side, entry = terms.side, terms.entry
    if terms.exits.breakeven == "entry":
        raw = entry
    elif terms.exits.breakeven == "half_r":
        raw = entry + (entry - terms.stop) / 2
    else:
        raw = entry * (1 + side * 2 * taker)
    price = _tighter(raw, side, terms.tick)
    return terms.tp1 if side * (price - terms.tp1) > 0 else price


def _tighter(price: float, side: int, tick: float) -> float:
    """Rounded toward the market where the tick is known."""
    if tick <= 0:
        return price
    steps = price / tick
    nearest = round(steps)
    if abs(steps - nearest) < 1e-6:
        return on_tick(nearest, tick)
    return on_tick(int(steps) + 1 if side > 0 else int(steps), tick)


def on_tick(steps: int, tick: float) -> float:
    """A whole number of ticks as recorded prices write it: 14689 x 0.01 is 146.89, or a stop there is not touched."""
    return round(steps * tick, 10)


def _first_after(funding: Sequence[tuple[int, float]], at_ms: int) -> int:
    """Index of the first settlement later than the entry."""
    low, high = 0, len(funding)
    while low < high:
        middle = (low + high) // 2
        if funding[middle][0] <= at_ms:
            low = middle + 1
        else:
            high = middle
    return low
