"""The indicator cache against its contract."""

from __future__ import annotations

from threading import Barrier, Lock, Thread

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.cache import CacheKey, CacheStats, IndicatorCache, capacity_for, params_hash
from strategies.flow import FlowParams
from strategies.indicators import indicators
from strategies.model import Indicators
from tests.support.series import walk


def cache(capacity: int = 8) -> IndicatorCache[str]:
    return IndicatorCache(capacity, Lock)


def key(symbol: str = "A", bar: int = 1, revision: int = 0, tf: str = "15m", params: str = "") -> CacheKey:
    return CacheKey(symbol, tf, bar, revision, params)


def test_a_new_bar_is_a_miss() -> None:
    kept = cache()
    kept.put(key(bar=1), "one")
    assert kept.get(key(bar=1)) == "one"
    assert kept.get(key(bar=2)) is None


def test_a_corrected_bar_is_a_miss() -> None:
    kept = cache()
    kept.put(key(bar=1, revision=0), "one")
    assert kept.get(key(bar=1, revision=1)) is None
    kept.put(key(bar=1, revision=1), "corrected")
    kept.put(key(bar=1, revision=0), "late and old")
    assert kept.get(key(bar=1, revision=1)) == "corrected"
    assert kept.get(key(bar=1, revision=0)) is None


@pytest.mark.parametrize("other", [key(symbol="B"), key(tf="1h"), key(params="x")])
def test_series_do_not_see_each_other(other: CacheKey) -> None:
    kept = cache()
    kept.put(key(), "one")
    assert kept.get(other) is None
    kept.put(other, "two")
    assert (kept.get(key()), kept.get(other)) == ("one", "two")


def test_what_a_newer_bar_outdated_is_dropped_and_nothing_else() -> None:
    kept = cache()
    for one in (key(bar=5), key(symbol="B", bar=5), key(tf="1h", bar=5)):
        kept.put(one, "five")
    kept.drop_older(key(bar=5))
    assert kept.stats().size == 3
    kept.drop_older(key(bar=4))
    assert kept.stats().size == 3
    kept.drop_older(key(bar=6))
    assert (kept.get(key(bar=5)), kept.stats().size) == (None, 2)


def test_a_newer_bar_replaces_and_an_older_one_does_not() -> None:
    kept = cache()
    kept.put(key(bar=5), "five")
    kept.put(key(bar=6), "six")
    assert kept.stats().size == 1
    kept.put(key(bar=4), "four")
    assert kept.get(key(bar=6)) == "six"
    assert kept.get(key(bar=4)) is None


def test_the_least_recently_used_goes_first() -> None:
    kept = cache(2)
    kept.put(key("A"), "a")
    kept.put(key("B"), "b")
    kept.get(key("A"))
    kept.put(key("C"), "c")
    assert kept.get(key("B")) is None
    assert (kept.get(key("A")), kept.get(key("C"))) == ("a", "c")
    assert kept.stats() == CacheStats(hits=3, misses=1, size=2, evictions=1)


def test_clearing_a_symbol_leaves_the_others() -> None:
    kept = cache()
    for symbol in "AB":
        for tf in ("15m", "1h"):
            kept.put(key(symbol, tf=tf), symbol + tf)
    kept.clear("A")
    assert [kept.get(key(s, tf=tf)) for s in "AB" for tf in ("15m", "1h")] == [None, None, "B15m", "B1h"]
    kept.clear_all()
    assert kept.stats() == CacheStats(0, 0, 0, 0)
    assert kept.get(key("B")) is None


def test_one_of_many_callers_computes() -> None:
    kept, calls, found, start = cache(), [], [], Barrier(8)

    def compute() -> str:
        calls.append(1)
        return "value"

    def ask() -> None:
        start.wait()
        found.append(kept.get_or_compute(key(), compute))

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert found == ["value"] * 8
    assert len(calls) == 1


def test_a_failing_computation_is_tried_again() -> None:
    kept = cache()

    def fail() -> str:
        raise ValueError("no data")

    with pytest.raises(ValueError, match="no data"):
        kept.get_or_compute(key(), fail)
    assert kept.get_or_compute(key(), lambda: "good") == "good"


def test_equal_parameters_have_equal_hashes() -> None:
    assert params_hash(FlowParams()) == params_hash(FlowParams())
    assert params_hash(FlowParams()) != params_hash(FlowParams(with_bars=6))
    assert capacity_for(600, 4) == 4800
    with pytest.raises(ValueError, match="capacity"):
        cache(0)


def same(a: Indicators, b: Indicators) -> bool:
    names = Indicators.__struct_fields__
    return all(np.array_equal(getattr(a, name), getattr(b, name), equal_nan=True) for name in names)


def test_what_is_cached_is_what_would_be_computed_for_a_thousand_advances() -> None:
    rng = np.random.default_rng(5)
    series = {symbol: walk(seed, 700) for seed, symbol in enumerate("ABC")}
    ends, revisions = dict.fromkeys(series, 120), dict.fromkeys(series, 0)
    kept: IndicatorCache[Indicators] = IndicatorCache(capacity_for(3, 1), Lock)
    for _ in range(1000):
        symbol = "ABC"[rng.integers(3)]
        match rng.integers(4):
            case 0:
                ends[symbol] = min(699, ends[symbol] + 1)
            case 1:  # a repair of a bar inside the window
                close = series[symbol].close.copy()
                i = int(rng.integers(ends[symbol] - 100, ends[symbol]))
                close[i] = series[symbol].high[i] if close[i] != series[symbol].high[i] else series[symbol].low[i]
                series[symbol] = msgspec.structs.replace(series[symbol], close=close)
                revisions[symbol] += 1
        window = series[symbol].slice(ends[symbol] - 120, ends[symbol])
        last = CacheKey(symbol, "15m", int(window.open_time[-1]), revisions[symbol])
        assert same(kept.get_or_compute(last, lambda window=window: indicators(window)), indicators(window))
    assert kept.stats().hits > 300


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from("ABCD"), st.integers(0, 5), st.integers(0, 2)), max_size=60))
def test_the_cache_never_outgrows_its_capacity_and_never_lies(puts: list[tuple[str, int, int]]) -> None:
    kept = cache(3)
    for symbol, bar, revision in puts:
        k = key(symbol, bar, revision)
        kept.put(k, f"{symbol}{bar}.{revision}")
        assert kept.get(k) in {None, f"{symbol}{bar}.{revision}"}
        assert kept.stats().size <= 3
