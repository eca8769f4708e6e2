"""What holds whatever a client sends: money is conserved, positions are the sum of fills, seeds decide everything."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.sim_market import HOUR_MS, START_MS, Bench

D = Decimal
Step = tuple[Any, ...]

side = st.sampled_from(["BUY", "SELL"])
lot = st.integers(1, 60).map(lambda n: f"{n / 1000:.3f}")
tick = st.integers(-400, 400).map(lambda n: f"{90000 + n * 5}")
flag = st.sampled_from(["true", "false"])
steps: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("market"), side, lot, flag),
    st.tuples(st.just("limit"), side, lot, tick, flag, st.sampled_from(["GTC", "IOC", "GTX", "FOK"])),
    st.tuples(st.just("stop"), side, tick, st.sampled_from(["STOP_MARKET", "TAKE_PROFIT_MARKET"])),
    st.tuples(st.just("quantity_stop"), side, lot, tick, flag),
    st.tuples(st.just("move"), tick),
    st.tuples(st.just("part"), st.integers(1, 9)),
    st.tuples(st.just("cancel")),
    st.tuples(st.just("hours"), st.integers(1, 9)),
    st.tuples(st.just("crash"), st.integers(60, 140)),
)


def play(bench: Bench, step: Step) -> None:
    """Do one thing a client, the market or the clock may do; refusals are fine."""
    kind, *rest = step
    if kind == "market":
        bench.ask("POST", "v1/order", **Bench.terms(rest[0], rest[1], None, "BTCUSDT", reduceOnly=rest[2]))
    elif kind == "limit":
        terms = Bench.terms(rest[0], rest[1], rest[2], "BTCUSDT", reduceOnly=rest[3])
        bench.ask("POST", "v1/order", **terms | {"timeInForce": rest[4]})
    elif kind == "stop":
        bench.ask("POST", "v1/algoOrder", **Bench.stop_terms(rest[0], rest[1], "BTCUSDT", type=rest[2]))
    elif kind == "quantity_stop":
        more = {"closePosition": None, "quantity": rest[1], "reduceOnly": rest[3]}
        bench.ask("POST", "v1/algoOrder", **Bench.stop_terms(rest[0], rest[2], "BTCUSDT", **more))
    elif kind == "move":
        bench.move(rest[0])
    elif kind == "crash":
        bench.move(90000 * rest[0] // 100)
        bench.move(90000)
    elif kind == "part":
        bench.accounts.fill_partially_next(D(rest[0]) / 10)
    elif kind == "cancel":
        bench.ok("DELETE", "v1/allOpenOrders", symbol="BTCUSDT")
    elif kind == "hours":
        bench.wait(rest[0] * HOUR_MS)
        bench.market.funding = (D("-0.0003"), bench.now_ms + 4 * HOUR_MS)


def fills(bench: Bench) -> list[dict[str, Any]]:
    return list(bench.ok("GET", "v1/userTrades", symbol="BTCUSDT", fromId=0, limit=1000))


@pytest.mark.parametrize("isolated", [False, True])
@settings(max_examples=60, deadline=None)
@given(script=st.lists(steps, max_size=25))
def test_money_is_conserved_and_positions_are_the_sum_of_fills(isolated: bool, script: list[Step]) -> None:
    bench = Bench(balance="2000", leverage=20)
    if isolated:
        bench.ok("POST", "v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    for step in script:
        play(bench, step)
        trades = fills(bench)
        signed = sum((D(row["qty"]) * (1 if row["buyer"] else -1) for row in trades), D(0))
        assert bench.position() == signed
        income = bench.ok("GET", "v1/income", startTime=START_MS, limit=1000)
        assert bench.wallet() == sum((D(row["income"]) for row in income), D(0))
        booked = {kind: sum((D(r["income"]) for r in income if r["incomeType"] == kind), D(0)) for kind in KINDS}
        assert booked["REALIZED_PNL"] == sum((D(row["realizedPnl"]) for row in trades), D(0))
        if not bench.ok("GET", "v1/forceOrders"):
            assert booked["COMMISSION"] == -sum((D(row["commission"]) for row in trades), D(0))
        if signed == 0:
            assert bench.wallet() >= 0
            head = bench.ok("GET", "v3/account")
            assert head["totalCrossWalletBalance"] == head["totalWalletBalance"]


KINDS = ("REALIZED_PNL", "COMMISSION")


@settings(max_examples=100, deadline=None)
@given(script=st.lists(steps, max_size=25))
def test_reduce_only_never_turns_or_grows_a_position(script: list[Step]) -> None:
    bench = Bench(balance="5000")
    held = D(0)
    for step in script:
        bench.drain()
        before_ids = {row["id"] for row in fills(bench)}
        play(bench, step)
        reducing = {
            row["orderId"] for row in bench.ok("GET", "v1/allOrders", orderId=0, limit=1000) if row["reduceOnly"]
        }
        for row in fills(bench):
            if row["id"] in before_ids:
                continue
            after = held + D(row["qty"]) * (1 if row["buyer"] else -1)
            if row["orderId"] in reducing:
                assert abs(after) < abs(held)
                assert after * held >= 0
            held = after


@settings(max_examples=40, deadline=None)
@given(script=st.lists(steps, max_size=20))
def test_resting_reduce_only_orders_always_fit_the_position_and_close_orders_have_one(script: list[Step]) -> None:
    bench = Bench(balance="5000")
    for step in script:
        play(bench, step)
        position = bench.position()
        rows = bench.ok("GET", "v1/openOrders")
        reducing = [row for row in rows if row["reduceOnly"]]
        total = sum((D(row["origQty"]) - D(row["executedQty"]) for row in reducing), D(0))
        assert total <= abs(position)
        assert {row["side"] for row in reducing} <= ({"SELL"} if position > 0 else {"BUY"})


@settings(max_examples=25, deadline=None)
@given(script=st.lists(steps, max_size=15))
def test_the_same_calls_with_the_same_seed_give_the_same_bytes(script: list[Step]) -> None:
    def record(seed: int) -> list[Any]:
        bench = Bench(seed=seed)
        seen: list[Any] = []
        for step in script:
            play(bench, step)
            seen.append(bench.ok("GET", "v1/allOrders"))
            seen.append(bench.ok("GET", "v1/openAlgoOrders"))
            seen.append(bench.ok("GET", "v1/income"))
        return seen

    assert record(3) == record(3)


def test_another_seed_gives_other_numbers() -> None:
    first, second = Bench(seed=1), Bench(seed=2)
    assert first.order("BUY", "0.01")["clientOrderId"] != second.order("BUY", "0.01")["clientOrderId"]
    assert first.ok("POST", "v1/listenKey") != second.ok("POST", "v1/listenKey")
