"""Properties of the position machine: any order of news, any fills, any prices."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.exchange.orders import OrderStatus
from engine.money import Side
from engine.trading.booking import open_risk_usdt, result_of
from engine.trading.inputs import (
    BarClosed,
    CloseAsked,
    FillSeen,
    FlatSeen,
    FundingPaid,
    OrderDeclined,
    OrderLost,
    OrderMissing,
    OrderSeen,
    PriceMoved,
    StopAsked,
    Ticked,
)
from engine.trading.intents import AskExchange, CancelOrder, ExitMarket, PlaceStop, PlaceTier
from engine.trading.paper import Bar, open_paper, walk_bar
from engine.trading.position import begin, step
from engine.trading.position_state import Position
from tests.support.trading import BAR, T0, fill, make_plan, seen

S = OrderStatus


def feed(position: Position, *events):
    intents = []
    for event in events:
        position, more = step(position, event)
        intents += more
    return position, intents


def opened(**plan) -> Position:
    """A long of 1 at 100 with its stop and both targets resting."""
    position, _ = begin(make_plan(**plan))
    position, intents = feed(position, FillSeen(now_ms=T0, fill=fill(position.entry, 1, "100", "1")))
    position = accept(position, intents)
    return position


def accept(position: Position, intents) -> Position:
    for intent in intents:
        if isinstance(intent, PlaceStop | PlaceTier | ExitMarket):
            order = position.orders[intent.client_id]
            position, more = step(position, OrderSeen(now_ms=T0, order=seen(order, S.NEW)))
            position = accept(position, more)
        elif isinstance(intent, CancelOrder):
            order = position.orders[intent.client_id]
            position, more = step(position, OrderSeen(now_ms=T0, order=seen(order, S.CANCELED)))
            position = accept(position, more)
    return position


def test_step_leaves_the_given_position_as_it_was() -> None:
    position, _ = begin(make_plan())
    before = msgspec.json.encode(position)
    step(position, FillSeen(now_ms=T0, fill=fill(position.entry, 1, "100", "1")))
    assert msgspec.json.encode(position) == before


def test_the_stop_goes_out_with_the_first_fill_before_the_entry_is_complete() -> None:
    position, _ = begin(make_plan())
    position, intents = feed(position, FillSeen(now_ms=T0, fill=fill(position.entry, 1, "100", "0.4")))
    stops = [intent for intent in intents if isinstance(intent, PlaceStop)]
    assert [(stop.price, stop.close_position) for stop in stops] == [(98, True)]
    assert not [intent for intent in intents if isinstance(intent, PlaceTier)]


def test_an_answer_that_shows_a_fill_is_enough_for_the_stop() -> None:
    """The exchange's answer to a market order has no price; protection does not wait for it."""
    position, _ = begin(make_plan())
    position, intents = feed(position, OrderSeen(now_ms=T0, order=seen(position.entry, S.FILLED, filled="1")))
    assert [intent for intent in intents if isinstance(intent, PlaceStop)]
    position, intents = feed(position, Ticked(now_ms=T0 + 900, mono_ms=900.0))
    assert [intent for intent in intents if isinstance(intent, AskExchange)]  # the fills are asked for


def test_asking_again_asks_for_nothing_twice() -> None:
    position = opened()
    for _ in range(3):
        position, intents = feed(position, Ticked(now_ms=T0 + 5, mono_ms=5.0))
        assert intents == []


def test_a_fill_through_the_stop_closes_at_once() -> None:
    position, _ = begin(make_plan())
    position, intents = feed(position, FillSeen(now_ms=T0, fill=fill(position.entry, 1, "97.5", "1")))
    assert position.state == "closing"
    assert position.close_reason == "stop_beyond_entry"
    assert [intent for intent in intents if isinstance(intent, ExitMarket)]


def test_second_entry_only_after_the_first_is_proved_absent_and_in_time() -> None:
    position, _ = begin(make_plan())
    lost_, intents = feed(position, OrderLost(now_ms=T0, client_id=position.entry.client_id))
    assert intents == []
    again, intents = feed(lost_, OrderMissing(now_ms=T0, client_id=position.entry.client_id))
    assert [intent.client_id[-3:] for intent in intents] == ["e-2"]
    assert again.state == "entering"
    late, _ = feed(lost_, OrderMissing(now_ms=T0 + 10 * BAR, client_id=position.entry.client_id))
    assert late.state == "abandoned"
    moved, _ = feed(
        lost_,
        PriceMoved(now_ms=T0, mark=101.0),
        OrderMissing(now_ms=T0, client_id=position.entry.client_id),
    )
    assert moved.state == "abandoned"


