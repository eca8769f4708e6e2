"""The simple zone provider: every recent 15m swing is a zone of half an ATR (section 8.2 of the rules)."""

from __future__ import annotations

from typing import Final, Literal

from strategies.absent import at
from strategies.indicators import swings
from strategies.model import F64, Candles, Zone, ZoneSet
from strategies.params import AtLeastOne, Params, Positive


class V2Params(Params, frozen=True):
    """Lookback in swing positions, fractal half-width, half the zone's width in ATR, strength given to all."""

    lookback: AtLeastOne = 20
    pivot_k: AtLeastOne = 2
    half_width_atr: Positive = 0.25
    strength: Positive = 50.0


DEFAULTS: Final = V2Params()


def build_v2(symbol: str, candles: Candles, atr: F64, params: V2Params = DEFAULTS) -> ZoneSet:
    """Zones of the newest bars; `atr` is aligned with the candles. Empty, with the reason, when bars or ATR lack."""
    as_of, need = candles.last_close_ms, params.lookback + 2 * params.pivot_k
    if len(candles) < need:
        return ZoneSet(symbol, as_of, "v2", (), f"absent:bars<{need}")
    now = at(atr, len(candles) - 1)
    if now is None:
        return ZoneSet(symbol, as_of, "v2", (), "absent:atr")
    recent = candles.slice(len(candles) - need, len(candles))
    highs, lows = swings(recent.high, recent.low, params.pivot_k)
    zones = [_zone(symbol, recent, int(i), "R", float(recent.high[i]), now, params) for i in highs]
    zones += [_zone(symbol, recent, int(i), "S", float(recent.low[i]), now, params) for i in lows]
    return ZoneSet(symbol, as_of, "v2", tuple(sorted(zones, key=lambda zone: (zone.mid, zone.id))))


def _zone(
    symbol: str, candles: Candles, index: int, kind: Literal["S", "R"], level: float, atr: float, params: V2Params
) -> Zone:
    half = params.half_width_atr * atr
    open_ms = int(candles.open_time[index])
    return Zone(
        id=f"v2-{symbol}-{candles.tf}-{kind}-{open_ms}",
        symbol=symbol,
        tf=candles.tf,
        kind=kind,
        low=level - half,
        high=level + half,
        mid=level,
        width_atr=2 * params.half_width_atr,
        strength=params.strength,
        grade="normal",
        touches=1,
        last_touch_ms=open_ms + candles.tf_ms,
        born_at_ms=open_ms + (params.pivot_k + 1) * candles.tf_ms,
        origin="v2",
    )
