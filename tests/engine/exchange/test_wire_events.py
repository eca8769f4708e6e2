"""Private events become account events, bare or wrapped, old shapes and new."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from engine.errors import BadPayload
from engine.exchange.orders import ConditionalChanged, OrderChanged, OrderStatus, PositionChanged, WalletChanged
from engine.exchange.wire_events import KeyExpired, MarginCalled, UserEvent, decode_user_event

SHARED = Path(__file__).parents[4] / "shared"
FIXTURES = SHARED / "spec" / "fixtures" / "ws_user"
DOCUMENTED = SHARED / "data" / "fixtures" / "nautilus" / "rust_adapter" / "futures" / "user_data_json"
pytestmark = pytest.mark.skipif(not FIXTURES.is_dir(), reason="the recorded payloads are not beside this checkout")


def read(name: str) -> tuple[UserEvent, ...]:
    return decode_user_event((FIXTURES / f"{name}.json").read_bytes())


@pytest.mark.parametrize(
    ("name", "status", "fills", "reason"),
    [
        ("new_limit", OrderStatus.NEW, None, ""),
        ("partial_fill", OrderStatus.PARTIALLY_FILLED, "0.004", ""),
        ("filled_market", OrderStatus.FILLED, "0.010", ""),
        ("triggered_stop_filled", OrderStatus.FILLED, "0.010", ""),
        ("canceled", OrderStatus.CANCELED, None, ""),
        ("amendment", OrderStatus.NEW, None, ""),
        ("expired_ioc", OrderStatus.EXPIRED, None, "rest of an immediate-or-cancel order"),
        ("expired_stp", OrderStatus.EXPIRED, None, "self-trade prevention"),
        ("liquidation", OrderStatus.FILLED, "0.010", ""),
    ],
)
def test_plain_order_events(name: str, status: OrderStatus, fills: str | None, reason: str) -> None:
    (event,) = read(f"ORDER_TRADE_UPDATE.{name}")
    assert isinstance(event, OrderChanged)
    assert (event.order.status, event.order.reason) == (status, reason)
    assert (event.fill.quantity if event.fill else None) == (Decimal(fills) if fills else None)


def test_a_fill_carries_price_fee_result_and_side() -> None:
    (event,) = read("ORDER_TRADE_UPDATE.triggered_stop_filled")
    assert isinstance(event, OrderChanged)
    fill = event.fill
    assert fill is not None
    assert (fill.trade_id, fill.client_id, fill.side) == (7234580001, "sl-3f2a91", "SELL")
    assert (fill.price, fill.fee, fill.realized) == (
        Decimal("88991.30"),
        Decimal("0.44495650"),
        Decimal("-22.58900000"),
    )
    assert event.order.average == Decimal("88991.30000")
    assert event.order.reduce_only
    assert event.order.close_position


@pytest.mark.parametrize(
    ("name", "status", "actual", "reason"),
    [
        ("new", OrderStatus.NEW, None, ""),
        ("triggering", OrderStatus.TRIGGERING, None, ""),
        ("triggered", OrderStatus.TRIGGERED, 283194212077, ""),
        ("finished", OrderStatus.FINISHED, 283194212077, ""),
        ("canceled", OrderStatus.CANCELED, None, ""),
        ("expired_gte", OrderStatus.EXPIRED, None, ""),
        ("rejected", OrderStatus.REJECTED, None, "Reduce Only reject"),
        ("trailing_activated", OrderStatus.NEW, None, ""),
    ],
)
def test_conditional_order_events(name: str, status: OrderStatus, actual: int | None, reason: str) -> None:
    (event,) = read(f"ALGO_UPDATE.{name}")
    assert isinstance(event, ConditionalChanged)
    assert event.order.conditional
    assert (event.order.status, event.order.actual_order_id, event.order.reason) == (status, actual, reason)


def test_account_events_tell_only_what_changed() -> None:
    wallet, position = read("ACCOUNT_UPDATE.order")
    assert isinstance(wallet, WalletChanged)
    assert (wallet.wallet, wallet.delta) == (Decimal("9999.54374900"), Decimal(0))
    assert isinstance(position, PositionChanged)
    assert (position.symbol, position.quantity, position.reason) == ("BTCUSDT", Decimal("0.010"), "ORDER")
    (funding,) = read("ACCOUNT_UPDATE.funding_cross")
    assert isinstance(funding, WalletChanged)
    assert (funding.delta, funding.reason, funding.symbol) == (Decimal("-0.06680000"), "FUNDING_FEE", "BTCUSDT")
    assert len(read("ACCOUNT_UPDATE.funding_isolated")) == 2
    assert [type(event) for event in read("ACCOUNT_UPDATE.margin_type_change")] == [PositionChanged]


def test_expiry_margin_call_wrapping_and_the_rest() -> None:
    (expired,) = read("listenKeyExpired")
    assert isinstance(expired, KeyExpired)
    assert expired.key.startswith("pqia91")
    assert read("MARGIN_CALL") == (MarginCalled(("ETHUSDT",), 1795305611000),)
    (wrapped,) = read("stream_mode_envelope")
    assert isinstance(wrapped, OrderChanged)
    for name in ("TRADE_LITE", "STRATEGY_UPDATE", "GRID_UPDATE", "ACCOUNT_CONFIG_UPDATE.leverage",
                 "ACCOUNT_CONFIG_UPDATE.multi_assets", "CONDITIONAL_ORDER_TRIGGER_REJECT.deprecated"):  # fmt: skip
        assert read(name) == ()


def test_every_documented_user_event_decodes() -> None:
    paths = sorted(DOCUMENTED.glob("*.json"))
    assert paths
    for path in paths:
        decode_user_event(path.read_bytes())


def test_liquidations_that_are_still_called_new_count_as_filled_once_they_are() -> None:
    (done,) = decode_user_event((DOCUMENTED / "order_update_adl.json").read_bytes())
    (pending,) = decode_user_event((DOCUMENTED / "order_update_calculated_pending.json").read_bytes())
    assert isinstance(done, OrderChanged)
    assert isinstance(pending, OrderChanged)
    assert (done.order.status, pending.order.status) == (OrderStatus.FILLED, OrderStatus.NEW)
    assert done.fill is not None
    assert pending.fill is None


@pytest.mark.parametrize("text", ["", "{", '{"e":"ORDER_TRADE_UPDATE"}', '{"e":"ALGO_UPDATE","E":1,"o":{}}'])
def test_half_a_message_says_so(text: str) -> None:
    with pytest.raises(BadPayload):
        decode_user_event(text)