def test_funding_is_booked_once() -> None:
    position = opened()
    paid = FundingPaid(now_ms=T0, amount=Decimal("-0.2"), id="f1")
    position, _ = feed(position, paid, paid)
    assert position.funding == Decimal("-0.2")
    assert result_of(position).net_r == pytest.approx(-0.1)


def test_a_close_asked_before_the_fill_is_done_after_it() -> None:
    position, _ = begin(make_plan())
    position, _ = feed(position, CloseAsked(now_ms=T0, reason="flatten"))
    position, intents = feed(position, FillSeen(now_ms=T0, fill=fill(position.entry, 1, "100", "1")))
    assert position.state == "closing"
    assert [intent.reason for intent in intents if isinstance(intent, ExitMarket)] == ["flatten"]


def test_a_flat_exchange_without_fills_ends_the_trade_at_a_named_price() -> None:
    position = opened()
    position, _ = feed(position, FlatSeen(now_ms=T0, price=Decimal(101)))
    assert position.state == "closed"
    assert position.close_reason == "vanished"
    assert result_of(position).gross_r == pytest.approx(0.5)


def test_exit_declined_with_nothing_to_reduce_asks_before_it_tries_again() -> None:
    position = opened()
    position, _ = feed(position, CloseAsked(now_ms=T0, mono_ms=1.0, reason="manual"))
    for order in position.live("t1", "t2"):
        position, _ = feed(position, OrderSeen(now_ms=T0, mono_ms=2.0, order=seen(order, S.CANCELED)))
    exit_order = position.live("x")[0]
    position, intents = feed(
        position,
        OrderDeclined(now_ms=T0, mono_ms=10.0, client_id=exit_order.client_id, code=-2022, message="nothing"),
    )
    assert [intent for intent in intents if isinstance(intent, AskExchange)]
    assert not position.live("x")
    position, intents = feed(position, Ticked(now_ms=T0, mono_ms=1200.0))
    assert [intent.client_id[-3:] for intent in intents if isinstance(intent, ExitMarket)] == ["x-2"]


def test_a_target_a_person_took_off_stays_off_and_its_share_runs() -> None:
    position = opened()
    order = position.live("t2")[0]
    position, intents = feed(position, OrderSeen(now_ms=T0, order=seen(order, S.CANCELED)))
    assert not [intent for intent in intents if isinstance(intent, PlaceTier)]
    assert position.tiers[1].cancelled
    assert position.tiers[2].quantity == Decimal("0.7")


def test_a_target_the_exchange_knocked_out_is_placed_again() -> None:
    position = opened()
    order = position.live("t2")[0]
    position, _ = feed(position, OrderSeen(now_ms=T0, order=seen(order, S.EXPIRED)))
    position, intents = feed(position, Ticked(now_ms=T0, mono_ms=1000.0))
    assert [intent.client_id[-4:] for intent in intents if isinstance(intent, PlaceTier)] == ["t2-2"]


def test_open_risk_is_the_distance_to_the_present_stop() -> None:
    position = opened()
    assert open_risk_usdt(position) == 2
    position, intents = feed(position, StopAsked(now_ms=T0, price=Decimal("99.5")))
    position = accept(position, intents)
    assert open_risk_usdt(position) == Decimal("0.5")
    position, intents = feed(position, StopAsked(now_ms=T0, price=Decimal("100.4")))
    assert open_risk_usdt(accept(position, intents)) == 0


def test_a_stage_or_a_wide_trail_never_loosens_the_stop() -> None:
    position = opened(atr=10.0)
    position, intents = feed(position, StopAsked(now_ms=T0, price=Decimal("101.5")))
    position = accept(position, intents)
    position, intents = feed(position, FillSeen(now_ms=T0, fill=fill(position.live("t1")[0], 5, "102", "0.3")))
    position = accept(position, intents)
    assert position.stop == Decimal("101.5")  # a person's stop is above breakeven
    position, intents = feed(position, FillSeen(now_ms=T0, fill=fill(position.live("t2")[0], 6, "104", "0.4")))
    position = accept(position, intents)
    for n in range(3):
        position, intents = feed(position, PriceMoved(now_ms=T0 + (n + 1) * 60_000, mark=105.0))
        position = accept(position, intents)
    assert position.stop == Decimal(102)  # locked at TP1; the trail stands at 93


