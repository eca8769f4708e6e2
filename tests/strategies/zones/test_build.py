"""The whole pipeline on walks and recorded markets."""

from __future__ import annotations

from functools import cache
from unittest.mock import patch

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.indicators import indicators
from strategies.model import Candles, Zone
from strategies.zones import quality
from strategies.zones.build import ZoneContext, build, survey
from strategies.zones.params import DEFAULTS, SENIOR_FIRST, ProminenceParams, V3Params
from strategies.zones.prominence import is_prominent
from tests.support.analysis import mirrored_candles
from tests.support.series import TICK, folded, recorded, seeds, walk
from tests.support.zones import SWAP

ABOUT = 512.0
DAY_MS = 86_400_000


def context(c: Candles, *, as_of_ms: int | None = None, tick: float = TICK, **levels: float) -> ZoneContext:
    frames = {"15m": c} | {tf: folded(c, tf) for tf in ("1h", "4h", "1d")}
    ind = {tf: indicators(bars) for tf, bars in frames.items()}
    return ZoneContext("A", as_of_ms or c.last_close_ms, frames, ind, tick, **levels)


@cache
def market() -> Candles:
    return recorded("klines/um/15m/LINKUSDT.parquet").slice(0, 20_000)


def essence(zone: Zone) -> tuple:
    return zone.tf, zone.kind, zone.touches, zone.valid_touches, zone.state, zone.lifecycle, zone.last_touch_ms


def test_a_recorded_market_has_zones_that_hold_their_promises() -> None:
    ctx = context(market(), tick=0.001)
    found = build(ctx)
    assert found.origin == "v3"
    assert found.symbol == "A"
    assert [zone.mid for zone in found.zones] == sorted(zone.mid for zone in found.zones)
    assert {zone.tf for zone in found.zones} == set(SENIOR_FIRST)
    assert {zone.kind for zone in found.zones} == {"S", "R"}
    assert {zone.lifecycle for zone in found.zones} >= {"active", "candidate"}
    for zone in found.zones:
        frame = DEFAULTS.frame(zone.tf)
        atr = float(ctx.ind[zone.tf].atr[-1])
        assert zone.low < zone.mid < zone.high
        assert zone.width_atr == pytest.approx((zone.high - zone.low) / atr)
        assert zone.width_atr <= max(frame.width_max_atr, 0.001 * zone.mid / atr) + 1e-9
        assert 0 <= zone.strength <= 100
        assert zone.valid_touches <= zone.touches
        assert (zone.flipped_at_ms is None) or zone.born_at_ms <= zone.flipped_at_ms <= ctx.as_of_ms
        assert zone.state != "flipped" or zone.flipped_at_ms is not None
        assert ctx.as_of_ms - (zone.last_touch_ms or zone.born_at_ms) <= frame.expiry_days * DAY_MS
    for tf in SENIOR_FIRST:
        assert sum(zone.tf == tf for zone in found.zones) <= DEFAULTS.frame(tf).cap


@settings(max_examples=6, deadline=None)
@given(st.integers(6_000, 19_000))
def test_later_bars_change_nothing_as_of_an_earlier_close(n: int) -> None:
    bars = market()
    part = bars.slice(0, n)
    early = build(context(part, tick=0.001))
    late = build(context(bars.slice(0, n + 900), as_of_ms=part.last_close_ms, tick=0.001))
    assert late.zones == early.zones


@settings(max_examples=8, deadline=None)
@given(seeds)
def test_the_mirror_has_the_same_zones_of_the_other_kind(seed: int) -> None:
    # round numbers and the least width are about the price itself, which differs in the mirror
    params = msgspec.structs.replace(DEFAULTS, width_min_share=0.0)
    c = walk(seed, 3000)
    with patch.object(quality, "has_round_number", return_value=False):
        here, there = build(context(c), params), build(context(mirrored_candles(c, ABOUT)), params)
    ordered = sorted(here.zones, key=lambda zone: (round(zone.mid, 6), zone.tf, zone.kind, zone.strength))
    opposite = sorted(
        there.zones, key=lambda zone: (round(ABOUT - zone.mid, 6), zone.tf, SWAP[zone.kind], zone.strength)
    )
    for ours, theirs in zip(ordered, opposite, strict=True):
        assert (ours.kind, ours.tf) == (SWAP[theirs.kind], theirs.tf)
        assert (ours.low, ours.high) == pytest.approx((ABOUT - theirs.high, ABOUT - theirs.low), rel=1e-9)
        assert essence(ours)[2:] == essence(theirs)[2:]
        assert ours.strength == pytest.approx(theirs.strength, rel=1e-6)
    surveys = [
        {(f.cluster.kind, f.cluster.first): f for f in survey(bars, ind.atr, None, TICK, params).finds}
        for bars, ind in ((x, indicators(x)) for x in (c, mirrored_candles(c, ABOUT)))
    ]
    assert surveys[0].keys() == {(SWAP[kind], first) for kind, first in surveys[1]}
    for (kind, first), find in surveys[0].items():
        other = surveys[1][SWAP[kind], first]
        assert other.flips == find.flips
        np.testing.assert_array_equal(other.visits.start, find.visits.start)
        np.testing.assert_array_equal(other.visits.valid, find.visits.valid)


