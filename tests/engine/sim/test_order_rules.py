"""What a plain order must be before it reaches matching."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.sim_market import Bench

Case = dict[str, Any]
LIMIT: Case = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.01", "price": "89000"}
LIMIT_GTC: Case = LIMIT | {"timeInForce": "GTC"}
MARKET: Case = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        (MARKET | {"symbol": None}, -1102),
        (MARKET | {"symbol": "NOPEUSDT"}, -1121),
        (MARKET | {"side": None}, -1102),
        (MARKET | {"side": "HOLD"}, -1117),
        (MARKET | {"type": None}, -1102),
        (MARKET | {"type": "ICEBERG"}, -1116),
        (MARKET | {"type": "STOP_MARKET"}, -4120),
        (MARKET | {"type": "TRAILING_STOP_MARKET"}, -4120),
        (MARKET | {"quantity": None}, -1102),
        (MARKET | {"quantity": "1e-2"}, -1102),
        (MARKET | {"quantity": "abc"}, -1102),
        (MARKET | {"quantity": "0"}, -4003),
        (MARKET | {"quantity": "-1"}, -4003),
        (MARKET | {"quantity": "0.0015"}, -1111),
        (MARKET | {"quantity": "121"}, -4005),
        (MARKET | {"quantity": "0.001", "symbol": "ETHUSDT"}, None),
        (MARKET | {"timeInForce": "GTC"}, -1106),
        (MARKET | {"price": "90000"}, -1106),
        (MARKET | {"closePosition": "true"}, -4136),
        (MARKET | {"positionSide": "LONG"}, -4061),
        (MARKET | {"positionSide": "UP"}, -4060),
        (MARKET | {"reduceOnly": "maybe"}, -1102),
        (MARKET | {"reduceOnly": "true"}, -2022),
        (MARKET | {"newOrderRespType": "FULL"}, -1130),
        (MARKET | {"newClientOrderId": "x" * 37}, -4015),
        (MARKET | {"newClientOrderId": "x" * 36}, None),
        (MARKET | {"newClientOrderId": "a b"}, -1100),
        (MARKET | {"selfTradePreventionMode": "NONE"}, -5039),
        (MARKET | {"priceMatch": "QUEUE"}, -5038),
        (LIMIT, -1102),
        (LIMIT_GTC | {"timeInForce": "DAY"}, -1115),
        (LIMIT_GTC | {"price": None}, -1102),
        (LIMIT_GTC | {"price": "0"}, -4001),
        (LIMIT_GTC | {"price": "-1"}, -4001),
        (LIMIT_GTC | {"price": "89000.123"}, -1111),
        (LIMIT_GTC | {"price": "89000.05"}, -4014),
        (LIMIT_GTC | {"price": "200.0"}, -4013),
        (LIMIT_GTC | {"price": "900000"}, -4002),
        (LIMIT_GTC | {"price": "94500.1"}, -4016),
        (LIMIT_GTC | {"side": "SELL", "price": "85499.9"}, -4024),
        (LIMIT_GTC | {"price": "60000"}, None),  # the band is one-sided: a buy far below is legal
        (LIMIT_GTC | {"price": "60000.0", "quantity": "0.0100000"}, None),
        (LIMIT_GTC | {"price": "6e4"}, -1102),
        (LIMIT_GTC | {"quantity": "1001"}, -4005),
        (LIMIT_GTC | {"quantity": "0.001", "price": "49999.9"}, -4164),
        (LIMIT_GTC | {"price": "50000", "quantity": "0.001"}, None),
        (LIMIT_GTC | {"timeInForce": "GTX", "price": "90000.1"}, -5022),
        (LIMIT_GTC | {"timeInForce": "GTX", "price": "90000"}, None),
        (LIMIT_GTC | {"timeInForce": "FOK", "price": "90000"}, -5021),
        (LIMIT_GTC | {"timeInForce": "FOK", "price": "90000.1"}, None),
        (LIMIT_GTC | {"timeInForce": "GTD"}, -1102),
        (LIMIT_GTC | {"timeInForce": "GTD", "goodTillDate": 1_795_305_601_000 + 600_000}, -5040),
        (LIMIT_GTC | {"timeInForce": "GTD", "goodTillDate": 253_402_300_799_000}, -5040),
        (LIMIT_GTC | {"timeInForce": "GTD", "goodTillDate": 1_795_305_601_000 + 700_000}, None),
        (LIMIT_GTC | {"priceMatch": "QUEUE"}, -1106),
        (LIMIT_GTC | {"priceMatch": "OPPONENT_10", "price": None}, -5037),
        (LIMIT_GTC | {"priceMatch": "QUEUE_20", "price": None}, -5041),
        (LIMIT_GTC | {"unknownParameter": "1"}, None),
        (LIMIT_GTC | {"side": "buy", "type": "limit", "timeInForce": "gtc", "reduceOnly": "FALSE"}, None),
    ],
)
def test_every_broken_rule_has_its_code(terms: Case, code: int | None) -> None:
    bench = Bench()
    status, body = bench.ask("POST", "v1/order", **terms)
    assert (status, body.get("code")) == ((200, None) if code is None else (400, code)), body


def test_a_refused_order_leaves_no_trace() -> None:
    bench = Bench()
    bench.refused("BUY", "0.0001")
    assert bench.drain() == []
    assert bench.ok("GET", "v1/allOrders") == []


@pytest.mark.parametrize(("match", "side", "price"), [
    ("OPPONENT", "BUY", "90000.10"),
    ("OPPONENT_5", "BUY", "90000.50"),
    ("QUEUE", "BUY", "89999.90"),
    ("QUEUE_5", "SELL", "90000.50"),
    ("QUEUE_10", "SELL", "90001.00"),
])  # fmt: skip
def test_price_match_takes_its_price_from_the_displayed_book(match: str, side: str, price: str) -> None:
    bench = Bench()
    answer = bench.order(side, "0.01", timeInForce="GTC", type="LIMIT", priceMatch=match)
    assert (answer["price"], answer["priceMatch"]) == (price, match)


def test_market_without_an_acceptable_counterparty_is_refused() -> None:
    bench = Bench()
    bench.market.marks["BTCUSDT"] = Decimal(80000)
    assert bench.refused("BUY", "0.01") == -4131
    bench.order("SELL", "0.01")


def test_client_ids_are_unique_among_open_orders_only() -> None:
    bench = Bench()
    for _ in range(2):  # both are filled at once, so the name is free again
        bench.order("BUY", "0.01", newClientOrderId="same")
    bench.order("BUY", "0.01", "89000", newClientOrderId="same")
    assert bench.refused("BUY", "0.01", "88000", newClientOrderId="same") == -4116
    bench.ok("DELETE", "v1/order", symbol="BTCUSDT", origClientOrderId="same")
    bench.order("BUY", "0.01", "88000", newClientOrderId="same")


def test_a_symbol_takes_no_more_resting_orders_than_its_filter_says() -> None:
    bench = Bench()
    bench.market.changed["BTCUSDT"] = {"max_orders": 3}
    for step in range(3):
        bench.order("BUY", "0.001", 89000 - step)
    assert bench.refused("BUY", "0.001", "88000") == -2025
    bench.order("BUY", "0.001", "88000", symbol="ETHUSDT")


@pytest.mark.parametrize(("status", "code"), [("CLOSE", -4141), ("SETTLING", -4140), ("TRADING_HALT", -4140)])
def test_a_symbol_that_does_not_trade_takes_no_orders(status: str, code: int) -> None:
    bench = Bench()
    bench.market.changed["BTCUSDT"] = {"status": status}
    assert bench.refused("BUY", "0.01") == code
    assert bench.stop_refused("SELL", "89000") == code


def test_margin_decides_what_may_be_opened() -> None:
    bench = Bench(balance="1000")  # 20 times leverage: 20,000 of notional
    assert bench.refused("BUY", "0.223", "90000") == -2019
    bench.order("BUY", "0.222", "90000", newClientOrderId="full")
    assert bench.refused("BUY", "0.001", "90000") == -2019
    bench.order("SELL", "0.219", "91000")  # the larger side counts, not the sum
    bench.ok("DELETE", "v1/allOpenOrders", symbol="BTCUSDT")
    bench.order("BUY", "0.2")
    bench.order("SELL", "0.2")  # closing needs no margin


def test_position_is_capped_by_the_bracket_of_its_leverage() -> None:
    bench = Bench(balance="10000000", leverage=100)
    bench.order("BUY", "8.8", "89999")
    assert bench.refused("BUY", "0.2", "89999") == -2027
    bench.order("SELL", "8.7", "91000")


def test_hedge_mode_wants_a_position_side_and_no_reduce_only() -> None:
    bench = Bench()
    bench.ok("POST", "v1/positionSide/dual", dualSidePosition="true")
    assert bench.refused("BUY", "0.01") == -4061
    assert bench.refused("BUY", "0.01", positionSide="LONG", reduceOnly="false") == -1106
    assert bench.refused("SELL", "0.01", positionSide="LONG") == -2022
    bench.order("BUY", "0.01", positionSide="LONG")
    bench.order("SELL", "0.02", positionSide="SHORT")
    assert (bench.position(side="LONG"), bench.position(side="SHORT")) == (Decimal("0.01"), Decimal("-0.02"))
    bench.order("SELL", "0.05", positionSide="LONG")  # closes what there is, never turns
    assert (bench.position(side="LONG"), bench.position(side="SHORT")) == (Decimal(0), Decimal("-0.02"))


def test_a_test_order_is_checked_and_forgotten() -> None:
    bench = Bench()
    assert bench.ok("POST", "v1/order/test", **MARKET)["orderId"] == 0
    assert bench.ok("POST", "v1/order/test", **MARKET | {"type": "STOP_MARKET", "closePosition": "true"})
    assert bench.code("POST", "v1/order/test", **MARKET | {"quantity": "0"}) == -4003
    assert bench.drain() == []


def test_a_batch_answers_each_item_on_its_own_and_in_order() -> None:
    bench = Bench()
    items = '[{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":0.01,"price":"89000",'
    items += '"reduceOnly":"FALSE","newClientOrderId":"b1"},{"symbol":"BTCUSDT","side":"SELL","type":"MARKET",'
    items += '"quantity":"0.01","reduceOnly":true}]'
    first, second = bench.ok("POST", "v1/batchOrders", batchOrders=items)
    assert (first["clientOrderId"], second["code"]) == ("b1", -2022)
    gone = bench.ok("DELETE", "v1/batchOrders", symbol="BTCUSDT", orderIdList=f"[{first['orderId']},1]")
    assert (gone[0]["status"], gone[1]["code"]) == ("CANCELED", -2011)


@pytest.mark.parametrize("items", ["", "{}", "nonsense", "[1]"])
def test_a_batch_must_be_a_list_of_orders(items: str) -> None:
    assert Bench().code("POST", "v1/batchOrders", batchOrders=items) == -1102


@pytest.mark.parametrize(("method", "count"), [("POST", 6), ("PUT", 6), ("POST", 0)])
def test_a_batch_has_a_size(method: str, count: int) -> None:
    assert Bench().code(method, "v1/batchOrders", batchOrders=f"[{','.join(['{}'] * count)}]") == -4082


def test_unknown_paths_and_accounts_are_told_apart() -> None:
    bench = Bench()
    assert bench.ask("GET", "v1/positionRisk")[0] == 404
    assert bench.accounts.request("GET", "/fapi/v3/account", {}, "nobody", bench.now_ms)[0] == 401
    assert bench.accounts.request("GET", "/fapi/v3/account", {}, None, bench.now_ms)[0] == 401


def test_announced_refusals_hit_the_next_request_of_their_kind_once() -> None:
    bench = Bench()
    bench.accounts.reject_next("order", -1008)
    assert bench.ask("POST", "v1/order", **MARKET)[0] == 503
    bench.order("BUY", "0.01")
    bench.accounts.reject_next("conditional", -2021, count=2)
    assert [bench.stop_refused("SELL", "89000") for _ in range(2)] == [-2021, -2021]
    bench.stop("SELL", "89000")
