"""Win, loss, scratch, and everything reported about closed trades (rules 9.10)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.trading.performance import (
    ClosedTrade,
    closed_trades,
    equity_curve,
    max_concurrent,
    max_drawdown_r,
    performance_view,
    summary,
    verdict,
)
from engine.trading.records import signal_row
from tests.support.trading import T0, make_signal


def trade(net_r: float, n: int = 0, strategy: str = "a") -> ClosedTrade:
    return ClosedTrade(strategy, net_r, max(0.0, net_r), min(0.0, net_r), T0 + n * 10, T0 + n * 10 + 5)


@pytest.mark.parametrize(
    ("net_r", "word"),
    [(0.051, "win"), (0.05, "scratch"), (0.0, "scratch"), (-0.05, "scratch"), (-0.051, "loss")],
)
def test_a_breakeven_is_neither_win_nor_loss(net_r, word) -> None:
    assert verdict(net_r) == word


def test_scratches_count_below_the_line_of_the_win_rate_only() -> None:
    row = summary("all", [trade(1.4), trade(0.02), trade(-1.0), trade(0.3)])
    assert (row.trades, row.wins, row.losses, row.scratches) == (4, 2, 1, 1)
    assert row.win_rate == 0.5
    assert row.profit_factor == pytest.approx(1.72)
    assert row.expectancy_r == pytest.approx(0.18)


def test_ratios_that_cannot_be_computed_are_absent() -> None:
    empty = summary("all", [])
    assert (empty.win_rate, empty.profit_factor, empty.expectancy_r) == (None, None, None)
    assert summary("all", [trade(1.0)]).profit_factor is None


def test_drawdown_is_the_deepest_fall_from_a_high() -> None:
    curve = equity_curve([trade(value) for value in (1.0, -0.5, -0.7, 2.0, -1.0)])
    assert max_drawdown_r(curve) == pytest.approx(1.2)
    assert max_drawdown_r(equity_curve([trade(-1.0)])) == 1.0
    assert max_drawdown_r(()) == 0.0


def test_concurrent_trades_are_counted_at_their_densest() -> None:
    overlapping = [
        ClosedTrade("a", 1, 1, 0, 0, 10), ClosedTrade("a", 1, 1, 0, 5, 15), ClosedTrade("a", 1, 1, 0, 15, 20),
    ]  # fmt: skip
    assert max_concurrent(overlapping) == 2
    assert max_concurrent([]) == 0


def test_the_view_has_a_row_for_each_strategy() -> None:
    view = performance_view([trade(1.0, 0, "b"), trade(-1.0, 1, "a"), trade(0.5, 2, "b")], T0)
    assert [row.name for row in view.by_strategy] == ["a", "b"]
    assert view.total.net_r == pytest.approx(0.5)
    assert view.equity_r == (1.0, 0.0, 0.5)


def test_rows_without_a_result_are_left_out() -> None:
    from msgspec.structs import replace

    row = signal_row(make_signal(), "closed", T0)
    done = replace(row, signal_id="x", result_net_r=0.4, closed_ms=T0 + 9, opened_ms=T0)
    assert [trade.net_r for trade in closed_trades([row, done, replace(done, status="open")])] == [0.4]


@given(st.lists(st.floats(-3, 5), max_size=50))
def test_parts_add_up(results) -> None:
    trades = [trade(value, n, "ab"[n % 2]) for n, value in enumerate(results)]
    view = performance_view(trades, T0)
    assert view.total.trades == sum(row.trades for row in view.by_strategy)
    assert view.total.wins + view.total.losses + view.total.scratches == len(trades)
    assert view.total.net_r == pytest.approx(sum(row.net_r for row in view.by_strategy), abs=1e-9)
    assert view.max_drawdown_r >= 0
