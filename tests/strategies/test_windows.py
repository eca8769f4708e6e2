"""Sliding statistics against their naive definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.windows import rank, trailing_median, trailing_sum
from tests.support.series import seeds


def values(seed: int, n: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.where(rng.random(n) < 0.05, np.nan, np.rint(rng.standard_normal(n) * 4))


@given(seeds, st.integers(0, 120), st.integers(1, 30), st.integers(-1, 130))
def test_median_is_that_of_the_last_values(seed: int, n: int, bars: int, first: int) -> None:
    x = values(seed, n)
    expected = [
        np.median(x[i - bars + 1 : i + 1]) if i >= max(first, bars - 1) else np.nan for i in range(n)
    ]  # np.median answers NaN for a NaN among them, as the rule asks
    np.testing.assert_array_equal(trailing_median(x, bars, first), expected)


@given(seeds, st.integers(0, 120), st.integers(1, 40), st.integers(1, 20), st.integers(0, 130))
def test_rank_counts_the_finite_values_below(seed: int, n: int, bars: int, least: int, first: int) -> None:
    x = values(seed, n)
    expected = np.full(n, np.nan)
    for i in range(first, n):
        window = x[max(0, i - bars + 1) : i + 1]
        window = window[np.isfinite(window)]
        if np.isfinite(x[i]) and len(window) >= least:
            expected[i] = 100 * np.sum(window < x[i]) / len(window)
    np.testing.assert_allclose(rank(x, bars, least, first), expected, rtol=1e-13)


def test_rank_of_the_example() -> None:
    # the value 5 has five of eight below it
    assert rank(np.array([3.0, 1, 4, 1, 9, 2, 6, 5]), 8, 1)[-1] == pytest.approx(62.5)


def test_a_constant_series_ranks_zero() -> None:
    assert rank(np.full(100, 7.0), 90, 60)[-1] == 0


@pytest.mark.parametrize(("n", "share"), [(59, None), (60, 100 * 59 / 60), (89, 100 * 88 / 89), (200, 100 * 89 / 90)])
def test_a_short_rank_divides_by_what_is_there(n: int, share: float | None) -> None:
    last = rank(np.arange(n, dtype=np.float64), 90, 60)[-1]
    assert np.isnan(last) if share is None else last == pytest.approx(share)


@given(seeds, st.integers(0, 60), st.integers(1, 10))
def test_sum_is_that_of_the_last_values(seed: int, n: int, bars: int) -> None:
    x = values(seed, n)
    expected = [x[i - bars + 1 : i + 1].sum() if i >= bars - 1 else np.nan for i in range(n)]
    np.testing.assert_array_equal(trailing_sum(x, bars), expected)


@settings(max_examples=25)
@given(seeds, st.integers(1, 200))
def test_a_prefix_knows_what_the_whole_knows(seed: int, cut: int) -> None:
    x = values(seed, 200)
    for statistic in (lambda v: trailing_median(v, 20), lambda v: rank(v, 90, 60), lambda v: trailing_sum(v, 5)):
        np.testing.assert_array_equal(statistic(x[:cut]), statistic(x)[:cut])
