"""Rows of trading: intents, orders, fills, positions, signals, standing orders."""

from __future__ import annotations

from decimal import Decimal

from engine.store.row import Row


class IntentRow(Row, frozen=True, kw_only=True):
    """A request to the exchange, written before it is sent; after a crash it is looked up, never repeated."""

    client_id: str
    signal_id: str
    symbol: str
    leg: str
    kind: str  # order | conditional | cancel
    payload: bytes = b"{}"  # the request
    state: str = "pending"  # pending | accepted | rejected | unknown | done
    created_ms: int = 0
    updated_ms: int = 0
    outcome: str = ""  # code and message of a rejection, reason of an unknown


class OrderRow(Row, frozen=True, kw_only=True):
    """Newest known state of one of our orders, plain or conditional."""

    client_id: str
    symbol: str
    side: str  # BUY | SELL
    type: str
    state: str  # the exchange's word
    quantity: Decimal
    order_id: int | None = None  # algoId for conditional orders
    conditional: bool = False
    signal_id: str = ""
    position_id: str = ""
    leg: str = ""
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    filled: Decimal = Decimal(0)
    average: Decimal | None = None
    reduce_only: bool = False
    close_position: bool = False
    reason: str = ""
    created_ms: int = 0
    updated_ms: int = 0


class FillRow(Row, frozen=True, kw_only=True):
    """One execution; (symbol, trade_id) makes it unique whatever the channel it came by."""

    symbol: str
    trade_id: int
    order_id: int
    client_id: str
    side: str
    price: Decimal
    quantity: Decimal
    at_ms: int
    signal_id: str = ""
    position_id: str = ""
    fee: Decimal = Decimal(0)
    fee_asset: str = "USDT"
    realized: Decimal = Decimal(0)
    maker: bool = False
    execution: str = "TRADE"


class PositionRow(Row, frozen=True, kw_only=True):
    """A position and, in `payload`, the whole state of the machine that keeps it."""

    position_id: str
    signal_id: str
    symbol: str
    side: str  # long | short
    state: str
    quantity: Decimal
    entry: Decimal | None = None
    stop: Decimal | None = None
    payload: bytes = b"{}"
    opened_ms: int = 0
    updated_ms: int = 0
    closed_ms: int | None = None


class SignalRow(Row, frozen=True, kw_only=True):
    """A signal from its birth to the result of its trade; closed trades are rows of this table.

    `status` is pending, open, beside, closed, rejected, expired, refused or invalid. The open row is the block: the
    database admits one per strategy and symbol. `beside` is the shadow of a signal that was not taken, which blocks
    nobody.
    """

    signal_id: str
    strategy_id: str
    symbol: str
    tf: str
    side: str  # long | short
    status: str
    bar_ms: int  # open of the trigger bar
    decided_ms: int  # its close, when the decision was made
    variant: str = ""
    stage: str = ""  # how far the trade has come: entry, tp1, tp2, ...
    entry: Decimal | None = None
    sl: Decimal | None = None
    sl_source: str = ""
    tp1: Decimal | None = None
    tp2: Decimal | None = None
    ref_close: float | None = None
    quantity: Decimal | None = None
    r0: Decimal | None = None  # price distance of one R, frozen at the fill
    atr_entry: float | None = None
    base_score: float | None = None
    final_score: float | None = None
    regime: str = ""
    bias: str = ""
    zone_arm: str = ""
    confluence_count: int = 1
    group_id: str = ""
    venue: str = ""
    ap_mode: str | None = None
    taken: bool = False  # traded; False means shadow
    epoch: int = 1
    revision: int = 1
    expires_ms: int = 0
    opened_ms: int | None = None
    trail_peak: float | None = None
    mfe_r: float = 0.0
    mae_r: float = 0.0
    bars_to_mfe: int | None = None
    bars_to_mae: int | None = None
    bars_to_tp1: int | None = None
    bars_to_exit: int | None = None
    result_gross_r: float | None = None
    result_net_r: float | None = None
    result_usdt: Decimal | None = None
    fees_usdt: Decimal | None = None
    funding_usdt: Decimal | None = None
    exit_price: Decimal | None = None
    exit_reason: str = ""
    closed_ms: int | None = None
    decided_by: str = ""
    evidence: bytes = b"{}"  # the whole signal as JSON
    config_hash: str = ""


class ActionPriceRow(Row, frozen=True, kw_only=True):
    """The eleven points of an Action Price signal, None where absent; `raw` holds inputs and context as JSON."""

    signal_id: str
    mode: str
    score_total: float
    initiator_size: float | None = None
    confirm_depth: float | None = None
    close_position: float | None = None
    slope200: float | None = None
    ema_fan: float | None = None
    gap_to_atr: float | None = None
    ema200_stickiness: float | None = None
    confirm_color: float | None = None
    break_and_base: float | None = None
    retest_tag: float | None = None
    initiator_wick: float | None = None
    raw: bytes = b"{}"


class SignalEventRow(Row, frozen=True, kw_only=True):
    """One step in the life of a signal or its trade."""

    signal_id: str
    at_ms: int
    kind: str
    price: Decimal | None = None
    share: float | None = None
    payload: bytes = b"{}"
    id: int | None = None


class BlockRow(Row, frozen=True, kw_only=True):
    """A person's block; an empty side or strategy means all of them, `until_ms` 0 means until lifted."""

    block_id: str
    symbol: str
    side: str = ""
    strategy: str = ""
    until_ms: int = 0
    reason: str = ""
    actor: str = ""
    created_ms: int = 0


class CooldownRow(Row, frozen=True, kw_only=True):
    """No new signal of (strategy, symbol, side) on bars that close before `until_ms`."""

    strategy_id: str
    symbol: str
    side: str
    until_ms: int


class ProcessedBarRow(Row, frozen=True, kw_only=True):
    """The newest bar a consumer has seen: each sees each bar once, also across restarts."""

    consumer: str
    symbol: str
    tf: str
    open_ms: int


class KvRow(Row, frozen=True, kw_only=True):
    """Small facts that must survive: ban_until, desk state, clean_shutdown. `value` is JSON."""

    key: str
    value: bytes
    updated_ms: int = 0


class EpochRow(Row, frozen=True, kw_only=True):
    """A new count of statistics; old rows stay and keep their epoch."""

    epoch: int
    started_ms: int
    reason: str = ""
