"""When a position can be left alone: nothing is on its way, everything wanted rests, no price can change that.

Most of a position's life is like this. Prices then only widen its excursions, so neither a back-test of years nor ten
ticks a second of live time go through every decision.
"""

from __future__ import annotations

from engine.trading import client_ids, time_stop, trailing
from engine.trading.position_state import Position


def steady_until_ms(position: Position, now_ms: int) -> int:
    """Exchange time until which prices and ticks ask for nothing; 0 when anything is open to decision.

    Only the first deadline of the time stop is looked ahead: what it finds then is for `step` to say.
    """
    if position.state != "open" or position.relay or position.reduce_to is not None or position.hold:
        return 0
    if not position.settled or not position.entry_over or position.pace or position.naked_since is not None:
        return 0
    stops = 0
    for order in position.orders.values():
        if not order.live:
            continue
        if not order.resting or order.cancel_sent:
            return 0
        if order.leg == client_ids.STOP:
            stops += 1
            fits = order.close_position or order.quantity == position.exposure
            if not fits or order.price != position.stop:
                return 0
    if stops != 1 or trailing.trails(position) or _waits_for_price(position):
        return 0
    return time_stop.next_look_ms(position, now_ms)


def _waits_for_price(position: Position) -> bool:
    """A target that cannot rest counts when the price reaches it, so prices matter."""
    for stage, leg in ((0, client_ids.TIER1), (1, client_ids.TIER2)):
        tier = position.tier(leg)
        if tier is not None and tier.price is not None and position.stage <= stage and (tier.merged or tier.cancelled):
            return True
        waits = tier is not None and tier.price is not None and not tier.merged and not tier.cancelled
        if waits and tier is not None and position.taken(leg) < tier.quantity and not position.live(leg):
            return True  # a target still has to be placed
    return False
