"""The simple provider."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.indicators import indicators
from strategies.zones.query import behind
from strategies.zones.v2 import build_v2
from tests.support.analysis import candles, mirrored_candles
from tests.support.series import seeds, walk
from tests.support.zones import SWAP

ABOUT = 512.0


def test_a_swing_low_is_a_support_of_half_an_atr() -> None:
    lows = [99.0] * 30
    lows[20:23] = [97.0, 95.0, 97.0]
    c = candles([(100.0, 101.0, low, 100.0) for low in lows])
    found = build_v2("A", c, np.full(30, 2.0))
    support = behind(found, 98.0, 1)
    assert [(zone.low, zone.high, zone.kind, zone.strength, zone.grade, zone.state) for zone in support] == [
        (94.5, 95.5, "S", 50.0, "normal", "normal")
    ]
    assert support[0].born_at_ms == int(c.open_time[23]) + c.tf_ms
    assert found.as_of_ms == c.last_close_ms


@pytest.mark.parametrize(
    ("n", "atr", "reason"), [(23, 2.0, "absent:bars<24"), (24, np.nan, "absent:atr"), (24, 2.0, "")]
)
def test_too_few_bars_or_no_atr_say_why_there_are_no_zones(n: int, atr: float, reason: str) -> None:
    found = build_v2("A", walk(3, n), np.full(n, atr))
    assert found.reason == reason
    assert bool(found.zones) is (reason == "")


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(110, 200))
def test_only_the_last_bars_count_and_the_mirror_swaps_kinds(seed: int, n: int) -> None:
    c = walk(seed, 200).slice(0, n)
    atr = indicators(c).atr
    found = build_v2("A", c, atr)
    again = build_v2("A", c.slice(n - 24, n), atr[n - 24 :])
    assert found.zones == again.zones
    mirror = build_v2("A", mirrored_candles(c, ABOUT), atr)
    for ours, theirs in zip(found.zones, reversed(mirror.zones), strict=True):
        assert (ours.low, ours.high) == pytest.approx((ABOUT - theirs.high, ABOUT - theirs.low), rel=1e-12)
        assert ours.kind == SWAP[theirs.kind] or ours.mid in {z.mid for z in found.zones if z is not ours}
    assert all(zone.born_at_ms <= c.last_close_ms for zone in found.zones)
    assert [zone.mid for zone in found.zones] == sorted(zone.mid for zone in found.zones)
