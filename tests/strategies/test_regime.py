"""The 4h state: the decision table, hysteresis against a plain loop, bias, matrix, prefixes and mirror."""

from __future__ import annotations

import itertools

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.indicators import indicators
from strategies.model import Bias, Candles, Indicators, RegimeState, StrategyId
from strategies.regime import (
    DEFAULTS,
    STATES,
    WEIGHTS,
    RegimeSeries,
    bias_at,
    htf_average,
    late_trend,
    regime_at,
    regime_series,
    weight_of,
)
from strategies.side import SIDES, opposite
from tests.support.analysis import candles, mirrored_candles, mirrored_indicators
from tests.support.analysis import indicators as written
from tests.support.series import folded, recorded, scaled, seeds, walk

N = 240
FREE = msgspec.structs.replace(DEFAULTS, least_bars=1)


def bars(n: int = N, close: float = 100.0) -> Candles:
    return candles([(close, close + 1, close - 1, close)] * n, tf="4h")


def ramp(per_bar: float, n: int = N) -> np.ndarray:
    """An average that drifts by so many ATR (of 1) a bar."""
    return 100.0 + per_bar * np.arange(n)


def measured(**values: object) -> Indicators:
    base: dict = {
        "atr": 1.0, "adx": 22.0, "plus_di": 20.0, "minus_di": 15.0, "bb_rank": 60.0, "atr_rank": 60.0,
        "ema20": ramp(0.0), "ema50": ramp(0.0),
    }  # fmt: skip
    return written(N, **(base | values))


def step(before: float, after: float, at: int = N - 1) -> np.ndarray:
    return np.where(np.arange(N) < at, before, after)


TABLE = [
    ("trend", {"adx": 31.0, "plus_di": 28.0, "minus_di": 12.0, "bb_rank": 70.0, "ema20": ramp(0.12),
               "ema50": ramp(0.06)},
     RegimeState.TREND, 1, 0.775),
    ("trend kept at 22", {"adx": step(31.0, 22.0), "ema20": ramp(0.07), "ema50": ramp(0.03)},
     RegimeState.TREND, 1, 0.55),
    ("squeeze of 15", {"adx": 18.0, "bb_rank": step(60.0, 12.0, N - 15)}, RegimeState.SQUEEZE, 0, 0.625),
    ("range", {"adx": 15.0, "bb_rank": 45.0}, RegimeState.RANGE, 0, 0.40),
    ("quiet range", {"adx": 15.0, "bb_rank": 45.0, "atr_rank": 39.0}, RegimeState.RANGE, 0, 0.60),
    ("chop after range", {"adx": 15.0, "bb_rank": 45.0, "ema20": np.where(np.arange(N) < N - 1, 100.0, 100.0 + 0.45),
                          "ema50": ramp(0.02)}, RegimeState.CHOP, 0, 0.40),
    ("undecided", {"adx": 23.0}, RegimeState.UNDECIDED, 0, 0.0),
    ("range kept at 22, fading", {"adx": step(15.0, 22.0, N - 2), "bb_rank": 45.0}, RegimeState.RANGE, 0, 0.10),
    ("squeeze inside the band", {"adx": step(15.0, 22.0, N - 20), "bb_rank": step(60.0, 12.0, N - 12)},
     RegimeState.SQUEEZE, 0, 0.5),
    ("a trend is not squeezed away", {"adx": step(31.0, 22.0, N - 20), "bb_rank": step(60.0, 12.0, N - 15)},
     RegimeState.TREND, 1, 0.55),
    ("an ordinary range is a range", {"adx": 15.0, "bb_rank": 80.0}, RegimeState.RANGE, 0, 0.40),
    ("downtrend", {"adx": 31.0, "plus_di": 12.0, "minus_di": 28.0}, RegimeState.TREND, -1, 0.775),
]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "state", "direction", "confidence"), [r[1:] for r in TABLE], ids=[r[0] for r in TABLE]
)
def test_states_of_the_table(values: dict, state: RegimeState, direction: int, confidence: float) -> None:
    found = regime_at(bars(), measured(**values), FREE)
    assert (found.state, found.direction, found.confidence) == (state, direction, pytest.approx(confidence))


def test_an_aligned_fan_adds_to_a_trend() -> None:
    values = {"adx": 28.0, "ema20": 110.0, "ema50": 105.0, "ema200": 100.0}
    assert regime_at(bars(), measured(**values)).confidence == pytest.approx(0.9)
    assert regime_at(bars(), measured(**values | {"plus_di": 1.0})).confidence == pytest.approx(0.7)
    assert regime_at(bars(), measured(**values | {"ema200": np.nan})).confidence == pytest.approx(0.7)


