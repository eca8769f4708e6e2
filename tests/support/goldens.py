"""One market for each variant of the six strategies in which it fires long; the mirror makes it fire short."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from strategies.model import Bias, BookFlow, MarketSnapshot, Regime, RegimeState, StrategyId
from strategies.value import Profile, profile
from tests.support.analysis import START_MS, Bar, Zones, candles, indicators, mirrored, snapshot, zone

TREND = Regime(RegimeState.TREND, 1, 0.8, adx=35.0, bias=Bias.BULLISH)
SQUEEZE = Regime(RegimeState.SQUEEZE, 0, 0.6, adx=18.0)
RANGE = Regime(RegimeState.RANGE, 0, 0.5, adx=15.0)
N = 320
NOON = START_MS + 12 * 3_600_000


def market(
    bars: list[Bar], *, state: Regime, volume: list[float] | float = 100.0, taker: Mapping[int, float] | None = None,
    values: Mapping[str, object] | None = None, **fields: object,
) -> MarketSnapshot:  # fmt: skip
    """15m bars that end at noon, between higher frames that stand above their averages. `taker` counts from the end."""
    n = len(bars)
    volumes = np.broadcast_to(np.asarray(volume, dtype=np.float64), (n,)).copy()
    bought = volumes / 2
    for index, share in (taker or {}).items():
        bought[index] = share * volumes[index]
    c = candles(bars, volume=volumes, taker_buy=bought, start_ms=NOON - n * 900_000)
    given = {"atr": 1.0, "vr": 1.0, "rsi": 50.0, "adx": 30.0, "ema9": 100.0, "ema20": 100.0} | dict(values or {})
    hours = candles([(100.0, 100.5, 99.5, 100.2)] * 30, tf="1h", start_ms=NOON - 30 * 3_600_000)
    fours = candles([(100.0, 100.5, 99.5, 100.2)] * 30, tf="4h", start_ms=NOON - 30 * 14_400_000)
    higher = {"ema20": 99.5, "ema50": 98.0, "ema100": 97.0, "ema200": 96.0, "atr": 2.0}
    return snapshot(
        {"15m": c, "1h": hours, "4h": fours},
        {"15m": indicators(n, **given), "1h": indicators(30, **higher), "4h": indicators(30, **higher)},
        state=state, **fields,
    )  # fmt: skip


def ends(n: int, default: float, **last: float) -> np.ndarray:
    """An indicator that is flat but for elements counted from the end, named `b1` (newest), `b2`, ..."""
    array = np.full(n, default)
    for name, value in last.items():
        array[-int(name[1:])] = value
    return array


FLAT: Bar = (100.0, 100.3, 99.6, 100.0)


def sweep_fade(**fields: object) -> MarketSnapshot:
    """A swing low at 99.0 is run by 0.25 ATR and the same bar closes back above it."""
    bars = [FLAT] * N
    bars[-20] = (99.6, 99.9, 99.0, 99.8)
    bars[-1] = (99.2, 99.5, 98.75, 99.3)
    return market(bars, state=RANGE, taker={-1: 0.75}, values={"vr": ends(N, 1.0, b1=1.9)}, **fields)


def sweep_continuation(**fields: object) -> MarketSnapshot:
    """A swing high at 101.0 is run and two closes stay beyond it."""
    bars = [FLAT] * N
    bars[-20] = (100.4, 101.0, 100.2, 100.3)
    bars[-2] = (100.5, 101.3, 100.4, 101.1)
    bars[-1] = (101.1, 101.4, 100.9, 101.2)
    values = {"vr": ends(N, 1.0, b2=1.9, b1=1.6)}
    return market(bars, state=TREND, taker={-1: 0.7, -2: 0.7}, values=values, **fields)


def break_retest(**fields: object) -> MarketSnapshot:
    """A swing high at 100.5 is broken by 0.4 ATR on volume, revisited two bars later, and holds."""
    bars = [FLAT] * N
    bars[-10] = (100.1, 100.5, 99.9, 100.2)
    bars[-4] = (100.1, 101.0, 100.0, 100.9)
    bars[-3] = (100.9, 101.0, 100.7, 100.8)
    bars[-2] = (100.8, 100.9, 100.4, 100.6)
    bars[-1] = (100.55, 100.9, 100.45, 100.85)
    values = {"vr": ends(N, 1.0, b4=2.0, b1=1.6), "adx": ends(N, 28.0, b4=30.0)}
    return market(bars, state=TREND, taker={-1: 0.7, -2: 0.6}, values=values, **fields)


def bell(n: int = N, reach: float = 3.0) -> list[Bar]:
    """Bars whose volume piles up around 100, in a fixed shuffled order."""
    places = np.random.default_rng(5).normal(0.0, reach / 3, n).clip(-reach, reach)
    return [(100 + p, 100 + p + 0.3, 100 + p - 0.3, 100 + p + 0.05) for p in map(float, places)]


def traded(bars: list[Bar], end: int) -> Profile:
    """The profile of the bars before index `end`, as the strategies see it."""
    found = profile(candles(bars), end, 0.01)
    assert found is not None
    return found


def flow_reclaim(*, near: float = 0.20, **fields: object) -> MarketSnapshot:
    """A dip behind VAL that closes back above it, with book, takers and open interest."""
    bars = bell()
    val = traded(bars, N).val
    bars[-1] = (val + 0.05, val + near + 0.05, val - 0.15, val + near)
    given = {"book": BookFlow((0.31,) * 20, 1.0), "doi_pct": 1.4} | fields
    return market(bars, state=SQUEEZE, taker={-1: 0.62, -2: 0.6, -3: 0.6}, values={"vr": ends(N, 1.0, b1=1.7)}, **given)


def flow_acceptance(**fields: object) -> MarketSnapshot:
    """Two closes beyond VAH with everything behind them."""
    bars = bell()
    vah = traded(bars, N).vah
    bars[-2] = (vah - 0.1, vah + 0.2, vah - 0.2, vah + 0.1)
    bars[-1] = (vah + 0.1, vah + 0.3, vah - 0.05, vah + 0.2)
    given = {"book": BookFlow((0.31,) * 20, 1.0), "doi_pct": 1.4} | fields
    return market(bars, state=SQUEEZE, taker={-1: 0.62, -2: 0.6, -3: 0.6}, values={"vr": ends(N, 1.0, b1=1.7)}, **given)


def pullback(*, low: float = 107.0, missing_base: bool = False, **fields: object) -> MarketSnapshot:
    """The example of 5.4: base 100, top 112, a dip to 107 at EMA20, and a close back above the bar before."""
    n = 60
    rise = np.linspace(101.0, 111.0, 25)
    bars: list[Bar] = [(101.0, 102.0, 100.0 if i == 12 else 100.5, 101.2) for i in range(20)]
    bars += [(float(p), float(p) + 1.0, float(p) - 0.8, float(p) + 0.4) for p in rise]
    bars[44] = (110.5, 112.0, 110.0, 111.0)
    fall = np.linspace(111.0, 108.5, 13)
    bars += [(float(p), float(p) + 0.4, float(p) - 0.4, float(p) - 0.1) for p in fall]
    bars += [(108.0, 108.0, low, 107.3), (107.3, 108.4, 107.3, 108.1)]
    if missing_base:
        bars[10] = (111.0, 113.0, 110.0, 112.0)
    c = candles(bars, tf="4h", start_ms=NOON - n * 14_400_000, taker_buy=[50.0] * (n - 5) + [58.0] * 5)
    ema20 = np.full(n, 107.2)
    ema20[:30] = 95.0
    ind = indicators(
        n, atr=2.0, vr=ends(n, 1.0, b1=1.6), adx=30.0, rsi=55.0, ema20=ema20, ema50=np.linspace(97.0, 103.0, n),
        ema200=98.0,
    )  # fmt: skip
    hours = candles([(107.0, 108.5, 106.9, 108.1)] * 30, tf="1h", start_ms=NOON - 30 * 3_600_000)
    return snapshot(
        {"4h": c, "1h": hours}, {"4h": ind, "1h": indicators(30, ema50=105.0, ema200=104.0, atr=1.0)}, tf="4h",
        state=TREND, **fields,
    )  # fmt: skip


def value_rejection(*, poc_level: float = 100.0, **fields: object) -> MarketSnapshot:
    """Below VAL for a moment, then two closes back inside while the takers turn; the POC is far enough."""
    bars = [(o + poc_level - 100, h + poc_level - 100, low + poc_level - 100, c + poc_level - 100)
            for o, h, low, c in bell(reach=5.0)]  # fmt: skip
    val = traded(bars, N - 3).val
    bars[-3] = (val - 0.1, val + 0.1, val - 0.50, val - 0.35)
    bars[-2] = (val - 0.3, val + 0.2, val - 0.30, val + 0.05)
    bars[-1] = (val + 0.05, val + 0.3, val - 0.05, val + 0.20)
    taker = {-1: 0.75, -2: 0.7, -3: 0.6, -4: 0.35, -5: 0.35, -6: 0.35}
    return market(bars, state=RANGE, taker=taker, values={"vr": ends(N, 1.0, b1=1.7)}, **fields)


def value_acceptance(**fields: object) -> MarketSnapshot:
    """Closes beyond VAH on volume so heavy that the POC itself moves up."""
    bars = bell()
    vah = traded(bars, N - 3).vah
    bars[-3] = (vah, vah + 0.3, vah - 0.1, vah + 0.10)
    bars[-2] = (vah + 0.1, vah + 0.2, vah - 0.1, vah - 0.05)
    bars[-1] = (vah, vah + 0.4, vah - 0.05, vah + 0.30)
    volume = [100.0] * (N - 3) + [4000.0] * 3
    taker = {-1: 0.7, -2: 0.6, -3: 0.6}
    values = {"vr": ends(N, 1.0, b1=40.0)}
    given = {"doi_pct": 1.5} | fields
    return market(bars, state=TREND, volume=volume, taker=taker, values=values, **given)


def momentum_breakout(*, impulse: Bar = (100.1, 101.60, 100.0, 101.5), **fields: object) -> MarketSnapshot:
    """An impulse of 1.6 ATR on volume, a pause, a close 0.3 ATR beyond its high."""
    bars = [FLAT] * N
    bars[-3] = impulse
    bars[-2] = (101.4, 101.6, 101.2, 101.5)
    bars[-1] = (101.5, 102.0, 101.45, 101.9)
    values = {"vr": ends(N, 1.0, b3=2.5, b1=1.6), "rsi": 62.0}
    return market(bars, state=TREND, taker={-1: 0.7, -3: 0.8}, values=values, **fields)


def momentum_micro_pullback(**fields: object) -> MarketSnapshot:
    """After the impulse a dip to EMA9 that closes beyond it and stays above the impulse's low."""
    bars = [FLAT] * N
    bars[-3] = (100.1, 101.60, 100.0, 101.5)
    bars[-2] = (101.4, 101.6, 101.2, 101.3)
    bars[-1] = (101.1, 101.5, 101.0, 101.4)
    values = {"vr": ends(N, 1.0, b3=2.5, b1=1.6), "rsi": 62.0, "ema9": 101.1}
    return market(bars, state=TREND, taker={-1: 0.7, -3: 0.8}, values=values, **fields)


GOLDENS: dict[tuple[StrategyId, str], Callable[..., MarketSnapshot]] = {
    (StrategyId.LIQUIDITY_SWEEP, "fade"): sweep_fade,
    (StrategyId.LIQUIDITY_SWEEP, "continuation"): sweep_continuation,
    (StrategyId.BREAK_RETEST, "retest"): break_retest,
    (StrategyId.ORDER_FLOW, "reclaim"): flow_reclaim,
    (StrategyId.ORDER_FLOW, "acceptance"): flow_acceptance,
    (StrategyId.PULLBACK, "pullback"): pullback,
    (StrategyId.VALUE_AREA, "rejection"): value_rejection,
    (StrategyId.VALUE_AREA, "acceptance"): value_acceptance,
    (StrategyId.ATR_MOMENTUM, "breakout"): momentum_breakout,
    (StrategyId.ATR_MOMENTUM, "micro_pullback"): momentum_micro_pullback,
}


def short(snap: MarketSnapshot) -> MarketSnapshot:
    """The mirror image about 100, near which most of these markets live."""
    return mirrored(snap, 200.0)


__all__ = ["GOLDENS", "NOON", "N", "Zones", "market", "short", "zone"]
