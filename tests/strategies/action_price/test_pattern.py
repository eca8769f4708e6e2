"""Mirror, truncation and agreement of the two ways in which a cross is found."""

from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.action_price.evaluate import evaluate, screen
from strategies.action_price.params import ActionPriceParams
from strategies.action_price.pattern import crosses, depths, first_touch, shift, touches
from strategies.indicators import indicators
from strategies.model import Filters, MarketSnapshot, RegimeState, Signal
from tests.support.analysis import Zones, mirrored, mirrored_candles, mirrored_indicators, regime
from tests.support.analysis import indicators as by_hand
from tests.support.series import folded, seeds, walk

PARAMS = ActionPriceParams(scalp_score=-20.0, standard_score=2.0)
ABOUT = 256.0


def world(seed: int, n: int = 1100) -> MarketSnapshot:
    bars = {"15m": walk(seed, n)}
    bars |= {tf: folded(bars["15m"], tf) for tf in ("1h", "4h")}
    ind = {tf: indicators(c) for tf, c in bars.items()}
    return MarketSnapshot(
        "TESTUSDT", bars["15m"].last_close_ms, bars, ind, regime(RegimeState.TREND, 1), Zones(), Filters(1 / 64)
    )


def upto(snap: MarketSnapshot, t: int) -> MarketSnapshot:
    n = t + 1
    bars = snap.bars | {"15m": snap.bars["15m"].slice(0, n)}
    ind = snap.ind | {"15m": snap.ind["15m"].slice(0, n)}
    return msgspec.structs.replace(snap, bars=bars, ind=ind, t_ms=bars["15m"].last_close_ms)


@settings(max_examples=25, deadline=None)
@given(seed=seeds)
def test_mirrored_masks_are_those_of_the_other_side(seed: int) -> None:
    snap = world(seed)
    c, ind = snap.bars["15m"], snap.ind["15m"]
    seen, other = mirrored_candles(c, ABOUT), mirrored_indicators(ind, ABOUT)
    for side in (1, -1):
        assert np.array_equal(crosses(c, ind, side, PARAMS), crosses(seen, other, -side, PARAMS))
        assert np.array_equal(touches(c, ind, side, PARAMS), touches(seen, other, -side, PARAMS))
        assert np.allclose(depths(c, ind, side), depths(seen, other, -side), equal_nan=True)
    assert np.array_equal(screen(c, ind, PARAMS), screen(seen, other, PARAMS))


@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_mirrored_market_gets_the_mirrored_verdict(seed: int) -> None:
    snap = world(seed)
    for t in np.flatnonzero(screen(snap.bars["15m"], snap.ind["15m"], PARAMS))[:12]:
        now = upto(snap, int(t))
        ours, theirs = evaluate(now, PARAMS), evaluate(mirrored(now, ABOUT), PARAMS)
        assert [type(v) for v in ours] == [type(v) for v in theirs]
        for one, other in zip(ours, theirs, strict=True):
            assert one.side == -other.side
            assert (one.score, one.mode) == (other.score, other.mode)
            assert [c.points for c in one.components] == [c.points for c in other.components]


@settings(max_examples=15, deadline=None)
@given(seed=seeds, cut=st.integers(850, 1099))
def test_a_prefix_gives_a_prefix(seed: int, cut: int) -> None:
    snap = world(seed)
    c = snap.bars["15m"]
    whole = screen(c, snap.ind["15m"], PARAMS)
    assert np.array_equal(screen(c.slice(0, cut), indicators(c.slice(0, cut)), PARAMS), whole[:cut])
    assert evaluate(upto(snap, cut - 1), PARAMS) == evaluate(
        msgspec.structs.replace(upto(snap, cut - 1), ind=snap.ind | {"15m": indicators(c.slice(0, cut))}), PARAMS
    )


@settings(max_examples=8, deadline=None)
@given(seed=seeds)
def test_a_verdict_exists_exactly_where_a_cross_or_an_ended_wait_is(seed: int) -> None:
    snap = world(seed)
    c, ind = snap.bars["15m"], snap.ind["15m"]
    fresh = crosses(c, ind, 1, PARAMS) | crosses(c, ind, -1, PARAMS)
    mask = screen(c, ind, PARAMS)
    for t in range(800, len(c)):
        found = evaluate(upto(snap, t), PARAMS)
        if fresh[t]:
            assert found
        if found:
            assert mask[t]
            assert fresh[t] or found[0].variant == "pullback"
            if isinstance(found[0], Signal):
                assert found[0].side * (found[0].ref_close - found[0].stop) > 0


def test_ema200_is_not_used_before_eight_hundred_bars() -> None:
    for seed in range(30):
        snap = world(seed, 900)
        assert not screen(snap.bars["15m"], snap.ind["15m"], PARAMS)[:800].any()


def test_shift_knows_nothing_of_the_first_bars() -> None:
    mask = np.array([True, False, True])
    assert shift(mask, 0).tolist() == [True, False, True]
    assert shift(mask, 1).tolist() == [False, True, False]
    assert shift(mask, 5).tolist() == [False, False, False]


def test_absent_average_ends_no_wait() -> None:
    c = walk(1, 20)
    assert first_touch(c, by_hand(20, atr=1.0), 1, 5, PARAMS) is None
