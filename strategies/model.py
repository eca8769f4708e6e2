"""The words of the analysis: what strategies read and what they answer. Arrays and frozen structs only.

Times are UTC milliseconds. A bar's close time is its open time plus the timeframe (exclusive end). `None` means
absent: neither zero nor false. Array elements that are absent are NaN.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Literal, Protocol, runtime_checkable

import msgspec
import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

Sign = Literal[1, -1]

TIMEFRAME_MS: dict[str, int] = {
    "1m": 60_000, "5m": 300_000, "15m": 900_000, "1h": 3_600_000, "4h": 14_400_000, "1d": 86_400_000,
}  # fmt: skip


class StrategyId(StrEnum):
    """Stable names, as printed everywhere."""

    ACTION_PRICE = "action_price"
    LIQUIDITY_SWEEP = "liquidity_sweep"
    BREAK_RETEST = "break_retest"
    ORDER_FLOW = "order_flow"
    PULLBACK = "pullback"
    VALUE_AREA = "value_area"
    ATR_MOMENTUM = "atr_momentum"


class Family(StrEnum):
    """What a variant does with price; decides which modifiers apply."""

    MEAN_REVERSION = "mean_reversion"
    BREAKOUT = "breakout"
    RETEST = "retest"
    PULLBACK = "pullback"
    CROSS = "cross"


class RegimeState(StrEnum):
    TREND = "TREND"
    SQUEEZE = "SQUEEZE"
    RANGE = "RANGE"
    CHOP = "CHOP"
    UNDECIDED = "UNDECIDED"


class Bias(StrEnum):
    BULLISH = "BULLISH"
    BEARISH = "BEARISH"
    NEUTRAL = "NEUTRAL"


class Mode(StrEnum):
    """Action Price grades."""

    STANDARD = "STANDARD"
    SCALP = "SCALP"
    SKIP = "SKIP"


class State(Enum):
    """The three answers of a condition."""

    PASSED = "passed"
    FAILED = "failed"
    ABSENT = "absent"


class Candles(msgspec.Struct, frozen=True, eq=False):
    """Closed bars of one symbol and timeframe, oldest first; read-only float64 views of equal length."""

    tf: str
    open_time: I64
    open: F64
    high: F64
    low: F64
    close: F64
    volume: F64
    taker_buy: F64  # NaN where not recorded

    def __len__(self) -> int:
        return len(self.open_time)

    @property
    def tf_ms(self) -> int:
        return TIMEFRAME_MS[self.tf]

    @property
    def last_close_ms(self) -> int:
        """Close time of the newest bar; 0 when there is none."""
        return int(self.open_time[-1]) + self.tf_ms if len(self.open_time) else 0

    def upto(self, t_ms: int) -> Candles:
        """The bars that had closed by `t_ms` (1.6: nothing later is visible)."""
        n = int(np.searchsorted(self.open_time, t_ms - self.tf_ms, side="right"))
        return self if n == len(self) else self.slice(0, n)

    def slice(self, start: int, stop: int) -> Candles:
        """Bars start..stop-1 as views."""
        return Candles(
            self.tf, self.open_time[start:stop], self.open[start:stop], self.high[start:stop],
            self.low[start:stop], self.close[start:stop], self.volume[start:stop], self.taker_buy[start:stop],
        )  # fmt: skip


class Regime(msgspec.Struct, frozen=True):
    """Market state of the 4h bars, with the inputs that decided it."""

    state: RegimeState
    direction: int  # +1, -1; 0 outside TREND
    confidence: float
    adx: float | None = None
    plus_di: float | None = None
    minus_di: float | None = None
    slope20: float | None = None
    slope50: float | None = None
    bb_rank: float | None = None
    atr_rank: float | None = None
    squeeze_bars: int = 0
    bias: Bias = Bias.NEUTRAL
    htf_period: int | None = None
    reason: str = ""


class BtcContext(msgspec.Struct, frozen=True):
    """What BTCUSDT 1h says to every other symbol (7.3)."""

    change_pct: float | None = None
    bias: Bias = Bias.NEUTRAL
    reversion_blocked_until_ms: int = 0
    as_of_ms: int = 0


class BookFlow(msgspec.Struct, frozen=True):
    """Imbalance samples of the last seconds, newest last (2.12)."""

    imbalance: tuple[float, ...]
    healthy_share: float


class Filters(msgspec.Struct, frozen=True):
    """The few trading rules an analysis needs."""

    tick: float
    step: float = 0.0
    min_notional: float = 0.0


class Zone(msgspec.Struct, frozen=True):
    """A support or resistance zone (8.1)."""

    id: str
    symbol: str
    tf: str
    kind: Literal["S", "R"]
    low: float
    high: float
    mid: float
    width_atr: float
    strength: float
    grade: Literal["key", "strong", "normal", "weak"]
    state: Literal["normal", "weakening", "flipped"] = "normal"
    lifecycle: Literal["candidate", "active", "key"] = "active"
    touches: int = 0
    valid_touches: int = 0
    valid_since_flip: int = 0
    reaction_med_atr: float | None = None
    last_touch_ms: int | None = None
    freshness: float = 0.0
    purity: float = 1.0
    confluence: tuple[str, ...] = ()
    flipped_at_ms: int | None = None
    born_at_ms: int = 0
    origin: Literal["v2", "v3"] = "v2"


class ComponentScore(msgspec.Struct, frozen=True):
    """One scored term: its raw measure and its points. `input` None means absent."""

    name: str
    input: float | None
    points: float
    note: str = ""


class Condition(msgspec.Struct, frozen=True):
    """One condition of a rule, so that a refusal explains itself as well as a signal."""

    name: str
    state: State
    value: float | None = None
    need: str = ""


class Signal(msgspec.Struct, frozen=True):
    """A proposal that survived scoring and filters; prices are analysis floats, the plan is made by risk."""

    id: str
    symbol: str
    side: Sign
    strategy: str
    variant: str
    family: Family
    timeframe: str
    bar_time_ms: int  # close of the signal bar
    ref_close: float
    stop: float
    stop_source: Literal["structural", "zone", "fallback", "initiator"]
    tp_r: tuple[float, float]  # tiers one and two, in R of the actual fill
    tp2_price: float | None  # a level target that replaces tp_r[1] when it lies between 1R and 3R
    atr: float  # ATR14 of the strategy's timeframe at the trigger bar
    regime: Regime
    score: float
    components: tuple[ComponentScore, ...]
    modifiers: tuple[ComponentScore, ...]
    conditions: tuple[Condition, ...] = ()
    mode: Mode | None = None
    flags: tuple[str, ...] = ()  # thin_data, flow estimated, ...
    confluence_count: int = 1
    group_id: str = ""
    zone_arm: str = "v2"
    evidence: dict[str, float | str | None] = {}


class Refusal(msgspec.Struct, frozen=True):
    """A candidate that did not become a signal, kept with everything that was known about it."""

    id: str
    symbol: str
    side: Sign
    strategy: str
    variant: str
    timeframe: str
    bar_time_ms: int
    reason: str  # machine-readable, e.g. fail:score<3, absent:atr, block:regime
    detail: str  # for people, with the numbers
    score: float | None = None
    components: tuple[ComponentScore, ...] = ()
    modifiers: tuple[ComponentScore, ...] = ()
    conditions: tuple[Condition, ...] = ()
    mode: Mode | None = None
    ref_close: float | None = None
    stop: float | None = None
    atr: float | None = None
    flags: tuple[str, ...] = ()
    evidence: dict[str, float | str | None] = {}


class Indicators(msgspec.Struct, frozen=True, eq=False):
    """Indicator bundle of one symbol and timeframe, aligned with its candles; NaN is absent (warm-up, section 1.7).

    All arrays have the length of the candles. `vr` compares a bar with the median of the 20 before it.
    """

    atr: F64  # Wilder 14
    ema5: F64
    ema9: F64
    ema13: F64
    ema20: F64
    ema21: F64
    ema50: F64
    ema100: F64
    ema200: F64
    adx: F64
    plus_di: F64
    minus_di: F64
    rsi: F64
    bb_upper: F64
    bb_lower: F64
    bb_width: F64
    bb_rank: F64
    atr_rank: F64  # rank of ATR% in 90
    vr: F64

    def slice(self, start: int, stop: int) -> Indicators:
        """Bars start..stop-1 as views: what was known then, for every value looks back only."""
        return Indicators(**{name: getattr(self, name)[start:stop] for name in self.__struct_fields__})


class ZoneSource(Protocol):
    """Builds the dear inputs of a symbol when a candidate asks for them; the same answer each time."""

    def zones(self) -> ZoneSet: ...


@runtime_checkable
class TwoArmedSource(ZoneSource, Protocol):
    """A source that can show the same market in the eyes of either builder."""

    def other(self, arm: Literal["v2", "v3"]) -> ZoneSource: ...


class ZoneSet(msgspec.Struct, frozen=True, eq=False):
    """Zones of one symbol as of one close, sorted by mid; queries in `strategies.zones.query`."""

    symbol: str
    as_of_ms: int
    origin: str
    zones: tuple[Zone, ...]
    reason: str = ""  # why it is empty


class MarketSnapshot(msgspec.Struct, frozen=True, eq=False):
    """Everything one decision may read: one symbol at one close. Nothing in it is later than `t_ms`."""

    symbol: str
    t_ms: int
    bars: dict[str, Candles]
    ind: dict[str, Indicators]
    regime: Regime
    source: ZoneSource
    filters: Filters
    btc: BtcContext | None = None
    book: BookFlow | None = None
    doi_pct: float | None = None
    funding_z: float | None = None
    spread: float | None = None  # price units
    flow_estimated: bool = False  # taker volume was put in place by the close location (ruling 31)
    quote_rank: int | None = None  # 1 = highest 24 h quote volume
