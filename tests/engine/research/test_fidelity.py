"""The quick walk of the laboratory and the desk on the embedded exchange trade alike.

A short stretch of the bundled recordings here; `make fidelity` takes a month of three symbols, strategy by strategy.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import numpy as np
import pytest
import structlog

from engine.research.trades import Trade
from engine.sim.minutes import Minutes
from engine.sim.tape import Recording
from engine.sim.week import LAPS, recorded_week
from tests.support.fidelity import SAME_MINUTE, Comparison, Stretch, alone, compare
from tests.support.lived_desk import BAR
from tests.support.series import RECORDED, recorded

DAY_MS = 86_400_000
WEEK_MS = 1_750_118_400_000  # 2025-06-17 00:00 UTC: the bundled week of minutes
BUNDLED = ("BTCUSDT", "DOGEUSDT", "SOLUSDT")
HISTORY_MS = 1_729_728_000_000  # 2024-10-24 00:00 UTC: all three were recorded
MONTH_MS = (1_748_170_800_000, 1_750_761_000_000)  # 2025-05-25 11:00 to 2025-06-24 10:30 UTC: minutes were recorded
CHOSEN = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
STRATEGIES = ("break_retest", "action_price", "liquidity_sweep", "value_area", "atr_momentum", "pullback")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    kept = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.configure(**kept)


def both(stretch: Stretch) -> tuple[Comparison, list[Trade]]:
    fast = stretch.fast()
    return compare(stretch, fast, stretch.slow().trades), fast


def bundled(name: str, first_day: float, days: float) -> Stretch:
    week = recorded_week()
    start_ms = WEEK_MS + round(first_day * DAY_MS)
    origin_ms = WEEK_MS - (LAPS - 1) * 7 * DAY_MS
    return Stretch({s: week[s] for s in BUNDLED}, origin_ms, start_ms, start_ms + round(days * DAY_MS), alone(name))


def test_a_day_of_three_symbols_gives_the_same_trades_on_both_ways() -> None:
    found, fast = both(bundled("break_retest", 0, 0.8125))
    assert found.differences == ()
    assert found.same == found.fast == found.slow == 6
    assert {trade.reason for trade in fast} == {"stop", "breakeven"}
    assert any(trade.funding_r for trade in fast)


def test_a_stop_touched_in_the_minute_that_moved_it_is_the_difference_and_is_named() -> None:
    found, _ = both(bundled("liquidity_sweep", 6.5, 0.25))
    assert [one.why for one in found.differences] == [SAME_MINUTE]
    assert (found.fast, found.slow, found.same) == (3, 3, 2)


@pytest.mark.skipif("FIDELITY" not in os.environ, reason="takes minutes: make fidelity")
@pytest.mark.parametrize("name", STRATEGIES)
def test_a_month_of_three_symbols_differs_only_where_the_conventions_say_so(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found, _ = both(Stretch({s: recording(s) for s in CHOSEN}, HISTORY_MS, *MONTH_MS, alone(name)))
    with capsys.disabled():
        print(f"\n{name}: fast {found.fast} trades, slow {found.slow}, {found.same} the same")
        for one in found.differences:
            print(
                f"  {one.symbol} {one.signal_ms} {one.what}: {one.why or 'UNEXPLAINED'}\n    {one.fast}\n    {one.slow}"
            )
    assert found.unexplained == []


def recording(symbol: str) -> Recording:
    """A recorded year with the minutes of one month inside, as the exchange plays it."""
    if not RECORDED.is_dir():
        pytest.skip("recorded candles are not at hand")
    bars = recorded(f"klines/um/15m/{symbol}.parquet")
    fine = recorded(f"klines/um/1m/{symbol}.parquet", "1m")
    bars = bars.slice(int(np.searchsorted(bars.open_time, HISTORY_MS)), len(bars))
    assert (np.diff(bars.open_time) == BAR).all()
    columns = {name: getattr(fine, name) for name in ("open", "high", "low", "close", "volume")}
    minutes = Minutes.placed(fine.open_time, columns, HISTORY_MS, len(bars))
    return Recording(bars.open, bars.high, bars.low, bars.close, bars.volume, minutes=minutes)