def test_kept_surveys_give_the_same_zones() -> None:
    ctx = context(market(), tick=0.001)
    kept = {tf: survey(ctx.bars[tf], ctx.ind[tf].atr, float(ctx.ind[tf].ema200[-1]), 0.001) for tf in ("1h", "4h")}
    assert build(ctx, surveys=kept).zones == build(ctx).zones


def test_names_and_standing_survive_the_next_bars() -> None:
    bars = market()
    before = build(context(bars.slice(0, 19_900), tick=0.001))
    after = build(context(bars.slice(0, 19_904), tick=0.001), previous=before)
    known = {zone.id for zone in before.zones}
    assert sum(zone.id in known for zone in after.zones) >= 0.8 * len(after.zones)
    active = {zone.id for zone in before.zones if zone.lifecycle != "candidate"}
    for zone in after.zones:
        if zone.id in active and zone.strength >= 50 and zone.purity >= 0.6:
            assert zone.lifecycle != "candidate"


def test_levels_inside_a_zone_make_it_stronger() -> None:
    ctx = context(market(), tick=0.001)
    zone = max((z for z in build(ctx).zones if z.tf == "15m" and "value" not in z.confluence), key=lambda z: z.touches)
    raised = build(msgspec.structs.replace(ctx, poc=zone.mid))
    (same,) = [z for z in raised.zones if z.id == zone.id]
    assert "value" in same.confluence
    assert same.strength >= zone.strength


@pytest.mark.parametrize("n", [0, 49, 99])
def test_without_bars_or_atr_there_is_nothing_and_it_says_why(n: int) -> None:
    found = build(context(walk(1, 200).slice(0, n)))
    assert found.zones == ()
    assert found.reason.startswith("absent:bars<50")


def test_a_missing_timeframe_is_left_out() -> None:
    ctx = context(walk(3, 3000))
    only = msgspec.structs.replace(ctx, bars={"15m": ctx.bars["15m"]}, ind={"15m": ctx.ind["15m"]})
    found = build(only)
    assert {zone.tf for zone in found.zones} == {"15m"}
    assert all("htf" not in zone.confluence for zone in found.zones)


def test_the_unit_of_price_does_not_matter() -> None:
    c = walk(12, 3000)
    factor = 2.0**-10
    tiny = Candles(c.tf, c.open_time, *(x * factor for x in (c.open, c.high, c.low, c.close)), c.volume, c.taker_buy)
    here, there = build(context(c)), build(context(tiny, tick=TICK * factor))
    ours = {essence(z) for z in here.zones}
    assert len(ours & {essence(z) for z in there.zones}) >= 0.9 * len(ours)  # round numbers are not scale free


def test_prominence_is_off_by_default_and_drops_flat_ground_when_on() -> None:
    rng = np.random.default_rng(2)
    prices = np.concatenate((rng.normal(100.0, 0.1, 12), rng.uniform(95, 105, 20)))
    on = ProminenceParams(enabled=True)
    assert is_prominent(prices, 99.8, 100.2, "15m", 1.0, 0.01, on)
    assert not is_prominent(np.linspace(95, 105, 60), 99.8, 100.2, "15m", 1.0, 0.01, on)
    assert is_prominent(np.linspace(95, 105, 60), 99.8, 100.2, "15m", 1.0, 0.01, ProminenceParams())
    assert is_prominent(prices[:5], 99.8, 100.2, "15m", 1.0, 0.01, on)
    strict = V3Params(prominence=on)
    ctx = context(walk(4, 3000))
    assert 0 < len(build(ctx, strict).zones) <= len(build(ctx).zones) + 15
