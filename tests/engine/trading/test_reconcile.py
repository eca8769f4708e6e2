"""The table of local against exchange, row by row."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.exchange.orders import OrderState, OrderStatus, PositionState
from engine.trading.foreign import adopt
from engine.trading.inputs import FillSeen, OrderLost, OrderSeen, Ticked
from engine.trading.intents import PlaceStop
from engine.trading.position import begin, step
from engine.trading.position_state import Position
from engine.trading.reconcile import (
    OrderListed,
    OrderOrphaned,
    OrderUnlisted,
    Picture,
    PositionForeign,
    PositionVanished,
    QuantityDiffers,
    compare,
    named_fills,
)
from tests.support.trading import T0, fill, make_instrument, make_plan, seen

S = OrderStatus


def held() -> Position:
    """Long 1 at 100, stop and targets working."""
    position, _ = begin(make_plan())
    position, _ = step(position, FillSeen(now_ms=T0, fill=fill(position.entry, 1, "100", "1")))
    for leg in ("s", "t1", "t2"):
        for order in position.live(leg):
            position, _ = step(position, OrderSeen(now_ms=T0, order=seen(order, S.NEW)))
    return position


def listed(position: Position, *without: str) -> tuple[OrderState, ...]:
    return tuple(seen(order, S.NEW) for order in position.orders.values() if order.resting and order.leg not in without)


def holds(quantity: str, symbol: str = "BTCUSDT") -> tuple[PositionState, ...]:
    return (PositionState(symbol, Decimal(quantity), Decimal(100), mark_price=Decimal(100)),)


def test_agreement_has_no_rows() -> None:
    position = held()
    assert compare([position], Picture(holds("1"), listed(position)), "pd") == []


@pytest.mark.parametrize(
    ("exchange", "without", "kind", "action"),
    [
        ("1", ("s",), OrderUnlisted, "ask what became of it"),
        ("1", ("t2",), OrderUnlisted, "ask what became of it"),
        ("0", (), PositionVanished, "close from the account's fills"),
        ("0.4", (), QuantityDiffers, "take over the exchange's quantity"),
        ("-1", (), QuantityDiffers, "take over the exchange's quantity"),
    ],
)
def test_each_difference_is_named(exchange, without, kind, action) -> None:
    position = held()
    rows = compare([position], Picture(holds(exchange), listed(position, *without)), "pd")
    assert [type(row) for row in rows] == [kind]
    assert rows[0].row()["action"] == action
    assert set(rows[0].row()) == {"symbol", "local", "exchange", "action"}


def test_a_position_that_points_the_other_way_is_said_to() -> None:
    position = held()
    row = compare([position], Picture(holds("-1"), listed(position)), "pd")[0]
    assert isinstance(row, QuantityDiffers)
    assert row.flipped
    assert (row.quantity, row.exchange) == (0, "-1")


def test_an_unanswered_entry_is_looked_up_and_its_quantity_left_alone() -> None:
    position, _ = begin(make_plan())
    position, _ = step(position, OrderLost(now_ms=T0, client_id=position.entry.client_id))
    rows = compare([position], Picture(holds("1"), ()), "pd")
    assert [type(row) for row in rows] == [OrderUnlisted]
    assert rows[0].unanswered


def test_an_order_that_is_just_being_sent_is_nobodys_business() -> None:
    position, _ = begin(make_plan())
    assert compare([position], Picture((), ()), "pd") == []


def test_an_order_believed_absent_that_rests_after_all_is_taken_up() -> None:
    position = held()
    late = seen(position.live("t1")[0], S.NEW)
    unsure, _ = begin(make_plan())
    unsure, _ = step(unsure, FillSeen(now_ms=T0, fill=fill(unsure.entry, 1, "100", "1")))
    rows = compare([unsure], Picture(holds("1"), (*listed(held()), late)), "pd")
    assert {type(row) for row in rows} == {OrderListed}


def test_what_moved_while_looking_is_left_for_the_next_look() -> None:
    position = held()
    assert compare([position], Picture((), ()), "pd", busy=["sig1"]) == []


def test_positions_nobody_here_opened_are_foreign() -> None:
    rows = compare([], Picture(holds("-2", "ETHUSDT"), ()), "pd")
    assert [type(row) for row in rows] == [PositionForeign]


@pytest.mark.parametrize(
    ("changes", "orphan"),
    [
        ({}, True),
        ({"client_id": "xx-abcdefabcdef-t1-1"}, False),  # another prefix
        ({"client_id": "web_123"}, False),
        ({"reduce_only": False}, False),
        ({"reduce_only": False, "close_position": True, "conditional": True}, True),
    ],
)
def test_our_exit_orders_where_nothing_is_to_exit_are_orphans(changes, orphan) -> None:
    values = {
        "symbol": "BTCUSDT", "client_id": "pd-abcdefabcdef-t1-1", "order_id": 1, "side": "SELL", "type": "LIMIT",
        "status": S.NEW, "quantity": Decimal(1), "filled": Decimal(0), "reduce_only": True, **changes,
    }  # fmt: skip
    order = OrderState(**values)
    rows = compare([], Picture((), (order,)), "pd")
    assert [type(row) for row in rows] == ([OrderOrphaned] if orphan else [])
    # Beside a foreign position it reduces, it is left; beside one it would add to, it goes.
    kinds = {type(row) for row in compare([], Picture(holds("1"), (order,)), "pd")}
    assert OrderOrphaned not in kinds
    kinds = {type(row) for row in compare([], Picture(holds("-1"), (order,)), "pd")}
    assert (OrderOrphaned in kinds) is orphan


def test_fills_without_names_are_named_by_order_number() -> None:
    position = held()
    number = position.entry.order_id or 1000
    position.orders[position.entry.client_id] = msgspec_replace(position.entry, order_id=number)
    stop = position.live("s")[0]
    position.orders[stop.client_id] = msgspec_replace(stop, plain_id=55)
    bare = [
        fill(None, 7, "100", "1", client_id="", order_id=number),
        fill(None, 8, "98", "1", client_id="", order_id=55),
        fill(None, 9, "99", "1", client_id="", order_id=77),  # somebody else's
        fill(None, 3, "99", "1", client_id="", order_id=78, at_ms=T0 - 1000),  # before this position
        fill(None, 4, "99", "1", client_id="pd-ffffffffffff-x-1"),  # another trade of ours
    ]
    named = named_fills(position, bare)
    assert [(given.trade_id, given.client_id) for given in named] == [
        (7, position.entry.client_id), (8, stop.client_id), (9, ""),
    ]  # fmt: skip


def msgspec_replace(order, **changes):
    from msgspec.structs import replace

    return replace(order, **changes)


class TestForeign:
    def test_the_owners_stop_is_respected(self) -> None:
        theirs = OrderState(
            symbol="ETHUSDT", client_id="web_9", order_id=4, side="SELL", type="STOP_MARKET", status=S.NEW,
            quantity=Decimal(0), filled=Decimal(0), conditional=True, trigger_price=Decimal(90), close_position=True,
        )  # fmt: skip
        state = PositionState("ETHUSDT", Decimal(2), Decimal(100), mark_price=Decimal(101))
        position = adopt(state, [theirs], make_instrument("ETHUSDT"), "pd", T0, protect=True)
        after, intents = step(position, Ticked(now_ms=T0, mono_ms=10_000.0))
        assert intents == []
        assert after.working_stop is not None
        assert after.working_stop.price == 90
        # Its owner's stop fills: the end, counted once.
        done, _ = step(after, FillSeen(now_ms=T0, fill=fill(None, 5, "90", "2", client_id="web_9")))
        done, _ = step(done, OrderSeen(now_ms=T0, order=seen(after.working_stop, S.FINISHED, filled="2")))
        assert done.state == "closed"

    @pytest.mark.parametrize(("mark", "stop"), [("101", "95"), ("96", "91.2")])
    def test_without_one_ours_goes_under_it_and_never_at_once(self, mark, stop) -> None:
        state = PositionState("ETHUSDT", Decimal(2), Decimal(100), mark_price=Decimal(mark))
        position = adopt(state, [], make_instrument("ETHUSDT"), "pd", T0, protect=True)
        _, intents = step(position, Ticked(now_ms=T0, mono_ms=0.0))
        assert [intent.price for intent in intents if isinstance(intent, PlaceStop)] == [Decimal(stop)]

    def test_it_may_be_left_alone_altogether(self) -> None:
        state = PositionState("ETHUSDT", Decimal(2), Decimal(100))
        position = adopt(state, [], make_instrument("ETHUSDT"), "pd", T0, protect=False)
        for mono_ms in (0.0, 5000.0):
            position, intents = step(position, Ticked(now_ms=T0 + 10**12, mono_ms=mono_ms))
            assert intents == []
