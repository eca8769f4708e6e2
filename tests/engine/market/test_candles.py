from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadBar
from engine.market.bars import Bar, fold
from engine.market.candles import CAPACITY, CandlePanels, of_bars
from engine.market.series import Series
from strategies.model import TIMEFRAME_MS
from tests.support.bars import DAY, M15, T0, bar, bars


def filled(count: int, start: int = 0) -> CandlePanels:
    panels = CandlePanels()
    panels.load("BTCUSDT", "15m", of_bars(bars(count, start)))
    panels.fold_all("BTCUSDT")
    return panels


def opens(panels: CandlePanels, tf: str) -> list[int]:
    return [(int(at) - T0) // TIMEFRAME_MS[tf] for at in panels.candles("BTCUSDT", tf).open_time]


def test_bars_come_back_oldest_first_and_read_only() -> None:
    candles = filled(3).candles("BTCUSDT", "15m")
    assert candles.open_time.tolist() == [T0, T0 + M15, T0 + 2 * M15]
    assert candles.close.tolist() == [100.0, 100.1, 100.2]
    with pytest.raises(ValueError, match="read-only"):
        candles.close[0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        candles.open_time[0] = 1


def test_an_unknown_series_is_empty() -> None:
    assert len(CandlePanels().candles("X", "4h")) == 0


def test_a_longer_bar_appears_with_its_last_part() -> None:
    panels = CandlePanels()
    told = [[change.tf for change in panels.add("BTCUSDT", "15m", part)] for part in bars(96)]
    assert told[2] == ["15m"]
    assert told[3] == ["15m", "1h"]
    assert told[15] == ["15m", "1h", "4h"]
    assert told[95] == ["15m", "1h", "4h", "1d"]
    day = panels.candles("BTCUSDT", "1d")
    assert (len(day), day.volume[0], day.open_time[0]) == (1, 960.0, T0)
    assert len(panels.candles("BTCUSDT", "1h")) == 24


def test_a_longer_bar_with_a_missing_part_does_not_exist_until_it_is_filled() -> None:
    panels = CandlePanels()
    parts = bars(8)
    for part in [*parts[:5], *parts[6:]]:
        panels.add("BTCUSDT", "15m", part)
    assert opens(panels, "1h") == [0]
    assert not panels.contiguous("BTCUSDT", "15m")
    changes = panels.add("BTCUSDT", "15m", parts[5])
    assert [(change.tf, change.revised) for change in changes] == [("15m", False), ("1h", False)]
    assert opens(panels, "1h") == [0, 1]
    assert panels.contiguous("BTCUSDT", "15m")


def test_a_changed_bar_changes_what_was_folded_from_it_and_says_so() -> None:
    panels = filled(8)
    before = panels.revision("BTCUSDT", "15m"), panels.revision("BTCUSDT", "1h")
    changes = panels.add("BTCUSDT", "15m", bar(5, 108.0))
    assert [(change.tf, change.revised) for change in changes] == [("15m", True), ("1h", True)]
    assert panels.candles("BTCUSDT", "1h").high[1] == 109.0
    assert (panels.revision("BTCUSDT", "15m"), panels.revision("BTCUSDT", "1h")) == (before[0] + 1, before[1] + 1)


def test_the_same_bar_again_changes_nothing() -> None:
    panels = filled(8)
    assert panels.add("BTCUSDT", "15m", bars(8)[7]) == []
    assert panels.add("BTCUSDT", "15m", bars(8)[2]) == []
    assert panels.revision("BTCUSDT", "15m") == 0


def test_appending_is_no_revision() -> None:
    panels = filled(8)
    panels.add("BTCUSDT", "15m", bar(8))
    assert panels.revision("BTCUSDT", "15m") == 0


def test_a_bad_bar_is_refused_and_changes_nothing() -> None:
    panels = filled(4)
    with pytest.raises(BadBar, match="BTCUSDT 15m"):
        panels.add("BTCUSDT", "15m", bar(4, close=math.nan))
    assert len(panels.candles("BTCUSDT", "15m")) == 4


def test_bad_stored_bars_are_left_out_and_named() -> None:
    panels = CandlePanels()
    broken = panels.load("BTCUSDT", "15m", of_bars([bar(0), bar(1, low=-1.0), bar(2)]))
    assert [(error.open_ms, "low" in error.what) for error in broken] == [(T0 + M15, True)]
    assert opens(panels, "15m") == [0, 2]


def test_a_bar_that_closes_while_history_is_read_is_not_lost() -> None:
    panels = CandlePanels()
    panels.add("BTCUSDT", "15m", bar(3))
    panels.load("BTCUSDT", "15m", of_bars(bars(3)))
    assert opens(panels, "15m") == [0, 1, 2, 3]
    panels.load("BTCUSDT", "15m", of_bars([]))
    assert opens(panels, "15m") == [0, 1, 2, 3]


def test_known_longer_bars_are_kept_and_continued() -> None:
    panels = CandlePanels()
    panels.load("BTCUSDT", "1h", of_bars([bar(n, 50.0 + n, "1h", T0 - DAY) for n in range(24)]))
    panels.load("BTCUSDT", "15m", of_bars(bars(10)))
    panels.fold_all("BTCUSDT")
    hours = panels.candles("BTCUSDT", "1h")
    assert len(hours) == 26
    assert hours.open_time[-1] == T0 + TIMEFRAME_MS["1h"]
    assert hours.close[:24].tolist() == [50.0 + n for n in range(24)]


def test_a_symbol_can_be_forgotten() -> None:
    panels = filled(4)
    assert panels.symbols() == ["BTCUSDT"]
    panels.forget("BTCUSDT")
    assert panels.symbols() == []
    assert panels.last_open_ms("BTCUSDT", "15m") is None


def test_a_day_of_utc_is_folded_on_its_own_grid() -> None:
    panels = filled(96 + 10, start=-10)
    assert opens(panels, "1d") == [0]
    assert opens(panels, "4h") == [0, 1, 2, 3, 4, 5]


def test_only_the_newest_bars_are_kept_and_views_stay_what_they_were() -> None:
    series = Series("15m", 20)
    held = []
    for n, one in enumerate(bars(100)):
        series.put(one)
        candles = series.candles()
        assert candles.open_time.tolist() == [T0 + M15 * k for k in range(max(0, n - 19), n + 1)]
        held.append((candles, candles.close.copy()))
    series.put(bar(95, 140.0))
    for candles, closes in held:
        assert np.array_equal(candles.close, closes)


def test_a_market_does_not_move_to_new_blocks_at_one_close() -> None:
    panels, names = CandlePanels({"15m": 400, "1h": 100, "4h": 50, "1d": 50}), [f"S{n}" for n in range(60)]
    ours: list[dict[str, int]] = []
    for one in bars(200):
        for name in names:
            panels.add(name, "15m", one)
        ours.append({name: id(panels.candles(name, "15m").close.base) for name in names})
    moved = [sum(later[name] != before[name] for name in names) for before, later in itertools.pairwise(ours)]
    assert sum(moved) >= 5 * len(names)
    assert max(moved[60:]) <= len(names) // 4


def test_a_hole_filled_below_the_oldest_kept_bar_is_ignored() -> None:
    series = Series("15m", 5)
    for one in bars(10):
        series.put(one)
    assert not series.put(bar(2))
    assert len(series) == 5


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from([99.0, 100.0, 101.0])), max_size=60), st.integers(3, 25))
def test_a_series_equals_a_sorted_dict_of_its_newest_bars(puts: list[tuple[int, float]], capacity: int) -> None:
    series, naive = Series("15m", capacity), dict[int, Bar]()
    for n, close in puts:
        oldest = min(naive) if len(naive) >= capacity else -1
        series.put(bar(n, close))
        if n in naive or n > oldest:
            naive[n] = bar(n, close)
        for dropped in sorted(naive)[: max(0, len(naive) - capacity)]:
            del naive[dropped]
        candles = series.candles()
        assert candles.open_time.tolist() == [naive[k].open_ms for k in sorted(naive)]
        assert candles.close.tolist() == [naive[k].close for k in sorted(naive)]


@given(st.permutations(range(32)))
def test_in_whatever_order_bars_come_the_folded_ones_are_the_same(order: list[int]) -> None:
    panels, parts = CandlePanels(), bars(32)
    for n in order:
        panels.add("BTCUSDT", "15m", parts[n])
    hours = panels.candles("BTCUSDT", "1h")
    expected = [fold(T0 + k * TIMEFRAME_MS["1h"], parts[4 * k : 4 * k + 4]) for k in range(8)]
    assert hours.open_time.tolist() == [whole.open_ms for whole in expected]
    assert hours.close.tolist() == [whole.close for whole in expected]
    assert hours.high.tolist() == [whole.high for whole in expected]
    assert len(panels.candles("BTCUSDT", "4h")) == 2


def test_six_hundred_symbols_fit_their_memory() -> None:
    panels = CandlePanels()
    for tf, capacity in CAPACITY.items():
        panels.load("S0", tf, of_bars(bars(capacity, tf=tf)))
    for one in bars(1000, CAPACITY["15m"]):
        panels.add("S0", "15m", one)
    assert panels.nbytes * 600 < 200e6
