"""VWAP by day, session and anchor."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.model import Candles
from strategies.side import SIDES
from strategies.vwap import DAY_MS, SESSIONS, Vwap, anchored_vwap, confluent, daily_vwap, session_of, session_vwap
from tests.support.analysis import candles, mirrored_candles
from tests.support.series import recorded, scaled, seeds, walk

ABOUT = 512.0


def at_prices(prices: list[float], volume: list[float]) -> Candles:
    return candles([(p, p, p, p) for p in prices], volume=volume)


def naive(c: Candles, start: int, i: int) -> tuple[float, float]:
    typical = ((c.high + c.low + c.close) / 3)[start : i + 1]
    volume = c.volume[start : i + 1]
    if volume.sum() == 0:
        return np.nan, np.nan
    mean = float((typical * volume).sum() / volume.sum())
    return mean, float(np.sqrt((volume * (typical - mean) ** 2).sum() / volume.sum()))


def test_the_example() -> None:
    found = anchored_vwap(at_prices([100, 102, 99], [10, 20, 10]), 0)
    np.testing.assert_allclose(found.value, [100.0, 101.3333, 100.75], atol=5e-5)
    assert found.deviation[-1] == pytest.approx(1.2990, abs=5e-5)
    assert found.band(2)[-1] == pytest.approx(100.75 + 2 * 1.2990, abs=1e-4)


def test_no_volume_is_absent_and_not_the_price() -> None:
    found = anchored_vwap(at_prices([100, 101, 102], [0, 0, 5]), 0)
    np.testing.assert_array_equal(found.value, [np.nan, np.nan, 102.0])
    assert np.isnan(found.deviation[:2]).all()


@settings(deadline=None)
@given(seeds, st.integers(0, 95))
def test_a_day_begins_at_midnight_and_knows_nothing_of_yesterday(seed: int, offset: int) -> None:
    c = walk(seed, 300, start_ms=1_767_225_600_000 + offset * 900_000)
    found = daily_vwap(c)
    for i in range(0, len(c), 7):
        start = int(np.searchsorted(c.open_time, c.open_time[i] // DAY_MS * DAY_MS))
        value, deviation = naive(c, start, i)
        np.testing.assert_allclose(found.value[i], value, rtol=1e-12)
        np.testing.assert_allclose(found.deviation[i], deviation, rtol=1e-7, atol=1e-6)


@given(seeds)
def test_yesterday_does_not_move_the_value_of_today(seed: int) -> None:
    c = walk(seed, 150)
    today = int(np.searchsorted(c.open_time, c.open_time[-1] // DAY_MS * DAY_MS))
    np.testing.assert_allclose(daily_vwap(c.slice(today, 150)).value, daily_vwap(c).value[today:], rtol=1e-12)


@pytest.mark.parametrize(
    ("clock", "session"),
    [((0, 0), "ASIA"), ((7, 45), "ASIA"), ((8, 0), "EUROPE"), ((13, 15), "EUROPE"), ((13, 30), "US"), ((19, 45), "US"),
     ((20, 0), "LATE"), ((23, 45), "LATE")],
)  # fmt: skip
def test_sessions_of_the_day(clock: tuple[int, int], session: str) -> None:
    open_ms = np.array([1_767_225_600_000 + clock[0] * 3_600_000 + clock[1] * 60_000])
    assert SESSIONS[int(session_of(open_ms)[0]) % 4] == session


def test_each_session_starts_anew() -> None:
    c = walk(3, 200)
    found = session_vwap(c)
    changes = np.flatnonzero(np.diff(session_of(c.open_time))) + 1
    assert len(changes) >= 8
    for i in changes:
        if c.volume[i] > 0:
            assert found.value[i] == pytest.approx((c.high[i] + c.low[i] + c.close[i]) / 3)


@pytest.mark.parametrize("average", [daily_vwap, session_vwap])
def test_bars_too_long_for_the_stretch_are_refused(average: object) -> None:
    with pytest.raises(ValueError, match="too long"):
        average(walk(1, 10, tf="4h"))
    assert len(daily_vwap(walk(1, 10, tf="1h")).value) == 10
    with pytest.raises(ValueError, match="too long"):
        session_vwap(walk(1, 10, tf="1h"))


def test_an_anchor_outside_of_the_bars_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        anchored_vwap(walk(1, 10), 10)


def averages(c: Candles) -> dict[str, Vwap]:
    found = {"daily": daily_vwap(c), "session": session_vwap(c)}
    return found | ({"anchored": anchored_vwap(c, 5)} if len(c) > 5 else {})


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(0, 200))
def test_prefixes_mirrors_and_units(seed: int, cut: int) -> None:
    c = walk(seed, 200)
    whole, part = averages(c), averages(c.slice(0, cut))
    mirror, tiny = averages(mirrored_candles(c, ABOUT)), averages(scaled(c, 2.0**-20, 8.0))
    for name, found in part.items():
        np.testing.assert_array_equal(found.value, whole[name].value[:cut])
        np.testing.assert_array_equal(found.deviation, whole[name].deviation[:cut])
    for name, found in whole.items():
        np.testing.assert_allclose(mirror[name].value, ABOUT - found.value, rtol=1e-12)
        np.testing.assert_allclose(mirror[name].deviation, found.deviation, rtol=1e-7, atol=1e-6)
        np.testing.assert_allclose(tiny[name].value, found.value * 2.0**-20, rtol=1e-12)


def test_deviations_keep_their_digits_over_a_long_history() -> None:
    c = recorded("demo/klines/15m/BTCUSDT.parquet")
    found = daily_vwap(c)
    for i in (1000, 2500, 4127):
        start = int(np.searchsorted(c.open_time, c.open_time[i] // DAY_MS * DAY_MS))
        value, deviation = naive(c, start, i)
        assert found.value[i] == pytest.approx(value, rel=1e-12)
        assert found.deviation[i] == pytest.approx(deviation, rel=1e-8)


@pytest.mark.parametrize(
    ("close", "rests"),
    [(100.5, True), (101.0, True), (101.01, False), (99.99, True), (99.98, False)],
)
def test_confluence_is_near_and_behind(close: float, rests: bool) -> None:
    for side in SIDES:
        price = 100.0 + side * (close - 100.0)
        assert confluent(price, 100.0, 1.0, side, 0.0100001) is rests
    assert confluent(close, None, 1.0, 1, 0.01) is None
    assert confluent(close, 100.0, None, 1, 0.01) is None
