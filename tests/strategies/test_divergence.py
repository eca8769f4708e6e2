"""Price and delta disagreeing about the last two swings."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.divergence import ABSENT, DivergenceParams, divergence
from strategies.model import Candles, Sign
from strategies.side import SIDES, opposite
from tests.support.analysis import candles, mirrored_candles
from tests.support.series import scaled, seeds, walk


def example(**changes: list[float]) -> Candles:
    """Lows 98.0 at bar 6 and 97.2 at bar 14; delta between them +180 on a volume of 2,400."""
    lows = np.full(20, 99.0)
    lows[[3, 4, 5, 6, 7, 8]] = [98.8, 98.6, 98.3, 98.0, 98.4, 98.7]
    lows[[11, 12, 13, 14, 15, 16, 17]] = [98.5, 98.1, 97.6, 97.2, 97.7, 98.2, 98.6]
    for i, value in changes.get("lows", []):
        lows[i] = value
    volume = np.full(20, 300.0)
    signed = np.full(20, -60.0)
    signed[7:15] = 180 / 8
    bars = [(100.0, 101.0, low, 100.0) for low in lows]
    return candles(bars, volume=list(volume), taker_buy=list((volume + signed) / 2))


def test_the_example_is_a_bullish_divergence() -> None:
    found = divergence(example(), 1)
    assert found.found is True
    assert found.strength == pytest.approx(0.075)
    assert (found.first, found.second) == (6, 14)
    assert divergence(example(), -1).found is False


def test_the_mirror_is_a_bearish_one() -> None:
    assert divergence(mirrored_candles(example(), 512.0), -1).found is True


def replaced(c: Candles, index: int, **values: float) -> Candles:
    changed = {name: getattr(c, name).copy() for name in values}
    for name, value in values.items():
        changed[name][index] = value
    return msgspec.structs.replace(c, **changed)


def test_a_higher_second_low_is_none() -> None:
    c = example(lows=[(14, 98.05), (13, 98.06), (12, 98.3), (15, 98.1)])
    assert divergence(c, 1).found is False


def test_a_quiet_second_low_is_none() -> None:
    c = replaced(example(), 14, volume=299.0)
    c = replaced(c, 14, taker_buy=float(c.taker_buy[14]) - 0.5)
    assert divergence(c, 1).found is False


def test_a_weak_difference_is_none() -> None:
    taker = example().taker_buy.copy()
    taker[7:15] = (300 + 0.04 * 300) / 2
    found = divergence(msgspec.structs.replace(example(), taker_buy=taker), 1)
    assert (found.found, found.strength) == (False, pytest.approx(0.04))


@pytest.mark.parametrize(("recent", "found"), [(5, True), (4, False)])
def test_the_second_low_must_be_recent(recent: int, found: bool) -> None:
    assert divergence(example(), 1, DivergenceParams(recent_bars=recent)).found is found


def test_a_first_low_that_the_window_cannot_confirm_does_not_count() -> None:
    c = example()
    flat = candles([(100.0, 101.0, 99.0, 100.0)] * 5, volume=300.0, taker_buy=120.0, start_ms=c.last_close_ms)
    longer = Candles(
        c.tf, *(np.concatenate((getattr(c, f), getattr(flat, f))) for f in Candles.__struct_fields__ if f != "tf")
    )
    assert divergence(longer.slice(0, 23), 1).found is True
    assert divergence(longer, 1).found is False


def test_missing_taker_volume_or_bars_is_absent() -> None:
    assert divergence(replaced(example(), 0, taker_buy=np.nan), 1) == ABSENT
    assert divergence(example().slice(0, 19), 1) == ABSENT


@settings(max_examples=60, deadline=None)
@given(seeds, st.sampled_from(SIDES), st.integers(0, 40))
def test_only_the_window_is_read_and_the_mirror_agrees(seed: int, side: Sign, cut: int) -> None:
    c = walk(seed, 60)
    found = divergence(c, side)
    assert divergence(c.slice(cut, 60), side).found == found.found
    mirror = divergence(mirrored_candles(c, 512.0), opposite(side))
    assert (mirror.found, mirror.strength) == (found.found, found.strength)
    assert divergence(scaled(c, 2.0**-12, 8.0), side).found == found.found
