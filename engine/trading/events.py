"""What trading tells the rest of the desk, past tense, on the bus. Written first, told afterwards."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class TradingEvent(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of all trading events; `at_ms` is exchange time."""

    at_ms: int
    position_id: str
    signal_id: str
    symbol: str


class EntryFilled(TradingEvent, frozen=True, kw_only=True, tag=True):
    """The entry is complete; R and targets stand from here on."""

    price: Decimal
    quantity: Decimal
    r0: float  # price distance of one R


class StopPlaced(TradingEvent, frozen=True, kw_only=True, tag=True):
    """A protective stop rests on the exchange where there was none; `naked_ms` on the machine's clock."""

    price: Decimal
    naked_ms: float


class StopMoved(TradingEvent, frozen=True, kw_only=True, tag=True):
    price: Decimal
    why: str


class TierPlaced(TradingEvent, frozen=True, kw_only=True, tag=True):
    tier: int
    price: Decimal
    quantity: Decimal


class TierTaken(TradingEvent, frozen=True, kw_only=True, tag=True):
    tier: int
    price: Decimal
    quantity: Decimal
    r: float


class StopFailed(TradingEvent, frozen=True, kw_only=True, tag=True):
    """A protective stop could not be placed; the position closes at market."""

    reason: str
    naked_ms: float


class ClosingStarted(TradingEvent, frozen=True, kw_only=True, tag=True):
    reason: str


class TradeClosed(TradingEvent, frozen=True, kw_only=True, tag=True):
    """The last quantity is out; net of fees and funding."""

    reason: str
    gross_r: float
    net_r: float
    net_usdt: Decimal
    mfe_r: float
    mae_r: float


class EntryFailed(TradingEvent, frozen=True, kw_only=True, tag=True):
    """The entry never became a position."""

    reason: str


class OrderRefused(TradingEvent, frozen=True, kw_only=True, tag=True):
    """The exchange refused one of our orders."""

    client_id: str
    code: int
    reason: str


class QuantityDiffered(TradingEvent, frozen=True, kw_only=True, tag=True):
    """Somebody else changed the position; the exchange's quantity was taken over."""

    ours: Decimal
    exchange: Decimal


class SignalOffered(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A signal waits for a decision until `expires_ms`."""

    at_ms: int
    signal_id: str
    symbol: str
    side: str
    strategy: str
    score: float
    expires_ms: int


class SignalDecided(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A waiting signal reached an end of its waiting: approved, rejected, expired or refused."""

    at_ms: int
    signal_id: str
    symbol: str
    state: str
    actor: str
    reason: str = ""


class Reconciled(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """We and the exchange were compared; `open_rows` of them could not be brought to agree."""

    at_ms: int
    fixed: int
    open_rows: int


class StandingChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Desk state, mode, blocks or cooldowns changed."""

    at_ms: int
    desk: str
    mode: str
    actor: str
    reason: str = ""


PositionEvent = (
    EntryFilled | StopPlaced | StopMoved | TierPlaced | TierTaken | StopFailed | ClosingStarted | TradeClosed
    | EntryFailed | OrderRefused | QuantityDiffered
)  # fmt: skip
