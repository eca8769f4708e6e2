"""How much to trade: risk over the loss per unit, rounded down, never up (section 9.7 of the rules)."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.money import ZERO, Instrument
from engine.trading.plan import Costs


class Sizing(msgspec.Struct, frozen=True):
    """A quantity and what it stakes."""

    quantity: Decimal
    unit: Decimal  # loss of one unit at the stop, costs included
    risk_usdt: Decimal  # quantity times unit
    notional: Decimal
    capped_by: str = ""  # leverage | market_max: the risk would have allowed more


def unit_loss(entry: Decimal, stop: Decimal, costs: Costs) -> Decimal:
    """What one unit loses when the stop is hit: the distance, both taker fees, and slippage in and out."""
    return abs(entry - stop) + costs.taker * entry + costs.taker * stop + 2 * costs.slippage * entry


def size(
    equity: Decimal,
    risk_share: Decimal,
    entry: Decimal,
    stop: Decimal,
    costs: Costs,
    instrument: Instrument,
    max_leverage: Decimal,
) -> Sizing:
    """The largest quantity on the step whose loss at the stop stays within `equity * risk_share`.

    Notional above `equity * max_leverage`, or a quantity above the largest market order, cuts it further. The answer
    may be below the exchange's minimum; whether that is a trade is for `risk` to say.
    """
    unit = unit_loss(entry, stop, costs)
    if equity <= 0 or unit <= 0 or entry <= 0:
        return Sizing(ZERO, unit, ZERO, ZERO)
    wanted = equity * risk_share / unit
    capped_by = ""
    if wanted * entry > equity * max_leverage:
        wanted, capped_by = equity * max_leverage / entry, "leverage"
    if 0 < instrument.market_max_qty < wanted:
        wanted, capped_by = instrument.market_max_qty, "market_max"
    quantity = instrument.qty(wanted)
    return Sizing(quantity, unit, quantity * unit, quantity * entry, capped_by)
