"""Rows of the market as it was seen, and of operating the desk: symbols, zones, notices, incidents, operators."""

from __future__ import annotations

from engine.store.row import Row


class SymbolRow(Row, frozen=True, kw_only=True):
    """A listed symbol with its trading rules (`filters`, JSON) and its place in the universe."""

    symbol: str
    status: str
    listed_ms: int = 0
    volume_24h: float = 0.0
    state: str = ""
    filters: bytes = b"{}"
    updated_ms: int = 0


class MarketStateRow(Row, frozen=True, kw_only=True):
    """Regime of one symbol at one close."""

    symbol: str
    tf: str
    at_ms: int
    regime: str
    direction: int = 0
    confidence: float = 0.0
    adx: float | None = None
    atr: float | None = None
    atr_pct: float | None = None
    bb_width: float | None = None
    bb_rank: float | None = None
    ema20: float | None = None
    ema50: float | None = None
    ema200: float | None = None
    late_trend: bool = False


class ZoneRow(Row, frozen=True, kw_only=True):
    """A support or resistance zone with an identity that survives rebuilding."""

    zone_id: str
    symbol: str
    tf: str
    origin: str
    kind: str  # S | R
    low: float
    high: float
    strength: float
    grade: str
    state: str
    lifecycle: str
    touches: int = 0
    valid_touches: int = 0
    reaction: float | None = None
    last_touch_ms: int | None = None
    flipped_ms: int | None = None
    born_ms: int = 0


class ZoneEventRow(Row, frozen=True, kw_only=True):
    """touch, valid, failed, break, flip, merge or expire of a zone."""

    zone_id: str
    symbol: str
    bar_ms: int
    kind: str
    payload: bytes = b"{}"
    id: int | None = None


class MetricRow(Row, frozen=True, kw_only=True):
    """A measured number."""

    at_ms: int
    kind: str
    value: float
    symbol: str = ""
    strategy_id: str = ""
    meta: bytes = b"{}"
    id: int | None = None


class NoticeRow(Row, frozen=True, kw_only=True):
    """A numbered notice, as seats were told it; `payload` is the notice as JSON."""

    seq: int
    at_ms: int
    kind: str
    severity: str
    text: str
    symbol: str = ""
    signal_id: str = ""
    payload: bytes = b"{}"


class IncidentRow(Row, frozen=True, kw_only=True):
    """Something went wrong: ban, stream loss, naked position, mismatch, bad data."""

    at_ms: int
    kind: str
    severity: str
    text: str
    symbol: str = ""
    payload: bytes = b"{}"
    id: int | None = None


class OperatorLogRow(Row, frozen=True, kw_only=True):
    """What a person did. `prev_hash` is filled by the journal and chains each row to the one before it."""

    at_ms: int
    kind: str
    who: str
    text: str
    channel: str = ""
    severity: str = "info"
    payload: bytes = b"{}"
    prev_hash: str = ""
    id: int | None = None


class OutboxRow(Row, frozen=True, kw_only=True):
    """A message on its way out; the same `dedupe_key` is sent once."""

    dedupe_key: str
    chat: str
    body: str
    priority: int = 0
    attempts: int = 0
    next_ms: int = 0
    sent_ms: int | None = None
    created_ms: int = 0
