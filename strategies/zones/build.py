"""Zones of all timeframes of one symbol as of one close (section 8.4 of the rules).

The dear half of a timeframe, `survey`, depends on its own bars alone and may be kept until its next close; `build`
scores the surveys against each other, merges, and selects. Nothing later than `as_of_ms` is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
import numpy as np

from strategies.absent import at
from strategies.indicators import swings
from strategies.model import F64, Candles, Indicators, Zone, ZoneSet
from strategies.zones import quality
from strategies.zones.cluster import Cluster, clusters
from strategies.zones.flip import Flips, flips
from strategies.zones.lifecycle import promoted, recognised, selected
from strategies.zones.merge import merged
from strategies.zones.params import DEFAULTS, SENIOR_FIRST, V3Params
from strategies.zones.prominence import is_prominent
from strategies.zones.quality import Visits

DAY_MS = 86_400_000


class ZoneContext(msgspec.Struct, frozen=True, eq=False):
    """What a build may read: closed bars per timeframe with their indicators, and two levels of value."""

    symbol: str
    as_of_ms: int
    bars: Mapping[str, Candles]
    ind: Mapping[str, Indicators]
    tick: float
    daily_vwap: float | None = None
    poc: float | None = None


class Find(msgspec.Struct, frozen=True, eq=False):
    """One zone as its own timeframe sees it; bar indices count in the surveyed stretch."""

    cluster: Cluster
    visits: Visits
    flips: Flips


class Survey(msgspec.Struct, frozen=True, eq=False):
    """All zones of one timeframe before scoring, with the stretch they were found in."""

    candles: Candles
    atr: float
    ema200: float | None
    finds: tuple[Find, ...]


def build(
    ctx: ZoneContext,
    params: V3Params = DEFAULTS,
    *,
    previous: ZoneSet | None = None,
    surveys: Mapping[str, Survey | None] | None = None,
) -> ZoneSet:
    """The zone set of a symbol, sorted by mid.

    `previous` is the set of the build before, for names and standing. `surveys` are kept ones of timeframes without a
    newer bar; the rest is surveyed here.
    """
    found = {tf: _survey_of(ctx, tf, params, surveys or {}) for tf in SENIOR_FIRST}
    scored: list[Zone] = []
    for tf in SENIOR_FIRST:
        survey = found[tf]
        if survey is not None:
            seniors = tuple(scored)
            scored += [_scored(ctx, tf, survey, find, seniors, params) for find in survey.finds]
    named = recognised(merged(scored, params), previous, params)
    kept: list[Zone] = []
    for tf in SENIOR_FIRST:
        survey = found[tf]
        if survey is None:
            continue
        frame = params.frame(tf)
        alive = [zone for zone in named if zone.tf == tf and _age_days(ctx, zone) <= frame.expiry_days]
        standing = [promoted(zone, stale=_is_stale(ctx, zone, params), params=params) for zone in alive]
        kept += selected(standing, float(survey.candles.close[-1]), survey.atr, frame, params)
    reason = "" if any(found.values()) else f"absent:bars<{params.least_bars} or atr"
    return ZoneSet(ctx.symbol, ctx.as_of_ms, "v3", tuple(sorted(kept, key=lambda zone: (zone.mid, zone.id))), reason)


def survey(candles: Candles, atr: F64, ema200: float | None, tick: float, params: V3Params = DEFAULTS) -> Survey | None:
    """Zones of one timeframe from its newest bars; `atr` is aligned with them. None without enough bars, or ATR."""
    frame = params.frame(candles.tf)
    now = at(atr, len(candles) - 1)
    if len(candles) < params.least_bars or now is None:
        return None
    start = max(0, len(candles) - frame.lookback)
    bars, ranges = candles.slice(start, len(candles)), atr[start:]
    return Survey(bars, now, ema200, tuple(_finds(bars, ranges, now, tick, params)))


def _finds(bars: Candles, ranges: F64, now: float, tick: float, params: V3Params) -> Iterator[Find]:
    frame = params.frame(bars.tf)
    highs, lows = swings(bars.high, bars.low, frame.pivot_k)
    prices = {"R": bars.high[highs], "S": bars.low[lows]}
    for cluster in clusters(bars, now, tick, frame, params):
        low, high = cluster.low, cluster.high
        if not is_prominent(prices[cluster.kind], low, high, bars.tf, now, tick, params.prominence):
            continue
        visited = quality.visits(bars, ranges, low, high, frame, params.reaction_min_atr)
        born = min(len(bars) - 1, cluster.second + frame.pivot_k)
        yield Find(cluster, visited, flips(bars, ranges, cluster.kind, low, high, born, params.flip))


def _survey_of(ctx: ZoneContext, tf: str, params: V3Params, kept: Mapping[str, Survey | None]) -> Survey | None:
    if tf in kept:
        return kept[tf]
    candles, ind = ctx.bars.get(tf), ctx.ind.get(tf)
    if candles is None or ind is None:
        return None
    visible = candles.upto(ctx.as_of_ms)
    n = len(visible)
    return survey(visible, ind.atr[:n], at(ind.ema200, n - 1), ctx.tick, params)


def _scored(ctx: ZoneContext, tf: str, survey: Survey, find: Find, seniors: tuple[Zone, ...], params: V3Params) -> Zone:
    cluster, visited, frame = find.cluster, find.visits, params.frame(tf)
    low, high = cluster.low, cluster.high
    notes = quality.confluence_of(
        low, high, survey.atr,
        senior=any(zone.low <= high and zone.high >= low for zone in seniors),
        levels=(ctx.daily_vwap, ctx.poc), ema200=survey.ema200,
    )  # fmt: skip
    valid, settled = int(visited.valid.sum()), int((visited.valid | visited.failed).sum())
    last_touch = None if visited.last < 0 else _close_ms(survey.candles, visited.last)
    days = None if last_touch is None else (ctx.as_of_ms - last_touch) / DAY_MS
    median, freshness = visited.median_reaction(), quality.freshness_term(days, frame.fresh_days)
    strength = quality.strength_of(
        touches=quality.touch_term(valid), reactions=quality.reaction_term(median), freshness=freshness,
        confluence=quality.confluence_term(notes), noise=quality.noise_term(cluster.purity, settled, valid),
        stale=_bars_since(ctx, tf, last_touch) > frame.stale_bars, frame=frame, params=params,
    )  # fmt: skip
    turned = find.flips.confirmed
    strength *= params.flip.multiplier ** len(turned)
    return Zone(
        id=f"v3-{ctx.symbol}-{tf}-{cluster.kind}-{int(survey.candles.open_time[cluster.first])}",
        symbol=ctx.symbol, tf=tf,
        kind=cluster.kind if len(turned) % 2 == 0 else "S" if cluster.kind == "R" else "R",
        low=low, high=high, mid=(low + high) / 2, width_atr=(high - low) / survey.atr,
        strength=strength, grade=quality.grade_of(strength, params),
        state="weakening" if find.flips.weakening else "flipped" if turned else "normal",
        touches=len(visited.start), valid_touches=valid,
        valid_since_flip=int(visited.valid[visited.start > turned[-1]].sum()) if turned else 0,
        reaction_med_atr=median, last_touch_ms=last_touch, freshness=freshness, purity=cluster.purity,
        confluence=notes, flipped_at_ms=_close_ms(survey.candles, turned[-1]) if turned else None,
        born_at_ms=_close_ms(survey.candles, min(len(survey.candles) - 1, cluster.second + frame.pivot_k)),
        origin="v3",
    )  # fmt: skip


def _close_ms(candles: Candles, index: int) -> int:
    return int(candles.open_time[index]) + candles.tf_ms


def _bars_since(ctx: ZoneContext, tf: str, last_touch_ms: int | None) -> float:
    if last_touch_ms is None:
        return np.inf
    return (ctx.as_of_ms - last_touch_ms) / ctx.bars[tf].tf_ms


def _is_stale(ctx: ZoneContext, zone: Zone, params: V3Params) -> bool:
    return _bars_since(ctx, zone.tf, zone.last_touch_ms) > params.frame(zone.tf).stale_bars


def _age_days(ctx: ZoneContext, zone: Zone) -> float:
    """Days since a zone was last touched, or since its birth when it never was."""
    return (ctx.as_of_ms - (zone.last_touch_ms or zone.born_at_ms)) / DAY_MS
