"""What a seat may see: the latest value of a topic. Built only while somebody watches.

Prices are text with the decimals of their tick, ratios are floats, None is unknown. `as_of_ms` is exchange time;
`age_ms` fields were measured on the machine's clock when the view was built.
"""

from __future__ import annotations

import msgspec

TOPICS = ("book", "regime", "signals", "breakdown", "positions", "limits", "health", "performance", "chart")


class View(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of all views; `revision` rises with each change of content."""

    revision: int
    as_of_ms: int


class OwnLevel(msgspec.Struct, frozen=True):
    """One of our own orders on the ladder."""

    price: str
    kind: str  # entry | stop | tp1 | tp2 | trail


class TapeTrade(msgspec.Struct, frozen=True):
    at_ms: int
    price: str
    qty: float
    buyer_taker: bool


class BookView(View, frozen=True, kw_only=True, tag=True):
    """Top of the focused book, best first. Levels are empty unless `state` is synced."""

    symbol: str
    state: str  # empty | buffering | synced | stale | broken
    reason: str = ""  # why there is nothing to show, e.g. "resyncing: gap at u=…"
    tick: str = "0.1"
    bids: tuple[tuple[str, float], ...] = ()
    asks: tuple[tuple[str, float], ...] = ()
    last: str | None = None
    mark: str | None = None
    mid: float | None = None
    spread_bps: float | None = None
    imbalance: float | None = None
    resyncs: int = 0
    age_ms: float | None = None
    trades: tuple[TapeTrade, ...] = ()
    own: tuple[OwnLevel, ...] = ()


class SymbolRegime(msgspec.Struct, frozen=True):
    symbol: str
    state: str
    direction: int
    confidence: float
    adx: float | None
    slope20: float | None
    bb_rank: float | None
    bias: str
    reason: str = ""


class RegimeView(View, frozen=True, kw_only=True, tag=True):
    """Regime of the focus and of BTC, the BTC filter, and the breadth over all symbols."""

    focus: SymbolRegime | None
    btc: SymbolRegime | None
    btc_change_pct: float | None
    btc_blocks_reversion: bool
    breadth: dict[str, int]  # state -> symbols
    closes: tuple[float, ...] = ()  # recent 15m closes of the focus, for the sparkline
    next_close_ms: int = 0  # next 4h close, when the regime may change


class SignalRow(msgspec.Struct, frozen=True):
    """One line of the signals pane."""

    id: str
    revision: int
    at_ms: int  # close of the signal bar
    symbol: str
    side: str  # long | short
    strategy: str
    mode: str | None
    score: float | None
    reward_risk: float | None
    expires_ms: int
    state: str  # pending | approved | rejected | expired | refused | closed
    reason: str = ""
    entry: str | None = None
    stop: str | None = None
    snoozed: bool = False
    flags: tuple[str, ...] = ()


class SignalsView(View, frozen=True, kw_only=True, tag=True):
    """Waiting signals first, then the newest decided and refused ones."""

    rows: tuple[SignalRow, ...]
    waiting: int
    refused_recent: int
    why_empty: str = ""  # e.g. "no signals: regime CHOP on 8 of 8; 3 refused"


class Term(msgspec.Struct, frozen=True):
    """One component or modifier with its raw input and points."""

    name: str
    input: float | None
    points: float
    note: str = ""


class Check(msgspec.Struct, frozen=True):
    """One condition: passed, failed or absent."""

    name: str
    state: str
    value: float | None = None
    need: str = ""


class Ticket(msgspec.Struct, frozen=True):
    """What an approval would do at this moment (what-if)."""

    quantity: str
    entry: str  # expected average fill, walking the live book
    stop: str
    targets: tuple[tuple[str, str, float], ...]  # (price, quantity, r)
    risk_usdt: float
    risk_pct: float
    notional: float
    slippage_bps: float
    slippage_r: float
    fees_r: float
    funding_r: float | None
    liquidation: str | None
    liquidation_beyond_stop_pct: float | None
    margin_left: float | None
    worst_case_usdt: float
    reward_risk: float
    refusals: tuple[str, ...] = ()  # why an approval would be refused now
    drift_r: float | None = None  # how far the fill lies ahead of the signal's close; negative is back
    drift_limits_r: tuple[float, float] | None = None  # how far ahead, and how far back, is still taken


class BreakdownView(View, frozen=True, kw_only=True, tag=True):
    """Everything about one signal, taken or refused: why, plan, ticket, what would flip it."""

    signal: SignalRow | None
    components: tuple[Term, ...] = ()
    modifiers: tuple[Term, ...] = ()
    checks: tuple[Check, ...] = ()
    flips: tuple[str, ...] = ()
    stop_source: str = ""
    targets: tuple[tuple[str, float], ...] = ()  # (price, r)
    ticket: Ticket | None = None
    measured: str = "unmeasured"  # what signals like it have earned
    why_empty: str = ""


class TierRow(msgspec.Struct, frozen=True):
    r: float | None
    price: str | None
    share: float
    state: str  # waiting | resting | filled | trailing | merged | cancelled


class PositionRow(msgspec.Struct, frozen=True):
    id: str
    signal_id: str
    revision: int
    symbol: str
    side: str
    strategy: str
    quantity: str
    entry: str
    mark: str | None
    stop: str | None  # the working stop on the exchange
    stop_order_id: int | None
    protected: bool
    tiers: tuple[TierRow, ...]
    r_now: float | None
    mfe_r: float
    mae_r: float
    liquidation: str | None
    opened_ms: int
    time_stop_ms: int | None
    realized_r: float
    realized_usdt: float
    open_usdt: float | None
    state: str
    naked_ms: float = 0.0
    foreign: bool = False
    shadow: bool = False


class PositionsView(View, frozen=True, kw_only=True, tag=True):
    rows: tuple[PositionRow, ...]
    open_risk_r: float
    why_empty: str = ""


class Pool(msgspec.Struct, frozen=True):
    """One budget: used against limit in the present window, by lane."""

    name: str
    used: int
    limit: int
    resets_ms: int
    lanes: dict[str, int] = {}


class LimitsView(View, frozen=True, kw_only=True, tag=True):
    pools: tuple[Pool, ...]
    gate: str  # open | cooling | banned | probing | blocked
    banned_until_ms: int
    forecast: str = ""


class ServiceRow(msgspec.Struct, frozen=True):
    name: str
    state: str  # ok | starting | degraded | failed | stopped
    detail: str = ""
    restarts: int = 0


class HealthView(View, frozen=True, kw_only=True, tag=True):
    """The status line and the health pane."""

    state: str  # STARTING | LOADING | RUNNING | DEGRADED | STOPPING | STOPPED
    desk: str  # running | paused | reducing | halted
    desk_reason: str
    paused_until_ms: int
    venue: str
    mode: str
    account: str
    pid: int
    started_ms: int
    speed: float
    links: dict[str, str]  # public, market, private, rest -> ok | late | down
    services: tuple[ServiceRow, ...]
    loop_lag_p99_ms: float
    loop_lag_max_ms_10s: float
    clock_offset_ms: float | None
    weight_used: int
    weight_limit: int
    orders_used: int
    orders_limit: int
    open_risk_r: float
    day_r: float
    positions_open: int
    signals_pending: int
    naked_ms: float  # longest present time without a working stop
    books_synced: int
    symbols_live: int
    symbols_total: int
    load_text: str  # progress of history loading, empty when done
    seats: int
    telegram: str
    last_error: str | None
    next_close_ms: int
    banner: str = ""
    reconciled: bool = True
    equity: float | None = None


class PerformanceRow(msgspec.Struct, frozen=True):
    name: str
    trades: int
    wins: int
    losses: int
    scratches: int
    win_rate: float | None
    profit_factor: float | None
    expectancy_r: float | None
    net_r: float
    mfe_r: float | None
    mae_r: float | None


class PerformanceView(View, frozen=True, kw_only=True, tag=True):
    total: PerformanceRow
    by_strategy: tuple[PerformanceRow, ...]
    equity_r: tuple[float, ...]
    max_drawdown_r: float


class ChartBar(msgspec.Struct, frozen=True):
    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class ChartLevel(msgspec.Struct, frozen=True):
    """A horizontal level or band: zone (low..high), vwap, entry, stop, tp1, tp2, fill."""

    kind: str
    low: float
    high: float
    label: str = ""


class ChartView(View, frozen=True, kw_only=True, tag=True):
    symbol: str
    timeframe: str
    tick: str
    bars: tuple[ChartBar, ...]
    levels: tuple[ChartLevel, ...] = ()
    profile: tuple[tuple[float, float], ...] = ()  # (price, volume)


AnyView = (
    BookView | RegimeView | SignalsView | BreakdownView | PositionsView | LimitsView | HealthView | PerformanceView
    | ChartView
)  # fmt: skip


def subject_of(view: AnyView) -> dict[str, str]:
    """The arguments that would ask for this very view."""
    match view:
        case BookView():
            return {"symbol": view.symbol}
        case ChartView():
            return {"symbol": view.symbol, "tf": view.timeframe}
        case RegimeView(focus=focus) if focus is not None:
            return {"symbol": focus.symbol}
        case BreakdownView(signal=signal) if signal is not None:
            return {"signal_id": signal.id}
    return {}
