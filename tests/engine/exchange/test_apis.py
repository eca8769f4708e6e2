"""Typed calls: what is asked, and what becomes of the recorded answers."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from config.schema import ExchangeSettings
from engine.clock import VirtualClock, run_virtual
from engine.errors import OutcomeUnknown, Rejected, Transient
from engine.exchange.account_api import RestGateway
from engine.exchange.instruments import read_exchange_info
from engine.exchange.ledger import Ledger
from engine.exchange.limits import Lane, Pool
from engine.exchange.market_api import MarketApi
from engine.exchange.orders import ConditionalRequest, OrderRequest, OrderStatus
from engine.exchange.rest import Rest
from engine.exchange.signing import HmacSigner
from engine.exchange.transport import HttpAnswer
from engine.exchange.venue import Venue
from engine.money import Side
from tests.support.scripted_http import Asked, ScriptedHttp, answer, refusal

FIXTURES = Path(__file__).parents[4] / "shared" / "spec" / "fixtures" / "rest"
pytestmark = pytest.mark.skipif(not FIXTURES.is_dir(), reason="the recorded payloads are not beside this checkout")
EPOCH = 1_795_305_600_000
ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"


def recorded(name: str) -> HttpAnswer:
    return HttpAnswer(200, {}, (FIXTURES / f"{name}.json").read_bytes())


class Desk:
    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.http = ScriptedHttp()
        self.expected: list[str] = []
        settings = ExchangeSettings()
        self.ledger = Ledger(settings, clock, random.Random(3))
        venue = Venue("sim", "http://exchange", "ws://exchange", "")
        rest = Rest(venue, self.http, HmacSigner("K", "S"), self.ledger, settings, clock, random.Random(4))
        self.market = MarketApi(rest, self.ledger, settings, clock)

        async def events() -> Any:
            return
            yield

        self.gateway = RestGateway(rest, clock, events, self.expected.append)

    def sent(self) -> dict[str, str]:
        return {
            name: value
            for name, value in self.http.asked[-1].params.items()
            if name not in ("timestamp", "recvWindow", "signature")
        }


def desk(body: Callable[[Desk], Awaitable[Any]]) -> Any:
    async def main(clock: VirtualClock) -> Any:
        return await body(Desk(clock))

    return run_virtual(main, EPOCH)


# -- market ------------------------------------------------------------------------------------------------------------


def test_trading_rules_come_from_the_filters_not_from_the_precisions() -> None:
    info = read_exchange_info((FIXTURES / "exchangeInfo.json").read_bytes())
    btc = info.instruments["BTCUSDT"]
    assert (btc.tick, btc.step, btc.market_max_qty, btc.max_qty) == (
        Decimal("0.10"), Decimal("0.001"), Decimal(120), Decimal(1000),
    )  # fmt: skip
    assert (btc.min_notional, btc.price_up, btc.price_down) == (Decimal(50), Decimal("1.0500"), Decimal("0.9500"))
    assert (btc.base, btc.quote, btc.status, btc.onboard_ms) == ("BTC", "USDT", "TRADING", 1569398400000)
    assert btc.stop_price(91250.17, Side.LONG) == Decimal("91250.10")
    assert info.limits == {Pool.WEIGHT: 2400, Pool.ORDERS_1M: 1200, Pool.ORDERS_10S: 300}
    assert "BTCUSDT_261225" not in info.instruments


def test_market_reads_ask_for_what_they_say_and_cost_what_they_cost() -> None:
    async def body(d: Desk) -> None:
        on = d.http.on
        on("GET", "/fapi/v1/exchangeInfo", recorded("exchangeInfo"))
        on("GET", "/fapi/v1/klines", recorded("klines"))
        on("GET", "/fapi/v1/depth", recorded("depth"))
        on("GET", "/fapi/v1/ticker/24hr", recorded("ticker_24hr.all"))
        on("GET", "/fapi/v1/premiumIndex", recorded("premiumIndex.all"))
        on("GET", "/fapi/v1/fundingRate", recorded("fundingRate"))
        on("GET", "/fapi/v1/fundingInfo", recorded("fundingInfo"))
        on("GET", "/futures/data/openInterestHist", recorded("openInterestHist"))
        on("GET", "/fapi/v1/aggTrades", recorded("aggTrades"))
        on("GET", "/fapi/v1/time", recorded("time"))
        m = d.market
        assert "ETHUSDT" in (await m.exchange_info()).instruments
        bars = await m.klines("BTCUSDT", "15m", start_ms=1000, end_ms=2000, limit=499, lane=Lane.BACKGROUND)
        assert d.sent() == {
            "symbol": "BTCUSDT",
            "interval": "15m",
            "limit": "499",
            "startTime": "1000",
            "endTime": "1999",
        }
        assert bars[0].close == 91250.1
        assert (await m.depth("BTCUSDT")).asks[0][0] == 91250.2
        assert (await m.ticker_24h())[0].quote_volume == 16670012345.12
        rates = [row.funding_rate for row in await m.premium_index()]
        assert rates == [0.00007321, None]
        assert (await m.funding_rates("BTCUSDT", 0, 10))[0].funding_rate == 0.0001
        assert await m.funding_info()
        assert (await m.open_interest_hist("BTCUSDT"))[0].sum_open_interest == 83100.11
        assert [row.trade_id for row in await m.agg_trades("BTCUSDT", from_id=3210000001)] == [3210000001, 3210000002]
        assert d.sent() == {"symbol": "BTCUSDT", "limit": "1000", "fromId": "3210000001"}
        assert await m.time() == 1795305600123
        used = 1 + 2 + 20 + 40 + 10 + 20 + 1
        assert d.ledger.used() == used
        assert (d.ledger.used(Pool.FUNDING), d.ledger.used(Pool.STATISTICS)) == (2, 1)
        assert all("X-MBX-APIKEY" not in asked.headers for asked in d.http.asked)

    desk(body)


# -- orders ------------------------------------------------------------------------------------------------------------

MARKET = OrderRequest("BTCUSDT", "pd-1-e-1", "BUY", "MARKET", Decimal("0.010"))
TIER = OrderRequest(
    "BTCUSDT", "pd-1-t1-1", "SELL", "LIMIT", Decimal("0.00000100"), Decimal("92000.10"), reduce_only=True
)
STOP = ConditionalRequest("BTCUSDT", "pd-1-s-1", "SELL", "STOP_MARKET", Decimal("89000.0"), close_position=True)
MOVED = ConditionalRequest(
    "BTCUSDT", "pd-1-s-2", "SELL", "STOP_MARKET", Decimal(90000), quantity=Decimal("0.010"), reduce_only=True
)


def test_orders_say_plainly_what_they_are() -> None:
    async def body(d: Desk) -> None:
        d.http.on("POST", ORDER, recorded("order_post.market_result"), recorded("order_post.limit_ack"))
        d.http.on("POST", ALGO, recorded("algoOrder_post.stop_market_closePosition"))
        filled = await d.gateway.place(MARKET)
        assert d.sent() == {
            "symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.010",
            "newClientOrderId": "pd-1-e-1", "newOrderRespType": "RESULT",
        }  # fmt: skip
        assert (filled.status, filled.filled, filled.average) == (OrderStatus.FILLED, Decimal("0.010"), None)
        await d.gateway.place(TIER)
        assert d.sent() == {
            "symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "quantity": "0.00000100", "price": "92000.10",
            "timeInForce": "GTC", "reduceOnly": "true", "newClientOrderId": "pd-1-t1-1", "newOrderRespType": "RESULT",
        }  # fmt: skip
        resting = await d.gateway.place_conditional(STOP)
        assert d.sent() == {
            "algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET",
            "triggerPrice": "89000.0", "workingType": "MARK_PRICE", "clientAlgoId": "pd-1-s-1",
            "closePosition": "true",
        }  # fmt: skip
        assert (resting.status, resting.conditional) == (OrderStatus.NEW, True)
        await d.gateway.place_conditional(MOVED)
        assert {"quantity": "0.010", "reduceOnly": "true"}.items() <= d.sent().items()
        assert "closePosition" not in d.sent()
        assert d.expected == ["pd-1-e-1", "pd-1-t1-1", "pd-1-s-1", "pd-1-s-2"]
        assert d.ledger.pools()[1].lanes == {"entry": 1, "exit": 3}

    desk(body)


def test_an_id_that_exists_already_is_answered_with_its_order() -> None:
    async def body(d: Desk) -> None:
        d.http.on("POST", ORDER, refusal(-4116, "ClientOrderId is duplicated."))
        d.http.on("GET", ORDER, recorded("order_get"))
        assert (await d.gateway.place(MARKET)).average == Decimal("91250.20000")
        d.http.on("POST", ORDER, refusal(-2019, "Margin is insufficient."))
        with pytest.raises(Rejected):
            await d.gateway.place(MARKET)
        assert len(d.http.to(ORDER)) == 3

    desk(body)


def test_a_lost_acknowledgement_is_for_its_owner_to_ask_about() -> None:
    async def body(d: Desk) -> None:
        d.http.on("POST", ALGO, Transient("no answer within 1 s"))
        with pytest.raises(OutcomeUnknown) as unknown:
            await d.gateway.place_conditional(STOP)
        assert unknown.value.client_id == "pd-1-s-1"
        assert d.expected == []

    desk(body)


def test_cancelling_what_is_gone_tells_how_it_ended() -> None:
    async def body(d: Desk) -> None:
        d.http.on("DELETE", ORDER, recorded("order_delete"), refusal(-2011, "Unknown order sent."))
        d.http.on("GET", ORDER, recorded("order_get"), refusal(-2013, "Order does not exist."))
        assert (await d.gateway.cancel("BTCUSDT", "web-3f2a91")).status is OrderStatus.CANCELED
        assert (await d.gateway.cancel("BTCUSDT", "mkt-0001")).status is OrderStatus.FILLED
        with pytest.raises(Rejected):
            await d.gateway.cancel("BTCUSDT", "never-was")
        d.http.on("DELETE", ALGO, recorded("algoOrder_delete"), refusal(-2011, "Unknown order sent."))
        await d.gateway.cancel_conditional("BTCUSDT", "sl-3f2a91")
        await d.gateway.cancel_conditional("BTCUSDT", "sl-3f2a91")
        d.http.on("DELETE", ALGO, refusal(-1102, "malformed"))
        with pytest.raises(Rejected):
            await d.gateway.cancel_conditional("BTCUSDT", "")

    desk(body)


def test_a_conditional_order_is_looked_up_in_the_list_then_by_number_then_as_the_order_it_became() -> None:
    async def body(d: Desk) -> None:
        gone = refusal(-2013, "Order does not exist.")
        d.http.on("GET", "/fapi/v1/openAlgoOrders", recorded("openAlgoOrders_get"), answer([]))
        d.http.on("GET", ALGO, recorded("algoOrder_get.finished"), gone)
        d.http.on("GET", ORDER, recorded("order_get"), gone)
        resting = await d.gateway.find_conditional("BTCUSDT", "sl-3f2a91")
        finished = await d.gateway.find_conditional("BTCUSDT", "sl-3f2a91")
        became = await d.gateway.find_conditional("BTCUSDT", "mkt-0001")
        nowhere = await d.gateway.find_conditional("BTCUSDT", "never-was")
        assert resting is not None
        assert finished is not None
        assert became is not None
        assert (resting.status, finished.status) == (OrderStatus.NEW, OrderStatus.FINISHED)
        assert (became.conditional, became.status) == (False, OrderStatus.FILLED)
        assert nowhere is None

    desk(body)


# -- account -----------------------------------------------------------------------------------------------------------


def test_account_reads() -> None:
    async def body(d: Desk) -> None:
        on = d.http.on
        on("GET", "/fapi/v1/openOrders", recorded("openOrders_get"))
        on("GET", "/fapi/v1/openAlgoOrders", recorded("openAlgoOrders_get"))
        on("GET", "/fapi/v3/positionRisk", recorded("positionRisk_v3"), answer([]))
        on("GET", "/fapi/v1/symbolConfig", recorded("symbolConfig"))
        on("GET", "/fapi/v3/account", recorded("account_v3"))
        on("GET", "/fapi/v1/accountConfig", recorded("accountConfig"))
        on("GET", "/fapi/v1/commissionRate", recorded("commissionRate"))
        on("GET", "/fapi/v1/leverageBracket", recorded("leverageBracket.all"), recorded("leverageBracket.symbol_docs"))
        on("GET", "/fapi/v1/income", recorded("income"))
        on("POST", "/fapi/v1/leverage", recorded("leverage.post"))
        on("POST", "/fapi/v1/marginType", refusal(-4046, "No need to change margin type."))
        on("POST", "/fapi/v1/positionSide/dual", refusal(-4059, "No need to change position side."))
        g = d.gateway
        assert [order.conditional for order in (*await g.open_orders(), *await g.open_conditionals())] == [False, True]
        (position,) = await g.positions()
        assert (position.symbol, position.leverage, position.isolated) == ("BTCUSDT", 21, False)
        assert await g.positions() == []
        assert (await g.account()).available == Decimal("9921.24958000")
        assert not (await g.account_config()).dual_side_position
        assert await g.commission("BTCUSDT") == (Decimal("0.0002"), Decimal("0.0005"))
        assert await g.brackets("BTCUSDT") == await g.brackets("BTCUSDT")
        assert [row.income_type for row in await g.income(0)] == ["TRANSFER", "FUNDING_FEE", "COMMISSION"]
        assert await g.set_leverage("BTCUSDT", 21) == 21
        await g.set_margin_mode("BTCUSDT", isolated=False)
        assert d.sent() == {"symbol": "BTCUSDT", "marginType": "CROSSED"}
        await g.set_one_way()

    desk(body)


def test_fills_are_read_window_by_window_and_page_by_page_without_doubles() -> None:
    day = 86_400_000
    since = EPOCH - 9 * day
    trades = [{"symbol": "BTCUSDT", "id": number, "orderId": number, "side": "BUY", "price": "1", "qty": "1",
               "time": since + number * 60_000} for number in range(1, 1203)]  # fmt: skip
    trades.append({**trades[0], "id": 5000, "orderId": 5000, "time": since + 8 * day})

    async def body(d: Desk) -> None:
        async def serve(asked: Asked) -> HttpAnswer:
            p = asked.params
            assert int(p["endTime"]) - int(p["startTime"]) < 7 * day if "startTime" in p else "fromId" in p
            rows = [
                row
                for row in trades
                if ("fromId" in p and row["id"] >= int(p["fromId"]))
                or ("startTime" in p and int(p["startTime"]) <= row["time"] <= int(p["endTime"]))
            ]
            return answer(rows[: int(p["limit"])])

        d.http.on("GET", "/fapi/v1/userTrades", serve)
        fills = await d.gateway.fills("BTCUSDT", since)
        assert [fill.trade_id for fill in fills] == [*range(1, 1203), 5000]

    desk(body)
