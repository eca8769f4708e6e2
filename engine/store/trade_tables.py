"""Tables of signals, orders, positions and what keeps them from happening twice."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from engine.store.base import TradingBase
from engine.store.columns import BigKey


class Intents(TradingBase):
    __tablename__ = "intents"
    __table_args__ = (Index(None, "state"), Index(None, "signal_id"))
    client_id: Mapped[str] = mapped_column(primary_key=True)
    signal_id: Mapped[str]
    symbol: Mapped[str]
    leg: Mapped[str]
    kind: Mapped[str]
    payload: Mapped[bytes]
    state: Mapped[str]
    created_ms: Mapped[int]
    updated_ms: Mapped[int]
    outcome: Mapped[str]


class Orders(TradingBase):
    __tablename__ = "orders"
    __table_args__ = (Index(None, "signal_id"), Index(None, "state"))
    client_id: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str]
    side: Mapped[str]
    type: Mapped[str]
    state: Mapped[str]
    quantity: Mapped[Decimal]
    order_id: Mapped[int | None]
    conditional: Mapped[bool]
    signal_id: Mapped[str]
    position_id: Mapped[str]
    leg: Mapped[str]
    price: Mapped[Decimal | None]
    trigger_price: Mapped[Decimal | None]
    filled: Mapped[Decimal]
    average: Mapped[Decimal | None]
    reduce_only: Mapped[bool]
    close_position: Mapped[bool]
    reason: Mapped[str]
    created_ms: Mapped[int]
    updated_ms: Mapped[int]


class Fills(TradingBase):
    __tablename__ = "fills"
    __table_args__ = (Index(None, "signal_id"), Index(None, "at_ms"))
    symbol: Mapped[str] = mapped_column(primary_key=True)
    trade_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    order_id: Mapped[int]
    client_id: Mapped[str]
    side: Mapped[str]
    price: Mapped[Decimal]
    quantity: Mapped[Decimal]
    at_ms: Mapped[int]
    signal_id: Mapped[str]
    position_id: Mapped[str]
    fee: Mapped[Decimal]
    fee_asset: Mapped[str]
    realized: Mapped[Decimal]
    maker: Mapped[bool]
    execution: Mapped[str]


class Positions(TradingBase):
    __tablename__ = "positions"
    __table_args__ = (Index(None, "state"), Index(None, "signal_id"))
    position_id: Mapped[str] = mapped_column(primary_key=True)
    signal_id: Mapped[str]
    symbol: Mapped[str]
    side: Mapped[str]
    state: Mapped[str]
    quantity: Mapped[Decimal]
    entry: Mapped[Decimal | None]
    stop: Mapped[Decimal | None]
    payload: Mapped[bytes]
    opened_ms: Mapped[int]
    updated_ms: Mapped[int]
    closed_ms: Mapped[int | None]


class Signals(TradingBase):
    __tablename__ = "signals"
    __table_args__ = (
        # The block itself: at most one open signal of a strategy on a symbol.
        Index(
            "uq_signals_open",
            "strategy_id",
            "symbol",
            unique=True,
            sqlite_where=text("status = 'open'"),
            postgresql_where=text("status = 'open'"),
        ),
        Index(None, "status", "symbol"),
        Index(None, "strategy_id", "closed_ms"),
        Index(None, "regime", "confluence_count"),
        Index(None, "decided_ms"),
    )
    signal_id: Mapped[str] = mapped_column(primary_key=True)
    strategy_id: Mapped[str]
    symbol: Mapped[str]
    tf: Mapped[str]
    side: Mapped[str]
    status: Mapped[str]
    bar_ms: Mapped[int]
    decided_ms: Mapped[int]
    variant: Mapped[str]
    stage: Mapped[str]
    entry: Mapped[Decimal | None]
    sl: Mapped[Decimal | None]
    sl_source: Mapped[str]
    tp1: Mapped[Decimal | None]
    tp2: Mapped[Decimal | None]
    ref_close: Mapped[float | None]
    quantity: Mapped[Decimal | None]
    r0: Mapped[Decimal | None]
    atr_entry: Mapped[float | None]
    base_score: Mapped[float | None]
    final_score: Mapped[float | None]
    regime: Mapped[str]
    bias: Mapped[str]
    zone_arm: Mapped[str]
    confluence_count: Mapped[int]
    group_id: Mapped[str]
    venue: Mapped[str]
    ap_mode: Mapped[str | None]
    taken: Mapped[bool]
    epoch: Mapped[int]
    revision: Mapped[int]
    expires_ms: Mapped[int]
    opened_ms: Mapped[int | None]
    trail_peak: Mapped[float | None]
    mfe_r: Mapped[float]
    mae_r: Mapped[float]
    bars_to_mfe: Mapped[int | None]
    bars_to_mae: Mapped[int | None]
    bars_to_tp1: Mapped[int | None]
    bars_to_exit: Mapped[int | None]
    result_gross_r: Mapped[float | None]
    result_net_r: Mapped[float | None]
    result_usdt: Mapped[Decimal | None]
    fees_usdt: Mapped[Decimal | None]
    funding_usdt: Mapped[Decimal | None]
    exit_price: Mapped[Decimal | None]
    exit_reason: Mapped[str]
    closed_ms: Mapped[int | None]
    decided_by: Mapped[str]
    evidence: Mapped[bytes]
    config_hash: Mapped[str]


class ActionPrices(TradingBase):
    __tablename__ = "action_price"
    __table_args__ = (Index(None, "mode", "score_total"),)
    signal_id: Mapped[str] = mapped_column(ForeignKey("signals.signal_id"), primary_key=True)
    mode: Mapped[str]
    score_total: Mapped[float]
    initiator_size: Mapped[float | None]
    confirm_depth: Mapped[float | None]
    close_position: Mapped[float | None]
    slope200: Mapped[float | None]
    ema_fan: Mapped[float | None]
    gap_to_atr: Mapped[float | None]
    ema200_stickiness: Mapped[float | None]
    confirm_color: Mapped[float | None]
    break_and_base: Mapped[float | None]
    retest_tag: Mapped[float | None]
    initiator_wick: Mapped[float | None]
    raw: Mapped[bytes]


class SignalEvents(TradingBase):
    __tablename__ = "signal_events"
    __table_args__ = (Index(None, "signal_id", "at_ms"),)
    signal_id: Mapped[str]
    at_ms: Mapped[int]
    kind: Mapped[str]
    price: Mapped[Decimal | None]
    share: Mapped[float | None]
    payload: Mapped[bytes]
    id: Mapped[int] = mapped_column(BigKey, primary_key=True)


class Blocks(TradingBase):
    __tablename__ = "blocks"
    block_id: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str]
    side: Mapped[str]
    strategy: Mapped[str]
    until_ms: Mapped[int]
    reason: Mapped[str]
    actor: Mapped[str]
    created_ms: Mapped[int]


class Cooldowns(TradingBase):
    __tablename__ = "cooldowns"
    strategy_id: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    side: Mapped[str] = mapped_column(primary_key=True)
    until_ms: Mapped[int]


class ProcessedBars(TradingBase):
    __tablename__ = "processed_bars"
    consumer: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    tf: Mapped[str] = mapped_column(primary_key=True)
    open_ms: Mapped[int]


class KvState(TradingBase):
    __tablename__ = "kv_state"
    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[bytes]
    updated_ms: Mapped[int]


class Epochs(TradingBase):
    __tablename__ = "epochs"
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    started_ms: Mapped[int]
    reason: Mapped[str]
