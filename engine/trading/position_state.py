"""What is known about one position, and what follows from it by arithmetic.

The struct is replaced, never changed from outside: `position.step` copies it, and everything inside is a value. It is
serialised whole into the journal, so whatever decides about the position lives here.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

import msgspec

from engine.exchange.orders import Fill
from engine.money import ZERO
from engine.trading import client_ids
from engine.trading.order import Order, Phase
from engine.trading.plan import PositionPlan


class Tally(msgspec.Struct, frozen=True):
    """Fills of one order, summed; sums do not care about the order of arrival."""

    quantity: Decimal = ZERO
    value: Decimal = ZERO  # price times quantity
    fees: Decimal = ZERO
    first_ms: int = 0
    last_ms: int = 0
    last_trade: int = 0

    @property
    def average(self) -> Decimal:
        return self.value / self.quantity if self.quantity else ZERO

    def add(self, fill: Fill, fee: Decimal) -> Tally:
        return Tally(
            quantity=self.quantity + fill.quantity,
            value=self.value + fill.price * fill.quantity,
            fees=self.fees + fee,
            first_ms=min(self.first_ms or fill.at_ms, fill.at_ms),
            last_ms=max(self.last_ms, fill.at_ms),
            last_trade=max(self.last_trade, fill.trade_id),
        )


class Tier(msgspec.Struct, frozen=True):
    """One of the three exits: two resting targets and the runner."""

    leg: str  # t1 | t2 | runner
    share: float
    quantity: Decimal
    price: Decimal | None
    r: float | None
    merged: bool = False  # below the exchange's minimum: its share went to another tier
    cancelled: bool = False  # dropped by the rules, or taken off the exchange by a person


RUNNER = "runner"
_PRUNE_FROM, _PRUNE_KEEP = 24, 3


class Position(msgspec.Struct, kw_only=True):
    """One trade from the intent of its entry to the cancel of its last leftover."""

    plan: PositionPlan
    state: str = "entering"  # entering | open | closing | closed | abandoned
    stage: int = 0  # 0 before TP1, 1 after it, 2 after TP2
    orders: dict[str, Order] = {}
    attempts: dict[str, int] = {}  # leg -> attempts named so far
    tallies: dict[str, Tally] = {}  # client id, or the reason of a fill that is not ours
    trades: frozenset[int] = frozenset()
    fundings: frozenset[str] = frozenset()
    tiers: tuple[Tier, ...] = ()
    stop: Decimal  # where the stop should be
    stop_why: str = "initial"
    tp1_ms: int = 0
    tp2_ms: int = 0
    mark: float | None = None
    best: float | None = None
    worst: float | None = None
    best_ms: int = 0
    worst_ms: int = 0
    peak: float | None = None
    trail_minute: int = 0
    funding: Decimal = ZERO
    adjusted: Decimal = ZERO  # quantity others put in or took out, not explained by fills
    vanished: Decimal = ZERO  # quantity that left without fills, valued at `vanished_price`
    vanished_price: Decimal = ZERO
    close_reason: str = ""
    closing_mono: float = 0.0
    reduce_to: Decimal | None = None
    relay: bool = False  # tiers no longer fit the quantity and must be laid again
    hold: bool = False
    others_stop: bool = False  # somebody else's closePosition stop is in the way
    naked_since: float | None = None
    naked_max_ms: float = 0.0
    pace: dict[str, float] = {}  # leg -> machine time before which it is not tried again
    declines: dict[str, int] = {}
    # Derived from orders and tallies by `recount`, kept because everything asks for them all the time.
    exposure: Decimal = ZERO  # what is still open as far as anybody knows
    entered: Tally = Tally()  # fills of the entry
    entry_price: Decimal = ZERO  # average of the entry, zero before its first fill
    r0: float = 0.0  # price distance of one R: from the actual entry to the initial stop, whatever the stop did since
    settled: bool = True  # every quantity an order claims has been seen as fills
    entry_over: bool = False  # no more will come in, and all that came is known with its price
    steady_until_ms: int = 0  # until then prices and time alone ask for nothing; 0: look at everything
    walked_ms: int = 0  # close of the newest bar that was walked, where bars carry it
    opened_ms: int = 0
    closed_ms: int = 0
    revision: int = 1

    # -- orders ---------------------------------------------------------------------------------------------------

    def legs(self, *legs: str) -> list[Order]:
        return [order for order in self.orders.values() if order.leg in legs]

    def live(self, *legs: str) -> list[Order]:
        """Orders of these legs that rest on the exchange, or may."""
        return [order for order in self.orders.values() if order.leg in legs and order.live]

    @property
    def entry(self) -> Order:
        """The newest attempt at the entry."""
        return self.legs(client_ids.ENTRY)[-1]

    def taken(self, leg: str) -> Decimal:
        """Quantity that left through one leg."""
        return sum((self.filled(order) for order in self.legs(leg)), ZERO)

    def filled(self, order: Order) -> Decimal:
        """What one order is known to have filled: by its own word or by fills, whichever came first."""
        tally = self.tallies.get(order.client_id)
        return order.filled if tally is None else max(order.filled, tally.quantity)

    @property
    def working_stop(self) -> Order | None:
        """The tightest stop the exchange holds."""
        resting = [order for order in self.legs(client_ids.STOP) if order.resting]
        return max(resting, key=lambda order: order.price * self.plan.side) if resting else None

    def tier(self, leg: str) -> Tier | None:
        return next((tier for tier in self.tiers if tier.leg == leg), None)

    # -- quantities -------------------------------------------------------------------------------------------------

    def tallied(self, leg: str) -> Tally:
        """Fills of one leg over all its attempts."""
        total = Tally()
        for key, tally in self.tallies.items():
            if leg_of(key) == leg:
                total = join(total, tally)
        return total

    @property
    def exited(self) -> Tally:
        """All fills that reduced the position."""
        total = Tally()
        for key, tally in self.tallies.items():
            if leg_of(key) != client_ids.ENTRY:
                total = join(total, tally)
        return total

    # -- prices ----------------------------------------------------------------------------------------------------

    def in_r(self, price: float | Decimal) -> float:
        """A price as multiples of R from the entry."""
        r0 = self.r0
        return self.plan.side * (float(price) - float(self.entry_price)) / r0 if r0 > 0 else 0.0

    @property
    def mfe_r(self) -> float:
        return max(0.0, self.in_r(self.best)) if self.best is not None else 0.0

    @property
    def mae_r(self) -> float:
        return min(0.0, self.in_r(self.worst)) if self.worst is not None else 0.0

    @property
    def mfe_atr(self) -> float:
        """Best excursion in ATR at entry; what the time stop asks about."""
        if self.best is None or self.plan.exits.atr <= 0:
            return 0.0
        return max(0.0, self.plan.side * (self.best - float(self.entry_price)) / self.plan.exits.atr)

    @property
    def over(self) -> bool:
        """Nothing is open and nothing of ours rests any more."""
        return self.state in ("closed", "abandoned") and not any(order.live for order in self.orders.values())


def recount(position: Position) -> None:
    """Derive quantities and prices from orders and tallies.

    What an order's own word proves counts before its fills are seen; sums do not care about the order of arrival.
    """
    into = out = claimed = ZERO
    settled = entries_over = True
    for name, order in position.orders.items():
        filled = position.filled(order)
        seen = position.tallies.get(name)
        settled = settled and order.filled <= (seen.quantity if seen is not None else ZERO)
        if order.leg == client_ids.ENTRY:
            into += filled
            claimed += order.filled
            entries_over = entries_over and order.over
        else:
            out += filled
    for name, tally in position.tallies.items():
        if name not in position.orders:  # not ours, or of an order long over
            out += tally.quantity
    position.exposure = max(ZERO, into - out - position.vanished + position.adjusted)
    position.settled = settled
    position.entered = position.tallied(client_ids.ENTRY)
    position.entry_price = position.entered.average
    position.entry_over = entries_over and position.entered.quantity >= claimed
    distance = position.plan.side * float(position.entry_price - position.plan.stop)
    position.r0 = distance if position.entered.quantity else 0.0


@lru_cache(maxsize=4096)
def leg_of(key: str) -> str:
    """The leg a tally belongs to: of our orders by name, of others the reason itself."""
    name = client_ids.parse(key)
    return name.leg if name is not None else key


def stop_reason(why: str) -> str:
    """The word for an exit through a stop placed for `why`."""
    return "stop" if why in ("", "initial") else why


def name_next(position: Position, leg: str) -> tuple[str, int]:
    """Client id and number of the next attempt at a leg; counts it as made."""
    attempt = position.attempts.get(leg, 0) + 1
    position.attempts = {**position.attempts, leg: attempt}
    return client_ids.client_id(position.plan.prefix, position.plan.key, leg, attempt), attempt


def keep(position: Position, order: Order) -> None:
    """Replace what is known of one order."""
    position.orders = {**position.orders, order.client_id: order}


def pace(position: Position, leg: str, until_mono_ms: float) -> None:
    """Do not try this leg again before a machine time."""
    position.pace = {**position.pace, leg: until_mono_ms}


def paced(position: Position, leg: str, mono_ms: float) -> bool:
    return mono_ms < position.pace.get(leg, 0.0)


def join(a: Tally, b: Tally) -> Tally:
    return Tally(
        quantity=a.quantity + b.quantity,
        value=a.value + b.value,
        fees=a.fees + b.fees,
        first_ms=min(a.first_ms or b.first_ms, b.first_ms or a.first_ms),
        last_ms=max(a.last_ms, b.last_ms),
        last_trade=max(a.last_trade, b.last_trade),
    )


def prune(position: Position) -> None:
    """Forget orders that ended without a fill, but for the newest; hours of trailing leave thousands behind.

    Their names stay known by `attempts`, so late news of them is recognised and ignored.
    """
    if len(position.orders) < _PRUNE_FROM:
        return
    stale: set[str] = set()
    for leg in client_ids.LEGS:
        stale |= {
            order.client_id
            for order in position.legs(leg)[:-_PRUNE_KEEP]
            if order.over and order.phase is not Phase.ABSENT and not order.filled
        }
    if stale:
        position.orders = {name: order for name, order in position.orders.items() if name not in stale}
