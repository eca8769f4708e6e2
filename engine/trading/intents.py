"""What a position wants done. Orders are named here, so that asking twice is asking once."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.trading.events import PositionEvent


class Intent(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of all intents."""


class PlaceEntry(Intent, frozen=True, kw_only=True, tag=True):
    """The market order that opens the position."""

    client_id: str
    side: str
    quantity: Decimal


class PlaceStop(Intent, frozen=True, kw_only=True, tag=True):
    """A conditional market order that ends the position at `price`.

    For the whole position whatever its size (`close_position`), or reduce-only by `quantity`: the exchange takes one
    closePosition stop per direction, so a tighter one rests by quantity until the old one is cancelled.
    """

    client_id: str
    side: str
    price: Decimal
    close_position: bool
    quantity: Decimal
    working_type: str


class PlaceTier(Intent, frozen=True, kw_only=True, tag=True):
    """A resting reduce-only limit order at a target."""

    client_id: str
    side: str
    price: Decimal
    quantity: Decimal


class ExitMarket(Intent, frozen=True, kw_only=True, tag=True):
    """A reduce-only market order."""

    client_id: str
    side: str
    quantity: Decimal
    reason: str


class CancelOrder(Intent, frozen=True, kw_only=True, tag=True):
    client_id: str
    conditional: bool


class AskExchange(Intent, frozen=True, kw_only=True, tag=True):
    """Something does not add up: fetch position, orders and fills of the symbol and feed what they say."""

    why: str


class Tell(Intent, frozen=True, kw_only=True, tag=True):
    """Publish an event once the new state is kept."""

    event: PositionEvent


OrderIntent = PlaceEntry | PlaceStop | PlaceTier | ExitMarket
AnyIntent = PlaceEntry | PlaceStop | PlaceTier | ExitMarket | CancelOrder | AskExchange | Tell