def test_confidence_never_exceeds_one() -> None:
    assert regime_at(bars(), measured(adx=55.0)).confidence == 1.0
    assert regime_at(bars(), measured(adx=18.0, bb_rank=5.0)).confidence == 1.0


@pytest.mark.parametrize("name", ["adx", "plus_di", "minus_di", "bb_rank", "atr_rank", "atr", "ema20", "ema50"])
def test_any_absent_input_leaves_the_state_undecided(name: str) -> None:
    found = regime_at(bars(), measured(**{"adx": 31.0, name: np.nan}))
    assert (found.state, found.confidence, found.reason) == (RegimeState.UNDECIDED, 0.0, "absent:4h")


def test_fewer_than_two_hundred_bars_are_undecided() -> None:
    series = regime_series(bars(), measured(adx=31.0))
    assert series.at(198).state is RegimeState.UNDECIDED
    assert series.at(199).state is RegimeState.TREND
    assert series.at(-1).state is RegimeState.UNDECIDED
    assert regime_at(bars(0), written(0)).state is RegimeState.UNDECIDED


def loop(series: RegimeSeries) -> list[tuple[RegimeState, float]]:
    """The decision list of the rules, one bar after the other, remembering only the bar before."""
    p, ind, out = DEFAULTS, series.ind, []
    before, sure = RegimeState.UNDECIDED, 0.0
    for i in range(len(series.code)):
        adx, run = float(ind.adx[i]), int(series.squeeze_bars[i])
        flat = abs(series.slope20[i]) < p.flat_slope and abs(series.slope50[i]) < p.flat_slope
        if not series.known[i]:
            before, sure = RegimeState.UNDECIDED, 0.0
        elif adx >= p.adx_trend or (before is RegimeState.TREND and adx >= p.adx_range):
            d = np.sign(ind.plus_di[i] - ind.minus_di[i])
            aligned = d * ind.ema20[i] > d * ind.ema50[i] > d * ind.ema200[i]
            before, sure = RegimeState.TREND, min(1.0, adx / 40 + 0.2 * bool(aligned))
        elif run >= p.squeeze_min_bars:
            before, sure = RegimeState.SQUEEZE, min(1.0, run / 24)
        elif adx < p.adx_range and flat:
            quiet = ind.bb_rank[i] < p.bb_rank_quiet or ind.atr_rank[i] < p.atr_rank_quiet
            before, sure = RegimeState.RANGE, min(1.0, 1 - adx / 25 + 0.2 * bool(quiet))
        elif adx < p.adx_range:
            before, sure = RegimeState.CHOP, 1 - adx / 25
        else:
            sure *= 0.5
        out.append((before, sure))
    return out


def random_indicators(seed: int, n: int = 400) -> Indicators:
    """Values that wander through all thresholds, with holes."""
    rng = np.random.default_rng(seed)

    def wander(centre: float, reach: float, low: float) -> np.ndarray:
        x = centre + reach * np.sin(np.cumsum(rng.normal(0, 0.25, n))) + rng.normal(0, reach / 8, n)
        return np.where(rng.random(n) < 0.004, np.nan, np.maximum(low, x))

    return written(
        n, atr=wander(1.0, 0.2, 0.1), adx=wander(22, 8, 0), plus_di=wander(20, 8, 0), minus_di=wander(20, 8, 0),
        bb_rank=wander(30, 35, 0), atr_rank=wander(45, 40, 0), ema20=wander(100, 0.6, 90), ema50=wander(100, 0.6, 90),
        ema200=wander(100, 0.6, 90),
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_the_whole_history_at_once_is_the_loop_over_bars(seed: int) -> None:
    series = regime_series(bars(400), random_indicators(seed))
    expected = loop(series)
    assert [STATES[code] for code in series.code] == [state for state, _ in expected]
    np.testing.assert_allclose(series.confidence, [sure for _, sure in expected], rtol=1e-12)


def test_the_loop_meets_every_state_and_every_carry() -> None:
    seen = set()
    for seed in range(20):
        series = regime_series(bars(400), random_indicators(seed))
        carried = (series.ind.adx >= 20) & (series.ind.adx < 25)
        seen |= {(int(code), bool(c)) for code, c in zip(series.code, carried, strict=True)}
    assert seen == set(itertools.product(range(5), (True, False)))


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(0, 400))
def test_a_prefix_knows_what_the_whole_knows(seed: int, cut: int) -> None:
    ind = random_indicators(seed)
    whole, part = regime_series(bars(400), ind), regime_series(bars(cut), ind.slice(0, cut))
    np.testing.assert_array_equal(part.code, whole.code[:cut])
    np.testing.assert_array_equal(part.direction, whole.direction[:cut])
    np.testing.assert_array_equal(part.confidence, whole.confidence[:cut])


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_the_mirror_has_the_same_state_the_other_way(seed: int) -> None:
    c, ind = bars(400), random_indicators(seed)
    whole = regime_series(c, ind)
    mirror = regime_series(mirrored_candles(c, 256.0), mirrored_indicators(ind, 256.0))
    np.testing.assert_array_equal(mirror.direction, -whole.direction)
    for i in (250, 399):
        assert mirror.at(i).bias.value == {"BULLISH": "BEARISH", "BEARISH": "BULLISH"}.get(
            whole.at(i).bias.value, "NEUTRAL"
        )


