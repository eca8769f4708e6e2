"""What the account side writes has the fields and JSON types of the recorded shapes."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.sim_market import HOUR_MS, START_MS, Bench

D = Decimal
FIXTURES = Path(__file__).parents[4] / "shared" / "spec" / "fixtures"
pytestmark = pytest.mark.skipif(not FIXTURES.is_dir(), reason="the recorded shapes are not beside this checkout")

# Fields served beyond a recorded shape: what is documented besides what was seen.
UNION = {"openAlgoOrders_get": {"actualPrice", "tpTriggerPrice", "tpPrice", "slTriggerPrice", "slPrice", "tpOrderType"}}

NOT_SERVED = {
    "leverageBracket.symbol_docs": "an array also with a symbol, as long practice has it",
    "CONDITIONAL_ORDER_TRIGGER_REJECT.deprecated": "replaced by the reason in ALGO_UPDATE",
    "GRID_UPDATE": "no trading bots here",
    "STRATEGY_UPDATE": "no trading bots here",
    "stream_mode_envelope": "the envelope belongs to the door",
}


def fixture(folder: str, name: str) -> Any:
    return json.loads((FIXTURES / folder / f"{name}.json").read_text())


def differences(ours: Any, theirs: Any, extra: set[str], path: str = "$") -> list[str]:
    """Where keys or JSON types differ; a list is compared by its first items."""
    if type(ours) is not type(theirs):
        return [f"{path}: {type(ours).__name__} instead of {type(theirs).__name__}"]
    if isinstance(ours, dict):
        missing, more = theirs.keys() - ours.keys(), ours.keys() - theirs.keys() - extra
        found = [f"{path}: missing {sorted(missing)}"] * bool(missing) + [f"{path}: more {sorted(more)}"] * bool(more)
        return found + [
            line
            for key in ours.keys() & theirs.keys()
            for line in differences(ours[key], theirs[key], extra, f"{path}.{key}")
        ]
    if isinstance(ours, list) and theirs:
        return differences(ours[0], theirs[0], extra, f"{path}[0]") if ours else [f"{path}: empty"]
    return []


def long_bench() -> Bench:
    bench = Bench(leverage=10)
    bench.order("BUY", "0.010", newClientOrderId="mkt-0001")
    return bench


def resting() -> Bench:
    bench = Bench()
    bench.order("BUY", "0.010", "89000", newClientOrderId="web-1")
    return bench


def amended() -> Bench:
    bench = resting()
    put(bench)
    return bench


def put(bench: Bench) -> Any:
    terms = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.010", "price": "89100"}
    return bench.ok("PUT", "v1/order", **terms, origClientOrderId="web-1", modifyId=77)


def stopped(bench: Bench) -> Bench:
    bench.stop("SELL", "89000", clientAlgoId="sl", workingType="MARK_PRICE", priceProtect="true")
    return bench


def finished() -> Bench:
    bench = stopped(long_bench())
    bench.move("89000")
    return bench


def cancelled_stop() -> Bench:
    bench = stopped(long_bench())
    bench.ok("DELETE", "v1/algoOrder", clientAlgoId="sl")
    return bench


def liquidated() -> Bench:
    bench = long_bench()
    bench.drain()
    bench.accounts.liquidate("BTCUSDT")
    return bench


def hedged() -> Bench:
    bench = Bench(leverage=10)
    bench.ok("POST", "v1/positionSide/dual", dualSidePosition="true")
    bench.order("BUY", "0.010", positionSide="LONG")
    bench.order("SELL", "0.005", positionSide="SHORT")
    return bench


def isolated() -> Bench:
    bench = Bench()
    bench.ok("POST", "v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    bench.order("BUY", "0.010")
    return bench


def batch(bench: Bench, method: str, *rows: dict[str, Any]) -> Any:
    return bench.ok(method, "v1/batchOrders", batchOrders=json.dumps(rows))


def trailing(bench: Bench) -> Any:
    terms = {"closePosition": None, "quantity": "0.010", "reduceOnly": "true", "type": "TRAILING_STOP_MARKET"}
    terms |= {"triggerPrice": None, "activatePrice": "92500", "callbackRate": "1.0", "clientAlgoId": "tr-1"}
    return bench.stop("SELL", None, **terms)


STOP_LIMIT = {"closePosition": None, "quantity": "0.010", "reduceOnly": "true", "type": "STOP", "price": "88950"}
LIMIT = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "89000",
}
CHANGE = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.010", "price": "89100", "modifyId": 78}
BTC = {"symbol": "BTCUSDT"}

ANSWERS: dict[str, Callable[[], Any]] = {
    "accountConfig": lambda: Bench().ok("GET", "v1/accountConfig"),
    "account_v2": lambda: long_bench().ok("GET", "v2/account"),
    "account_v3": lambda: long_bench().ok("GET", "v3/account"),
    "adlQuantile": lambda: long_bench().ok("GET", "v1/adlQuantile"),
    "algoOpenOrders_delete": lambda: Bench().ok("DELETE", "v1/algoOpenOrders", **BTC),
    "algoOrder_delete": lambda: stopped(long_bench()).ok("DELETE", "v1/algoOrder", clientAlgoId="sl"),
    "algoOrder_get.finished": lambda: finished().ok("GET", "v1/algoOrder", clientAlgoId="sl"),
    "algoOrder_post.stop_limit": lambda: long_bench().stop("SELL", "89000", **STOP_LIMIT),
    "algoOrder_post.stop_market_closePosition": lambda: long_bench().stop("SELL", "89000"),
    "algoOrder_post.trailing": lambda: trailing(long_bench()),
    "allAlgoOrders_get": lambda: cancelled_stop().ok("GET", "v1/allAlgoOrders", **BTC),
    "allOpenOrders_delete": lambda: Bench().ok("DELETE", "v1/allOpenOrders", **BTC),
    "allOrders_get": lambda: long_bench().ok("GET", "v1/allOrders"),
    "apiTradingStatus": lambda: Bench().ok("GET", "v1/apiTradingStatus", **BTC),
    "balance_v2": lambda: Bench().ok("GET", "v2/balance"),
    "balance_v3": lambda: Bench().ok("GET", "v3/balance"),
    "batchOrders_delete": lambda: resting().ok(
        "DELETE", "v1/batchOrders", **BTC, origClientOrderIdList='["web-1","x"]'
    ),
    "batchOrders_post": lambda: batch(Bench(), "POST", LIMIT, {"symbol": "x"}),
    "batchOrders_put": lambda: batch(resting(), "PUT", CHANGE | {"origClientOrderId": "web-1"}, {"symbol": "x"}),
    "commissionRate": lambda: Bench().ok("GET", "v1/commissionRate", **BTC),
    "countdownCancelAll_post": lambda: Bench().ok("POST", "v1/countdownCancelAll", **BTC, countdownTime=100_000),
    "feeBurn.get": lambda: Bench().ok("GET", "v1/feeBurn"),
    "forceOrders": lambda: liquidated().ok("GET", "v1/forceOrders"),
    "income": lambda: long_bench().ok("GET", "v1/income"),
    "leverage.post": lambda: Bench().ok("POST", "v1/leverage", **BTC, leverage=21),
    "leverageBracket.all": lambda: Bench().ok("GET", "v1/leverageBracket"),
    "listenKey_delete": lambda: Bench().ok("DELETE", "v1/listenKey"),
    "listenKey_post": lambda: Bench().ok("POST", "v1/listenKey"),
    "listenKey_put": lambda: [bench := Bench(), bench.ok("POST", "v1/listenKey"), bench.ok("PUT", "v1/listenKey")][-1],
    "marginType.post": lambda: Bench().ok("POST", "v1/marginType", **BTC, marginType="ISOLATED"),
    "multiAssetsMargin.get": lambda: Bench().ok("GET", "v1/multiAssetsMargin"),
    "openAlgoOrders_get": lambda: stopped(long_bench()).ok("GET", "v1/openAlgoOrders"),
    "openOrder_get": lambda: resting().ok("GET", "v1/openOrder", **BTC, origClientOrderId="web-1"),
    "openOrders_get": lambda: resting().ok("GET", "v1/openOrders"),
    "orderAmendment_get": lambda: amended().ok("GET", "v1/orderAmendment", **BTC, origClientOrderId="web-1"),
    "order_delete": lambda: resting().ok("DELETE", "v1/order", **BTC, origClientOrderId="web-1"),
    "order_get": lambda: long_bench().ok("GET", "v1/order", **BTC, origClientOrderId="mkt-0001"),
    "order_post.limit_ack": lambda: Bench().order("BUY", "0.010", "89000"),
    "order_post.market_result": lambda: Bench().order("BUY", "0.010", newOrderRespType="RESULT"),
    "order_put": lambda: put(resting()),
    "order_test_post": lambda: Bench().ok("POST", "v1/order/test", **LIMIT),
    "positionMargin.post": lambda: isolated().ok("POST", "v1/positionMargin", **BTC, amount="100", type=1),
    "positionRisk_v2.hedge": lambda: hedged().ok("GET", "v2/positionRisk"),
    "positionRisk_v2.oneway": lambda: long_bench().ok("GET", "v2/positionRisk"),
    "positionRisk_v3": lambda: long_bench().ok("GET", "v3/positionRisk"),
    "positionSide_dual.get": lambda: Bench().ok("GET", "v1/positionSide/dual"),
    "positionSide_dual.post": lambda: Bench().ok("POST", "v1/positionSide/dual", dualSidePosition="true"),
    "rateLimit_order": lambda: Bench().ok("GET", "v1/rateLimit/order"),
    "symbolConfig": lambda: Bench().ok("GET", "v1/symbolConfig"),
    "userTrades_get": lambda: long_bench().ok("GET", "v1/userTrades", **BTC),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_have_the_recorded_fields_and_types(name: str) -> None:
    assert differences(ANSWERS[name](), fixture("rest", name), UNION.get(name, set())) == []


# -- events ----------------------------------------------------------------------------------------------------------


def pick(events: list[dict[str, Any]], kind: str, **inner: Any) -> Any:
    """The first event of a kind whose inner object has these values."""
    return next(
        event
        for event in events
        if event["e"] == kind
        and all(event.get("o", event.get("a", {})).get(key) == value for key, value in inner.items())
    )


def life_of_a_stop() -> list[dict[str, Any]]:
    bench = stopped(long_bench())
    return bench.drain() + bench.move("89000")


def life_of_a_trail() -> list[dict[str, Any]]:
    bench = long_bench()
    bench.drain()
    trailing(bench)
    return bench.drain() + bench.move("92500")


def settled(bench: Bench) -> list[dict[str, Any]]:
    bench.market.funding = (D("0.0001"), START_MS + HOUR_MS)
    bench.wait(1)
    return bench.wait(HOUR_MS)


def after(bench: Bench, act: Callable[[Bench], Any]) -> list[dict[str, Any]]:
    bench.drain()
    act(bench)
    return bench.drain()


def self_traded() -> list[dict[str, Any]]:
    bench = Bench()
    bench.order("SELL", "0.010", "90000.1", newClientOrderId="own")
    return after(bench, lambda b: b.order("BUY", "0.010", "90001"))


def partly() -> list[dict[str, Any]]:
    bench = resting()
    bench.accounts.fill_partially_next(D("0.4"))
    return bench.move("89000")


def rejected() -> list[dict[str, Any]]:
    bench = Bench()
    bench.stop("SELL", "89000", closePosition=None, quantity="0.010", reduceOnly="true")
    return bench.move("89000")


def called() -> list[dict[str, Any]]:
    bench = Bench(balance="1000")
    bench.order("BUY", "0.2")
    return bench.move("85440")


def leverage(bench: Bench) -> Any:
    return bench.ok("POST", "v1/leverage", **BTC, leverage=21)


OTU, ALGO, ACC = "ORDER_TRADE_UPDATE", "ALGO_UPDATE", "ACCOUNT_UPDATE"
CONFIG = "ACCOUNT_CONFIG_UPDATE"
EVENTS: dict[str, Callable[[], Any]] = {
    "ACCOUNT_CONFIG_UPDATE.leverage": lambda: pick(after(Bench(), leverage), CONFIG),
    "ACCOUNT_CONFIG_UPDATE.multi_assets": lambda: pick(
        after(Bench(), lambda b: b.ok("POST", "v1/multiAssetsMargin", multiAssetsMargin="true")), CONFIG
    ),
    "ACCOUNT_UPDATE.funding_cross": lambda: pick(settled(long_bench()), ACC),
    "ACCOUNT_UPDATE.funding_isolated": lambda: pick(settled(isolated()), ACC),
    "ACCOUNT_UPDATE.margin_type_change": lambda: pick(
        after(Bench(), lambda b: b.ok("POST", "v1/marginType", **BTC, marginType="ISOLATED")), ACC
    ),
    "ACCOUNT_UPDATE.order": lambda: pick(long_bench().drain(), ACC),
    "ALGO_UPDATE.canceled": lambda: pick(cancelled_stop().drain(), ALGO, X="CANCELED"),
    "ALGO_UPDATE.expired_gte": lambda: pick(
        after(stopped(long_bench()), lambda b: b.order("SELL", "0.010")), ALGO, X="EXPIRED"
    ),
    "ALGO_UPDATE.finished": lambda: pick(life_of_a_stop(), ALGO, X="FINISHED"),
    "ALGO_UPDATE.new": lambda: pick(life_of_a_stop(), ALGO, X="NEW"),
    "ALGO_UPDATE.rejected": lambda: pick(rejected(), ALGO, X="REJECTED"),
    "ALGO_UPDATE.trailing_activated": lambda: pick(life_of_a_trail(), ALGO, ia=True),
    "ALGO_UPDATE.trailing_new_inactive": lambda: pick(life_of_a_trail(), ALGO, ia=False),
    "ALGO_UPDATE.triggered": lambda: pick(life_of_a_stop(), ALGO, X="TRIGGERED"),
    "ALGO_UPDATE.triggering": lambda: pick(life_of_a_stop(), ALGO, X="TRIGGERING"),
    "MARGIN_CALL": lambda: pick(called(), "MARGIN_CALL"),
    "ORDER_TRADE_UPDATE.amendment": lambda: pick(amended().drain(), OTU, x="AMENDMENT"),
    "ORDER_TRADE_UPDATE.canceled": lambda: pick(
        after(resting(), lambda b: b.ok("DELETE", "v1/allOpenOrders", **BTC)), OTU, x="CANCELED"
    ),
    "ORDER_TRADE_UPDATE.expired_ioc": lambda: pick(
        after(Bench(), lambda b: b.order("BUY", "0.01", "89000", timeInForce="IOC")), OTU, er="2"
    ),
    "ORDER_TRADE_UPDATE.expired_stp": lambda: pick(self_traded(), OTU, X="EXPIRED_IN_MATCH", er="1"),
    "ORDER_TRADE_UPDATE.filled_market": lambda: pick(long_bench().drain(), OTU, X="FILLED"),
    "ORDER_TRADE_UPDATE.liquidation": lambda: pick(liquidated().drain(), OTU, x="CALCULATED", o="LIQUIDATION"),
    "ORDER_TRADE_UPDATE.new_limit": lambda: pick(resting().drain(), OTU, x="NEW"),
    "ORDER_TRADE_UPDATE.partial_fill": lambda: pick(partly(), OTU, X="PARTIALLY_FILLED", m=True),
    "ORDER_TRADE_UPDATE.triggered_stop_filled": lambda: pick(life_of_a_stop(), OTU, ot="STOP_MARKET", X="FILLED"),
    "TRADE_LITE": lambda: pick(long_bench().drain(), "TRADE_LITE"),
    "listenKeyExpired": lambda: pick(
        after(Bench(), lambda b: [b.ok("POST", "v1/listenKey"), b.accounts.expire_listen_key("main")]),
        "listenKeyExpired",
    ),
}


@pytest.mark.parametrize("name", EVENTS)
def test_events_have_the_recorded_fields_and_types(name: str) -> None:
    assert differences(EVENTS[name](), fixture("ws_user", name), set()) == []


def test_every_recorded_shape_of_an_account_is_compared_or_named_with_a_reason() -> None:
    public = {
        "ping", "time", "depth", "rpiDepth", "trades", "aggTrades", "klines", "continuousKlines", "exchangeInfo",
        "fundingInfo", "fundingRate", "openInterest", "openInterestHist", "premiumIndex", "symbolAdlRisk",
        "takerlongshortRatio", "ticker_24hr", "ticker_bookTicker", "ticker_price_v1", "ticker_price_v2",
    }  # fmt: skip
    recorded = {path.stem for folder in ("rest", "ws_user") for path in (FIXTURES / folder).glob("*.json")}
    private = {name for name in recorded if name.split(".")[0] not in public}
    assert private == set(ANSWERS) | set(EVENTS) | set(NOT_SERVED)


ERRORS: dict[str, Callable[[], tuple[int, Any]]] = {
    "algo_switch": lambda: Bench().ask("POST", "v1/order", **LIMIT | {"type": "STOP_MARKET"}),
    "bad_path_404": lambda: Bench().ask("GET", "v1/positionRisk"),
    "bad_symbol": lambda: Bench().ask("POST", "v1/order", **LIMIT | {"symbol": "X"}),
    "gte_exists": lambda: stopped(long_bench()).ask(
        "POST", "v1/algoOrder", **Bench.stop_terms("SELL", "88000", "BTCUSDT")
    ),
    "gtx": lambda: Bench().ask("POST", "v1/order", **LIMIT | {"timeInForce": "GTX", "price": "91000"}),
    "key_rejected_401": lambda: Bench().accounts.request("GET", "/fapi/v3/account", {}, None, START_MS),
    "limit_invalid": lambda: Bench().ask("GET", "v1/allOrders", limit="0"),
    "listenkey_unknown": lambda: Bench().ask("PUT", "v1/listenKey"),
    "margin": lambda: Bench().ask("POST", "v1/order", **LIMIT | {"quantity": "100"}),
    "min_notional": lambda: Bench().ask("POST", "v1/order", **LIMIT | {"quantity": "0.001", "price": "40000"}),
    "modify_not_ro": lambda: resting().ask("PUT", "v1/order", **CHANGE, origClientOrderId="web-1", reduceOnly="true"),
    "no_such_order": lambda: Bench().ask("GET", "v1/order", **BTC, orderId=1),
    "param_missing": lambda: Bench().ask("POST", "v1/order"),
    "precision": lambda: Bench().ask("POST", "v1/order", **LIMIT | {"quantity": "0.00001"}),
    "reduce_only": lambda: Bench().ask("POST", "v1/order", **LIMIT | {"reduceOnly": "true"}),
    "unknown_order": lambda: Bench().ask("DELETE", "v1/order", **BTC, orderId=1),
    "would_trigger": lambda: long_bench().ask("POST", "v1/algoOrder", **Bench.stop_terms("SELL", "95000", "BTCUSDT")),
}


@pytest.mark.parametrize("name", ERRORS)
def test_refusals_are_the_recorded_ones_word_for_word(name: str) -> None:
    status, body = ERRORS[name]()
    recorded = fixture("errors", name)
    assert (status, body) == (recorded["httpStatus"], recorded["body"])
