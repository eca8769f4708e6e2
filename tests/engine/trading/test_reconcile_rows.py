"""Every row of the comparison whole: what is shown of both sides, what is to be done, and what the driver needs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from engine.exchange.orders import OrderState, OrderStatus, PositionState
from engine.trading.inputs import CloseAsked, FillSeen, OrderLost, OrderMissing, OrderSeen
from engine.trading.order import Order, Phase
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


def held(side: int = 1, symbol: str = "BTCUSDT", signal_id: str = "sig1") -> Position:
    """One unit at 100, stop and targets resting."""
    stop = "98" if side > 0 else "102"
    plan = make_plan(side, stop=stop, signal_id=signal_id, instrument=make_instrument(symbol))
    position, _ = begin(plan)
    bought = fill(position.entry, 1, "100", "1", symbol=symbol)
    position, _ = step(position, FillSeen(now_ms=T0, fill=bought))
    for leg in ("s", "t1", "t2"):
        for order in position.live(leg):
            position, _ = step(position, OrderSeen(now_ms=T0, order=seen(order, S.NEW, symbol=symbol)))
    return position


def listed(position: Position, *without: str) -> tuple[OrderState, ...]:
    return tuple(seen(order, S.NEW) for order in position.orders.values() if order.resting and order.leg not in without)


def holds(quantity: str, symbol: str = "BTCUSDT", entry: str = "100.5") -> tuple[PositionState, ...]:
    return (PositionState(symbol, Decimal(quantity), Decimal(entry)),)


def with_order(position: Position, order: Order, **changes: Any) -> tuple[Position, Order]:
    changed = replace(order, **changes)
    position.orders = {**position.orders, order.client_id: changed}
    return position, changed


@pytest.mark.parametrize("leg", ["s", "t1"])
def test_an_order_that_is_not_listed(leg: str) -> None:
    position = held()
    order = position.live(leg)[0]
    assert compare([position], Picture(holds("1"), listed(position, leg)), "pd") == [
        OrderUnlisted(
            symbol="BTCUSDT", local=f"{order.client_id} working", exchange="not listed",
            action="ask what became of it", position_id="sig1", client_id=order.client_id,
            conditional=leg == "s", unanswered=False,
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "filled", "adopted"),
    [
        ({}, "0", False),
        ({}, "0.1", True),  # it has filled more than we have seen
        ({"filled": Decimal("0.1")}, "0.1", False),
        ({"order_id": 0}, "0", True),  # we have not learned its number
        ({"phase": Phase.UNKNOWN}, "0", True),
        ({"phase": Phase.ABSENT}, "0", True),  # it did arrive
        ({"phase": Phase.SENDING}, "0", True),
        ({"phase": Phase.CANCELED}, "0", False),  # a list from before its end: what ended stays ended
        ({"phase": Phase.FILLED}, "0.1", False),
    ],
)
def test_an_order_that_is_listed_further_on_than_we_think(changes: dict[str, Any], filled: str, adopted: bool) -> None:
    position = held()
    others = listed(position, "t1")
    position, order = with_order(position, position.live("t1")[0], **changes)
    state = seen(order, S.PARTIALLY_FILLED if filled != "0" else S.NEW, filled=filled)
    rows = [row for row in compare([position], Picture(holds("1"), (*others, state)), "pd") if "t1" in row.local]
    expected = OrderListed(
        symbol="BTCUSDT", local=f"{order.client_id} {order.phase.value}",
        exchange=f"{order.client_id} {state.status.value}", action="adopt its state", position_id="sig1", order=state,
    )  # fmt: skip
    assert rows == ([expected] if adopted else [])


def test_an_order_believed_absent_and_not_listed_is_absent() -> None:
    position, _ = with_order(held(), held().live("t1")[0], phase=Phase.ABSENT)
    assert compare([position], Picture(holds("1"), listed(position)), "pd") == []


def test_stops_come_first_and_in_the_order_of_their_attempts() -> None:
    position = held()
    stop = position.live("s")[0]
    newer = replace(stop, client_id=stop.client_id[:-1] + "2", attempt=2)
    position.orders = {newer.client_id: newer, **dict(reversed(position.orders.items()))}
    rows = compare([position], Picture(holds("1"), ()), "pd")
    assert [row.local.split("-", 2)[2] for row in rows[:2]] == ["s-1 working", "s-2 working"]
    assert len(rows) == 4


@pytest.mark.parametrize(
    ("side", "theirs", "local", "exchange", "quantity", "flipped"),
    [
        (1, "0.4", "1", "0.4", "0.4", False),
        (1, "1.5", "1", "1.5", "1.5", False),
        (1, "-1", "1", "-1", "0", True),
        (-1, "-0.4", "-1", "-0.4", "0.4", False),
        (-1, "0.2", "-1", "0.2", "0", True),
    ],
)
def test_another_quantity_is_shown_with_its_sign(
    side: int, theirs: str, local: str, exchange: str, quantity: str, flipped: bool
) -> None:
    position = held(side)
    assert compare([position], Picture(holds(theirs), listed(position)), "pd") == [
        QuantityDiffers(
            symbol="BTCUSDT", local=local, exchange=exchange, action="take over the exchange's quantity",
            position_id="sig1", quantity=Decimal(quantity), flipped=flipped,
        )
    ]  # fmt: skip


@pytest.mark.parametrize("side", [1, -1])
def test_a_position_the_exchange_does_not_hold(side: int) -> None:
    position = held(side)
    assert compare([position], Picture((), listed(position)), "pd") == [
        PositionVanished(
            symbol="BTCUSDT", local=str(side), exchange="none", action="close from the account's fills",
            position_id="sig1",
        )
    ]  # fmt: skip


def test_a_position_on_its_way_out_is_still_held() -> None:
    position, _ = step(held(), CloseAsked(now_ms=T0, reason="manual"))
    assert position.state == "closing"
    rows = compare([position], Picture(holds("0.5"), listed(position)), "pd")
    assert [type(row) for row in rows] == [QuantityDiffers]


def test_an_entry_with_nothing_on_its_way_is_held_against_the_exchange() -> None:
    position, _ = begin(make_plan())
    name = position.entry.client_id
    position, _ = step(position, OrderLost(now_ms=T0, client_id=name))
    assert [type(row) for row in compare([position], Picture(holds("1"), ()), "pd")] == [OrderUnlisted]
    position, _ = with_order(position, position.entry, phase=Phase.ABSENT)
    assert [type(row) for row in compare([position], Picture(holds("1"), ()), "pd")] == [QuantityDiffers]
    over, _ = step(begin(make_plan())[0], OrderMissing(now_ms=T0 + 10**9, client_id=name))
    assert over.state == "abandoned"
    assert [type(row) for row in compare([over], Picture(holds("1"), ()), "pd")] == [PositionForeign]


def test_a_foreign_position() -> None:
    state = PositionState("ETHUSDT", Decimal("-2"), Decimal("3000.50"))
    flat = PositionState("SOLUSDT", Decimal(0), Decimal(0))
    assert compare([], Picture((flat, state), ()), "pd") == [
        PositionForeign(
            symbol="ETHUSDT", local="none", exchange="-2 @ 3000.50", action="adopt and protect", state=state
        )
    ]


def orphan(side: str, symbol: str = "BTCUSDT") -> OrderState:
    return OrderState(
        symbol=symbol, client_id="pd-abcdefabcdef-t1-1", order_id=1, side=side, type="LIMIT", status=S.NEW,
        quantity=Decimal(1), filled=Decimal(0), reduce_only=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("side", "beside", "cancelled"),
    [
        ("SELL", "0", True),
        ("BUY", "0", True),
        ("SELL", "1", False),
        ("BUY", "1", True),  # it would add to a long
        ("BUY", "-1", False),
        ("SELL", "-1", True),
    ],
)
def test_an_orphan(side: str, beside: str, cancelled: bool) -> None:
    order = orphan(side)
    rows = [row for row in compare([], Picture(holds(beside), (order,)), "pd") if isinstance(row, OrderOrphaned)]
    expected = OrderOrphaned(
        symbol="BTCUSDT", local="none", exchange=f"pd-abcdefabcdef-t1-1 {side} LIMIT", action="cancel", order=order
    )
    assert rows == ([expected] if cancelled else [])


def test_all_rows_in_the_order_in_which_they_are_mended() -> None:
    btc, eth = held(), held(symbol="ETHUSDT", signal_id="sig2")
    stray = orphan("BUY", "XRPUSDT")
    picture = Picture(
        (*holds("0.5", "ETHUSDT"), *holds("1", "SOLUSDT")), (*listed(btc, "s"), *listed(eth, "t1"), stray)
    )
    rows = compare([btc, eth], picture, "pd")
    assert [(type(row), row.symbol) for row in rows] == [
        (OrderUnlisted, "BTCUSDT"), (OrderUnlisted, "ETHUSDT"), (PositionVanished, "BTCUSDT"),
        (QuantityDiffers, "ETHUSDT"), (PositionForeign, "SOLUSDT"), (OrderOrphaned, "XRPUSDT"),
    ]  # fmt: skip
    # What changed meanwhile is left alone, and what it holds is not foreign.
    assert [row.symbol for row in compare([btc, eth], picture, "pd", busy=["sig2"])] == [
        "BTCUSDT", "BTCUSDT", "SOLUSDT", "XRPUSDT",
    ]  # fmt: skip


def test_the_picture_sums_what_is_held_of_a_symbol() -> None:
    picture = Picture((*holds("1"), *holds("-0.4"), *holds("7", "ETHUSDT")), ())
    assert picture.quantity("BTCUSDT") == Decimal("0.6")
    nothing = picture.quantity("SOLUSDT")
    assert (nothing, type(nothing)) == (0, Decimal)


class TestNamedFills:
    def bare(self, trade_id: int, order_id: int, at_ms: int = T0 + 50, client_id: str = "") -> Any:
        return fill(None, trade_id, "99", "1", client_id=client_id, order_id=order_id, at_ms=at_ms)

    def test_what_is_left_out_ends_nothing(self) -> None:
        position = held()
        position, entry = with_order(position, position.entry, order_id=4711)
        given = [
            self.bare(1, 4711, client_id="pd-ffffffffffff-x-1"),  # another trade of ours
            self.bare(2, 78, at_ms=0),  # before this position
            self.bare(3, 4711),
        ]
        assert named_fills(position, given) == [replace(given[2], client_id=entry.client_id)]

    def test_a_conditional_order_names_by_the_order_it_spawned_never_by_its_own_number(self) -> None:
        # The numbers of conditional orders are counted apart from those of orders.
        position = held()
        position, stop = with_order(position, position.live("s")[0], order_id=500, plain_id=501)
        named = named_fills(position, [self.bare(1, 500), self.bare(2, 501), self.bare(3, 1), self.bare(4, 0)])
        assert [one.client_id for one in named] == ["", stop.client_id, "", ""]

    def test_nameless_fills_count_from_the_first_fill_of_the_entry(self) -> None:
        position = held()
        assert position.opened_ms == T0 + 1
        position.opened_ms = T0 + 100
        given = [self.bare(1, 78, T0 + 99), self.bare(2, 79, T0 + 100), self.bare(3, 80, T0 + 101)]
        assert [one.trade_id for one in named_fills(position, given)] == [2, 3]
        position.opened_ms = 0  # not open yet: from the plan on
        given = [self.bare(1, 78, T0 - 1), self.bare(2, 79, T0)]
        assert [one.trade_id for one in named_fills(position, given)] == [2]
