"""What each piece of news leaves of an order, field by field, and what it leaves alone."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from engine.exchange.orders import OrderStatus
from engine.trading.order import (
    Order,
    Phase,
    advance,
    cancel_failed,
    cancelling,
    declined,
    filled_to,
    gone,
    lost,
    missing,
)
from tests.support.trading import seen

PLAIN = Order("pd-abc-t1-1", "t1", 1, "SELL", Decimal(3), price=Decimal(101))
STOP = Order("pd-abc-s-1", "s", 1, "SELL", Decimal(0), price=Decimal(98), conditional=True, close_position=True)
RESTING = replace(PLAIN, phase=Phase.WORKING, order_id=1001)
RESTING_STOP = replace(STOP, phase=Phase.WORKING, order_id=1001)
S = OrderStatus
UNANSWERED = (Phase.SENDING, Phase.UNKNOWN)
ENDED = (Phase.REJECTED, Phase.EXPIRED, Phase.CANCELED, Phase.FINISHED, Phase.FILLED)


def test_an_ending_takes_over_the_words_of_the_exchange() -> None:
    ended = advance(RESTING, seen(RESTING, S.EXPIRED, filled="1", reason="reduce-only rejected"))
    assert ended == replace(RESTING, phase=Phase.EXPIRED, filled=Decimal(1), reason="reduce-only rejected")
    # Older news without words takes neither the quantity nor the words back.
    assert advance(ended, seen(RESTING, S.NEW, filled="0")) == ended


@pytest.mark.parametrize("phase", UNANSWERED)
def test_a_placement_without_an_answer_may_be_proved_refused_or_absent(phase: Phase) -> None:
    order = replace(PLAIN, phase=phase)
    assert declined(order, "margin is insufficient") == replace(
        order, phase=Phase.DECLINED, reason="margin is insufficient"
    )
    assert missing(order) == replace(order, phase=Phase.ABSENT)
    assert lost(order) == replace(order, phase=Phase.UNKNOWN)


def test_a_cancel_is_remembered_until_it_fails() -> None:
    asked = cancelling(RESTING)
    assert asked == replace(RESTING, cancel_sent=True)
    assert cancel_failed(asked) == RESTING
    assert cancel_failed(RESTING) is RESTING


@pytest.mark.parametrize("phase", [Phase.WORKING, Phase.PARTIAL, Phase.TRIGGERED, Phase.UNKNOWN])
def test_an_order_on_no_list_is_over_and_says_why(phase: Phase) -> None:
    order = replace(PLAIN, phase=phase, filled=Decimal(1))
    assert gone(order) == replace(order, phase=Phase.CANCELED, reason="not listed any more")
    told = replace(order, reason="price limit")
    assert gone(told) == replace(told, phase=Phase.CANCELED)


@pytest.mark.parametrize("phase", ENDED)
def test_what_ended_keeps_its_end_when_it_is_on_no_list(phase: Phase) -> None:
    order = replace(PLAIN, phase=phase)
    assert gone(order) is order


@pytest.mark.parametrize(
    ("order", "quantity", "phase"),
    [
        (RESTING, "1", Phase.PARTIAL),
        (RESTING, "3", Phase.FILLED),
        (replace(RESTING, phase=Phase.CANCELED), "1", Phase.CANCELED),
        (RESTING_STOP, "1", Phase.TRIGGERED),  # a whole-position stop has no quantity to be full at
        (replace(STOP, phase=Phase.UNKNOWN), "1", Phase.TRIGGERED),
        (replace(RESTING_STOP, phase=Phase.FINISHED), "1", Phase.FINISHED),
        (replace(RESTING_STOP, phase=Phase.EXPIRED), "1", Phase.EXPIRED),
    ],
)
def test_a_fill_moves_an_order_as_far_as_it_proves(order: Order, quantity: str, phase: Phase) -> None:
    assert filled_to(order, Decimal(quantity)) == replace(order, filled=Decimal(quantity), phase=phase)


def test_a_fill_known_already_changes_nothing() -> None:
    # The order's own state came first: the quantity is there, the word may be ahead of the fills.
    order = replace(RESTING, filled=Decimal(2))
    assert filled_to(order, Decimal(2)) is order
    assert filled_to(order, Decimal(1)) is order