def test_hours_of_trailing_leave_few_orders_behind() -> None:
    position = opened(atr=0.1)
    position, intents = feed(position, FillSeen(now_ms=T0, fill=fill(position.live("t1")[0], 5, "102", "0.3")))
    position = accept(position, intents)
    position, intents = feed(position, FillSeen(now_ms=T0, fill=fill(position.live("t2")[0], 6, "104", "0.4")))
    position = accept(position, intents)
    for n in range(200):
        position, intents = feed(position, PriceMoved(now_ms=T0 + (n + 1) * 60_000, mark=105.0 + n / 10))
        position = accept(position, intents)
    assert len(position.orders) < 30
    assert position.attempts["s"] > 150
    old = seen(position.live("s")[0], S.NEW, client_id=f"pd-{position.plan.key}-s-2")
    revived, _ = feed(position, OrderSeen(now_ms=T0, order=old))
    assert len(revived.live("s")) == 1  # late news of a forgotten order is recognised


def test_the_whole_state_survives_the_journal() -> None:
    position = opened()
    again = msgspec.json.decode(msgspec.json.encode(position), type=Position)
    assert again == position
    assert step(again, PriceMoved(now_ms=T0, mark=101.0)) == step(position, PriceMoved(now_ms=T0, mark=101.0))


# -- properties -----------------------------------------------------------------------------------------------------


def story(rng: Random) -> tuple[Position, list, list]:
    """A finished trade as the exchange would tell it: the entry in parts, then targets or stop, each thing once."""
    position, _ = begin(make_plan(quantity="1"))
    entry = position.entry
    numbers = iter(range(1, 100))
    cut = Decimal(rng.choice(["0.2", "0.5", "1"]))
    entering: list = [
        FillSeen(now_ms=T0, fill=fill(entry, next(numbers), rng.choice(["100", "100.2"]), str(part)))
        for part in ([cut, 1 - cut] if cut < 1 else [cut])
    ]
    entering.append(OrderSeen(now_ms=T0, order=seen(entry, S.FILLED, filled="1")))
    held, _ = feed(position, *entering)
    # Nothing is said of an order before it was sent: the rest is of orders that a held position has named.
    held, _ = feed(held, OrderSeen(now_ms=T0, order=seen(held.live("s")[0], S.NEW)))
    stop = held.live("s")[0]
    left = Decimal(1)
    leaving: list = []
    for leg in ("t1", "t2")[: rng.randrange(3)]:
        order = held.live(leg)[0]
        leaving.append(OrderSeen(now_ms=T0, order=seen(order, S.NEW)))
        leaving.append(FillSeen(now_ms=T0, fill=fill(order, next(numbers), str(order.price), str(order.quantity))))
        leaving.append(OrderSeen(now_ms=T0, order=seen(order, S.FILLED, filled=str(order.quantity))))
        left -= order.quantity
    leaving += [
        OrderSeen(now_ms=T0, order=seen(stop, S.NEW)),
        OrderSeen(now_ms=T0, order=seen(stop, S.TRIGGERED)),
        FillSeen(now_ms=T0, fill=fill(stop, next(numbers), "97.9", str(left))),
        OrderSeen(now_ms=T0, order=seen(stop, S.FINISHED, filled=str(left))),
    ]
    return position, entering, leaving


def outcome(position: Position):
    result = result_of(position)
    return (
        position.state, position.close_reason, position.entered.quantity, position.exited.quantity, result.net_usdt,
        result.by_leg, position.exposure, position.trades, position.stage,
    )  # fmt: skip


def disordered(rng: Random, *parts: list) -> list:
    """Each part in any order and some of it again, also later."""
    told: list = []
    for part in parts:
        mixed = [*part, *(event for event in [*told, *part] if rng.random() < 0.4)]
        rng.shuffle(mixed)
        told += mixed
    return told


@given(st.integers(0, 10_000), st.randoms())
@settings(max_examples=200, deadline=None)
def test_repeats_and_disorder_of_account_events_end_in_the_same_state(seed, rng) -> None:
    start, entering, leaving = story(Random(seed))
    straight, _ = feed(start, *entering, *leaving)
    assert straight.state == "closed"
    again, _ = feed(start, *disordered(rng, entering, leaving))
    assert outcome(again) == outcome(straight)


