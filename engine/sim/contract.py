"""The seam inside the simulator: the account side trades against the market side through this and nothing else.

The market side owns prices, books, candles and public streams; the account side owns wallets, orders, triggers,
positions and private events. Neither does I/O; doors (sockets, memory) stand around them. Time is exchange time
in milliseconds, handed in with every call. Prices and quantities are Decimal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Level:
    """One executed or displayed price level."""

    price: Decimal
    qty: Decimal


@dataclass(frozen=True, slots=True)
class SymbolRules:
    """What the account side must know of a symbol; `row` is its exchangeInfo row as served."""

    symbol: str
    status: str
    tick: Decimal
    step: Decimal
    market_step: Decimal
    min_qty: Decimal
    max_qty: Decimal
    market_min_qty: Decimal
    market_max_qty: Decimal
    min_notional: Decimal
    min_price: Decimal
    max_price: Decimal
    multiplier_up: Decimal
    multiplier_down: Decimal
    max_orders: int
    trigger_protect: Decimal
    market_take_bound: Decimal
    liquidation_fee: Decimal
    row: dict[str, Any]


class MarketSide(Protocol):
    """What the account side may ask of the market side. All reads are of the present moment."""

    @property
    def symbols(self) -> Sequence[str]: ...
    def rules(self, symbol: str) -> SymbolRules: ...
    def last(self, symbol: str) -> Decimal: ...
    def mark(self, symbol: str) -> Decimal: ...
    def best(self, symbol: str) -> tuple[Decimal, Decimal]:
        """(best bid, best ask)."""
        ...

    def ladder(self, symbol: str, side: str, limit: int) -> list[Level]:
        """Up to `limit` displayed levels a taker on `side` would meet, best first; nothing is consumed.

        What an all-or-nothing order and an order priced by the queue must know before they may trade.
        """
        ...

    def take(self, symbol: str, side: str, qty: Decimal, worst: Decimal | None, now_ms: int) -> list[Level]:
        """Walk the displayed book as a taker on `side` (BUY lifts asks); never beyond `worst`.

        Consumes what it takes, prints the trades on the public tape, and returns the levels hit, best first; their
        sum may be less than `qty`.
        """
        ...

    def brackets(self, symbol: str) -> list[dict[str, Any]]:
        """Rows as in GET /fapi/v1/leverageBracket, ordered by notional."""
        ...

    def funding_rate(self, symbol: str) -> tuple[Decimal, int]:
        """(running rate, next settlement time in ms)."""
        ...


class AccountSide(Protocol):
    """What the market side and the doors ask of the account side."""

    def on_price(self, symbol: str, last: Decimal, mark: Decimal, now_ms: int) -> None:
        """The market moved: match resting orders, trigger conditional ones, liquidate what must be."""
        ...

    def on_time(self, now_ms: int) -> None:
        """Time passed: funding, listen-key expiry, good-till dates, countdowns."""
        ...

    def request(
        self, method: str, path: str, params: dict[str, str], account: str | None, now_ms: int
    ) -> tuple[int, Any]:
        """Answer one authenticated account or trading request: (HTTP status, JSON body).

        The door has already checked key, signature, timestamp and weight. Order-count headers are the door's, from
        `order_cost`.
        """
        ...

    def drain(self) -> list[tuple[str, dict[str, Any]]]:
        """Private events since the last call, as (account, event) in strict order, exactly as the wire carries them."""
        ...
