"""Orders as the desk sees them: one vocabulary for plain and conditional orders, and the gateway that carries them.

Prices and quantities are Decimal. Every write of the gateway either returns, or raises `Rejected` (proved: no
effect), `OutcomeUnknown` (ask by client id), or `Throttled`/`ClockSkew` (not sent).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import msgspec


class OrderStatus(StrEnum):
    """Life of an order, both doors. For conditional orders NEW means resting untriggered."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    TRIGGERING = "TRIGGERING"
    TRIGGERED = "TRIGGERED"
    FINISHED = "FINISHED"
    UNKNOWN = "UNKNOWN"  # a word the exchange did not document: kept open, logged, asked about

    @property
    def terminal(self) -> bool:
        return self in _TERMINAL


_TERMINAL = frozenset(
    {
        OrderStatus.FILLED,
        OrderStatus.CANCELED,
        OrderStatus.EXPIRED,
        OrderStatus.REJECTED,
        OrderStatus.FINISHED,
    }
)


class OrderRequest(msgspec.Struct, frozen=True):
    """A market or limit order to be placed."""

    symbol: str
    client_id: str
    side: str  # BUY | SELL
    type: str  # MARKET | LIMIT
    quantity: Decimal
    price: Decimal | None = None
    time_in_force: str | None = None  # LIMIT: GTC, IOC, FOK, GTX
    reduce_only: bool = False


class ConditionalRequest(msgspec.Struct, frozen=True):
    """A conditional order for the algo service: STOP_MARKET, TAKE_PROFIT_MARKET, TRAILING_STOP_MARKET."""

    symbol: str
    client_id: str
    side: str
    type: str
    trigger_price: Decimal
    working_type: str = "MARK_PRICE"
    close_position: bool = False
    quantity: Decimal | None = None
    reduce_only: bool = False
    price_protect: bool = False


class OrderState(msgspec.Struct, frozen=True):
    """What the exchange says about one order, from an answer, a query or an event."""

    symbol: str
    client_id: str
    order_id: int  # algoId for conditional orders
    side: str
    type: str
    status: OrderStatus
    quantity: Decimal
    filled: Decimal
    conditional: bool = False
    price: Decimal = Decimal(0)
    trigger_price: Decimal = Decimal(0)
    average: Decimal | None = None
    reduce_only: bool = False
    close_position: bool = False
    working_type: str = ""
    actual_order_id: int | None = None  # conditional: the plain order it spawned
    reason: str = ""  # reject or expiry reason
    updated_ms: int = 0


class Fill(msgspec.Struct, frozen=True):
    """One execution; (symbol, trade_id) identifies it whatever the channel it came by."""

    symbol: str
    trade_id: int
    order_id: int
    client_id: str
    side: str
    price: Decimal
    quantity: Decimal
    at_ms: int
    fee: Decimal = Decimal(0)
    fee_asset: str = "USDT"
    realized: Decimal = Decimal(0)
    maker: bool = False
    execution: str = "TRADE"  # TRADE | CALCULATED (liquidation)


class PositionState(msgspec.Struct, frozen=True):
    """One exchange position, quantity signed (+ long, - short)."""

    symbol: str
    quantity: Decimal
    entry_price: Decimal
    mark_price: Decimal = Decimal(0)
    liquidation_price: Decimal = Decimal(0)
    unrealized: Decimal = Decimal(0)
    leverage: int = 0
    isolated: bool = False
    updated_ms: int = 0


class AccountState(msgspec.Struct, frozen=True):
    """Wallet and margin of the USDT account."""

    wallet: Decimal
    available: Decimal
    margin_balance: Decimal
    maintenance: Decimal
    unrealized: Decimal


class Bracket(msgspec.Struct, frozen=True):
    """One leverage bracket of a symbol; the cap is exclusive."""

    initial_leverage: int
    notional_floor: Decimal
    notional_cap: Decimal
    maintenance_ratio: Decimal
    cum: Decimal


# -- account events, in the order the private stream delivers them -------------------------------------------------


class OrderChanged(msgspec.Struct, frozen=True, tag=True):
    """ORDER_TRADE_UPDATE: new state of a plain order, with the fill that caused it, if one did."""

    order: OrderState
    fill: Fill | None
    event_ms: int


class ConditionalChanged(msgspec.Struct, frozen=True, tag=True):
    """ALGO_UPDATE: new state of a conditional order."""

    order: OrderState
    event_ms: int


class PositionChanged(msgspec.Struct, frozen=True, tag=True):
    """ACCOUNT_UPDATE row of one position, with the reason the exchange gave."""

    symbol: str
    quantity: Decimal
    entry_price: Decimal
    reason: str
    event_ms: int


class WalletChanged(msgspec.Struct, frozen=True, tag=True):
    """ACCOUNT_UPDATE row of the wallet; `delta` is set for funding and transfers, `symbol` where one is named."""

    wallet: Decimal
    delta: Decimal
    reason: str
    symbol: str
    event_ms: int


class PrivateStreamLost(msgspec.Struct, frozen=True, tag=True):
    """Account events may be missing from now on; entries wait for a reconciliation."""

    reason: str


class PrivateStreamReady(msgspec.Struct, frozen=True, tag=True):
    """Account events flow again; ask what happened meanwhile."""

    resumed: bool  # False on the first start


AccountEvent = (
    OrderChanged | ConditionalChanged | PositionChanged | WalletChanged | PrivateStreamLost | PrivateStreamReady
)


class Gateway(Protocol):
    """Everything trading may ask of an exchange account. Implemented over REST and in memory (simulator)."""

    async def place(self, order: OrderRequest) -> OrderState: ...
    async def place_conditional(self, order: ConditionalRequest) -> OrderState: ...
    async def cancel(self, symbol: str, client_id: str) -> OrderState: ...
    async def cancel_conditional(self, symbol: str, client_id: str) -> None: ...
    async def find(self, symbol: str, client_id: str) -> OrderState | None: ...
    async def find_conditional(self, symbol: str, client_id: str) -> OrderState | None: ...
    async def open_orders(self) -> list[OrderState]: ...
    async def open_conditionals(self) -> list[OrderState]: ...
    async def positions(self) -> list[PositionState]: ...
    async def account(self) -> AccountState: ...
    async def fills(self, symbol: str, since_ms: int) -> list[Fill]: ...
    async def set_leverage(self, symbol: str, leverage: int) -> int: ...
    async def brackets(self, symbol: str) -> list[Bracket]: ...
    async def commission(self, symbol: str) -> tuple[Decimal, Decimal]:
        """(maker, taker) rates as fractions."""
        ...

    def events(self) -> AsyncIterator[AccountEvent]:
        """Account events from now on; one reader."""
        ...
