"""Account answers become the desk's orders and positions with every digit they had."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.errors import BadPayload
from engine.exchange.orders import OrderStatus
from engine.exchange.wire_account import (
    AccountAnswer,
    AlgoAnswer,
    BracketAnswer,
    CommissionAnswer,
    ErrorBody,
    IncomeAnswer,
    LeverageAnswer,
    ListenKey,
    OrderAnswer,
    PositionAnswer,
    ServerTime,
    SymbolConfig,
    TradeAnswer,
    amount,
    identifier,
    status_of,
)

FIXTURES = Path(__file__).parents[4] / "shared" / "spec" / "fixtures"
needs_fixtures = pytest.mark.skipif(not FIXTURES.is_dir(), reason="the recorded payloads are not beside this checkout")


def load(name: str, shape: Any) -> Any:
    return msgspec.json.decode((FIXTURES / "rest" / f"{name}.json").read_bytes(), type=shape, strict=False)


@needs_fixtures
@pytest.mark.parametrize(
    ("name", "status", "filled", "average"),
    [
        ("order_post.limit_ack", OrderStatus.NEW, "0.000", None),
        ("order_post.market_result", OrderStatus.FILLED, "0.010", None),
        ("order_get", OrderStatus.FILLED, "0.010", "91250.20000"),
        ("order_delete", OrderStatus.CANCELED, "0.000", None),
        ("openOrder_get", OrderStatus.NEW, "0.000", None),
    ],
)
def test_plain_order_of_every_shape(name: str, status: OrderStatus, filled: str, average: str | None) -> None:
    order = load(name, OrderAnswer).state()
    assert (order.status, order.filled) == (status, Decimal(filled))
    assert order.average == (None if average is None else Decimal(average))
    assert not order.conditional


@needs_fixtures
@pytest.mark.parametrize("name", ["openOrders_get", "allOrders_get"])
def test_lists_of_plain_orders(name: str) -> None:
    assert [row.state().symbol for row in load(name, list[OrderAnswer])]


@needs_fixtures
def test_conditional_order_of_every_shape() -> None:
    posted = load("algoOrder_post.stop_market_closePosition", AlgoAnswer).state()
    assert (posted.status, posted.type, posted.trigger_price) == (OrderStatus.NEW, "STOP_MARKET", Decimal("89000.00"))
    assert posted.conditional
    assert posted.close_position
    assert posted.actual_order_id is None
    finished = load("algoOrder_get.finished", AlgoAnswer).state()
    assert (finished.status, finished.actual_order_id) == (OrderStatus.FINISHED, 283194212077)
    assert (finished.average, finished.filled) == (Decimal("88991.30"), Decimal("0.010"))
    for name in ("algoOrder_post.stop_limit", "algoOrder_post.trailing"):
        assert load(name, AlgoAnswer).state().status is OrderStatus.NEW
    for name in ("openAlgoOrders_get", "allAlgoOrders_get"):
        assert [row.state().client_id for row in load(name, list[AlgoAnswer])] == ["sl-3f2a91"]


@needs_fixtures
def test_account_position_and_configuration() -> None:
    account = load("account_v3", AccountAnswer).state()
    assert (account.wallet, account.available) == (Decimal("10000.00000000"), Decimal("9921.24958000"))
    assert (account.margin_balance, account.maintenance) == (Decimal("10012.50000000"), Decimal("3.65000000"))
    assert load("account_v2", AccountAnswer).state().wallet > 0
    config = load("symbolConfig", list[SymbolConfig])[0]
    position = load("positionRisk_v3", list[PositionAnswer])[0].state(config.leverage, config.margin_type != "CROSSED")
    assert (position.quantity, position.entry_price, position.leverage) == (Decimal("0.010"), Decimal("90000.0"), 21)
    assert not position.isolated


@needs_fixtures
def test_the_remaining_answers() -> None:
    fill = load("userTrades_get", list[TradeAnswer])[0].fill()
    assert (fill.trade_id, fill.price, fill.fee) == (7234567890, Decimal("91250.20"), Decimal("0.45625100"))
    for shape in (list[BracketAnswer], BracketAnswer):
        name = "leverageBracket.all" if shape is not BracketAnswer else "leverageBracket.symbol_docs"
        answer = load(name, shape)
        rows = (answer[0] if isinstance(answer, list) else answer).rows()
        assert rows[1].maintenance_ratio == Decimal("0.005")
        assert rows[0].notional_cap == rows[1].notional_floor == Decimal(300000)
    assert load("leverage.post", LeverageAnswer).leverage == 21
    assert amount(load("commissionRate", CommissionAnswer).taker_commission_rate) == Decimal("0.0005")
    assert load("time", ServerTime).server_ms == 1795305600123
    assert len(load("listenKey_post", ListenKey).key) > 20
    assert load("listenKey_delete", ListenKey).key == ""
    assert [row.income_type for row in load("income", list[IncomeAnswer])] == ["COMMISSION", "FUNDING_FEE", "TRANSFER"]
    refusals = list((FIXTURES / "errors").glob("*.json"))
    assert refusals
    for path in refusals:
        assert msgspec.convert(msgspec.json.decode(path.read_bytes())["body"], ErrorBody).code < 0


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("NEW", OrderStatus.NEW),
        ("EXPIRED_IN_MATCH", OrderStatus.EXPIRED),
        ("NEW_ADL", OrderStatus.NEW),
        ("TRIGGERING", OrderStatus.TRIGGERING),
        ("SOMETHING_ELSE", OrderStatus.UNKNOWN),
    ],
)
def test_a_word_nobody_documented_is_unknown_and_stays_open(word: str, status: OrderStatus) -> None:
    assert status_of(word) is status
    assert not OrderStatus.UNKNOWN.terminal


@pytest.mark.parametrize(
    ("raw", "value"), [("0.10", "0.10"), ("", "0"), (None, "0"), (3, "3"), (0.1, "0.1"), ("1e-7", "1E-7")]
)
def test_amounts_keep_their_digits(raw: object, value: str) -> None:
    assert str(amount(raw)) == value  # type: ignore[arg-type]


@pytest.mark.parametrize("raw", ["NaN", "Infinity", "abc"])
def test_an_amount_that_is_no_number_is_refused(raw: str) -> None:
    with pytest.raises(BadPayload):
        amount(raw)


@pytest.mark.parametrize(
    ("raw", "value"), [("", None), (None, None), ("0", None), (0, None), ("12", 12), (12, 12), ("null", None)]
)
def test_an_order_number_may_be_missing(raw: object, value: int | None) -> None:
    assert identifier(raw) == value  # type: ignore[arg-type]
