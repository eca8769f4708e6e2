"""When a position acts: in the same step, at its time, told with its time, and not while it is held or at rest."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.exchange.orders import OrderStatus
from engine.trading.client_ids import ENTRY
from engine.trading.events import ClosingStarted, EntryFilled, StopFailed, StopMoved, StopPlaced, TradeClosed
from engine.trading.inputs import (
    AnyInput,
    BarClosed,
    FillSeen,
    FlatSeen,
    FundingPaid,
    HoldSet,
    OrderDeclined,
    OrderGone,
    OrderSeen,
    PriceMoved,
    QuantitySeen,
    StopAsked,
    Ticked,
)
from engine.trading.intents import AnyIntent, CancelOrder, ExitMarket, PlaceStop, PlaceTier, Tell
from engine.trading.order import Order, Phase
from engine.trading.position import adopt_foreign, begin, step
from engine.trading.position_state import Position, Tally
from tests.support.trading import BAR, T0, fill, make_plan, seen

S = OrderStatus
MINUTE = 60_000


def run(position: Position, *events: AnyInput) -> tuple[Position, list[AnyIntent]]:
    """Each event, with the exchange accepting whatever is asked."""
    told: list[AnyIntent] = []
    for event in events:
        position, intents = step(position, event)
        told += intents
        for intent in intents:
            state = S.CANCELED if isinstance(intent, CancelOrder) else S.NEW
            if isinstance(intent, PlaceStop | PlaceTier | CancelOrder):
                answer = seen(position.orders[intent.client_id], state)
                position, more = run(position, OrderSeen(now_ms=event.now_ms, mono_ms=event.mono_ms, order=answer))
                told += more
    return position, told


def opened(**plan: object) -> Position:
    """A long of 1 at 100, stop at 98 and targets at 102 and 104 resting."""
    position, _ = begin(make_plan(**plan))  # type: ignore[arg-type]
    return run(position, FillSeen(now_ms=T0, fill=fill(position.entry, 1, "100", "1")))[0]


def bare() -> Position:
    """Bought, and the first stop refused for a reason that may pass."""
    position, _ = begin(make_plan())
    position, _ = step(position, FillSeen(now_ms=T0, mono_ms=1_000.0, fill=fill(position.entry, 1, "100", "1")))
    stop = position.live("s")[0]
    declined = OrderDeclined(now_ms=T0, mono_ms=1_010.0, client_id=stop.client_id, code=-1001, message="try again")
    return step(position, declined)[0]


def runner() -> Position:
    """Both targets taken: the rest trails 1.2 ATR of 1.5 behind the peak, and the stop stands at TP1."""
    position = opened()
    first, second = position.live("t1")[0], position.live("t2")[0]
    return run(
        position,
        FillSeen(now_ms=T0 + 10, fill=fill(first, 5, "102", str(first.quantity))),
        FillSeen(now_ms=T0 + 20, fill=fill(second, 6, "104", str(second.quantity))),
    )[0]


def exits(intents: list[AnyIntent]) -> list[ExitMarket]:
    return [intent for intent in intents if isinstance(intent, ExitMarket)]


class TestThroughTheStop:
    """A price that has passed a stop which does not rest yet."""

    @pytest.mark.parametrize(
        "price",
        [
            PriceMoved(now_ms=T0 + 40, mono_ms=1_040.0, mark=97.9),
            BarClosed(now_ms=T0 + 40, mono_ms=1_040.0, open_ms=T0, high=100.0, low=97.0, close=98.0),
        ],
    )
    def test_a_fresh_one_sells_at_once(self, price: AnyInput) -> None:
        closing, intents = step(bare(), price)
        assert closing.state == "closing"
        assert [(out.quantity, out.reason) for out in exits(intents)] == [(Decimal(1), "stop")]

    def test_an_old_one_leaves_it_to_the_exchange_to_say_so(self) -> None:
        position, _ = step(bare(), PriceMoved(now_ms=T0 + 20, mono_ms=1_020.0, mark=99.0))
        position.mark = 97.9
        after, intents = step(position, Ticked(now_ms=T0 + 300, mono_ms=1_300.0))
        assert after.state == "open"
        assert [type(intent) for intent in intents] == [PlaceStop]


class TestBareTime:
    @pytest.mark.parametrize(("age_ms", "since"), [(0.0, 5_000.0), (700.0, 4_300.0)])
    def test_news_that_came_late_has_cost_its_age_already(self, age_ms: float, since: float) -> None:
        position, _ = begin(make_plan())
        bought = fill(position.entry, 1, "100", "1")
        by_fill, _ = step(position, FillSeen(now_ms=T0, mono_ms=5_000.0, fill=bought, age_ms=age_ms))
        assert by_fill.naked_since == since
        answer = seen(position.entry, S.FILLED, filled="1")
        by_state, _ = step(position, OrderSeen(now_ms=T0, mono_ms=5_000.0, order=answer, age_ms=age_ms))
        assert by_state.naked_since == since

    def test_what_is_noticed_now_is_bare_from_now(self) -> None:
        position = opened()
        gone = OrderGone(now_ms=T0 + 9, mono_ms=5_000.0, client_id=position.live("s")[0].client_id)
        assert step(position, gone)[0].naked_since == 5_000.0

    def test_too_long_closes_and_says_how_long_it_was(self) -> None:
        position = bare()
        position, intents = step(position, Ticked(now_ms=T0 + 1_599, mono_ms=2_599.0))
        assert not exits(intents)
        position, intents = step(position, Ticked(now_ms=T0 + 1_600, mono_ms=2_600.0))
        assert [out.reason for out in exits(intents)] == ["naked"]
        [failed] = [one.event for one in intents if isinstance(one, Tell) and isinstance(one.event, StopFailed)]
        assert (failed.reason, failed.naked_ms, failed.at_ms) == ("no working stop", 1_600.0, T0 + 1_600)


def test_whatever_is_told_carries_the_exchange_time_of_its_cause() -> None:
    position, _ = begin(make_plan())
    entry = position.entry
    through, _ = step(bare(), Ticked(now_ms=T0 + 1, mono_ms=1_011.0))
    stories: list[tuple[Position, list[AnyInput]]] = [
        (
            position,
            [
                FillSeen(now_ms=T0 + 11, fill=fill(entry, 1, "100", "1")),
                StopAsked(now_ms=T0 + 22, price=Decimal(99)),
                FlatSeen(now_ms=T0 + 33, price=Decimal(101)),
            ],
        ),
        (through, [PriceMoved(now_ms=T0 + 44, mono_ms=1_044.0, mark=97.0)]),
    ]
    kinds: set[type] = set()
    for start, events in stories:
        state = start
        for event in events:
            state, intents = run(state, event)
            told = [intent.event for intent in intents if isinstance(intent, Tell)]
            assert told
            assert {(one.at_ms, one.position_id, one.symbol) for one in told} == {(event.now_ms, "sig1", "BTCUSDT")}
            kinds |= {type(one) for one in told}
    assert kinds >= {EntryFilled, StopPlaced, StopMoved, ClosingStarted, TradeClosed}


class TestTrail:
    def test_it_moves_at_the_close_of_a_minute_and_not_within(self) -> None:
        position = runner()
        assert position.stop == 102
        start = T0 // MINUTE * MINUTE
        stops = []
        for after_ms, mark in ((1_000, 106.0), (59_999, 107.0), (60_000, 107.0), (61_000, 109.0), (120_000, 108.0)):
            position, _ = run(position, PriceMoved(now_ms=start + after_ms, mark=mark))
            stops.append(position.stop)
        # 107 less 1.8; then 109 less 1.8, though the price is below its peak again.
        assert stops == [102, 102, Decimal("105.2"), Decimal("105.2"), Decimal("107.2")]

    def test_only_prices_move_it(self) -> None:
        position, _ = run(runner(), PriceMoved(now_ms=T0 + 1_000, mark=107.0))
        later = T0 + 5 * MINUTE
        position, _ = run(position, FundingPaid(now_ms=later, amount=Decimal(1), id="f"), Ticked(now_ms=later))
        assert position.stop == 102
        position, _ = run(position, PriceMoved(now_ms=later, mark=106.0))
        assert position.stop == Decimal("105.2")


def test_a_held_position_keeps_its_stop_where_it_is() -> None:
    position, _ = run(opened(), HoldSet(now_ms=T0 + 5, on=True))
    first = position.live("t1")[0]
    position, intents = run(position, FillSeen(now_ms=T0 + 6, fill=fill(first, 5, "102", str(first.quantity))))
    assert (position.stage, position.stop) == (1, 98)
    assert not [intent for intent in intents if isinstance(intent, PlaceStop)]
    position, intents = run(position, HoldSet(now_ms=T0 + 7, on=False))
    assert position.stop == 100  # breakeven, now that it may
    assert [intent.price for intent in intents if isinstance(intent, PlaceStop)] == [100]


class TestRevision:
    """Counts up by one with each change a person acts on."""

    @pytest.mark.parametrize(
        ("event", "change"),
        [
            (PriceMoved(now_ms=T0 + 9, mark=100.5), 0),
            (Ticked(now_ms=T0 + 9), 0),
            (FundingPaid(now_ms=T0 + 9, amount=Decimal(1), id="f"), 0),
            (HoldSet(now_ms=T0 + 9, on=True), 1),
            (StopAsked(now_ms=T0 + 9, price=Decimal(99)), 1),
            (QuantitySeen(now_ms=T0 + 9, quantity=Decimal("0.9")), 1),
            (FillSeen(now_ms=T0 + 9, fill=fill(None, 9, "101", "0.1")), 1),  # somebody sold a part by hand
        ],
    )
    def test_of_an_open_position(self, event: AnyInput, change: int) -> None:
        position = opened()
        assert step(position, event)[0].revision == position.revision + change

    def test_when_the_exchange_moves_one_of_its_orders(self) -> None:
        position = opened()
        canceled = OrderSeen(now_ms=T0 + 9, order=seen(position.live("t2")[0], S.CANCELED))
        assert step(position, canceled)[0].revision == position.revision + 1


class TestRest:
    def test_what_asks_for_nothing_is_left_alone_until_its_next_deadline(self) -> None:
        position = opened()
        assert position.steady_until_ms == 0  # the last step told of a target
        position, _ = step(position, Ticked(now_ms=T0 + 50))
        assert position.steady_until_ms == T0 // BAR * BAR + 12 * BAR  # the time stop of bar 12
        after, intents = step(position, PriceMoved(now_ms=T0 + 60, mark=101.0))
        assert intents == []
        assert (after.mark, after.best) == (101.0, 101.0)
        assert after.steady_until_ms == position.steady_until_ms

    def test_what_has_just_asked_for_something_is_looked_at_again(self) -> None:
        position = opened()
        for event in (StopAsked(now_ms=T0 + 9, price=Decimal(99)), QuantitySeen(now_ms=T0 + 9, quantity=Decimal(2))):
            after, intents = step(position, event)
            assert intents
            assert after.steady_until_ms == 0


class TestAdopted:
    @pytest.mark.parametrize(("side", "order_side", "stop"), [(1, "BUY", "95"), (-1, "SELL", "105")])
    def test_a_position_found_on_the_exchange_is_whole_from_the_start(self, side, order_side, stop) -> None:
        plan = make_plan(side, quantity="2", stop=stop, signal_id="f1", foreign=True)
        position = adopt_foreign(plan, Decimal(2), Decimal("100.5"), T0 + 77)
        name = f"pd-{plan.key}-e-1"
        assert position.state == "open"
        assert position.orders == {
            name: Order(name, ENTRY, 1, order_side, Decimal(2), phase=Phase.FILLED, filled=Decimal(2))
        }
        tally = Tally(Decimal(2), Decimal(201), first_ms=T0 + 77, last_ms=T0 + 77)
        assert (position.tallies, position.entered) == ({name: tally}, tally)
        assert (position.opened_ms, position.attempts) == (T0 + 77, {ENTRY: 1})
        assert (position.best, position.worst, position.mfe_r, position.mae_r) == (100.5, 100.5, 0.0, 0.0)
        assert (position.exposure, position.entry_price, position.settled) == (2, Decimal("100.5"), True)
        assert position.stop == Decimal(stop)

    def test_it_is_protected_and_never_traded(self) -> None:
        plan = make_plan(quantity="2", stop="95", signal_id="f1", foreign=True)
        _, intents = step(adopt_foreign(plan, Decimal(2), Decimal(100), T0), Ticked(now_ms=T0, mono_ms=1.0))
        assert [type(intent) for intent in intents] == [PlaceStop]
