"""The bundle: worked examples, warm-up, absence, mirror, scale, prefixes, and an independent library on real data."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.indicators import (
    bands,
    indicators,
    panel_indicators,
    relative_strength,
    slope,
    swings,
    true_average,
    true_range,
    volume_ratio,
)
from strategies.model import Candles, Indicators
from tests.support.analysis import mirrored_candles, mirrored_indicators
from tests.support.series import folded, recorded, scaled, seeds, walk

FIELDS = Indicators.__struct_fields__
WARM_FROM = {
    "atr": 100, "ema5": 20, "ema9": 36, "ema13": 52, "ema20": 80, "ema21": 84, "ema50": 200, "ema100": 400,
    "ema200": 800, "adx": 150, "plus_di": 150, "minus_di": 150, "rsi": 100, "bb_upper": 20, "bb_lower": 20,
    "bb_width": 20, "bb_rank": 80, "atr_rank": 159, "vr": 21,
}  # fmt: skip


def array(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def test_true_range_and_wilder_average_of_the_table() -> None:
    h, low, c = array(10, 11, 12, 11.5, 13), array(9, 10, 10.5, 10.8, 11), array(9.5, 10.8, 11, 11.2, 12.9)
    np.testing.assert_allclose(true_range(h, low, c), [1.0, 1.5, 1.5, 0.7, 2.0])
    np.testing.assert_allclose(talib.ATR(h, low, c, 3), [np.nan] * 3 + [1.2333, 1.4889], atol=5e-5)


def test_true_range_counts_a_gap() -> None:
    np.testing.assert_array_equal(true_range(array(10, 21), array(9, 20), array(9.5, 20.5)), [1.0, 11.5])


def test_ema_is_seeded_by_the_simple_average() -> None:
    np.testing.assert_allclose(talib.EMA(array(10, 11, 12, 13, 14), 3), [np.nan, np.nan, 11, 12, 13])


def test_slope_is_in_atr_per_bar() -> None:
    average = np.linspace(100.0, 101.0, 6)
    assert slope(average, np.full(6, 2.5))[-1] == pytest.approx(0.080)


def test_bands_of_the_example() -> None:
    upper, middle, lower = talib.BBANDS(array(10, 10, 10, 10, 11), 5, 2.0, 2.0)
    assert (middle[-1], upper[-1], lower[-1]) == pytest.approx((10.2, 11.0, 9.4))
    assert (upper - lower)[-1] / middle[-1] == pytest.approx(0.1569, abs=5e-5)


@pytest.mark.parametrize("price", [1e-7, 1.0, 64_250.1])
def test_a_constant_price_has_bands_without_width(price: float) -> None:
    upper, lower, width = bands(np.full(500, price))
    assert (width[19:] == 0).all()
    assert (upper[19:] == price).all()
    assert (lower[19:] == price).all()


def test_bands_keep_their_digits_on_a_quiet_dear_market() -> None:
    rng = np.random.default_rng(3)
    quiet = 64_000 + np.cumsum(rng.normal(0, 1e-3, 3000))
    _, _, width = bands(quiet)
    windows = np.lib.stride_tricks.sliding_window_view(quiet, 20)
    np.testing.assert_allclose(width[19:], 4 * windows.std(axis=1) / windows.mean(axis=1), rtol=1e-5)


@pytest.mark.parametrize("name", FIELDS)
def test_each_value_exists_from_its_bar_on(name: str) -> None:
    c = walk(11, 900)
    values = getattr(indicators(c), name)
    first = WARM_FROM[name] - 1
    assert np.isnan(values[:first]).all()
    assert np.isfinite(values[first])


def test_ema200_is_absent_with_799_bars() -> None:
    assert np.isnan(indicators(walk(5, 799)).ema200).all()


@given(seeds, st.integers(0, 30))
def test_short_histories_are_absent_not_wrong(seed: int, n: int) -> None:
    c = walk(seed, 30).slice(0, n)
    ind = indicators(c)
    for name in FIELDS:
        assert len(getattr(ind, name)) == n
    assert np.isnan(ind.atr).all()


@pytest.mark.parametrize("tick", [0.0, 0.01])
def test_an_atr_of_nothing_is_absent(tick: float) -> None:
    flat = np.full(300, 5.0)
    assert np.isnan(true_average(flat, flat, flat, tick)).all()


def test_an_atr_below_the_tick_is_absent() -> None:
    c = walk(2, 300)
    atr = true_average(c.high, c.low, c.close)
    tick = float(np.nanmedian(atr))
    with_tick = true_average(c.high, c.low, c.close, tick)
    np.testing.assert_array_equal(np.isfinite(with_tick), atr >= tick)


def test_a_flat_market_has_no_trend_rather_than_no_number() -> None:
    flat = Candles(
        "15m", np.arange(300) * 900_000, *(np.full(300, 5.0) for _ in range(4)), np.zeros(300), np.zeros(300)
    )
    ind = indicators(flat)
    assert ind.adx[-1] == 0
    assert ind.rsi[-1] == 50
    assert np.isnan(ind.vr[-1])


@pytest.mark.parametrize(
    ("close", "expected"),
    [(np.arange(1.0, 301), 100), (np.arange(301.0, 1, -1), 0), (np.full(300, 2.5), 50)],
    ids=["only gains", "only losses", "neither"],
)
def test_rsi_at_its_ends(close: np.ndarray, expected: float) -> None:
    assert relative_strength(close)[-1] == expected


def test_rsi_reads_fifty_until_the_first_move() -> None:
    close = np.concatenate((np.full(150, 2.0), np.full(150, 2.5)))
    rsi = relative_strength(close)
    assert (rsi[99:150] == 50).all()
    assert (rsi[150:] == 100).all()


def test_volume_ratio_leaves_its_own_bar_out() -> None:
    volume = np.array([10.0] * 20 + [30.0])
    assert volume_ratio(volume)[-1] == 3.0
    assert np.isnan(volume_ratio(np.zeros(30))[-1])


SWING_TABLE = [
    ([1, 2, 5, 3, 2], [2]),
    ([1, 5, 5, 3, 2, 2], []),
    ([0, 1, 5, 5, 3, 2], [2]),
    ([1, 2, 3, 4, 5], []),
]


@pytest.mark.parametrize(("highs", "pivots"), SWING_TABLE)
def test_swing_highs_of_the_table(highs: list[float], pivots: list[int]) -> None:
    up, _ = swings(array(*highs), array(*highs) - 1, 2)
    assert list(up) == pivots


@pytest.mark.parametrize(("highs", "pivots"), SWING_TABLE)
def test_swing_lows_are_swing_highs_in_the_mirror(highs: list[float], pivots: list[int]) -> None:
    _, down = swings(10 - array(*highs) + 1, 10 - array(*highs), 2)
    assert list(down) == pivots


def test_equal_highs_make_exactly_one_swing() -> None:
    up, _ = swings(array(1, 2, 5, 5, 5, 2, 1), array(0, 0, 0, 0, 0, 0, 0), 2)
    assert list(up) == [2]


@given(seeds, st.integers(1, 6))
def test_a_swing_is_known_k_bars_later_and_not_before(seed: int, k: int) -> None:
    c = walk(seed, 80)
    up, down = swings(c.high, c.low, k)
    for cut in range(len(c)):
        seen_up, seen_down = swings(c.high[:cut], c.low[:cut], k)
        assert list(seen_up) == [i for i in up if i + k < cut]
        assert list(seen_down) == [i for i in down if i + k < cut]


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 950))
def test_a_prefix_knows_what_the_whole_knows(seed: int, cut: int) -> None:
    c = walk(seed, 950)
    whole, part = indicators(c), indicators(c.slice(0, cut))
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[:cut], name)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_the_mirror_image_measures_the_same(seed: int) -> None:
    c = walk(seed, 900)
    expected = mirrored_indicators(indicators(c), 512.0)
    found = indicators(mirrored_candles(c, 512.0))
    for name in FIELDS:
        if name in {"bb_width", "bb_rank", "atr_rank"}:
            continue  # shares of the price, which is another one in the mirror
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-9, atol=1e-9, err_msg=name)


@settings(max_examples=20, deadline=None)
@given(seeds, st.sampled_from([2.0**-20, 2.0**-7, 2.0**9]), st.sampled_from([2.0**-3, 2.0**12]))
def test_the_unit_of_price_and_volume_does_not_matter(seed: int, price: float, volume: float) -> None:
    c = walk(seed, 900)
    base, other = indicators(c), indicators(scaled(c, price, volume))
    in_price = {"atr", "bb_upper", "bb_lower", *(name for name in FIELDS if name.startswith("ema"))}
    for name in FIELDS:
        factor = price if name in in_price else 1.0
        np.testing.assert_allclose(getattr(other, name), getattr(base, name) * factor, rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("recent", [0, 1, 64, 5000])
def test_recent_only_leaves_older_window_statistics_out(recent: int) -> None:
    c = walk(4, 400)
    whole, short = indicators(c), indicators(c, recent=recent)
    start = max(0, len(c) - recent)
    for name in FIELDS:
        full, cut = getattr(whole, name), getattr(short, name)
        if name in {"bb_rank", "atr_rank", "vr"}:
            assert np.isnan(cut[:start]).all()
            np.testing.assert_array_equal(cut[start:], full[start:])
        else:
            np.testing.assert_array_equal(cut, full)


def test_a_panel_is_its_series_one_by_one() -> None:
    panel = [walk(seed, 300 + seed) for seed in range(4)]
    ticks = [0.0, 0.01, 0.5, 3.0]
    for c, tick, found in zip(panel, ticks, panel_indicators(panel, ticks=ticks, recent=30), strict=True):
        expected = indicators(c, tick=tick, recent=30)
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    with pytest.raises(ValueError, match="zip"):
        panel_indicators(panel, ticks=[0.1])


def test_nothing_is_written_into_the_candles() -> None:
    c = walk(8, 300)
    before = msgspec.structs.replace(c, **{n: getattr(c, n).copy() for n in ("open", "high", "low", "close", "volume")})
    for values in (c.open, c.high, c.low, c.close, c.volume, c.taker_buy):
        values.flags.writeable = False
    indicators(c)
    np.testing.assert_array_equal(c.close, before.close)
    np.testing.assert_array_equal(c.high, before.high)


@pytest.mark.parametrize("tf", ["15m", "1h", "4h"])
@pytest.mark.parametrize("symbol", ["BTC", "SOL", "POL"])
def test_an_independent_library_measures_the_same_on_recorded_candles(symbol: str, tf: str) -> None:
    pandas = pytest.importorskip("pandas")
    ta = pytest.importorskip("pandas_ta_classic")
    c = recorded(f"demo/klines/15m/{symbol}USDT.parquet")
    c = c if tf == "15m" else folded(c, tf)
    ind = indicators(c)
    high, low, close = (pandas.Series(x) for x in (c.high, c.low, c.close))
    native = {"talib": False}
    deviation = close.rolling(20).std(ddof=0)
    directional = ta.adx(high, low, close, 14, **native)
    expected = {f"ema{n}": ta.ema(close, n, sma=True, **native) for n in (5, 9, 13, 20, 21, 50, 100, 200)}
    expected |= {
        "rsi": ta.rsi(close, 14, **native), "atr": ta.atr(high, low, close, 14, **native),
        "bb_upper": ta.sma(close, 20, **native) + 2 * deviation,
        "bb_lower": ta.sma(close, 20, **native) - 2 * deviation,
        "vr": pandas.Series(c.volume) / pandas.Series(c.volume).shift(1).rolling(20).median(),
        "adx": directional["ADX_14"], "plus_di": directional["DMP_14"], "minus_di": directional["DMN_14"],
    }  # fmt: skip
    for name, theirs in expected.items():
        ours = getattr(ind, name)
        known = np.isfinite(ours)
        np.testing.assert_allclose(ours[known], theirs.to_numpy()[known], rtol=1e-9, atol=1e-12, err_msg=name)
    assert known.any()


def test_adx_is_wilders_as_written_once_the_seed_has_faded() -> None:
    c, n = walk(21, 1200), 14
    up, down = np.diff(c.high), -np.diff(c.low)
    moves = np.array([np.where((up > down) & (up > 0), up, 0.0), np.where((down > up) & (down > 0), down, 0.0)])
    ranges = true_range(c.high, c.low, c.close)[1:]
    sums, adx, ratios = np.array([*moves[:, :n].sum(axis=1), ranges[:n].sum()]), 0.0, []
    for i in range(n, len(ranges)):
        sums = sums - sums / n + np.array([*moves[:, i], ranges[i]])
        plus, minus = 100 * sums[:2] / sums[2]
        ratios.append(100 * abs(plus - minus) / (plus + minus))
        adx = float(np.mean(ratios)) if len(ratios) <= n else (adx * (n - 1) + ratios[-1]) / n
    ind = indicators(c)
    assert (ind.adx[-1], ind.plus_di[-1], ind.minus_di[-1]) == pytest.approx((adx, plus, minus), rel=1e-9)
