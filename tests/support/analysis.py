"""Builders of analysis inputs: bars and indicators written down by hand, and their mirror images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from strategies.model import (
    TIMEFRAME_MS,
    BookFlow,
    BtcContext,
    Candles,
    ComponentScore,
    Family,
    Filters,
    Indicators,
    MarketSnapshot,
    Mode,
    Regime,
    RegimeState,
    Sign,
    Signal,
    Zone,
    ZoneSet,
)

START_MS = 1_767_225_600_000  # 2026-01-01 00:00 UTC
STILL = BtcContext(change_pct=0.0)
Bar = tuple[float, float, float, float]  # open, high, low, close


def candles(
    bars: Sequence[Bar],
    *,
    tf: str = "15m",
    volume: Sequence[float] | float = 100.0,
    taker_buy: Sequence[float] | float = 50.0,
    start_ms: int = START_MS,
) -> Candles:
    """Bars of one series, oldest first."""
    n = len(bars)
    table = np.asarray(bars, dtype=np.float64).reshape(n, 4)
    return Candles(
        tf,
        start_ms + TIMEFRAME_MS[tf] * np.arange(n, dtype=np.int64),
        *(np.ascontiguousarray(table[:, column]) for column in range(4)),
        np.broadcast_to(np.asarray(volume, dtype=np.float64), (n,)).copy(),
        np.broadcast_to(np.asarray(taker_buy, dtype=np.float64), (n,)).copy(),
    )


def indicators(n: int, **values: Sequence[float] | float) -> Indicators:
    """Indicators of n bars; what is not named is absent."""
    arrays = {
        name: np.broadcast_to(np.asarray(values.get(name, np.nan), dtype=np.float64), (n,)).copy()
        for name in Indicators.__struct_fields__
    }
    return Indicators(**arrays)


class Zones:
    """A zone source that counts how often it was asked."""

    def __init__(self, *zones: Zone, symbol: str = "TESTUSDT") -> None:
        self._set = ZoneSet(symbol, 0, "v2", tuple(sorted(zones, key=lambda zone: zone.mid)))
        self.asked = 0

    def zones(self) -> ZoneSet:
        self.asked += 1
        return self._set


def zone(low: float, high: float, kind: str = "S", *, strength: float = 50.0, tf: str = "15m") -> Zone:
    """An active zone of TESTUSDT."""
    return Zone(
        id=f"{kind}{low}", symbol="TESTUSDT", tf=tf, kind=kind, low=low, high=high, mid=(low + high) / 2,
        width_atr=0.5, strength=strength, grade="normal",
    )  # fmt: skip


def regime(state: RegimeState = RegimeState.RANGE, direction: int = 0, **fields: object) -> Regime:
    """A decided market state."""
    return Regime(state, direction, 0.5, **fields)


def snapshot(
    bars: Mapping[str, Candles],
    ind: Mapping[str, Indicators],
    *,
    symbol: str = "TESTUSDT",
    source: Zones | None = None,
    state: Regime | None = None,
    btc: BtcContext | None = STILL,
    t_ms: int | None = None,
    tf: str = "15m",
    tick: float = 0.01,
    **fields: object,
) -> MarketSnapshot:
    """One decision at the close of the newest bar of `tf`."""
    return MarketSnapshot(
        symbol=symbol, t_ms=bars[tf].last_close_ms if t_ms is None else t_ms, bars=dict(bars), ind=dict(ind),
        regime=state or regime(), source=source or Zones(), filters=Filters(tick), btc=btc, **fields,
    )  # fmt: skip


PRICES = ("ema5", "ema9", "ema13", "ema20", "ema21", "ema50", "ema100", "ema200")


def mirrored_candles(c: Candles, about: float) -> Candles:
    """Every price p becomes about - p; buyers become sellers."""
    return Candles(
        c.tf, c.open_time, about - c.open, about - c.low, about - c.high, about - c.close,
        c.volume, c.volume - c.taker_buy,
    )  # fmt: skip


def mirrored_indicators(ind: Indicators, about: float) -> Indicators:
    """The indicators of mirrored candles, for those that mirror exactly."""
    changed = {name: about - getattr(ind, name) for name in PRICES}
    changed |= {
        "plus_di": ind.minus_di, "minus_di": ind.plus_di, "rsi": 100 - ind.rsi,
        "bb_upper": about - ind.bb_lower, "bb_lower": about - ind.bb_upper,
    }  # fmt: skip
    return msgspec.structs.replace(ind, **changed)


def mirrored(snap: MarketSnapshot, about: float) -> MarketSnapshot:
    """The same decision seen in the mirror: longs become shorts."""
    swap = {"S": "R", "R": "S"}
    zones = [
        msgspec.structs.replace(z, low=about - z.high, high=about - z.low, mid=about - z.mid, kind=swap[z.kind])
        for z in snap.source.zones().zones
    ]
    btc = snap.btc
    if btc is not None and btc.change_pct is not None:
        btc = msgspec.structs.replace(btc, change_pct=-btc.change_pct)
    bias = {"BULLISH": "BEARISH", "BEARISH": "BULLISH", "NEUTRAL": "NEUTRAL"}[snap.regime.bias.value]
    state = msgspec.structs.replace(
        snap.regime, direction=-snap.regime.direction, bias=type(snap.regime.bias)(bias),
        plus_di=snap.regime.minus_di, minus_di=snap.regime.plus_di,
    )  # fmt: skip
    book = snap.book
    if book is not None:
        book = BookFlow(tuple(-sample for sample in book.imbalance), book.healthy_share)
    return msgspec.structs.replace(
        snap,
        bars={tf: mirrored_candles(c, about) for tf, c in snap.bars.items()},
        ind={tf: mirrored_indicators(ind, about) for tf, ind in snap.ind.items()},
        source=Zones(*zones, symbol=snap.symbol),
        btc=btc,
        regime=state,
        book=book,
        funding_z=None if snap.funding_z is None else -snap.funding_z,
    )


def rescaled(snap: MarketSnapshot, unit: float) -> MarketSnapshot:
    """The same market quoted in another unit of price."""
    priced = (*PRICES, "atr", "bb_upper", "bb_lower")
    bars = {
        tf: msgspec.structs.replace(c, open=c.open * unit, high=c.high * unit, low=c.low * unit, close=c.close * unit)
        for tf, c in snap.bars.items()
    }
    ind = {
        tf: msgspec.structs.replace(found, **{name: getattr(found, name) * unit for name in priced})
        for tf, found in snap.ind.items()
    }
    zones = [
        msgspec.structs.replace(z, low=z.low * unit, high=z.high * unit, mid=z.mid * unit)
        for z in snap.source.zones().zones
    ]
    return msgspec.structs.replace(
        snap, bars=bars, ind=ind, source=Zones(*zones, symbol=snap.symbol), filters=Filters(snap.filters.tick * unit)
    )


def signal(
    strategy: str = "break_retest",
    side: Sign = 1,
    *,
    score: float = 4.0,
    family: Family = Family.RETEST,
    ref_close: float = 100.0,
    bar_time_ms: int = START_MS,
    mode: Mode | None = None,
    **fields: object,
) -> Signal:
    """A finished signal of TESTUSDT with one component that is its score."""
    given = {
        "id": f"{strategy}{side}", "symbol": "TESTUSDT", "variant": "retest", "timeframe": "15m",
        "stop": ref_close - side, "stop_source": "structural", "tp_r": (1.0, 2.0), "tp2_price": None, "atr": 1.0,
        "regime": regime(), "components": (ComponentScore("base", score, score),), "modifiers": (),
    }  # fmt: skip
    return Signal(
        side=side, strategy=strategy, family=family, score=score, ref_close=ref_close, bar_time_ms=bar_time_ms,
        mode=mode, **(given | fields),
    )  # fmt: skip
