"""What seats are shown of positions, orders and tickets: the exchange's truth, with the decimals of the tick."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.exchange.orders import OrderStatus
from engine.money import Side
from engine.trading.inputs import FillSeen, OrderSeen, PriceMoved
from engine.trading.paper import Bar, open_paper, walk_bar
from engine.trading.picture import open_risk_r, order_lines, own_levels, position_row, positions_view
from engine.trading.plan import Costs
from engine.trading.position import begin, step
from engine.trading.quotes import Quote
from engine.trading.ticket import funding_usdt, preview_signal
from tests.support.trading import BAR, T0, fill, make_plan, seen


def test_an_open_position_row_by_row() -> None:
    trade = open_paper(make_plan(), 100.0, T0)
    walk_bar(trade, Bar(T0, T0 + BAR, 100, 102, 99, 101.5))
    row = position_row(trade.position, 0.0, Decimal("55.04"))
    assert (row.symbol, row.side, row.quantity, row.entry, row.mark) == ("BTCUSDT", "long", "0.7", "100.0", "101.5")
    assert (row.stop, row.protected, row.state, row.liquidation) == ("100.0", True, "open", "55.0")
    assert [(tier.price, tier.state) for tier in row.tiers] == [
        ("102.0", "filled"), ("104.0", "resting"), (None, "waiting"),
    ]  # fmt: skip
    assert row.r_now == pytest.approx(0.75)
    assert (row.mfe_r, row.mae_r, row.realized_r) == (1.0, -0.5, pytest.approx(0.3))
    assert row.open_usdt == pytest.approx(0.7 * 1.5)
    assert row.time_stop_ms == T0 + BAR + 48 * 3_600_000


def test_protection_is_what_the_exchange_has_shown_not_what_was_asked() -> None:
    position, _ = begin(make_plan())
    position, _ = step(position, FillSeen(now_ms=T0, mono_ms=100.0, fill=fill(position.entry, 1, "100", "1")))
    row = position_row(position, 1400.0)
    assert (row.stop, row.protected, row.naked_ms) == (None, False, 1300.0)
    assert len(row.tiers) == 3
    stop = position.live("s")[0]
    position, _ = step(position, OrderSeen(now_ms=T0, order=seen(stop, OrderStatus.NEW, order_id=4711)))
    row = position_row(position, 1500.0)
    assert (row.stop, row.stop_order_id, row.protected, row.naked_ms) == ("98.0", 4711, True, 0.0)


def test_orders_have_the_shape_programs_rely_on() -> None:
    trade = open_paper(make_plan(), 100.0, T0)
    lines = order_lines([trade.position])
    assert {line["leg"] for line in lines} == {"s", "t1", "t2"}
    stop = next(line for line in lines if line["leg"] == "s")
    assert set(stop) == {
        "client_id", "order_id", "algo_id", "symbol", "side", "type", "price", "trigger_price", "quantity",
        "reduce_only", "close_position", "state", "signal_id", "leg",
    }  # fmt: skip
    assert (stop["trigger_price"], stop["price"], stop["close_position"], stop["quantity"]) == (
        "98.0",
        None,
        True,
        None,
    )
    levels = {(level.price, level.kind) for level in own_levels([trade.position], "BTCUSDT")}
    assert levels == {("100.0", "entry"), ("98.0", "stop"), ("102.0", "tp1"), ("104.0", "tp2")}
    assert own_levels([trade.position], "ETHUSDT") == ()


def test_open_risk_is_counted_in_trades() -> None:
    trade = open_paper(make_plan(quantity="50"), 100.0, T0)
    assert open_risk_r([trade.position], Decimal(10_000), 1.0) == pytest.approx(1.0)
    view = positions_view([trade.position], [], 0.0, T0, Decimal(10_000), 1.0, {})
    assert view.open_risk_r == pytest.approx(1.0)
    assert positions_view([], [], 0.0, T0, Decimal(10_000), 1.0, {}).why_empty == "no positions"


def test_marks_move_the_row_but_not_its_revision() -> None:
    trade = open_paper(make_plan(), 100.0, T0)
    before = trade.position.revision
    after, _ = step(trade.position, PriceMoved(now_ms=T0 + 1, mark=100.6))
    assert after.revision == before
    assert position_row(after, 0.0).r_now == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("rate", "next_ms", "side", "expected"),
    [
        (0.0001, T0 + 3_600_000, 1, "0.1"),  # one settlement within twelve bars of 15m
        (0.0001, T0 + 3_600_000, -1, "-0.1"),  # received
        (0.0001, T0 + 4 * 3_600_000, 1, "0"),
        (None, T0, 1, None),
    ],
)
def test_funding_counts_the_settlements_until_the_time_stop(rate, next_ms, side, expected) -> None:
    quote = Quote("BTCUSDT", True, funding_rate=rate, next_funding_ms=next_ms)
    answer = funding_usdt(make_plan(side, stop="98" if side > 0 else "102"), quote, Decimal(1000))
    assert answer == (Decimal(expected) if expected is not None else None)


def test_hourly_funding_is_counted_as_often_as_it_falls_due() -> None:
    quote = Quote("X", True, funding_rate=0.0001, next_funding_ms=T0 + 3_600_000, funding_interval_ms=3_600_000)
    assert funding_usdt(make_plan(), quote, Decimal(1000)) == Decimal("0.3")


def test_a_preview_by_hand_takes_its_targets_as_multiples_of_r() -> None:
    signal = preview_signal("BTCUSDT", Side.LONG, Decimal(98), 100.0, None, (103.0, 105.0), T0)
    assert signal.tp_r == (1.5, 2.5)
    assert signal.atr == 2.0
    assert Costs().round_trip == Decimal("0.0010")
