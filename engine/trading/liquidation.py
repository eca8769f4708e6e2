"""Where the exchange would liquidate a one-way position, from the account's margin and the symbol's brackets."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from engine.exchange.orders import Bracket
from engine.money import ZERO


def liquidation_price(
    side: int,
    quantity: Decimal,
    entry: Decimal,
    wallet: Decimal,
    brackets: Sequence[Bracket],
    other_maintenance: Decimal = ZERO,
    other_unrealized: Decimal = ZERO,
) -> Decimal | None:
    """`LP = (WB - TMM1 + UPNL1 + cum - s*q*E) / (q*mmr - s*q)`, with the bracket of the notional at LP itself.

    `wallet` is the cross wallet (isolated: the isolated wallet, the other two zero). A price at or below zero is
    shown as zero: it cannot be reached. None when the brackets are not known or the quantity is zero.
    """
    if not brackets or quantity <= 0:
        return None
    candidates: list[Decimal] = []
    for bracket in brackets:
        price = (wallet - other_maintenance + other_unrealized + bracket.cum - side * quantity * entry) / (
            quantity * bracket.maintenance_ratio - side * quantity
        )
        price = max(ZERO, price)
        if bracket.notional_floor <= price * quantity < bracket.notional_cap:
            return price
        candidates.append(price)
    # Between brackets the formula may miss all of them by rounding: take the nearest to the entry, the cautious one.
    return min(candidates, key=lambda price: abs(price - entry))


def stop_share(entry: Decimal, stop: Decimal, liquidation: Decimal | None) -> float:
    """Distance to the stop as a share of the distance to liquidation; 0 where liquidation is out of reach."""
    if liquidation is None or liquidation <= 0:
        return 0.0
    distance = abs(entry - liquidation)
    return float(abs(entry - stop) / distance) if distance else float("inf")


def usable_leverage(brackets: Sequence[Bracket], wanted: int) -> int:
    """The leverage an account can set for a contract: as wanted, or the most the exchange admits (-4028 beyond)."""
    return min(wanted, max((bracket.initial_leverage for bracket in brackets), default=wanted))


def most_notional(brackets: Sequence[Bracket], leverage: int) -> Decimal | None:
    """The largest position the exchange admits at a leverage; None when the brackets are not known."""
    caps = [bracket.notional_cap for bracket in brackets if bracket.initial_leverage >= leverage]
    return max(caps) if caps else None
