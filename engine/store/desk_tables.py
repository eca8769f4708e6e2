"""Tables of what the desk has seen, said and measured."""

from __future__ import annotations

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from engine.store.base import TradingBase
from engine.store.columns import BigKey


class Symbols(TradingBase):
    __tablename__ = "symbols"
    symbol: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str]
    listed_ms: Mapped[int]
    volume_24h: Mapped[float]
    state: Mapped[str]
    filters: Mapped[bytes]
    updated_ms: Mapped[int]


class MarketStates(TradingBase):
    __tablename__ = "market_state"
    symbol: Mapped[str] = mapped_column(primary_key=True)
    tf: Mapped[str] = mapped_column(primary_key=True)
    at_ms: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    regime: Mapped[str]
    direction: Mapped[int]
    confidence: Mapped[float]
    adx: Mapped[float | None]
    atr: Mapped[float | None]
    atr_pct: Mapped[float | None]
    bb_width: Mapped[float | None]
    bb_rank: Mapped[float | None]
    ema20: Mapped[float | None]
    ema50: Mapped[float | None]
    ema200: Mapped[float | None]
    late_trend: Mapped[bool]


class Zones(TradingBase):
    __tablename__ = "zones"
    __table_args__ = (Index(None, "symbol", "tf", "lifecycle"),)
    zone_id: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str]
    tf: Mapped[str]
    origin: Mapped[str]
    kind: Mapped[str]
    low: Mapped[float]
    high: Mapped[float]
    strength: Mapped[float]
    grade: Mapped[str]
    state: Mapped[str]
    lifecycle: Mapped[str]
    touches: Mapped[int]
    valid_touches: Mapped[int]
    reaction: Mapped[float | None]
    last_touch_ms: Mapped[int | None]
    flipped_ms: Mapped[int | None]
    born_ms: Mapped[int]


class ZoneEvents(TradingBase):
    __tablename__ = "zone_events"
    __table_args__ = (Index(None, "zone_id", "kind"), Index(None, "symbol", "bar_ms"))
    zone_id: Mapped[str]
    symbol: Mapped[str]
    bar_ms: Mapped[int]
    kind: Mapped[str]
    payload: Mapped[bytes]
    id: Mapped[int] = mapped_column(BigKey, primary_key=True)


class Metrics(TradingBase):
    __tablename__ = "metrics"
    __table_args__ = (Index(None, "kind", "symbol", "at_ms"),)
    at_ms: Mapped[int]
    kind: Mapped[str]
    value: Mapped[float]
    symbol: Mapped[str]
    strategy_id: Mapped[str]
    meta: Mapped[bytes]
    id: Mapped[int] = mapped_column(BigKey, primary_key=True)


class Notices(TradingBase):
    __tablename__ = "notices"
    __table_args__ = (Index(None, "signal_id"),)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at_ms: Mapped[int]
    kind: Mapped[str]
    severity: Mapped[str]
    text: Mapped[str]
    symbol: Mapped[str]
    signal_id: Mapped[str]
    payload: Mapped[bytes]


class Incidents(TradingBase):
    __tablename__ = "incidents"
    __table_args__ = (Index(None, "at_ms"), Index(None, "kind", "at_ms"))
    at_ms: Mapped[int]
    kind: Mapped[str]
    severity: Mapped[str]
    text: Mapped[str]
    symbol: Mapped[str]
    payload: Mapped[bytes]
    id: Mapped[int] = mapped_column(BigKey, primary_key=True)


class OperatorLog(TradingBase):
    __tablename__ = "operator_log"
    __table_args__ = (Index(None, "at_ms"), Index(None, "kind", "at_ms"))
    at_ms: Mapped[int]
    kind: Mapped[str]
    who: Mapped[str]
    text: Mapped[str]
    channel: Mapped[str]
    severity: Mapped[str]
    payload: Mapped[bytes]
    prev_hash: Mapped[str]
    id: Mapped[int] = mapped_column(BigKey, primary_key=True)


class Outbox(TradingBase):
    __tablename__ = "outbox"
    __table_args__ = (UniqueConstraint("dedupe_key"), Index(None, "sent_ms", "next_ms"))
    dedupe_key: Mapped[str]
    chat: Mapped[str]
    body: Mapped[str]
    priority: Mapped[int]
    attempts: Mapped[int]
    next_ms: Mapped[int]
    sent_ms: Mapped[int | None]
    created_ms: Mapped[int]
    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
