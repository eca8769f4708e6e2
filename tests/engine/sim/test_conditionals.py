"""Conditional orders: what arms them, what triggers them, and how they end."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.sim_market import START_MS, Bench, algos, orders

D = Decimal
QTY: dict[str, Any] = {"closePosition": None, "quantity": "0.01"}


def long(qty: str = "0.010") -> Bench:
    bench = Bench()
    bench.order("BUY", qty)
    bench.drain()
    return bench


def test_a_close_position_stop_is_reported_as_the_exchange_reports_it() -> None:
    bench = long()
    answer = bench.stop("SELL", "89000", clientAlgoId="s")
    shown = ("timeInForce", "reduceOnly", "quantity", "algoStatus", "orderType", "closePosition")
    assert [answer[name] for name in shown] == ["GTE_GTC", True, "0.000", "NEW", "STOP_MARKET", True]
    assert algos(bench.drain()) == [("s", "NEW")]


def test_an_armed_order_shows_in_no_list_of_plain_orders() -> None:
    bench = long()
    bench.stop("SELL", "89000", clientAlgoId="s")
    assert bench.open_ids() == []
    assert len(bench.ok("GET", "v1/allOrders")) == 1
    assert bench.armed_ids() == ["s"]


def test_a_triggered_stop_spawns_an_order_of_its_own_name_and_finishes_with_it() -> None:
    bench = long()
    bench.stop("SELL", "89000", clientAlgoId="s")
    events = bench.move("89000")
    names = [(event["e"], event["o"]["X"]) for event in events if "o" in event]
    assert names == [
        ("ALGO_UPDATE", "TRIGGERING"),
        ("ALGO_UPDATE", "TRIGGERED"),
        ("ORDER_TRADE_UPDATE", "NEW"),
        ("ORDER_TRADE_UPDATE", "FILLED"),
        ("ALGO_UPDATE", "FINISHED"),
    ]
    spawned, finished = events[2]["o"], events[-1]["o"]
    assert (spawned["c"], str(spawned["i"]), spawned["ot"], spawned["cp"]) == ("s", finished["ai"], "STOP_MARKET", True)
    assert (finished["aq"], finished["ap"], finished["act"]) == ("0.010", "88999.90", "MARKET")
    assert bench.position() == 0
    row = bench.ok("GET", "v1/algoOrder", clientAlgoId="s")
    assert (row["algoStatus"], row["actualQty"], row["actualOrderId"]) == ("FINISHED", "0.010", finished["ai"])
    assert bench.ok("GET", "v1/order", symbol="BTCUSDT", origClientOrderId="s")["status"] == "FILLED"
    assert bench.code("DELETE", "v1/algoOrder", clientAlgoId="s") == -2011


@pytest.mark.parametrize(
    ("kind", "side", "trigger", "quiet", "fires"),
    [
        ("STOP_MARKET", "SELL", "89000", "89000.1", "89000"),
        ("STOP_MARKET", "BUY", "91000", "90999.9", "91000"),
        ("TAKE_PROFIT_MARKET", "SELL", "91000", "90999.9", "91000"),
        ("TAKE_PROFIT_MARKET", "BUY", "89000", "89000.1", "89000"),
    ],
)
def test_triggers_fire_when_the_price_touches_them(kind: str, side: str, trigger: str, quiet: str, fires: str) -> None:
    bench = Bench()
    bench.stop(side, trigger, type=kind, clientAlgoId="c", **QTY)
    assert bench.move(quiet) == []
    assert algos(bench.move(fires))[-1] == ("c", "FINISHED")


@pytest.mark.parametrize(("working", "last", "mark", "fires"), [
    ("CONTRACT_PRICE", "89000", "90000", True),
    ("CONTRACT_PRICE", "90000", "89000", False),
    ("MARK_PRICE", "89000", "90000", False),
    ("MARK_PRICE", "90000", "89000", True),
])  # fmt: skip
def test_a_trigger_looks_at_the_price_it_was_told_to(working: str, last: str, mark: str, fires: bool) -> None:
    bench = long()
    bench.stop("SELL", "89000", workingType=working)
    assert bool(algos(bench.move(last, mark))) is fires


def test_price_protection_waits_until_last_and_mark_agree() -> None:
    bench = long()
    bench.stop("SELL", "89000", priceProtect="true")
    assert bench.move("84000", "90000") == []
    assert algos(bench.move("86000", "90000"))[-1][1] == "FINISHED"


def test_an_unprotected_trigger_fires_however_far_last_and_mark_are_apart() -> None:
    bench = long()
    bench.market.changed["BTCUSDT"] = {"market_take_bound": D("0.5")}
    bench.stop("SELL", "89000")
    assert algos(bench.move("84000", "90000"))[-1][1] == "FINISHED"


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"algoType": "VP"}, -1130),
        ({"algoType": None}, -1102),
        ({"type": "LIMIT"}, -1116),
        ({"type": "STOP"}, -4136),
        ({"type": "TRAILING_STOP_MARKET"}, -4136),
        ({"quantity": "0.01"}, -4137),
        ({"reduceOnly": "true"}, -1106),
        ({"triggerPrice": None}, -1102),
        ({"triggerPrice": "-1"}, -4006),
        ({"triggerPrice": "90000"}, -2021),
        ({"triggerPrice": "90500"}, -2021),
        ({"type": "TAKE_PROFIT_MARKET", "triggerPrice": "89000"}, -2021),
        ({"workingType": "INDEX"}, -1130),
        ({"timeInForce": "DAY"}, -1115),
        ({"clientAlgoId": "x" * 37}, -4015),
        ({"positionSide": "SHORT"}, -4061),
        (QTY | {"quantity": None}, -1102),
        (QTY | {"quantity": "0.0001"}, -1111),
        (QTY | {"quantity": "0.001", "triggerPrice": "40000"}, -4164),
        (QTY | {"type": "STOP"}, -1102),
        (QTY | {"type": "STOP", "price": "88950.05"}, -4014),
        (QTY | {"type": "STOP", "price": "88950"}, None),
        (QTY | {"reduceOnly": "true"}, None),
        ({"triggerPrice": "88999.123456"}, None),  # a trigger price need not be on a tick
        ({"selfTradePreventionMode": "NONE"}, None),
        (QTY | {"type": "TRAILING_STOP_MARKET"}, -1102),
        (QTY | {"type": "TRAILING_STOP_MARKET", "callbackRate": "0.05"}, -1130),
        (QTY | {"type": "TRAILING_STOP_MARKET", "callbackRate": "20.1"}, -1130),
        (QTY | {"type": "TRAILING_STOP_MARKET", "callbackRate": "20"}, None),
        (QTY | {"type": "TRAILING_STOP_MARKET", "callbackRate": "1", "activatePrice": "90000"}, -2021),
        (QTY | {"type": "TRAILING_STOP_MARKET", "callbackRate": "1", "activatePrice": "0"}, -4135),
        (QTY | {"type": "TRAILING_STOP_MARKET", "callbackRate": "1", "activatePrice": "91000"}, None),
    ],
)
def test_every_broken_rule_of_a_conditional_order_has_its_code(terms: dict[str, Any], code: int | None) -> None:
    bench = long()
    status, body = bench.ask("POST", "v1/algoOrder", **Bench.stop_terms("SELL", "89000", "BTCUSDT", **terms))
    assert (status, body.get("code")) == ((200, None) if code is None else (400, code)), body


def test_one_close_position_order_of_a_type_in_each_direction() -> None:
    bench = long()
    bench.stop("SELL", "89000")
    assert bench.stop_refused("SELL", "88000") == -4130
    bench.stop("SELL", "91000", type="TAKE_PROFIT_MARKET")
    bench.stop("SELL", "88000", **QTY, reduceOnly="true")
    bench.stop("BUY", "92000")


def test_client_ids_of_conditional_orders_are_unique_among_the_armed() -> None:
    bench = long()
    bench.stop("SELL", "89000", clientAlgoId="s")
    assert bench.stop_refused("SELL", "88000", clientAlgoId="s", **QTY) == -4116
    bench.ok("DELETE", "v1/algoOrder", clientAlgoId="s")
    bench.stop("SELL", "88000", clientAlgoId="s")


def test_two_hundred_are_armed_over_all_symbols_and_no_more() -> None:
    bench = long()
    for step in range(200):
        bench.stop("SELL", 89000 - step, symbol=("BTCUSDT", "ETHUSDT")[step % 2], **QTY)
    assert bench.stop_refused("SELL", "80000") == -4045


def test_margin_is_looked_at_when_the_trigger_fires_not_before() -> None:
    bench = Bench(balance="1000")
    bench.stop("BUY", "91000", clientAlgoId="big", closePosition=None, quantity="1")
    events = bench.move("91000")
    assert algos(events) == [("big", "TRIGGERING"), ("big", "REJECTED")]
    assert events[-1]["o"]["rm"] == "Margin is insufficient."
    assert bench.armed_ids() == []


def test_a_reduce_only_stop_that_fires_flat_is_rejected_and_a_close_position_one_is_gone_before() -> None:
    bench = long()
    bench.stop("SELL", "89000", clientAlgoId="closes")
    bench.stop("SELL", "91000", clientAlgoId="takes", type="TAKE_PROFIT_MARKET")
    bench.stop("SELL", "88500", clientAlgoId="reduces", reduceOnly="true", **QTY)
    bench.order("SELL", "0.010", reduceOnly="true")
    assert algos(bench.drain())[-2:] == [("closes", "EXPIRED"), ("takes", "EXPIRED")]
    events = bench.move("88000")
    assert algos(events) == [("reduces", "TRIGGERING"), ("reduces", "REJECTED")]
    assert events[-1]["o"]["rm"] == "Reduce Only reject"


def test_the_survivor_of_a_bracket_expires_after_the_other_has_closed_the_position() -> None:
    bench = long()
    bench.stop("SELL", "89000", clientAlgoId="sl", workingType="MARK_PRICE")
    bench.stop("SELL", "91000", clientAlgoId="tp", type="TAKE_PROFIT_MARKET")
    assert algos(bench.move("91000")) == [
        ("tp", "TRIGGERING"),
        ("tp", "TRIGGERED"),
        ("tp", "FINISHED"),
        ("sl", "EXPIRED"),
    ]


def test_a_flip_expires_what_protected_the_old_side() -> None:
    bench = long()
    bench.stop("SELL", "89000", clientAlgoId="sl")
    bench.order("SELL", "0.030")
    assert algos(bench.drain())[-1] == ("sl", "EXPIRED")


def test_a_partial_close_leaves_the_stop_which_then_closes_what_is_left() -> None:
    bench = long("0.010")
    bench.stop("SELL", "89000", clientAlgoId="sl")
    bench.order("SELL", "0.004", reduceOnly="true")
    assert bench.armed_ids() == ["sl"]
    assert orders(bench.move("88000")) == [("sl", "NEW", "NEW"), ("sl", "TRADE", "FILLED")]
    assert bench.position() == 0


def test_a_stop_knocks_out_the_resting_targets() -> None:
    bench = long()
    bench.order("SELL", "0.003", "91000", reduceOnly="true", newClientOrderId="t1")
    bench.stop("SELL", "89000", clientAlgoId="sl")
    assert orders(bench.move("89000"))[-1] == ("t1", "EXPIRED", "EXPIRED")
    assert bench.open_ids() == []


def test_an_announced_rejection_hits_the_next_trigger() -> None:
    bench = long()
    bench.stop("SELL", "89000", clientAlgoId="sl")
    bench.accounts.reject_next("trigger", -2019)
    events = bench.move("89000")
    assert algos(events)[-1] == ("sl", "REJECTED")
    assert bench.position() == D("0.010")


def test_a_stop_limit_rests_as_a_plain_order_and_finishes_when_that_is_over() -> None:
    bench = long()
    terms = QTY | {"type": "STOP", "price": "89500", "reduceOnly": "true", "clientAlgoId": "sl"}
    bench.stop("SELL", "89000", **terms)
    events = bench.move("88900")
    assert algos(events) == [("sl", "TRIGGERING"), ("sl", "TRIGGERED")]
    assert bench.open_ids() == ["sl"]
    assert algos(bench.move("89500")) == [("sl", "FINISHED")]
    assert bench.position() == 0


def test_a_stop_limit_cancelled_in_matching_finishes_empty() -> None:
    bench = long()
    bench.stop("SELL", "89000", **QTY | {"type": "STOP", "price": "89500", "clientAlgoId": "sl"})
    bench.move("88900")
    bench.ok("DELETE", "v1/order", symbol="BTCUSDT", origClientOrderId="sl")
    (finished,) = [event["o"] for event in bench.drain() if event["e"] == "ALGO_UPDATE"]
    assert (finished["X"], finished["aq"]) == ("FINISHED", "0")


@pytest.mark.parametrize(("tif", "reason"), [("GTX", "Post Only"), ("FOK", "FOK order")])
def test_what_matching_refuses_at_the_trigger_is_rejected_with_its_reason(tif: str, reason: str) -> None:
    bench = long()
    bench.market.size = D("0.001")
    bench.market.depth = 2
    price = "88000" if tif == "GTX" else "88999"
    bench.stop("SELL", "89000", **QTY | {"type": "STOP", "price": price, "timeInForce": tif})
    assert reason in bench.move("89000")[-1]["o"]["rm"]


@pytest.mark.parametrize("side", ["SELL", "BUY"])
def test_a_trailing_stop_activates_follows_and_fires_at_its_callback(side: str) -> None:
    bench, up = Bench(), 1 if side == "SELL" else -1
    terms = QTY | {"type": "TRAILING_STOP_MARKET", "callbackRate": "1", "triggerPrice": None, "clientAlgoId": "tr"}
    bench.stop(side, None, **terms, activatePrice=90000 + up * 1000)
    assert algos(bench.move(90000 + up * 900)) == []
    (activated,) = bench.move(90000 + up * 1000)
    assert (activated["o"]["X"], activated["o"]["ia"]) == ("NEW", True)
    extreme = 90000 + up * 2000
    assert bench.move(extreme) == []
    reach = extreme * (1 - up * 0.01)
    assert bench.move(round(reach + up, 1)) == []
    assert algos(bench.move(round(reach, 1)))[-1] == ("tr", "FINISHED")


def test_a_trailing_stop_without_activation_price_is_active_at_once() -> None:
    bench = long()
    terms = QTY | {"type": "TRAILING_STOP_MARKET", "callbackRate": "0.5"}
    answer = bench.stop("SELL", None, **terms)
    assert [event["o"]["ia"] for event in bench.drain()] == [False, True]
    assert (answer["activatePrice"], answer["callbackRate"]) == ("90000.00", "0.5")
    assert algos(bench.move("89550"))[-1][1] == "FINISHED"
    row = bench.ok("GET", "v1/allOrders")[-1]
    assert (row["origType"], row["priceRate"]) == ("TRAILING_STOP_MARKET", "0.5")


def test_cancel_by_number_and_by_name_ignores_the_symbol_and_answers_a_string_code() -> None:
    bench = long()
    first = bench.stop("SELL", "89000", clientAlgoId="a")
    bench.stop("SELL", "91000", type="TAKE_PROFIT_MARKET", clientAlgoId="b")
    bench.drain()
    answer = bench.ok("DELETE", "v1/algoOrder", algoId=first["algoId"], symbol="ETHUSDT")
    assert answer == {"algoId": first["algoId"], "clientAlgoId": "a", "code": "200", "msg": "success"}
    bench.ok("DELETE", "v1/algoOrder", clientAlgoId="b")
    assert algos(bench.drain()) == [("a", "CANCELED"), ("b", "CANCELED")]
    assert bench.code("DELETE", "v1/algoOrder", clientAlgoId="b") == -2011
    assert bench.code("GET", "v1/algoOrder", clientAlgoId="zz") == -2013
    assert bench.code("DELETE", "v1/algoOrder") == -1102


def test_cancel_all_conditional_orders_of_one_symbol_answers_a_number() -> None:
    bench = long()
    bench.stop("SELL", "89000")
    bench.stop("SELL", "89000", symbol="ETHUSDT", clientAlgoId="other", **QTY)
    assert bench.ok("DELETE", "v1/algoOpenOrders", symbol="BTCUSDT")["code"] == 200
    assert bench.armed_ids() == ["other"]


def test_history_of_conditional_orders_is_by_symbol_window_and_number() -> None:
    bench = long()
    ids = [bench.stop("SELL", 89000 - step, **QTY)["algoId"] for step in range(3)]
    listed = lambda **terms: [row["algoId"] for row in bench.ok("GET", "v1/allAlgoOrders", symbol="BTCUSDT", **terms)]  # noqa: E731
    assert listed() == ids
    assert listed(limit=2) == ids[-2:]
    assert listed(algoId=ids[1]) == ids[1:]
    assert listed(endTime=START_MS) == []
    assert bench.ok("GET", "v1/openAlgoOrders", algoId=ids[2])[0]["algoId"] == ids[2]


def test_hedge_mode_closes_the_side_it_belongs_to() -> None:
    bench = Bench()
    bench.ok("POST", "v1/positionSide/dual", dualSidePosition="true")
    bench.order("BUY", "0.010", positionSide="LONG")
    bench.order("SELL", "0.020", positionSide="SHORT")
    assert bench.stop_refused("BUY", "91000", positionSide="LONG") == -4061
    bench.stop("SELL", "89000", positionSide="LONG", clientAlgoId="l")
    bench.stop("BUY", "91000", positionSide="SHORT", clientAlgoId="s")
    assert algos(bench.move("89000"))[-1] == ("l", "FINISHED")
    assert (bench.position(side="LONG"), bench.position(side="SHORT")) == (0, D("-0.020"))
    assert algos(bench.move("91000"))[-1] == ("s", "FINISHED")


def test_a_good_till_date_ends_an_armed_limit_order() -> None:
    bench = long()
    until = bench.now_ms + 700_000
    terms = {"type": "STOP", "price": "88900", "timeInForce": "GTD", "goodTillDate": until, "clientAlgoId": "g"}
    bench.stop("SELL", "89000", **QTY | terms)
    assert algos(bench.wait(700_000)) == [("g", "EXPIRED")]
