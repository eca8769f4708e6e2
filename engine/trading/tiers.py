"""The three exits of a trade: quantities and prices (section 9.3 of the rules).

Tiers too small for the exchange are merged, never rounded up.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

from msgspec.structs import replace

from engine.money import ZERO, Instrument, Side, decimal
from engine.trading import client_ids
from engine.trading.plan import ExitPlan
from engine.trading.position_state import RUNNER, Position, Tier

_DROP_BELOW_R = 1.2
_LEVEL_FROM_R, _LEVEL_TO_R = 1.0, 3.0


def tier_prices(
    entry: Decimal, stop: Decimal, exits: ExitPlan, instrument: Instrument, side: Side
) -> tuple[Decimal, Decimal | None]:
    """TP1 and TP2 from the actual entry, on the tick toward the entry; TP2 None when it is dropped.

    A level replaces the R multiple when it lies between 1 R and 3 R. Nearer than 1.2 R there is no second target:
    its share goes to the runner.
    """
    r0 = side * (entry - stop)
    tp1 = instrument.target_price(entry + side * r0 * decimal(exits.tp1_r), side)
    second_r = second_target_r(entry, stop, exits, side)
    if second_r is None:
        return tp1, None
    at_level = exits.tp2_price is not None and second_r != exits.tp2_r
    raw = decimal(exits.tp2_price or 0.0) if at_level else entry + side * r0 * decimal(second_r)
    tp2 = instrument.target_price(raw, side)
    return tp1, tp2 if side * (tp2 - tp1) > 0 else None


def second_target_r(entry: Decimal, stop: Decimal, exits: ExitPlan, side: Side) -> float | None:
    """R of the second target, or None when it is dropped for being nearer than 1.2 R."""
    r0 = float(side * (entry - stop))
    second_r = exits.tp2_r
    if exits.tp2_price is not None and r0 > 0:
        level_r = side * (exits.tp2_price - float(entry)) / r0
        if _LEVEL_FROM_R <= level_r <= _LEVEL_TO_R:
            second_r = level_r
    return second_r if second_r >= _DROP_BELOW_R else None


def lay_tiers(
    quantity: Decimal, entry: Decimal, stop: Decimal, exits: ExitPlan, instrument: Instrument, side: Side
) -> tuple[Tier, Tier, Tier]:
    """Three rows for `quantity`: floor, floor, remainder; merged where one is below the exchange's minimum.

    Three tiers, else TP1 and TP2 by halves, else everything at TP2 with breakeven at 1 R.
    """
    tp1, tp2 = tier_prices(entry, stop, exits, instrument, side)

    def in_r(price: Decimal | None) -> float | None:
        r0 = side * (entry - stop)
        return None if price is None or r0 <= 0 else float(side * (price - entry) / r0)

    share1, share2 = decimal(exits.tp1_share), decimal(exits.tp2_share)
    if tp2 is None:
        share2 = ZERO
    first = _floor(quantity * share1, instrument)
    second = _floor(quantity * share2, instrument)
    rest = quantity - first - second
    second_name, last_name = client_ids.TIER2, RUNNER

    def row(leg: str, part: Decimal, price: Decimal | None, **flags: bool) -> Tier:
        share = float(part / quantity) if quantity else 0.0
        return Tier(leg, share, part, price, in_r(price), **flags)

    if tp2 is None:
        if not (_enough(first, entry, instrument) and _enough(rest, entry, instrument)):
            first = _floor(quantity / 2, instrument)
            rest = quantity - first
            if not (_enough(first, entry, instrument) and _enough(rest, entry, instrument)):
                first, rest = ZERO, quantity
        return (
            row(client_ids.TIER1, first, tp1, merged=first == 0),
            row(second_name, ZERO, None, cancelled=True),
            row(last_name, rest, None),
        )
    if all(_enough(part, entry, instrument) for part in (first, second, rest)):
        return (
            row(client_ids.TIER1, first, tp1),
            row(second_name, second, tp2),
            row(last_name, rest, None),
        )
    half = _floor(quantity / 2, instrument)
    if _enough(half, entry, instrument) and _enough(quantity - half, entry, instrument):
        return (
            row(client_ids.TIER1, half, tp1),
            row(second_name, quantity - half, tp2),
            row(last_name, ZERO, None, merged=True),
        )
    return (
        row(client_ids.TIER1, ZERO, tp1, merged=True),
        row(second_name, quantity, tp2),
        row(last_name, ZERO, None, merged=True),
    )


def relay_tiers(position: Position) -> tuple[Tier, ...]:
    """Fit the unfilled tiers to what is left after a part was closed otherwise; their proportions stay."""
    instrument = position.plan.instrument
    left = position.exposure
    waiting = [
        tier
        for tier in position.tiers
        if not tier.merged and not tier.cancelled and position.taken(tier.leg) < tier.quantity
    ]
    weight = sum(
        (tier.quantity - position.taken(tier.leg) for tier in waiting),
        ZERO,
    )
    rows: list[Tier] = []
    shared = ZERO
    for tier in position.tiers:
        if tier not in waiting:
            rows.append(tier)
            continue
        taken = position.taken(tier.leg)
        if tier is waiting[-1]:
            part = left - shared
        else:
            part = _floor(left * (tier.quantity - taken) / weight, instrument)
        shared += part
        rows.append(replace(tier, quantity=taken + part))
    return tuple(rows)


def tier_state(position: Position, tier: Tier) -> str:
    """waiting, resting, filled, trailing, merged or cancelled, as shown."""
    if tier.merged:
        return "merged"
    if tier.cancelled:
        return "cancelled"
    if tier.leg == RUNNER:
        if position.state in ("closed", "abandoned"):
            return "filled" if position.state == "closed" else "cancelled"
        return "trailing" if position.peak is not None else "waiting"
    if tier.quantity and position.taken(tier.leg) >= tier.quantity:
        return "filled"
    if position.state in ("closed", "abandoned"):
        return "cancelled"
    return "resting" if any(order.resting for order in position.live(tier.leg)) else "waiting"


def _floor(quantity: Decimal, instrument: Instrument) -> Decimal:
    return (quantity / instrument.step).to_integral_value(ROUND_FLOOR) * instrument.step


def _enough(part: Decimal, price: Decimal, instrument: Instrument) -> bool:
    return part > 0 and part >= instrument.min_qty and part * price >= instrument.min_notional
