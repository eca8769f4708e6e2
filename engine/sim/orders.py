"""Records of the account side: plain orders, conditional orders, executions, income."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from engine.sim.figures import ZERO

OPEN = frozenset({"NEW", "PARTIALLY_FILLED"})
NO_ALGO = 0
UNRANKED = 1 << 62  # behind every order that already has a place in the queue


@dataclass(slots=True)
class Order:
    """A plain order in the matching engine; `type` is what matches, `orig_type` what was asked for."""

    symbol: str
    side: str
    type: str
    qty: Decimal
    client_id: str
    price: Decimal = ZERO
    order_id: int = 0
    orig_type: str = ""
    position_side: str = "BOTH"
    tif: str = "GTC"
    reduce_only: bool = False
    close_position: bool = False
    stop_price: Decimal = ZERO
    working_type: str = "CONTRACT_PRICE"
    price_protect: bool = False
    price_match: str = "NONE"
    stp: str = "EXPIRE_MAKER"
    good_till_ms: int = 0
    status: str = "NEW"
    filled: Decimal = ZERO
    quote: Decimal = ZERO
    created_ms: int = 0
    updated_ms: int = 0
    priority: int = UNRANKED
    modified: int = 0
    algo_id: int = NO_ALGO
    activate_price: Decimal = ZERO
    callback_rate: Decimal = ZERO
    auto_close: str = ""  # LIQUIDATION or ADL when the exchange closed a position

    @property
    def open(self) -> bool:
        return self.status in OPEN

    @property
    def remaining(self) -> Decimal:
        return self.qty - self.filled

    @property
    def average(self) -> Decimal:
        return self.quote / self.filled if self.filled else ZERO

    @property
    def sign(self) -> int:
        return 1 if self.side == "BUY" else -1


@dataclass(slots=True)
class Conditional:
    """An order of the algo service: rests untriggered, spawns a plain order, ends with it."""

    symbol: str
    side: str
    type: str
    qty: Decimal
    client_id: str
    trigger_price: Decimal
    algo_id: int = 0
    price: Decimal = ZERO
    position_side: str = "BOTH"
    tif: str = "GTC"
    reduce_only: bool = False
    close_position: bool = False
    working_type: str = "CONTRACT_PRICE"
    price_protect: bool = False
    price_match: str = "NONE"
    stp: str = "EXPIRE_MAKER"
    good_till_ms: int = 0
    status: str = "NEW"
    created_ms: int = 0
    updated_ms: int = 0
    triggered_ms: int = 0
    order_id: int = 0  # of the spawned plain order
    order_type: str = ""  # of the spawned plain order
    average: Decimal = ZERO
    filled: Decimal = ZERO
    reason: str = ""
    activate_price: Decimal = ZERO
    callback_rate: Decimal = ZERO  # percent
    activated: bool = False
    extreme: Decimal = ZERO

    @property
    def trailing(self) -> bool:
        return self.type == "TRAILING_STOP_MARKET"

    @property
    def closes_with_position(self) -> bool:
        """Lives only while there is a position to protect."""
        return self.tif == "GTE_GTC"


@dataclass(frozen=True, slots=True)
class Trade:
    """One execution of the account."""

    trade_id: int
    order_id: int
    symbol: str
    side: str
    position_side: str
    price: Decimal
    qty: Decimal
    fee: Decimal
    realized: Decimal
    maker: bool
    at_ms: int


@dataclass(frozen=True, slots=True)
class Income:
    """One booking of the wallet."""

    symbol: str
    kind: str
    amount: Decimal
    info: str
    at_ms: int
    tran_id: int
    trade_id: str = ""


@dataclass(frozen=True, slots=True)
class Amendment:
    """One modification of a resting order."""

    amendment_id: int
    order: Order = field(repr=False)
    at_ms: int
    price_before: Decimal
    price_after: Decimal
    qty_before: Decimal
    qty_after: Decimal
    count: int
    modify_id: int | None