@given(seeds)
def test_the_unit_of_price_does_not_matter(seed: int) -> None:
    c = walk(seed, 300, tf="4h")
    tiny = scaled(c, 2.0**-25)
    np.testing.assert_array_equal(regime_series(tiny, indicators(tiny)).code, regime_series(c, indicators(c)).code)


def test_recorded_markets_are_not_left_undecided() -> None:
    found: dict[str, int] = {}
    for symbol in ("DOT", "LINK"):
        c = folded(recorded(f"klines/um/15m/{symbol}USDT.parquet"), "4h")
        series = regime_series(c, indicators(c))
        for code in series.code[DEFAULTS.least_bars :]:
            found[STATES[code]] = found.get(STATES[code], 0) + 1
    total = sum(found.values())
    assert found.get(RegimeState.UNDECIDED, 0) < 0.03 * total
    assert all(found[state] > 0.02 * total for state in STATES[1:])


@pytest.mark.parametrize(
    ("close", "ema50", "ema200", "bias", "reason"),
    [
        (105.0, 103.0, 100.0, Bias.BULLISH, ""),
        (95.0, 97.0, 100.0, Bias.BEARISH, ""),
        (105.0, 97.0, 100.0, Bias.NEUTRAL, ""),
        (103.0, 103.0, 100.0, Bias.NEUTRAL, ""),
        (105.0, 103.0, np.nan, Bias.NEUTRAL, "absent:ema200"),
    ],
)
def test_bias_is_an_enum_and_says_why_it_is_neutral(
    close: float, ema50: float, ema200: float, bias: Bias, reason: str
) -> None:
    found = bias_at(np.array([close]), written(1, ema50=ema50, ema200=ema200), 0)
    assert found == (bias, reason)
    assert isinstance(found[0], Bias)


@pytest.mark.parametrize(("n", "period"), [(199, None), (200, 50), (400, 100), (799, 100), (800, 200)])
def test_the_longest_warm_average_speaks_for_the_higher_frame(n: int, period: int | None) -> None:
    ind = indicators(walk(9, n, tf="4h"))
    assert htf_average(ind, n - 1)[0] == period


@pytest.mark.parametrize(("close", "late"), [(101.8, False), (101.81, True), (98.0, False)])
def test_late_trend_is_signed(close: float, late: bool) -> None:
    c, ind = bars(1, close), written(1, ema20=100.0, atr=1.0)
    assert late_trend(c, ind, 0, 1) is late
    assert late_trend(mirrored_candles(c, 200.0), ind, 0, -1) is late
    assert late_trend(c, written(1, ema20=100.0), 0, 1) is None


def test_the_matrix_is_complete_and_undecided_trades_nothing() -> None:
    assert {strategy for strategy, _ in WEIGHTS} == set(StrategyId) - {StrategyId.ACTION_PRICE}
    assert all(RegimeState.UNDECIDED not in row for row in WEIGHTS.values())
    assert weight_of(StrategyId.LIQUIDITY_SWEEP, "fade", RegimeState.RANGE) == 1.3
    assert weight_of(StrategyId.LIQUIDITY_SWEEP, "continuation", RegimeState.RANGE) is None
    assert weight_of(StrategyId.ATR_MOMENTUM, "breakout", RegimeState.SQUEEZE) is None
    assert weight_of(StrategyId.VALUE_AREA, "rejection", RegimeState.CHOP) == 1.0
    for side in SIDES:
        assert opposite(opposite(side)) == side
