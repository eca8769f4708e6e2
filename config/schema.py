"""What may be set: frozen structs, one per section; the ranges stand in the types.

Keys and tokens are not settings: they come from the environment and are held by `Secrets`, whose repr masks them.
Analysis parameters are defined beside the rules that use them, in `strategies`, and assembled here.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta

from config.seat import ConsoleSettings, Section
from config.secrets import Secrets as Secrets  # noqa: PLC0414 - part of what may be set
from strategies.settings import StrategySettings

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(gt=0, le=1)]
Percent = Annotated[float, Meta(gt=0, le=100)]
Count = Annotated[int, Meta(ge=0)]
AtLeastOne = Annotated[int, Meta(ge=1)]

Venue = Literal["sim", "paper", "testnet", "live"]
DeskMode = Literal["signals", "approve", "auto"]


class AccountSettings(Section, frozen=True):
    name: str = "main"
    paper_equity: Positive = 10_000.0


class HostSettings(Section, frozen=True):
    """Addresses of one venue; empty means the built-in ones."""

    rest: str = ""
    ws: str = ""
    ws_api: str = ""
    archive: str = ""


class VenueSettings(Section, frozen=True):
    live: HostSettings = HostSettings()
    testnet: HostSettings = HostSettings()
    paper: HostSettings = HostSettings()
    sim: HostSettings = HostSettings()


class ExchangeSettings(Section, frozen=True):
    """The wire: timeouts, budgets, streams."""

    request_timeout_s: Positive = 30.0
    connect_timeout_s: Positive = 10.0
    optional_timeout_s: Positive = 5.0
    order_timeout_s: Positive = 1.0
    recv_window_ms: AtLeastOne = 5000
    read_attempts: AtLeastOne = 5
    share_trading: Share = 0.95
    share_interactive: Share = 0.80
    share_live: Share = 0.70
    share_background: Share = 0.55
    entry_order_share: Share = 0.80
    exit_order_share: Share = 0.95
    streams_per_connection: AtLeastOne = 200
    subscribe_per_s: AtLeastOne = 5
    silence_s: Positive = 30.0
    rotate_after_h: Positive = 23.0
    listen_key_renew_min: Positive = 30.0
    clock_check_min: Positive = 30.0


class UniverseSettings(Section, frozen=True):
    symbols: tuple[str, ...] = ()  # empty: all that trade
    blocked: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()
    max_symbols: Count = 0
    min_quote_volume: NotNegative = 10_000_000.0
    min_age_days: Count = 0
    update_min: Positive = 60.0


class HistorySettings(Section, frozen=True):
    days_15m: AtLeastOne = 90
    days_1h: AtLeastOne = 90
    days_4h: AtLeastOne = 150
    days_1d: AtLeastOne = 365
    parallel: AtLeastOne = 4
    archive_after_days: AtLeastOne = 7
    gap_lookback_min: AtLeastOne = 120
    close_grace_s: Positive = 6.0
    close_deadline_s: Positive = 20.0


class BookSettings(Section, frozen=True):
    snapshot_limit: Literal[5, 10, 20, 50, 100, 500, 1000] = 1000
    stale_ms: Positive = 500.0
    snapshots_per_min: AtLeastOne = 20
    show_levels: AtLeastOne = 20


class ApprovalSettings(Section, frozen=True):
    min_wall_s: NotNegative = 0.0  # a signal lives at least this long on the wall clock (demo: 60)
    max_drift_r_favour: Positive = 0.25
    max_drift_r_against: Positive = 0.50
    min_reward_risk: NotNegative = 1.0
    unattended: bool = False  # auto goes on without a seat


class RiskSettings(Section, frozen=True):
    """Sizing and portfolio limits (9.6, 9.7)."""

    risk_pct: Percent = 1.0
    scalp_risk_pct: Percent = 0.5
    max_leverage: Positive = 3.0
    exchange_leverage: Annotated[int, Meta(ge=1, le=125)] = 20
    margin_mode: Literal["cross", "isolated"] = "cross"
    max_open: AtLeastOne = 10
    max_same_side: AtLeastOne = 6
    max_open_risk_pct: Percent = 5.0
    max_daily_loss_pct: Percent = 3.0
    max_weekly_loss_pct: Percent = 5.0
    max_stop_share_of_liquidation: Share = 0.60
    max_spread_bps: Positive = 10.0
    slippage_bps: NotNegative = 2.0
    taker_bps: NotNegative = 5.0
    maker_bps: NotNegative = 2.0
    max_cost_r: NotNegative = 0.0  # 0: shown, not enforced


class ExitSettings(Section, frozen=True):
    """Tiers, breakeven, trailing, time stops (9.3, 9.5)."""

    tp1_share: Share = 0.30
    tp2_share: Share = 0.40
    breakeven: Literal["cost", "entry", "half_r"] = "cost"
    trail_atr: Positive = 1.2
    working_type: Literal["mark", "last"] = "mark"
    time_stop_bars: AtLeastOne = 12
    time_stop_bars_fast: AtLeastOne = 8
    time_stop_min_mfe_atr: NotNegative = 0.5
    after_tp1_h: Positive = 48.0
    after_tp2_h: Positive = 72.0
    absolute_h: Positive = 168.0
    naked_limit_ms: AtLeastOne = 2000


class StoreSettings(Section, frozen=True):
    """Database URLs; empty means SQLite files in the home directory."""

    trading_url: str = ""
    history_url: str = ""
    retain_15m_days: AtLeastOne = 270
    retain_1m_days: AtLeastOne = 14


class TelegramSettings(Section, frozen=True):
    enabled: bool = False
    api_url: str = ""
    operators: tuple[int, ...] = ()
    readers: tuple[int, ...] = ()
    muted: tuple[str, ...] = ()
    quiet_hours: Annotated[str, Meta(pattern=r"^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$")] = ""


class SimSettings(Section, frozen=True):
    """The embedded exchange."""

    scenario: str = "recorded"
    speed: Annotated[float, Meta(gt=0, le=10_000)] = 1.0
    seed: int = 7
    balance: Positive = 10_000.0
    symbols: tuple[str, ...] = ()
    start_bar: Annotated[int, Meta(ge=-1)] = -1  # recorded bar that is open at the start; -1: chosen by the exchange
    into_bar_s: Annotated[float, Meta(ge=-1, lt=900)] = -1.0  # how far into it; -1: at the system's time
    url: str = ""  # an exchange served elsewhere
    crash_at: str = ""  # drill: the journal point at which the engine kills itself


class LogSettings(Section, frozen=True):
    level: Literal["debug", "info", "warning", "error"] = "info"
    keep_days: AtLeastOne = 30


def decimal_of(value: float) -> Decimal:
    """A setting as exact decimal, by its printed form."""
    return Decimal(repr(value))


class Settings(Section, frozen=True):
    """Everything that may be set."""

    venue: Venue = "paper"
    mode: DeskMode = "signals"
    account: AccountSettings = AccountSettings()
    venues: VenueSettings = VenueSettings()
    exchange: ExchangeSettings = ExchangeSettings()
    universe: UniverseSettings = UniverseSettings()
    history: HistorySettings = HistorySettings()
    books: BookSettings = BookSettings()
    approval: ApprovalSettings = ApprovalSettings()
    strategies: StrategySettings = StrategySettings()
    user_strategies: tuple[str, ...] = ()  # files; a relative path counts from the home directory
    risk: RiskSettings = RiskSettings()
    exits: ExitSettings = ExitSettings()
    store: StoreSettings = StoreSettings()
    telegram: TelegramSettings = TelegramSettings()
    console: ConsoleSettings = ConsoleSettings()
    sim: SimSettings = SimSettings()
    log: LogSettings = LogSettings()