@given(st.integers(0, 10_000), st.randoms())
@settings(max_examples=200, deadline=None)
def test_filled_is_open_plus_closed_at_every_moment(seed, rng) -> None:
    position, entering, leaving = story(Random(seed))
    filled: dict[str, Decimal] = {}  # by fills
    claimed: dict[str, Decimal] = {}  # by states of orders
    numbers: set[int] = set()
    events = [*entering, *leaving, *leaving]
    rng.shuffle(events)
    for event in events:
        position, _ = step(position, event)
        if isinstance(event, OrderSeen):
            name = event.order.client_id
            claimed[name] = max(claimed.get(name, Decimal(0)), event.order.filled)
        elif event.fill.trade_id not in numbers:
            numbers.add(event.fill.trade_id)
            name = event.fill.client_id
            filled[name] = filled.get(name, Decimal(0)) + event.fill.quantity
        known = {name: max(filled.get(name, Decimal(0)), claimed.get(name, Decimal(0))) for name in {*filled, *claimed}}
        into = sum(quantity for name, quantity in known.items() if "-e-" in name)
        out = sum(quantity for name, quantity in known.items() if "-e-" not in name)
        assert position.exposure == max(0, into - out)


price_paths = st.lists(st.floats(90.0, 115.0), min_size=1, max_size=60)


@given(price_paths, st.sampled_from([1, -1]), st.sampled_from(["cost", "entry", "half_r"]))
@settings(max_examples=150, deadline=None)
def test_a_stop_never_loosens_and_conserves_quantity_on_any_path(path, sign, breakeven) -> None:
    side = Side(sign)
    trade = open_paper(make_plan(sign, stop="98" if sign > 0 else "102", breakeven=breakeven), 100.0, T0)
    wanted = trade.position.stop
    last = 100.0
    for n, drawn in enumerate(path):
        close = drawn if sign > 0 else 200 - drawn
        high, low = max(last, close), min(last, close)
        walk_bar(trade, Bar(T0 + n * BAR, T0 + (n + 1) * BAR, last, high, low, close))
        last = close
        position = trade.position
        assert side * (position.stop - wanted) >= 0
        wanted = position.stop
        assert position.entered.quantity == position.exposure + position.exited.quantity
        assert position.mfe_r >= 0 >= position.mae_r
        if position.state == "open":
            working = position.working_stop
            assert working is not None
            assert working.price == wanted
            assert working.close_position or working.quantity == position.exposure
            assert sum(order.quantity - order.filled for order in position.live("t1", "t2")) <= position.exposure
        if trade.over():
            result = result_of(position)
            assert result.net_r == pytest.approx(sum(result.by_leg.values()), abs=1e-9)
            break


@given(price_paths, st.sampled_from([1, -1]), st.sampled_from(["50", "0.12", "0.08"]), st.sampled_from([None, 102.2]))
@settings(max_examples=100, deadline=None)
def test_leaving_a_steady_position_alone_changes_nothing(path, sign, quantity, level) -> None:
    """The short way for quiet times ends where the long way ends."""
    stop, level = ("98", level) if sign > 0 else ("102", 200 - level if level is not None else None)
    plan = make_plan(sign, quantity=quantity, stop=stop, tp2_price=level)
    short, long = open_paper(plan, 100.0, T0), open_paper(plan, 100.0, T0)
    last = 100.0
    for n, drawn in enumerate(path):
        close = drawn if sign > 0 else 200 - drawn
        bar = Bar(T0 + n * BAR, T0 + (n + 1) * BAR, last, max(last, close), min(last, close), close)
        last = close
        long.position.steady_until_ms = 0
        walk_bar(short, bar)
        walk_bar(long, bar)
        left, right = (msgspec.structs.replace(trade.position, steady_until_ms=0) for trade in (short, long))
        assert left == right
        if short.over():
            break


def test_a_run_of_idle_bars_may_be_walked_as_one() -> None:
    one = open_paper(make_plan(), 100.0, T0)
    many = open_paper(make_plan(), 100.0, T0)
    for n in range(5):
        walk_bar(many, Bar(T0 + n * BAR, T0 + (n + 1) * BAR, 100.0, 100.5 + n / 100, 99.5, 100.0))
    one.position, _ = step(
        one.position, BarClosed(now_ms=T0 + 5 * BAR, open_ms=T0 + 4 * BAR, high=100.54, low=99.5, close=100.0)
    )
    assert one.position.mfe_r == many.position.mfe_r
    assert one.position.stop == many.position.stop
