"""What a trade was meant to be: frozen at its approval, kept with the position until its end."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from config.schema import ExitSettings, RiskSettings
from engine.money import ZERO, Instrument, Side, decimal
from engine.trading.client_ids import signal_key
from strategies.model import TIMEFRAME_MS, Family, Signal, StrategyId

_HOUR_MS = 3_600_000
_BPS = Decimal(10_000)


class Costs(msgspec.Struct, frozen=True):
    """What trading costs, as fractions of notional."""

    taker: Decimal = Decimal("0.0005")
    maker: Decimal = Decimal("0.0002")
    slippage: Decimal = Decimal("0.0002")  # one way, on market and stop fills

    @property
    def round_trip(self) -> Decimal:
        """Both taker fees: what a stop-out pays."""
        return self.taker * 2


class ExitPlan(msgspec.Struct, frozen=True):
    """Tiers, breakeven, trailing and time stops of one trade (sections 9.3 and 9.5 of the rules)."""

    atr: float  # ATR14 of the strategy's timeframe at the trigger bar
    bar_ms: int  # the strategy's timeframe
    tp1_r: float = 1.0
    tp2_r: float = 2.0
    tp2_price: float | None = None  # a level that replaces tp2_r when it lies between 1 R and 3 R
    tp1_share: float = 0.30
    tp2_share: float = 0.40
    breakeven: str = "cost"  # cost | entry | half_r
    trail_atr: float = 1.2
    time_stop_bars: int = 12
    time_stop_min_mfe_atr: float = 0.5
    after_tp1_ms: int = 48 * _HOUR_MS
    after_tp2_ms: int = 72 * _HOUR_MS
    absolute_ms: int = 168 * _HOUR_MS
    working_type: str = "MARK_PRICE"
    naked_limit_ms: int = 2000


class PositionPlan(msgspec.Struct, frozen=True):
    """Everything `position.step` needs to know beyond what happens."""

    position_id: str
    signal_id: str
    key: str  # short form of the signal id inside client ids
    prefix: str
    symbol: str
    side: int  # +1 long, -1 short
    strategy: str
    instrument: Instrument
    quantity: Decimal
    stop: Decimal  # initial protective stop, on the tick
    ref_close: float
    exits: ExitPlan
    costs: Costs
    planned_ms: int
    expected_entry: Decimal = ZERO
    risk_usdt: Decimal = ZERO
    leverage: int = 20  # what the account is to hold for this contract before the entry
    variant: str = ""
    timeframe: str = "15m"
    mode: str | None = None
    regime: str = ""
    expires_ms: int = 0
    foreign: bool = False  # found on the exchange: protected and shown, never traded
    guarded: bool = True  # it is for us to keep a stop under it
    shadow: bool = False  # followed on prices only
    flags: tuple[str, ...] = ()

    @property
    def direction(self) -> Side:
        return Side(self.side)


def costs_of(settings: RiskSettings, maker: Decimal | None = None, taker: Decimal | None = None) -> Costs:
    """Costs from the account's own commission rates where known, else from the settings."""
    return Costs(
        taker=taker if taker is not None else decimal(settings.taker_bps) / _BPS,
        maker=maker if maker is not None else decimal(settings.maker_bps) / _BPS,
        slippage=decimal(settings.slippage_bps) / _BPS,
    )


def exit_plan_of(signal: Signal, settings: ExitSettings) -> ExitPlan:
    """The exits a signal asks for, with the settings of the desk.

    Fades and momentum give up after `time_stop_bars_fast` bars, everything else after `time_stop_bars` (9.5).
    """
    fast = signal.family is Family.MEAN_REVERSION or signal.strategy == StrategyId.ATR_MOMENTUM
    return ExitPlan(
        atr=signal.atr,
        bar_ms=TIMEFRAME_MS[signal.timeframe],
        tp1_r=signal.tp_r[0],
        tp2_r=signal.tp_r[1],
        tp2_price=signal.tp2_price,
        tp1_share=settings.tp1_share,
        tp2_share=settings.tp2_share,
        breakeven=settings.breakeven,
        trail_atr=settings.trail_atr,
        time_stop_bars=settings.time_stop_bars_fast if fast else settings.time_stop_bars,
        time_stop_min_mfe_atr=settings.time_stop_min_mfe_atr,
        after_tp1_ms=round(settings.after_tp1_h * _HOUR_MS),
        after_tp2_ms=round(settings.after_tp2_h * _HOUR_MS),
        absolute_ms=round(settings.absolute_h * _HOUR_MS),
        working_type="MARK_PRICE" if settings.working_type == "mark" else "CONTRACT_PRICE",
        naked_limit_ms=settings.naked_limit_ms,
    )


def plan_of(
    signal: Signal,
    instrument: Instrument,
    exits: ExitSettings,
    costs: Costs,
    *,
    quantity: Decimal,
    stop: Decimal,
    planned_ms: int,
    prefix: str = "pd",
    expected_entry: Decimal = ZERO,
    risk_usdt: Decimal = ZERO,
    leverage: int = 20,
    expires_ms: int = 0,
    shadow: bool = False,
) -> PositionPlan:
    """The plan of one signal at one size."""
    return PositionPlan(
        position_id=("shadow-" if shadow else "") + signal.id,
        signal_id=signal.id,
        key=signal_key(signal.id),
        prefix=prefix,
        symbol=signal.symbol,
        side=signal.side,
        strategy=signal.strategy,
        instrument=instrument,
        quantity=quantity,
        stop=stop,
        ref_close=signal.ref_close,
        exits=exit_plan_of(signal, exits),
        costs=costs,
        planned_ms=planned_ms,
        expected_entry=expected_entry,
        risk_usdt=risk_usdt,
        leverage=leverage,
        variant=signal.variant,
        timeframe=signal.timeframe,
        mode=signal.mode.value if signal.mode is not None else None,
        regime=signal.regime.state.value,
        expires_ms=expires_ms,
        shadow=shadow,
        flags=signal.flags,
    )
