from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadBar
from engine.exchange.wire_market import Kline, KlineEvent
from engine.market.bars import FIELDS, Bar, check, fault, fold, valid_mask
from tests.support.bars import T0, bar, bars

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"open_ms": T0 + 7}, "grid"),
        ({"close": NAN}, "finite"),
        ({"volume": INF}, "finite"),
        ({"taker_buy": INF}, "finite"),
        ({"low": 0.0}, "low is 0.0"),
        ({"low": -1.0}, "low is -1.0"),
        ({"low": 100.5}, "outside low and high"),
        ({"high": 99.5}, "outside low and high"),
        ({"volume": -0.1, "taker_buy": NAN}, "volume is -0.1"),
        ({"taker_buy": 10.1}, "taker volume"),
        ({"taker_buy": -0.1}, "taker volume"),
    ],
)
def test_a_bar_that_breaks_a_rule_is_refused_by_name(changes: dict[str, Any], words: str) -> None:
    broken = bar(0, **changes)
    with pytest.raises(BadBar, match=words) as caught:
        check("BTCUSDT", "15m", broken)
    assert (caught.value.symbol, caught.value.tf, caught.value.open_ms) == ("BTCUSDT", "15m", broken.open_ms)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"taker_buy": NAN},
        {"taker_buy": 0.0},
        {"taker_buy": 10.0},
        {"high": 100.0, "low": 100.0, "volume": 0.0, "taker_buy": 0.0},
    ],
)
def test_unknown_taker_volume_and_a_flat_empty_bar_are_valid(changes: dict[str, Any]) -> None:
    assert fault("15m", bar(0, **changes)) is None


NUMBER = st.one_of(st.sampled_from([0.0, -1.0, 1.0, 2.0, 3.0, NAN, INF]), st.floats(0.5, 5.0))


@given(st.lists(st.tuples(st.sampled_from([T0, T0 + 900_000, T0 + 5]), *[NUMBER] * 6), max_size=8))
def test_the_rule_for_many_bars_is_the_rule_for_one(rows: list[tuple[Any, ...]]) -> None:
    made = [Bar(*row) for row in rows]
    times = np.array([b.open_ms for b in made], dtype=np.int64)
    values = np.array([[getattr(b, name) for b in made] for name in FIELDS], dtype=np.float64).reshape(6, len(made))
    with np.errstate(invalid="ignore"):
        mask = valid_mask("15m", times, values)
    assert mask.tolist() == [fault("15m", b) is None for b in made]


def test_folding_takes_the_ends_the_extremes_and_the_sums() -> None:
    parts = [bar(n, close, volume=float(n + 1), taker_buy=0.5) for n, close in enumerate((103.0, 97.0, 99.0, 101.0))]
    whole = fold(T0, parts)
    assert (whole.open_ms, whole.open, whole.high, whole.low, whole.close) == (T0, 100.0, 104.0, 96.0, 101.0)
    assert (whole.volume, whole.taker_buy, whole.trades) == (10.0, 2.0, 16)


def test_an_unknown_part_makes_the_whole_unknown() -> None:
    whole = fold(T0, [*bars(3), bar(3, taker_buy=NAN, trades=None)])
    assert math.isnan(whole.taker_buy)
    assert whole.trades is None


def test_bars_from_the_stream_and_from_rest_are_stored_alike() -> None:
    event = KlineEvent("BTCUSDT", "15m", T0, T0 + 900_000, 1.0, 2.0, 0.5, 1.5, 9.0, 4.0, 12.0, 7, True, T0 + 900_001)
    row = Kline(T0, 1.0, 2.0, 0.5, 1.5, 9.0, T0 + 899_999, 12.0, 7, 4.0, 6.0)
    assert Bar.of_kline(row).row("BTCUSDT", "15m") == ("BTCUSDT", "15m", T0, 1.0, 2.0, 0.5, 1.5, 9.0, 12.0, 7, 4.0, 6.0)
    assert Bar.of_event(event).row("BTCUSDT", "15m")[:11] == Bar.of_kline(row).row("BTCUSDT", "15m")[:11]
