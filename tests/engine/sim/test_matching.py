"""How orders are executed, and what the stream says meanwhile."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support.sim_market import START_MS, Bench, algos, orders

D = Decimal


def test_a_market_order_is_new_then_filled_level_by_level() -> None:
    bench = Bench()
    bench.market.size = D("0.004")
    bench.order("BUY", "0.010", newClientOrderId="e")
    events = bench.drain()
    assert [event["e"] for event in events] == [
        "ORDER_TRADE_UPDATE",
        *["TRADE_LITE", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE"] * 3,
    ]
    assert orders(events) == [
        ("e", "NEW", "NEW"),
        ("e", "TRADE", "PARTIALLY_FILLED"),
        ("e", "TRADE", "PARTIALLY_FILLED"),
        ("e", "TRADE", "FILLED"),
    ]
    last = events[-1]["o"]
    assert (last["L"], last["l"], last["z"], last["ap"]) == ("90000.30", "0.002", "0.010", "90000.18000")
    assert events[-3]["t"] == last["t"]


def test_what_the_book_cannot_fill_of_a_market_order_expires() -> None:
    bench = Bench()
    bench.market.size = D("0.001")
    bench.order("BUY", "0.050", newClientOrderId="e")
    last = bench.drain()[-1]["o"]
    assert (last["x"], last["X"], last["er"], last["z"]) == ("EXPIRED", "EXPIRED", "9", "0.010")
    assert bench.position() == D("0.010")


def test_the_acknowledgement_says_new_and_the_result_says_what_became_of_it() -> None:
    bench = Bench()
    ack = bench.order("BUY", "0.01")
    assert (ack["status"], ack["executedQty"]) == ("NEW", "0.000")
    result = bench.order("BUY", "0.01", newOrderRespType="RESULT")
    assert (result["status"], result["executedQty"], result["cumQty"]) == ("FILLED", "0.010", "0.010")
    assert "avgPrice" not in result


def test_a_resting_order_fills_at_its_price_as_maker_when_touched() -> None:
    bench = Bench()
    bench.order("BUY", "0.01", "89500", newClientOrderId="b")
    assert bench.move("89500.1") == []
    events = bench.move("89500")
    trade = events[-1]["o"]
    assert (trade["X"], trade["L"], trade["m"], trade["n"]) == ("FILLED", "89500.00", True, "0.17900000")
    assert bench.ok("GET", "v1/userTrades", symbol="BTCUSDT")[0]["maker"] is True


def test_a_gap_through_a_resting_order_still_pays_its_own_price() -> None:
    bench = Bench()
    bench.order("BUY", "0.01", "89500")
    assert bench.move("80000")[-1]["o"]["L"] == "89500.00"


def test_resting_orders_fill_by_price_then_time() -> None:
    bench = Bench()
    for name, price in (("low", "89000"), ("first", "89500"), ("second", "89500")):
        bench.order("BUY", "0.01", price, newClientOrderId=name)
    assert [name for name, *_ in orders(bench.move("88000"))] == ["first", "second", "low"]


def test_a_marketable_limit_takes_up_to_its_price_and_rests_with_the_remainder() -> None:
    bench = Bench()
    bench.market.size = D("0.002")
    bench.order("BUY", "0.010", "90000.2", newClientOrderId="e")
    assert bench.open_ids() == ["e"]
    row = bench.ok("GET", "v1/openOrders")[0]
    assert (row["status"], row["executedQty"], row["avgPrice"]) == ("PARTIALLY_FILLED", "0.004", "90000.15000")


@pytest.mark.parametrize(("price", "filled"), [("90000.2", "0.004"), ("89999", "0.000")])
def test_immediate_or_cancel_expires_its_rest(price: str, filled: str) -> None:
    bench = Bench()
    bench.market.size = D("0.002")
    answer = bench.order("BUY", "0.010", price, timeInForce="IOC", newOrderRespType="RESULT")
    last = bench.drain()[-1]["o"]
    assert (answer["status"], answer["executedQty"], last["er"]) == ("EXPIRED", filled, "2")


def test_all_or_nothing_looks_before_it_takes() -> None:
    bench = Bench()
    bench.market.size = D("0.002")
    assert bench.refused("BUY", "0.005", "90000.2", timeInForce="FOK") == -5021
    assert bench.drain() == []
    answer = bench.order("BUY", "0.004", "90000.2", timeInForce="FOK", newOrderRespType="RESULT")
    assert answer["status"] == "FILLED"


def test_a_good_till_date_is_kept_to_the_second_and_honoured() -> None:
    bench = Bench()
    until = bench.now_ms + 700_123
    answer = bench.order("BUY", "0.01", "89000", timeInForce="GTD", goodTillDate=until, newClientOrderId="g")
    assert answer["goodTillDate"] == until // 1000 * 1000
    assert bench.wait(699_000) == []
    assert orders(bench.wait(1_200)) == [("g", "EXPIRED", "EXPIRED")]


def test_cancelling_a_partly_filled_order_keeps_what_was_filled() -> None:
    bench = Bench()
    bench.accounts.fill_partially_next(D("0.4"))
    bench.order("BUY", "0.010", "89500", newClientOrderId="b")
    assert orders(bench.move("89500")) == [("b", "TRADE", "PARTIALLY_FILLED")]
    answer = bench.ok("DELETE", "v1/order", symbol="BTCUSDT", origClientOrderId="b")
    assert (answer["status"], answer["executedQty"]) == ("CANCELED", "0.004")
    assert bench.code("DELETE", "v1/order", symbol="BTCUSDT", origClientOrderId="b") == -2011
    assert bench.position() == D("0.004")


@pytest.mark.parametrize(
    ("mode", "maker", "taker", "position"),
    [
        ("EXPIRE_MAKER", "EXPIRED_IN_MATCH", "FILLED", "0.010"),
        ("EXPIRE_TAKER", "NEW", "EXPIRED_IN_MATCH", "0.001"),
        ("EXPIRE_BOTH", "EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH", "0.001"),
    ],
)
def test_an_account_never_trades_with_itself(mode: str, maker: str, taker: str, position: str) -> None:
    bench = Bench()
    bench.order("SELL", "0.005", "90000.2", newClientOrderId="own")
    bench.market.size = D("0.001")
    bench.market.depth = 50
    bench.order("BUY", "0.010", "90010", newClientOrderId="taker", selfTradePreventionMode=mode)
    states = {row["clientOrderId"]: row["status"] for row in bench.ok("GET", "v1/allOrders")}
    assert states == {"own": maker, "taker": taker}
    reasons = {e["o"]["c"]: e["o"]["er"] for e in bench.drain() if e["e"] == "ORDER_TRADE_UPDATE"}
    assert "1" in reasons.values()
    assert bench.position() == D(position)


def test_a_flip_realizes_the_closed_part_and_enters_anew_with_the_rest() -> None:
    bench = Bench()
    bench.order("BUY", "0.010")
    bench.move("91000")
    bench.order("SELL", "0.030")
    row = bench.drain()[-2]["a"]["P"][0]
    assert (row["pa"], row["ep"], row["cr"]) == ("-0.020", "90999.9", "9.99800000")


def test_position_keeps_average_entry_breakeven_and_accumulated_profit() -> None:
    bench = Bench()
    bench.order("BUY", "0.010")
    bench.move("92000")
    bench.order("BUY", "0.010")
    row = bench.ok("GET", "v3/positionRisk")[0]
    assert (row["entryPrice"], row["breakEvenPrice"]) == ("91000.1", "91045.60005")
    bench.order("SELL", "0.005", reduceOnly="true")
    assert bench.ok("GET", "v3/positionRisk")[0]["entryPrice"] == "91000.1"


def test_account_update_lists_changed_rows_only_and_placing_alone_sends_none() -> None:
    bench = Bench()
    bench.order("BUY", "0.010", symbol="ETHUSDT")
    bench.drain()
    bench.order("BUY", "0.010", "89000")
    assert [event["e"] for event in bench.drain()] == ["ORDER_TRADE_UPDATE"]
    bench.order("BUY", "0.010")
    (update,) = [event["a"] for event in bench.drain() if event["e"] == "ACCOUNT_UPDATE"]
    assert [row["s"] for row in update["P"]] == ["BTCUSDT"]
    assert update["m"] == "ORDER"


# -- reduce-only -----------------------------------------------------------------------------------------------------


def test_reduce_only_market_fills_the_position_and_expires_the_excess() -> None:
    bench = Bench()
    bench.order("BUY", "0.010")
    bench.drain()
    bench.order("SELL", "0.015", reduceOnly="true", newClientOrderId="x")
    last = bench.drain()[-1]["o"]
    assert (last["X"], last["er"], last["z"]) == ("EXPIRED", "4", "0.010")
    assert bench.position() == 0


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_closing_knocks_out_every_resting_reduce_only_order(side: str) -> None:
    bench = Bench()
    exit_side, sign = ("SELL", 1) if side == "BUY" else ("BUY", -1)
    bench.order(side, "0.010")
    bench.order(exit_side, "0.003", 90000 + sign * 500, reduceOnly="true", newClientOrderId="t1")
    bench.order(exit_side, "0.004", 90000 + sign * 900, reduceOnly="true", newClientOrderId="t2")
    bench.order(exit_side, "0.001", 90000 + sign * 950, newClientOrderId="plain")
    bench.drain()
    assert bench.accounts.close_by_other("BTCUSDT")
    dead = [e["o"] for e in bench.drain() if e["e"] == "ORDER_TRADE_UPDATE" and e["o"]["X"] == "EXPIRED"]
    assert [(order["c"], order["er"]) for order in dead] == [("t1", "4"), ("t2", "4")]
    assert bench.open_ids() == ["plain"]


def test_a_shrinking_position_knocks_out_the_farthest_orders_first() -> None:
    bench = Bench()
    bench.order("BUY", "0.010")
    bench.order("SELL", "0.004", "90900", reduceOnly="true", newClientOrderId="far")
    bench.order("SELL", "0.003", "90500", reduceOnly="true", newClientOrderId="near")
    bench.order("SELL", "0.005")
    assert bench.open_ids() == ["near"]


def test_a_reduce_only_order_that_would_turn_the_position_with_others_must_fit_the_margin() -> None:
    bench = Bench(leverage=10)
    bench.order("BUY", "0.500")
    bench.order("SELL", "0.500", "91000", reduceOnly="true")  # alone it only reduces
    bench.ok("DELETE", "v1/allOpenOrders", symbol="BTCUSDT")
    bench.order("SELL", "1.500", "91000")
    assert bench.refused("SELL", "0.500", "91500", reduceOnly="true") == -4118
    assert bench.refused("BUY", "0.500", "89000", reduceOnly="true") == -2022
    bench.ok("DELETE", "v1/allOpenOrders", symbol="BTCUSDT")
    bench.order("SELL", "0.010", "91000")
    bench.order("SELL", "0.500", "91500", reduceOnly="true")


def test_a_tier_that_fills_leaves_the_other_tiers_alone() -> None:
    bench = Bench()
    bench.order("BUY", "0.010")
    bench.order("SELL", "0.003", "90500", reduceOnly="true", newClientOrderId="t1")
    bench.order("SELL", "0.004", "90900", reduceOnly="true", newClientOrderId="t2")
    assert orders(bench.move("90500")) == [("t1", "TRADE", "FILLED")]
    assert bench.open_ids() == ["t2"]
    assert orders(bench.move("90900")) == [("t2", "TRADE", "FILLED")]
    assert bench.position() == D("0.003")


def test_reduce_only_limits_must_find_room_beside_those_of_higher_priority() -> None:
    bench = Bench()
    bench.order("BUY", "0.010")
    assert bench.refused("SELL", "0.011", "91000", reduceOnly="true") == -2022
    assert bench.refused("BUY", "0.001", "89000", reduceOnly="true") == -2022
    bench.order("SELL", "0.010", "91000", reduceOnly="true", newClientOrderId="far")
    assert bench.refused("SELL", "0.005", "91500", reduceOnly="true") == -2022
    bench.order("SELL", "0.005", "90500", reduceOnly="true", newClientOrderId="near")
    assert bench.open_ids() == ["near"]


# -- modify, cancel, countdown --------------------------------------------------------------------------------------


def change(bench: Bench, **terms: object) -> int | dict[str, object]:
    fixed = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.010", "price": "89100", "origClientOrderId": "b"}
    status, body = bench.ask("PUT", "v1/order", **fixed | terms)
    return body if status == 200 else body["code"]


def test_modify_moves_the_order_and_tells_the_stream() -> None:
    bench = Bench()
    bench.order("BUY", "0.010", "89000", newClientOrderId="b")
    bench.drain()
    answer = change(bench, modifyId=77)
    assert isinstance(answer, dict)
    assert (answer["price"], answer["modifyId"], answer["pair"]) == ("89100.00", 77, "BTCUSDT")
    event = bench.drain()[0]["o"]
    assert (event["x"], event["X"], event["M"], event["p"]) == ("AMENDMENT", "NEW", "77", "89100.00")
    row = bench.ok("GET", "v1/orderAmendment", symbol="BTCUSDT", origClientOrderId="b")[0]
    assert row["amendment"]["price"] == {"before": "89000.00", "after": "89100.00"}


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"price": "89000"}, -5027),
        ({"origClientOrderId": "nope"}, -2013),
        ({"origClientOrderId": None}, -1102),
        ({"side": "SELL"}, -1117),
        ({"price": "89000.05"}, -4014),
        ({"price": "95000"}, -4016),
        ({"quantity": "0.0001"}, -1111),
        ({"quantity": "0.001", "price": "49000"}, -5029),
        ({"quantity": "500"}, -2027),
        ({"quantity": "10"}, -2019),
        ({"reduceOnly": "true"}, -5047),
    ],
)
def test_a_refused_modification_leaves_the_order_as_it_was(terms: dict[str, object], code: int) -> None:
    bench = Bench()
    bench.order("BUY", "0.010", "89000", newClientOrderId="b")
    bench.drain()
    assert change(bench, **terms) == code
    assert bench.drain() == []
    assert bench.ok("GET", "v1/openOrders")[0]["price"] == "89000.00"


def test_modify_loses_the_place_in_the_queue() -> None:
    bench = Bench()
    for name in ("b", "second"):
        bench.order("BUY", "0.010", "89000", newClientOrderId=name)
    change(bench, price="89000", quantity="0.011")
    assert [name for name, *_ in orders(bench.move("89000"))] == ["second", "b"]


def test_modify_to_a_crossing_price_takes() -> None:
    bench = Bench()
    bench.order("BUY", "0.010", "89000", newClientOrderId="b")
    change(bench, price="90001")
    assert bench.drain()[-1]["o"]["X"] == "FILLED"


def test_modify_cancels_what_could_not_live_on() -> None:
    bench = Bench()
    bench.order("BUY", "0.010", "89000", timeInForce="GTX", newClientOrderId="b")
    answer = change(bench, price="90001")
    assert isinstance(answer, dict)
    assert answer["status"] == "CANCELED"
    bench.accounts.fill_partially_next(D("0.5"))
    bench.order("BUY", "0.010", "89500", newClientOrderId="b")
    bench.move("89500")
    answer = change(bench, quantity="0.004", price="89400")
    assert isinstance(answer, dict)
    assert (answer["status"], answer["executedQty"]) == ("CANCELED", "0.005")


def test_cancel_all_takes_plain_orders_of_one_symbol_only() -> None:
    bench = Bench()
    bench.order("BUY", "0.01")
    bench.stop("SELL", "89000", clientAlgoId="s")
    bench.order("BUY", "0.01", "89000", newClientOrderId="b")
    bench.order("BUY", "0.01", "89000", symbol="ETHUSDT", newClientOrderId="other")
    assert bench.ok("DELETE", "v1/allOpenOrders", symbol="BTCUSDT")["code"] == 200
    assert (bench.open_ids(), bench.armed_ids()) == (["other"], ["s"])


def test_countdown_cancels_unless_it_is_renewed_or_switched_off() -> None:
    bench = Bench()
    bench.order("BUY", "0.01", "89000", newClientOrderId="b")
    beat = {"symbol": "BTCUSDT", "countdownTime": 5000}
    assert bench.ok("POST", "v1/countdownCancelAll", **beat) == {"symbol": "BTCUSDT", "countdownTime": "5000"}
    assert bench.wait(4000) == []
    bench.ok("POST", "v1/countdownCancelAll", **beat)
    assert bench.wait(4000) == []
    bench.ok("POST", "v1/countdownCancelAll", **beat | {"countdownTime": 0})
    assert bench.wait(60_000) == []
    bench.ok("POST", "v1/countdownCancelAll", **beat)
    assert orders(bench.wait(5000)) == [("b", "CANCELED", "CANCELED")]


def test_another_client_may_cancel_both_kinds_of_order() -> None:
    bench = Bench()
    bench.order("BUY", "0.01")
    bench.stop("SELL", "89000", clientAlgoId="s")
    bench.order("BUY", "0.01", "89000", newClientOrderId="b")
    bench.drain()
    assert bench.accounts.cancel_by_other("BTCUSDT", "s", "main")
    assert bench.accounts.cancel_by_other("BTCUSDT", "b", "main")
    assert not bench.accounts.cancel_by_other("BTCUSDT", "b", "main")
    events = bench.drain()
    assert (algos(events), orders(events)) == ([("s", "CANCELED")], [("b", "CANCELED", "CANCELED")])


# -- queries ---------------------------------------------------------------------------------------------------------


def test_finished_orders_are_found_by_get_order_and_not_among_the_open() -> None:
    bench = Bench()
    bench.order("BUY", "0.01", newClientOrderId="e")
    by_name = {"symbol": "BTCUSDT", "origClientOrderId": "e"}
    row = bench.ok("GET", "v1/order", **by_name)
    assert (row["status"], row["avgPrice"], row["cumQuote"]) == ("FILLED", "90000.10000", "900.00100")
    assert bench.ok("GET", "v1/order", symbol="BTCUSDT", orderId=row["orderId"])["clientOrderId"] == "e"
    assert bench.code("GET", "v1/openOrder", **by_name) == -2013
    assert bench.code("GET", "v1/order", symbol="BTCUSDT", origClientOrderId="nope") == -2013
    assert bench.code("GET", "v1/order", symbol="BTCUSDT") == -1102


def test_unfilled_dead_orders_are_forgotten_after_three_days_and_all_after_ninety() -> None:
    bench = Bench()
    day = 86_400_000
    bench.order("BUY", "0.01", "89000", newClientOrderId="dead")
    bench.ok("DELETE", "v1/order", symbol="BTCUSDT", origClientOrderId="dead")
    bench.order("BUY", "0.01", newClientOrderId="filled")
    known = lambda name: bench.ask("GET", "v1/order", symbol="BTCUSDT", origClientOrderId=name)[0] == 200  # noqa: E731
    bench.wait(3 * day)
    assert (known("dead"), known("filled")) == (True, True)
    bench.wait(1)
    assert (known("dead"), known("filled")) == (False, True)
    bench.wait(87 * day)
    assert known("filled") is False


def test_order_history_gives_the_newest_and_trades_the_oldest_of_a_window() -> None:
    bench = Bench()
    ids = [bench.order("BUY", "0.001")["orderId"] for _ in range(4)]
    rows = bench.ok("GET", "v1/allOrders", symbol="BTCUSDT", limit=2)
    assert [row["orderId"] for row in rows] == ids[-2:]
    rows = bench.ok("GET", "v1/allOrders", symbol="BTCUSDT", orderId=ids[1], limit=2)
    assert [row["orderId"] for row in rows] == ids[1:3]
    rows = bench.ok("GET", "v1/userTrades", symbol="BTCUSDT", limit=2)
    assert [row["orderId"] for row in rows] == ids[:2]
    rows = bench.ok("GET", "v1/userTrades", symbol="BTCUSDT", fromId=rows[1]["id"])
    assert [row["orderId"] for row in rows] == ids[1:]
    assert len(bench.ok("GET", "v1/userTrades", symbol="BTCUSDT", orderId=ids[2])) == 1


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("v1/userTrades", {"startTime": 2, "endTime": 1}, -1023),
        ("v1/userTrades", {"startTime": 1, "endTime": 8 * 86_400_000}, -4165),
        ("v1/userTrades", {"fromId": 1, "startTime": 1}, -1128),
        ("v1/userTrades", {"limit": "x"}, -1130),
        ("v1/allOrders", {"limit": 0}, -1130),
        ("v1/allOrders", {"startTime": "soon"}, -1102),
        ("v1/openOrders", {"symbol": "NOPE"}, -1121),
    ],
)
def test_windows_and_limits_are_checked(path: str, params: dict[str, object], code: int) -> None:
    assert Bench().code("GET", path, **{"symbol": "BTCUSDT"} | params) == code


def test_queries_by_time_see_only_their_window() -> None:
    bench = Bench()
    bench.order("BUY", "0.001")
    bench.wait(10 * 86_400_000)
    bench.order("BUY", "0.001")
    assert len(bench.ok("GET", "v1/userTrades", symbol="BTCUSDT")) == 1
    assert len(bench.ok("GET", "v1/userTrades", symbol="BTCUSDT", startTime=START_MS)) == 1
    assert len(bench.ok("GET", "v1/allOrders")) == 1
    assert len(bench.ok("GET", "v1/income", startTime=START_MS, incomeType="COMMISSION")) == 2
    assert len(bench.ok("GET", "v1/income", incomeType="COMMISSION")) == 1
