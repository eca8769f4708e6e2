"""What can happen to a position. Each carries exchange time and, live, the machine's clock for the two-second rule."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.exchange.orders import Fill, OrderState


class Input(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of all inputs. `mono_ms` is machine time; a back-test leaves it at zero."""

    now_ms: int
    mono_ms: float = 0.0


class OrderSeen(Input, frozen=True, kw_only=True, tag=True):
    """The exchange said something about an order: an answer, a query or an event.

    `age_ms` is how long ago it happened there, in machine time: what is learned late was bare from the start.
    """

    order: OrderState
    age_ms: float = 0.0


class FillSeen(Input, frozen=True, kw_only=True, tag=True):
    """An execution; `age_ms` as of an order."""

    fill: Fill
    age_ms: float = 0.0


class OrderDeclined(Input, frozen=True, kw_only=True, tag=True):
    """A placement had no effect: refused by the exchange (`code` < 0) or never sent (`code` 0)."""

    client_id: str
    code: int
    message: str


class OrderLost(Input, frozen=True, kw_only=True, tag=True):
    """Nobody knows yet whether a placement took effect."""

    client_id: str


class OrderMissing(Input, frozen=True, kw_only=True, tag=True):
    """A placement is proved not to have arrived."""

    client_id: str


class OrderGone(Input, frozen=True, kw_only=True, tag=True):
    """A resting order is on no list of the exchange any more, and the exchange cannot say what became of it."""

    client_id: str


class CancelFailed(Input, frozen=True, kw_only=True, tag=True):
    """A cancel did not take and the order still rests."""

    client_id: str


class PriceMoved(Input, frozen=True, kw_only=True, tag=True):
    """Live prices: the mark moves peaks and excursions."""

    mark: float
    last: float | None = None


class BarClosed(Input, frozen=True, kw_only=True, tag=True):
    """A closed bar, or a run of bars in which nothing was touched; `now_ms` is the close."""

    open_ms: int
    high: float
    low: float
    close: float


class StretchMissed(Input, frozen=True, kw_only=True, tag=True):
    """Extremes of a bar that closed while nobody watched; the exchange's own orders acted meanwhile."""

    open_ms: int
    high: float
    low: float


class Ticked(Input, frozen=True, kw_only=True, tag=True):
    """Time passed."""


class FundingPaid(Input, frozen=True, kw_only=True, tag=True):
    """Funding of the position: positive received, negative paid. `id` makes a repeat harmless."""

    amount: Decimal
    id: str


class CloseAsked(Input, frozen=True, kw_only=True, tag=True):
    """Close all of it or a part, at market."""

    reason: str
    pct: float = 100.0


class StopAsked(Input, frozen=True, kw_only=True, tag=True):
    """A person moved the stop; checked before against the initial risk."""

    price: Decimal


class HoldSet(Input, frozen=True, kw_only=True, tag=True):
    """Halted: a missing stop is still placed, nothing else moves."""

    on: bool


class FlatSeen(Input, frozen=True, kw_only=True, tag=True):
    """The exchange holds no position and has no further fills to show; `price` values what is unexplained."""

    price: Decimal


class QuantitySeen(Input, frozen=True, kw_only=True, tag=True):
    """The exchange holds another quantity than we do (unsigned, same direction); the exchange is right."""

    quantity: Decimal


AnyInput = (
    OrderSeen | FillSeen | OrderDeclined | OrderLost | OrderMissing | OrderGone | CancelFailed | PriceMoved | BarClosed
    | StretchMissed | Ticked | FundingPaid | CloseAsked | StopAsked | HoldSet | FlatSeen | QuantitySeen
)  # fmt: skip


def age_ms(now_ms: int, happened_ms: int, rate: float) -> float:
    """Machine time since an exchange time; zero when the exchange did not say or the clocks disagree."""
    return max(0.0, (now_ms - happened_ms) / rate) if happened_ms and rate > 0 else 0.0
