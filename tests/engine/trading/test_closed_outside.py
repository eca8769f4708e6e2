"""A part of a position that somebody else closes, the exchange included, is told; so is nothing else."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from engine.trading.events import QuantityDiffered
from engine.trading.inputs import CloseAsked, FillSeen
from engine.trading.intents import ExitMarket, Tell
from engine.trading.position import begin, step
from engine.trading.position_state import Position
from tests.support.trading import T0, fill, make_plan


def opened() -> Position:
    """A long of 1 at 100."""
    position, _ = begin(make_plan())
    position, _ = step(position, FillSeen(now_ms=T0, fill=fill(position.entry, 1, "100", "1")))
    return position


def closed(position: Position, name: str, trade_id: int, quantity: str) -> tuple[Position, list[QuantityDiffered]]:
    """A fill the other way, and what is told of it."""
    made = fill(position.entry, trade_id, "100", quantity)
    made = replace(made, client_id=name, side=position.plan.direction.opposite.order_side)
    position, intents = step(position, FillSeen(now_ms=T0, fill=made))
    told = [one.event for one in intents if isinstance(one, Tell) and isinstance(one.event, QuantityDiffered)]
    return position, told


@pytest.mark.parametrize("name", ["adl_autoclose", "autoclose-7", "web_1"])
def test_part_closed_by_others_is_told_once_with_what_is_left(name: str) -> None:
    position, told = closed(opened(), name, 2, "0.4")
    assert [(one.ours, one.exchange) for one in told] == [(Decimal(1), Decimal("0.6"))]
    position, told = closed(position, name, 3, "0.2")
    assert told == []
    assert position.exposure == Decimal("0.4")


def test_whole_closed_by_others_is_an_end_and_our_own_exit_is_no_news() -> None:
    assert closed(opened(), "adl_autoclose", 2, "1")[1] == []
    position, intents = step(opened(), CloseAsked(now_ms=T0, mono_ms=1.0, reason="manual"))
    (exit_order,) = [one for one in intents if isinstance(one, ExitMarket)]
    assert closed(position, exit_order.client_id, 2, "0.4")[1] == []
