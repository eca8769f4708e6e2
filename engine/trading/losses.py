"""What a day and a week have brought so far, for the loss limits (section 9.6 of the rules)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from engine.money import ZERO

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
_MONDAY_MS = 4 * DAY_MS  # the epoch began on a Thursday; weeks begin on Monday


class Booking(msgspec.Struct, frozen=True):
    """Money gained or lost at a moment: a fill's realised result less its fee, or funding."""

    at_ms: int
    usdt: Decimal


def day_start_ms(now_ms: int) -> int:
    """00:00 UTC of the day."""
    return now_ms // DAY_MS * DAY_MS


def week_start_ms(now_ms: int) -> int:
    """Monday 00:00 UTC of the ISO week."""
    return (now_ms - _MONDAY_MS) // WEEK_MS * WEEK_MS + _MONDAY_MS


def booked_since(bookings: Iterable[Booking], start_ms: int) -> Decimal:
    return sum((booking.usdt for booking in bookings if booking.at_ms >= start_ms), ZERO)


def loss_share(booked: Decimal, open_usdt: Decimal, equity: Decimal) -> Decimal:
    """Realised and open loss as a share of the equity the period began with; an open gain does not hide a loss.

    Exact, because a limit counts as reached by a loss of just that size.
    """
    start = equity - booked
    loss = -(booked + min(ZERO, open_usdt))
    return loss / start if start > 0 and loss > 0 else ZERO
