"""What a seat is told: past tense, numbered, resumable from the last number a seat has seen."""

from __future__ import annotations

import msgspec


class Notice(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of all notices. `text` is the sentence a person reads; severity is info, good, warn or danger."""

    seq: int
    at_ms: int
    severity: str
    text: str
    symbol: str = ""


class EngineStarted(Notice, frozen=True, kw_only=True, tag=True):
    pass


class RegimeChanged(Notice, frozen=True, kw_only=True, tag=True):
    state: str


class SignalRaised(Notice, frozen=True, kw_only=True, tag=True):
    signal_id: str
    score: float
    expires_ms: int


class SignalDecided(Notice, frozen=True, kw_only=True, tag=True):
    """approved, rejected, expired or refused; `actor` says by whom."""

    signal_id: str
    state: str
    actor: str
    reason: str = ""


class EntryFilled(Notice, frozen=True, kw_only=True, tag=True):
    signal_id: str
    price: str
    quantity: str


class StopPlaced(Notice, frozen=True, kw_only=True, tag=True):
    """A protective stop rests on the exchange, `naked_ms` after the first fill."""

    signal_id: str
    price: str
    naked_ms: float


class StopMoved(Notice, frozen=True, kw_only=True, tag=True):
    signal_id: str
    price: str
    why: str


class TierPlaced(Notice, frozen=True, kw_only=True, tag=True):
    signal_id: str
    tier: int
    price: str


class TierTaken(Notice, frozen=True, kw_only=True, tag=True):
    signal_id: str
    tier: int
    price: str
    r: float


class TradeClosed(Notice, frozen=True, kw_only=True, tag=True):
    signal_id: str
    net_r: float
    net_usdt: float
    reason: str


class OrderRefused(Notice, frozen=True, kw_only=True, tag=True):
    signal_id: str
    reason: str


class DeskStateChanged(Notice, frozen=True, kw_only=True, tag=True):
    desk: str
    mode: str
    actor: str


class GapRepaired(Notice, frozen=True, kw_only=True, tag=True):
    pass


class Degraded(Notice, frozen=True, kw_only=True, tag=True):
    what: str


class Recovered(Notice, frozen=True, kw_only=True, tag=True):
    what: str


class Forgotten(Notice, frozen=True, kw_only=True, tag=True):
    """The bounded log no longer holds what this seat missed."""

    missed: int


AnyNotice = (
    EngineStarted | RegimeChanged | SignalRaised | SignalDecided | EntryFilled | StopPlaced | StopMoved | TierPlaced
    | TierTaken | TradeClosed | OrderRefused | DeskStateChanged | GapRepaired | Degraded | Recovered | Forgotten
)  # fmt: skip
