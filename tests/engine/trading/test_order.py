"""One order's life joins late, repeated and disordered news into the same end."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.orders import OrderStatus
from engine.trading.client_ids import client_id, forced_reason, parse, signal_key
from engine.trading.order import Order, Phase, advance, declined, filled_to, gone, lost, missing
from tests.support.trading import seen

PLAIN = Order("pd-abc-t1-1", "t1", 1, "SELL", Decimal(3), price=Decimal(101))
STOP = Order("pd-abc-s-1", "s", 1, "SELL", Decimal(0), price=Decimal(98), conditional=True, close_position=True)
S = OrderStatus


@pytest.mark.parametrize(
    ("order", "status", "phase"),
    [
        (PLAIN, S.NEW, Phase.WORKING),
        (PLAIN, S.PARTIALLY_FILLED, Phase.PARTIAL),
        (PLAIN, S.FILLED, Phase.FILLED),
        (PLAIN, S.CANCELED, Phase.CANCELED),
        (PLAIN, S.EXPIRED, Phase.EXPIRED),
        (PLAIN, S.UNKNOWN, Phase.SENDING),  # a word nobody documented changes nothing
        (STOP, S.NEW, Phase.WORKING),
        (STOP, S.TRIGGERING, Phase.TRIGGERED),
        (STOP, S.TRIGGERED, Phase.TRIGGERED),
        (STOP, S.FINISHED, Phase.FINISHED),
        (STOP, S.REJECTED, Phase.REJECTED),
    ],
)
def test_words_of_the_exchange_move_an_order_on(order, status, phase) -> None:
    assert advance(order, seen(order, status)).phase is phase


def test_the_plain_half_of_a_triggered_stop_is_the_same_life() -> None:
    plain_new = seen(STOP, S.NEW, conditional=False, order_id=77)
    order = advance(STOP, plain_new)
    assert order.phase is Phase.TRIGGERED
    assert order.plain_id == 77
    assert advance(order, seen(STOP, S.FILLED, conditional=False, filled="3")).phase is Phase.FILLED


def test_news_of_one_life_in_any_order_ends_the_same() -> None:
    news = [
        seen(STOP, S.NEW), seen(STOP, S.TRIGGERING), seen(STOP, S.TRIGGERED, actual_order_id=9),
        seen(STOP, S.PARTIALLY_FILLED, conditional=False, filled="1", order_id=9), seen(STOP, S.FINISHED, filled="3"),
    ]  # fmt: skip
    ends = set()
    for order_of_arrival in permutations(news):
        order = STOP
        for state in order_of_arrival:
            order = advance(order, state)
        ends.add((order.phase, order.filled, order.order_id, order.plain_id))
    assert ends == {(Phase.FINISHED, Decimal(3), 1001, 9)}


@given(st.lists(st.sampled_from(list(S)), max_size=12), st.randoms())
def test_any_news_in_any_order_and_twice_ends_the_same(statuses, rng) -> None:
    states = [seen(PLAIN, status, filled=str(n % 4)) for n, status in enumerate(statuses)]
    first, again = PLAIN, PLAIN
    for state in states:
        first = advance(first, state)
    shuffled = states + states
    rng.shuffle(shuffled)
    for state in shuffled:
        again = advance(again, state)
    assert first == again


class TestProofs:
    def test_an_absent_order_is_believed_when_the_exchange_shows_it_after_all(self) -> None:
        absent = missing(lost(PLAIN))
        assert absent.phase is Phase.ABSENT
        assert advance(absent, seen(PLAIN, S.NEW)).phase is Phase.WORKING

    def test_a_lost_answer_does_not_undo_what_the_stream_has_shown(self) -> None:
        working = advance(PLAIN, seen(PLAIN, S.NEW))
        assert lost(working) is working
        assert missing(working) is working
        assert declined(working, "no") is working

    def test_fills_prove_more_than_states_do(self) -> None:
        assert filled_to(PLAIN, Decimal(1)).phase is Phase.PARTIAL
        assert filled_to(PLAIN, Decimal(3)).phase is Phase.FILLED
        assert filled_to(STOP, Decimal(3)).phase is Phase.TRIGGERED
        assert filled_to(filled_to(PLAIN, Decimal(2)), Decimal(1)).filled == 2

    def test_a_filled_order_is_never_gone(self) -> None:
        filled = advance(PLAIN, seen(PLAIN, S.FILLED, filled="3"))
        assert gone(filled) is filled
        assert gone(advance(PLAIN, seen(PLAIN, S.NEW))).phase is Phase.CANCELED


class TestNames:
    @given(st.text(max_size=40), st.sampled_from(["e", "s", "t1", "t2", "x"]), st.integers(1, 9999))
    def test_names_fit_the_exchange_and_read_back(self, signal_id, leg, attempt) -> None:
        name = client_id("pd", signal_key(signal_id), leg, attempt)
        assert len(name) <= 36
        parsed = parse(name)
        assert parsed is not None
        assert (parsed.key, parsed.leg, parsed.attempt) == (signal_key(signal_id), leg, attempt)

    def test_a_name_the_exchange_would_refuse_is_not_made(self) -> None:
        with pytest.raises(ValueError, match="client id"):
            client_id("a" * 30, signal_key("x"), "e", 1)

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("autoclose-17", "liquidation"),
            ("adl_autoclose", "adl"),
            ("settlement_autoclose-3", "settlement"),
            ("web_1", None),
        ],
    )
    def test_orders_of_the_exchange_itself_are_known(self, name, reason) -> None:
        assert forced_reason(name) == reason
        assert parse(name) is None
