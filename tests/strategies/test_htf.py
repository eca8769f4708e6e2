"""Sections 1.6 and 1.7: higher frames join by their close, and the longest warm average serves."""

from __future__ import annotations

import numpy as np
import pytest

from strategies.htf import beyond_ema50, beyond_longest, both_beyond_longest, last_closed, longest_average
from strategies.model import MarketSnapshot
from tests.support.analysis import START_MS, candles, indicators, snapshot

HOUR = 3_600_000
BAR = (100.0, 101.0, 99.0, 100.5)


def world(**hours: object) -> MarketSnapshot:
    bars = {tf: candles([BAR] * 12, tf=tf) for tf in ("1h", "4h")}
    values = {"ema50": 100.0, "ema100": 100.0, "ema200": 100.0} | hours
    return snapshot(bars, {tf: indicators(12, **values) for tf in bars}, tf="1h", t_ms=START_MS + 12 * HOUR)


@pytest.mark.parametrize(
    ("after_ms", "index"),
    [(0, -1), (HOUR - 1, -1), (HOUR, 0), (10 * HOUR + 15 * 60_000, 9), (11 * HOUR - 1, 9), (11 * HOUR, 10)],
)
def test_at_quarter_past_ten_the_last_hour_is_the_one_from_nine(after_ms: int, index: int) -> None:
    assert last_closed(world(), "1h", START_MS + after_ms) == index


def test_unknown_frame_has_no_bar() -> None:
    assert last_closed(world(), "1d", START_MS + 30 * 24 * HOUR) == -1


@pytest.mark.parametrize(("known", "period"), [((200, 100, 50), 200), ((100, 50), 100), ((50,), 50), ((), None)])
def test_longest_warm_average_serves(known: tuple[int, ...], period: int | None) -> None:
    ind = indicators(3, **{f"ema{p}": float(p) for p in known})
    found = longest_average(ind, 2)
    assert (found and found[0]) == period


def test_answers_are_mirrored_and_equality_is_on_neither_side() -> None:
    for level, long, short in ((100.0, True, False), (101.0, False, True), (100.5, False, False)):
        snap = world(ema50=level, ema200=level)
        for ask in (beyond_ema50, beyond_longest):
            assert ask(snap, "1h", 1, snap.t_ms) is long
            assert ask(snap, "1h", -1, snap.t_ms) is short


def test_one_absent_frame_makes_both_absent() -> None:
    snap = world()
    assert both_beyond_longest(snap, 1) is True
    cold = snapshot(snap.bars, snap.ind | {"4h": indicators(12)}, tf="1h", t_ms=snap.t_ms)
    assert both_beyond_longest(cold, 1) is None
    assert beyond_ema50(world(ema50=np.nan), "1h", 1, snap.t_ms) is None
