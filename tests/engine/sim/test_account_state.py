"""Margin, liquidation, funding, settings and listen keys of an account."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.sim.account_paths import ACCOUNT_PATHS, order_cost
from engine.sim.brackets import Ladder
from engine.sim.codes import refuse
from tests.support.sim_market import HOUR_MS, START_MS, Bench, FakeMarket, algos, orders

D = Decimal


def risk(bench: Bench, side: str = "BOTH") -> dict[str, Any]:
    return next(row for row in bench.ok("GET", "v3/positionRisk") if row["positionSide"] == side)


def kinds(bench: Bench) -> dict[str, Decimal]:
    """Sum of each kind of income."""
    sums: dict[str, Decimal] = {}
    for row in bench.ok("GET", "v1/income", startTime=START_MS, limit=1000):
        sums[row["incomeType"]] = sums.get(row["incomeType"], D(0)) + D(row["income"])
    return sums


# -- margin ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("notional", "ratio", "maintenance"),
    [("0", "0.004", "0"), ("299999", "0.004", "1199.996"), ("300000", "0.005", "1200"), ("3000000", "0.01", "18000")],
)
def test_brackets_join_without_a_step(notional: str, ratio: str, maintenance: str) -> None:
    ladder = Ladder.of(FakeMarket().brackets("BTCUSDT"))
    assert ladder.at(D(notional)).maintenance == D(ratio)
    assert ladder.maintenance(D(notional)) == D(maintenance)


def test_isolated_liquidation_price_matches_the_worked_example() -> None:
    """Section 10: long 1 BTC at 90000 with an isolated wallet of 9000 ends at 81325.30."""
    bench = Bench(balance="20000", leverage=10)
    bench.ok("POST", "v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    bench.market.changed["BTCUSDT"] = {"tick": D("0.1")}
    bench.market.prices["BTCUSDT"] = D("89999.9")
    bench.order("BUY", "1", symbol="BTCUSDT")
    row = risk(bench)
    assert (row["entryPrice"], row["isolatedWallet"]) == ("90000.0", "9000.00000000")
    assert round(D(row["liquidationPrice"]), 2) == D("81325.30")


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_at_the_liquidation_price_the_cross_margin_is_exactly_used_up(side: str) -> None:
    bench = Bench(balance="10000")
    bench.order("BUY", "0.5", symbol="ETHUSDT")
    bench.order(side, "1.5")
    price = D(risk(bench)["liquidationPrice"])
    bench.market.marks["BTCUSDT"] = price
    head = bench.ok("GET", "v3/account")
    assert abs(D(head["totalMarginBalance"]) - D(head["totalMaintMargin"])) < D("0.01")


def test_both_sides_of_a_hedge_reach_their_common_liquidation_price_together() -> None:
    bench = Bench(balance="10000")
    bench.ok("POST", "v1/positionSide/dual", dualSidePosition="true")
    bench.order("BUY", "1.9", positionSide="LONG")
    bench.order("SELL", "0.3", positionSide="SHORT")
    price = D(risk(bench, "LONG")["liquidationPrice"])
    assert abs(price - D(risk(bench, "SHORT")["liquidationPrice"])) < D("0.00001")
    bench.market.marks["BTCUSDT"] = price
    head = bench.ok("GET", "v3/account")
    assert abs(D(head["totalMarginBalance"]) - D(head["totalMaintMargin"])) < D("0.01")


def test_a_position_that_cannot_be_liquidated_has_no_liquidation_price() -> None:
    bench = Bench()
    bench.order("BUY", "0.01")
    assert risk(bench)["liquidationPrice"] == "0"


def test_available_balance_is_what_positions_and_orders_leave() -> None:
    bench = Bench()
    bench.order("BUY", "0.1")
    bench.order("BUY", "0.1", "89000")
    bench.order("SELL", "0.15", "91000")
    head = bench.ok("GET", "v3/account")
    assert head["totalPositionInitialMargin"] == "450.00000000"  # 9000 / 20
    assert head["totalOpenOrderInitialMargin"] == "445.00000000"  # bids 8900 / 20; asks only reduce
    assert D(head["availableBalance"]) == D(head["totalMarginBalance"]) - 895
    assert bench.ok("GET", "v2/balance")[0]["availableBalance"] == head["availableBalance"]


def test_lists_show_only_what_is_held_or_ordered_and_version_two_shows_everything() -> None:
    bench = Bench()
    assert bench.ok("GET", "v3/positionRisk") == []
    assert len(bench.ok("GET", "v2/positionRisk")) == len(bench.ok("GET", "v2/account")["positions"]) == 2
    bench.order("BUY", "0.01", "89000")
    assert [row["symbol"] for row in bench.ok("GET", "v3/account")["positions"]] == ["BTCUSDT"]
    assert risk(bench)["bidNotional"] == "890.00000000"
    assert bench.ok("GET", "v2/positionRisk", symbol="ETHUSDT")[0]["leverage"] == "20"


# -- liquidation -----------------------------------------------------------------------------------------------------


def test_cross_liquidation_expires_orders_closes_and_never_leaves_a_debt() -> None:
    bench = Bench(balance="1000")
    bench.order("BUY", "0.2")
    bench.order("SELL", "0.05", "95000", newClientOrderId="tp", reduceOnly="true")
    bench.stop("SELL", "70000", clientAlgoId="sl")
    events = bench.move("84000")
    assert orders(events)[0] == ("tp", "EXPIRED", "EXPIRED")
    assert next(e["o"]["er"] for e in events if e["e"] == "ORDER_TRADE_UPDATE") == "5"
    forced = [e["o"] for e in events if e["e"] == "ORDER_TRADE_UPDATE" and e["o"]["o"] == "LIQUIDATION"]
    assert [(o["x"], o["X"], o["c"].startswith("autoclose-")) for o in forced] == [("CALCULATED", "FILLED", True)]
    assert algos(events) == [("sl", "EXPIRED")]
    assert not [e for e in events if e["e"] == "TRADE_LITE"]
    assert (bench.position(), bench.wallet()) == (0, 0)
    assert [e["a"]["m"] for e in events if e["e"] == "ACCOUNT_UPDATE"] == ["ORDER", "INSURANCE_CLEAR"]
    (public,) = bench.accounts.drain_forced()
    assert (public["e"], public["o"]["S"], public["o"]["X"]) == ("forceOrder", "SELL", "FILLED")
    (row,) = bench.ok("GET", "v1/forceOrders")
    assert row["clientOrderId"] == forced[0]["c"]
    assert bench.ok("GET", "v1/forceOrders", autoCloseType="ADL") == []


def test_liquidation_looks_at_the_mark_price_not_at_the_last() -> None:
    bench = Bench(balance="1000")
    bench.order("BUY", "0.2")
    bench.move("84000", "90000")
    assert bench.position() == D("0.2")


def test_liquidation_comes_before_a_stop_that_the_same_price_would_trigger() -> None:
    bench = Bench(balance="1000")
    bench.order("BUY", "0.2")
    bench.stop("SELL", "86000", clientAlgoId="sl")
    assert algos(bench.move("84000")) == [("sl", "EXPIRED")]


def test_cross_liquidation_closes_the_largest_requirement_first_and_stops_when_the_rest_is_carried() -> None:
    bench = Bench(balance="1000")
    bench.market.changed["BTCUSDT"] = {"liquidation_fee": D("0.001")}
    bench.order("BUY", "0.1")
    bench.order("BUY", "0.02", symbol="ETHUSDT")
    bench.move("80300")
    assert (bench.position("BTCUSDT"), bench.position("ETHUSDT")) == (0, D("0.02"))


def test_isolated_liquidation_costs_the_isolated_wallet_and_nothing_more() -> None:
    bench = Bench(balance="10000")
    bench.ok("POST", "v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    bench.order("BUY", "0.2")
    before, isolated = bench.wallet(), D(risk(bench)["isolatedWallet"])
    bench.move("80000")
    assert bench.position() == 0
    assert bench.wallet() == before - isolated


@pytest.mark.parametrize(("isolated", "side"), [(True, "BUY"), (True, "SELL"), (False, "BUY"), (False, "SELL")])
def test_liquidation_strikes_at_its_price_and_not_a_tick_before(isolated: bool, side: str) -> None:
    bench = Bench(balance="1000")
    if isolated:
        bench.ok("POST", "v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    bench.order(side, "0.2")
    price, away = D(risk(bench)["liquidationPrice"]), 1 if side == "BUY" else -1
    bench.move(90000, price + away * D("0.1"))
    assert bench.position() != 0
    bench.move(90000, price - away * D("0.1"))
    assert bench.position() == 0


def test_a_partial_close_keeps_its_share_of_the_isolated_wallet_and_of_the_fees() -> None:
    bench = Bench()
    bench.ok("POST", "v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    bench.order("BUY", "0.2")
    before = risk(bench)
    bench.order("SELL", "0.05")
    after = risk(bench)
    assert D(after["isolatedWallet"]) == D(before["isolatedWallet"]) * D("0.75")
    assert after["breakEvenPrice"] == before["breakEvenPrice"]


def test_what_the_book_cannot_take_of_a_liquidation_goes_to_the_fund_at_mark() -> None:
    bench = Bench(balance="1000")
    bench.order("BUY", "0.2")
    bench.market.size, bench.market.depth = D("0.01"), 2
    bench.move("84000")
    assert bench.position() == 0
    prices = [D(row["price"]) for row in bench.ok("GET", "v1/userTrades", symbol="BTCUSDT")]
    assert prices[1:] == [D("83999.9"), D("83999.8"), D(84000)]


def test_a_margin_call_warns_once_until_it_is_cured() -> None:
    bench = Bench(balance="1000")
    bench.order("BUY", "0.2")
    calls = lambda price: [e for e in bench.move(price) if e["e"] == "MARGIN_CALL"]  # noqa: E731
    (call,) = calls("85440")
    assert (call["p"][0]["mt"], call["p"][0]["s"], "cw" in call) == ("CROSSED", "BTCUSDT", True)
    assert calls("85439") == []
    assert calls("88000") == []
    assert len(calls("85440")) == 1


def test_a_drill_can_liquidate_and_deleverage_a_healthy_account() -> None:
    bench = Bench()
    assert not bench.accounts.liquidate("BTCUSDT")
    bench.order("BUY", "0.010")
    bench.drain()
    assert bench.accounts.adl("BTCUSDT", D("0.0045"))
    last = bench.drain()[-1]["o"]
    assert (last["c"], last["x"], last["n"]) == ("adl_autoclose", "CALCULATED", "0.00000000")
    assert bench.position() == D("0.006")
    assert bench.accounts.liquidate("BTCUSDT")
    assert bench.position() == 0
    assert len(bench.ok("GET", "v1/forceOrders")) == 2
    assert [row["orderId"] for row in bench.ok("GET", "v1/allOrders")] != []


# -- funding ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "rate", "paid"), [
    ("BUY", "0.0001", "-0.90"), ("SELL", "0.0001", "0.90"), ("BUY", "-0.0002", "1.80"), ("SELL", "-0.0002", "-1.80"),
])  # fmt: skip
def test_funding_moves_notional_times_rate_from_long_to_short(side: str, rate: str, paid: str) -> None:
    bench = Bench()
    bench.market.funding = (D(rate), START_MS + HOUR_MS)
    bench.order(side, "0.1")
    assert bench.wait(HOUR_MS - 2000) == []
    bench.market.funding = (D("0.5"), START_MS + 9 * HOUR_MS)  # what runs from now on does not count for the past
    (event,) = bench.wait(1000)
    update = event["a"]
    assert (update["m"], update["S"], update["P"], D(update["B"][0]["bc"])) == ("FUNDING_FEE", "BTCUSDT", [], D(paid))
    assert kinds(bench)["FUNDING_FEE"] == D(paid)
    assert bench.wait(HOUR_MS) == []


def test_isolated_funding_is_paid_from_the_position_and_lists_it() -> None:
    bench = Bench()
    bench.ok("POST", "v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    bench.market.funding = (D("0.0001"), START_MS + HOUR_MS)
    bench.order("BUY", "0.1")
    before = D(risk(bench)["isolatedWallet"])
    bench.wait(1000)
    bench.market.funding = (D("0.0001"), START_MS + 9 * HOUR_MS)
    (event,) = bench.wait(HOUR_MS)
    assert D(event["a"]["P"][0]["iw"]) == before - D("0.9")


def test_a_position_opened_after_the_settlement_does_not_pay_it() -> None:
    bench = Bench()
    bench.market.funding = (D("0.0001"), START_MS + HOUR_MS)
    bench.wait(HOUR_MS)
    bench.market.funding = (D("0.0001"), START_MS + 9 * HOUR_MS)
    bench.order("BUY", "0.1")
    assert bench.wait(1000) == []


# -- settings --------------------------------------------------------------------------------------------------------


def test_leverage_answers_its_cap_and_tells_the_stream_when_it_changed() -> None:
    bench = Bench()
    answer = bench.ok("POST", "v1/leverage", symbol="BTCUSDT", leverage="75")
    assert answer == {"leverage": 75, "maxNotionalValue": "3000000", "symbol": "BTCUSDT"}
    assert bench.drain()[0]["ac"] == {"s": "BTCUSDT", "l": 75}
    bench.ok("POST", "v1/leverage", symbol="BTCUSDT", leverage="75")
    assert bench.drain() == []
    assert bench.ok("GET", "v1/symbolConfig", symbol="BTCUSDT")[0]["leverage"] == 75
    assert bench.ok("GET", "v1/symbolConfig", symbol="ETHUSDT")[0]["leverage"] == 20


@pytest.mark.parametrize(
    ("value", "code"), [("0", -4028), ("126", -4028), ("x", -1102), ("2.5", -1102), (None, -1102), ("125.0", None)]
)
def test_leverage_must_be_one_the_symbol_offers(value: str | None, code: int | None) -> None:
    status, body = Bench().ask("POST", "v1/leverage", symbol="BTCUSDT", leverage=value)
    assert (status, body.get("code")) == ((200, None) if code is None else (400, code))


def test_leverage_with_a_position_is_bounded_by_bracket_and_margin() -> None:
    bench = Bench(balance="50000")
    bench.order("BUY", "4")
    assert bench.code("POST", "v1/leverage", symbol="BTCUSDT", leverage=125) == -2027
    assert bench.code("POST", "v1/leverage", symbol="BTCUSDT", leverage=2) == -2028
    assert bench.ok("GET", "v1/symbolConfig", symbol="BTCUSDT")[0]["leverage"] == 20
    bench.ok("POST", "v1/leverage", symbol="BTCUSDT", leverage=100)


def test_isolated_leverage_is_not_lowered_with_a_position() -> None:
    bench = Bench()
    bench.ok("POST", "v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    bench.order("BUY", "0.01")
    assert bench.code("POST", "v1/leverage", symbol="BTCUSDT", leverage=10) == -4161
    bench.ok("POST", "v1/leverage", symbol="BTCUSDT", leverage=50)


def test_the_starting_leverage_never_exceeds_what_the_symbol_offers() -> None:
    assert Bench(leverage=500).ok("GET", "v1/symbolConfig", symbol="BTCUSDT")[0]["leverage"] == 125


def test_margin_type_changes_only_when_nothing_is_at_stake() -> None:
    bench = Bench()
    change = {"symbol": "BTCUSDT", "marginType": "ISOLATED"}
    assert bench.code("POST", "v1/marginType", symbol="BTCUSDT", marginType="CROSSED") == -4046
    bench.order("BUY", "0.01", "89000")
    assert bench.code("POST", "v1/marginType", **change) == -4047
    bench.ok("DELETE", "v1/allOpenOrders", symbol="BTCUSDT")
    bench.order("BUY", "0.01")
    assert bench.code("POST", "v1/marginType", **change) == -4048
    bench.order("SELL", "0.01")
    bench.drain()
    assert bench.ok("POST", "v1/marginType", **change) == {"code": 200, "msg": "success"}
    update = bench.drain()[0]["a"]
    assert (update["m"], update["B"], update["P"][0]["mt"]) == ("MARGIN_TYPE_CHANGE", [], "isolated")
    assert bench.ok("GET", "v1/symbolConfig", symbol="BTCUSDT")[0]["marginType"] == "ISOLATED"


def test_position_mode_is_one_for_the_account_and_changes_only_when_flat() -> None:
    bench = Bench()
    dual = lambda value: bench.ask("POST", "v1/positionSide/dual", dualSidePosition=value)[1]["code"]  # noqa: E731
    assert dual("false") == -4059
    bench.order("BUY", "0.01")
    assert dual("TRUE") == -4068
    bench.order("BUY", "0.01", "89000")
    assert dual("true") == -4067
    bench.ok("DELETE", "v1/allOpenOrders", symbol="BTCUSDT")
    bench.order("SELL", "0.01")
    bench.drain()
    assert dual("true") == 200
    assert bench.drain() == []  # no event tells of it
    assert bench.ok("GET", "v1/accountConfig")["dualSidePosition"] is True


def test_asset_mode_excludes_isolated_margin_and_open_orders() -> None:
    bench = Bench()
    multi = lambda value: bench.ask("POST", "v1/multiAssetsMargin", multiAssetsMargin=value)[1]["code"]  # noqa: E731
    assert multi("false") == -4171
    bench.order("BUY", "0.01", "89000")
    assert multi("true") == -4170
    bench.ok("DELETE", "v1/allOpenOrders", symbol="BTCUSDT")
    bench.drain()
    assert multi("true") == 200
    assert bench.drain()[0]["ai"] == {"j": True}
    assert bench.code("POST", "v1/marginType", symbol="BTCUSDT", marginType="ISOLATED") == -4168
    assert multi("false") == 200
    bench.ok("POST", "v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    assert multi("true") == -4167


def test_isolated_margin_can_be_added_and_taken_back_within_limits() -> None:
    bench = Bench()
    margin = lambda amount, kind: bench.ask(  # noqa: E731
        "POST", "v1/positionMargin", symbol="BTCUSDT", amount=amount, type=kind
    )[1]["code"]
    assert margin("100", 1) == -4049
    bench.ok("POST", "v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    assert margin("100", 1) == -4054
    bench.order("BUY", "0.1")
    assert [margin("0", 1), margin("1", 3), margin("20000", 1), margin("1", 2)] == [-4055, -1130, -4050, -4051]
    before = bench.ok("GET", "v3/account")["totalCrossWalletBalance"]
    bench.drain()
    assert margin("100", 1) == 200
    assert bench.drain()[0]["a"]["m"] == "MARGIN_TRANSFER"
    head = bench.ok("GET", "v3/account")
    assert D(head["totalCrossWalletBalance"]) == D(before) - 100
    assert margin("50", 2) == 200
    bench.order("SELL", "0.1")  # what is left returns with the position
    head = bench.ok("GET", "v3/account")
    assert head["totalCrossWalletBalance"] == head["totalWalletBalance"]


def test_fee_burn_is_remembered() -> None:
    bench = Bench()
    bench.ok("POST", "v1/feeBurn", feeBurn="false")
    assert bench.ok("GET", "v1/feeBurn") == {"feeBurn": False}


def test_brackets_are_an_array_with_and_without_a_symbol() -> None:
    bench = Bench()
    assert len(bench.ok("GET", "v1/leverageBracket")) == 2
    (row,) = bench.ok("GET", "v1/leverageBracket", symbol="ETHUSDT")
    assert (row["symbol"], len(row["brackets"])) == ("ETHUSDT", 4)
    assert bench.code("GET", "v1/leverageBracket", symbol="NOPE") == -1121


def test_deleveraging_lights_follow_the_profit() -> None:
    bench = Bench()
    assert bench.ok("GET", "v1/adlQuantile") == []
    bench.order("BUY", "0.01")
    light = lambda: bench.ok("GET", "v1/adlQuantile", symbol="BTCUSDT")[0]["adlQuantile"]["BOTH"]  # noqa: E731
    assert light() == 1
    bench.move("92000")
    assert light() == 4
    assert risk(bench)["adl"] == 4


# -- listen keys -----------------------------------------------------------------------------------------------------


def test_a_listen_key_lives_an_hour_from_its_last_renewal_and_says_goodbye() -> None:
    bench = Bench()
    assert bench.code("PUT", "v1/listenKey") == -1125
    key = bench.ok("POST", "v1/listenKey")["listenKey"]
    assert len(key) == 64
    assert bench.ok("POST", "v1/listenKey")["listenKey"] == key
    assert bench.accounts.listen_key_owner(key) == "main"
    bench.wait(50 * 60_000)
    assert bench.ok("PUT", "v1/listenKey", listenKey="whatever")["listenKey"] == key
    assert bench.wait(59 * 60_000) == []
    assert bench.wait(60_000) == [{"e": "listenKeyExpired", "E": bench.now_ms, "listenKey": key}]
    assert bench.accounts.listen_key_owner(key) is None
    assert bench.code("PUT", "v1/listenKey") == -1125
    assert bench.ok("POST", "v1/listenKey")["listenKey"] != key


def test_a_closed_listen_key_is_silent_and_an_expired_one_can_be_asked_for() -> None:
    bench = Bench()
    key = bench.ok("POST", "v1/listenKey")["listenKey"]
    assert bench.ok("DELETE", "v1/listenKey") == {}
    assert (bench.accounts.listen_key_owner(key), bench.drain()) == (None, [])
    bench.ok("POST", "v1/listenKey")
    bench.accounts.expire_listen_key("main")
    assert bench.drain()[0]["e"] == "listenKeyExpired"


# -- the door's tables -----------------------------------------------------------------------------------------------


def test_every_announced_path_is_served_and_nothing_else_is() -> None:
    bench = Bench()
    for method, path in sorted(ACCOUNT_PATHS):
        status, body = bench.accounts.request(method, path, {}, "main", bench.now_ms)
        assert status != 404, (method, path)
        assert isinstance(body, dict | list)
    assert bench.accounts.request("GET", "/fapi/v1/depth", {}, "main", bench.now_ms)[1]["code"] == -5000


@pytest.mark.parametrize(("method", "path", "cost"), [
    ("POST", "order", (1, 1)), ("PUT", "order", (1, 1)), ("DELETE", "order", (0, 0)), ("GET", "order", (0, 0)),
    ("POST", "order/test", (1, 1)), ("POST", "algoOrder", (1, 1)), ("DELETE", "algoOrder", (0, 0)),
    ("POST", "batchOrders", (5, 1)), ("PUT", "batchOrders", (5, 1)), ("DELETE", "batchOrders", (0, 0)),
])  # fmt: skip
def test_order_counts_cost_what_the_exchange_charges(method: str, path: str, cost: tuple[int, int]) -> None:
    assert order_cost(method, f"/fapi/v1/{path}") == cost


def test_a_refusal_knows_its_status_and_completes_its_text() -> None:
    assert (refuse(-1008).status, refuse(-1015).status, refuse(-2019).status) == (503, 429, 400)
    assert refuse(-1102, name="symbol").text == (
        "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."
    )
    assert "<notional>" in refuse(-4164).text  # a scripted refusal knows only its code


def test_accounts_do_not_see_each_other() -> None:
    bench = Bench()
    bench.accounts.open_account("second")
    status, _ = bench.accounts.trade_by_other("BTCUSDT", "BUY", D("0.01"), "second")
    assert status == 200
    assert bench.position() == 0
    assert {name for name, _ in bench.accounts.drain()} == {"second"}
