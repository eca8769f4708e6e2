"""What seats are shown of positions, orders and tickets: the exchange's truth, with the decimals of the tick."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.exchange.orders import OrderStatus
from engine.money import Side
from engine.trading.approval import Queue, decide, offer
from engine.trading.inputs import FillSeen, OrderSeen, PriceMoved
from engine.trading.paper import Bar, open_paper, walk_bar
from engine.trading.picture import open_risk_r, order_lines, own_levels, position_row, positions_view
from engine.trading.plan import Costs
from engine.trading.position import begin, step
from engine.trading.quotes import Quote
from engine.trading.risk import Rules
from engine.trading.signal_picture import signal_json, signals_view
from engine.trading.ticket import funding_usdt, preview_signal
from strategies.model import ComponentScore, Mode
from tests.support.trading import BAR, T0, fill, make_instrument, make_plan, make_signal, seen


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


def test_signals_wait_on_top_and_show_what_they_offer() -> None:
    queue = offer(Queue(), make_signal(id="old"), T0, 0.0)
    queue = decide(queue, "old", "expired", "", "", T0 + 1)
    queue = offer(queue, make_signal(id="new", mode=Mode.SCALP, tp_r=(1.0, 1.5)), T0 + 2, 0.0)
    queue = offer(queue, make_signal(id="far", symbol="NOWHERE"), T0 + 3, 0.0)
    view = signals_view(queue, {"BTCUSDT": make_instrument()}, Rules(), T0 + 5)
    assert [row.id for row in view.rows] == ["far", "new", "old"]
    assert view.waiting == 2
    assert (view.rows[1].reward_risk, view.rows[1].entry, view.rows[1].stop) == (1.5, "100.0", "98.0")
    assert view.rows[0].entry is None
    assert signals_view(Queue(), {}, Rules(), T0).why_empty == "no signals yet"


def test_a_signal_printed_as_json_has_the_agreed_keys() -> None:
    parts = (ComponentScore("confirm_depth", 0.42, 2.0), ComponentScore("ema_fan", None, 5.0))
    told = signal_json(make_signal(components=parts), "pending", T0 + BAR, make_instrument(), Rules())
    assert list(told) == [
        "id", "symbol", "side", "strategy", "mode", "timeframe", "bar_time", "expires_ms", "regime", "score",
        "components", "modifiers", "entry", "stop", "stop_source", "tp1", "tp2", "state",
    ]  # fmt: skip
    assert (told["entry"], told["stop"], told["tp1"], told["tp2"]) == ("100.0", "98.0", "102.0", "104.0")
    assert sum(part["points"] for part in told["components"]) == told["score"]
