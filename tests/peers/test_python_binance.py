"""python-binance has a full trading day on the exchange."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from tests.support.peers import Peer, by_stream, comes_true, python_binance, until

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(60)]
BAR_MS = 900_000


async def test_markets_history_and_statistics(peer: Peer) -> None:
    async with python_binance(peer) as (client, _):
        listed = await client.futures_exchange_info()
        assert {row["symbol"] for row in listed["symbols"]} >= {"BTCUSDT", "ETHUSDT", "SOLUSDT"}
        bars = await client.futures_klines(symbol="BTCUSDT", interval="15m", limit=1500)
        assert [later[0] - earlier[0] for earlier, later in itertools.pairwise(bars)] == [BAR_MS] * 1499
        several = await client.futures_historical_klines("ETHUSDT", "15m", bars[0][0], bars[-1][0] - 1)
        assert len(several) == 1499
        assert len(await client.futures_mark_price_klines(symbol="BTCUSDT", interval="1h", limit=10)) == 10
        book = await client.futures_order_book(symbol="BTCUSDT", limit=50)
        assert float(book["bids"][0][0]) < float(book["asks"][0][0])
        assert len(await client.futures_recent_trades(symbol="BTCUSDT", limit=10)) == 10
        assert len(await client.futures_aggregate_trades(symbol="BTCUSDT", limit=10)) == 10
        assert float((await client.futures_mark_price(symbol="BTCUSDT"))["markPrice"]) > 0
        assert len(await client.futures_funding_rate(symbol="BTCUSDT", limit=10)) == 10
        assert len(await client.futures_ticker()) >= 3
        assert float((await client.futures_symbol_ticker(symbol="BTCUSDT"))["price"]) > 0
        assert float((await client.futures_open_interest(symbol="BTCUSDT"))["openInterest"]) > 0
        assert len(await client.futures_open_interest_hist(symbol="BTCUSDT", period="15m", limit=10)) == 10


async def test_streams_of_both_routes_speak(peer: Peer) -> None:
    async with python_binance(peer) as (_, sockets):
        market = {"btcusdt@aggTrade", "ethusdt@markPrice@1s", "btcusdt_perpetual@continuousKline_1m"}
        async with sockets.futures_multiplex_socket(sorted(market)) as stream:
            await until(stream.recv, market, by_stream)
        async with sockets.futures_depth_socket("BTCUSDT", "10") as stream:
            (event, *_) = await until(stream.recv, {"btcusdt@depth10"}, by_stream)
            assert len(event["data"]["b"]) == 10
        async with sockets.kline_futures_socket("BTCUSDT", "15m") as stream:
            (bar, *_) = await until(stream.recv, {"continuous_kline"})
            assert bar["k"]["i"] == "15m"


async def test_a_trading_day(peer: Peer) -> None:
    async with python_binance(peer) as (client, sockets), sockets.futures_user_socket() as private:
        assert (await client.futures_change_leverage(symbol="ETHUSDT", leverage=7))["leverage"] == 7
        assert not (await client.futures_get_position_mode())["dualSidePosition"]
        await until(private.recv, {"ACCOUNT_CONFIG_UPDATE"})

        order = {"symbol": "ETHUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.3"}
        bought = await client.futures_create_order(**order)
        assert "avgPrice" not in bought  # the price of a fill is asked for, the answer to an order does not have it
        known = await client.futures_get_order(symbol="ETHUSDT", orderId=bought["orderId"])
        assert known["status"] == "FILLED"
        fills = await client.futures_account_trades(symbol="ETHUSDT")
        cost = sum(float(fill["price"]) * float(fill["qty"]) for fill in fills)
        assert float(known["avgPrice"]) == pytest.approx(cost / 0.3, rel=1e-6)
        heard = await until(private.recv, {"TRADE_LITE", "ACCOUNT_UPDATE", "FILLED"}, _what_happened)
        kinds = [_what_happened(event) for event in heard]
        assert kinds.index("TRADE_LITE") < kinds.index("FILLED")

        price = float(known["avgPrice"])
        stop = await client.futures_create_order(
            symbol="ETHUSDT", side="SELL", type="STOP_MARKET", stopPrice=f"{price * 0.95:.2f}", closePosition="true"
        )
        take = await client.futures_create_order(
            symbol="ETHUSDT", side="SELL", type="TAKE_PROFIT_MARKET", stopPrice=f"{price * 1.05:.2f}",
            quantity="0.1", reduceOnly="true",
        )  # fmt: skip
        waiting = await client.futures_get_open_orders(symbol="ETHUSDT", conditional=True)
        assert {row["algoId"] for row in waiting} == {stop["algoId"], take["algoId"]}
        assert await client.futures_get_open_orders(symbol="ETHUSDT") == []
        await until(private.recv, {"ALGO_UPDATE"})

        limit = await client.futures_create_order(
            symbol="ETHUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.1", price=f"{price * 0.97:.2f}"
        )
        changed = await client.futures_modify_order(
            symbol="ETHUSDT", side="BUY", orderId=limit["orderId"], quantity="0.2", price=f"{price * 0.96:.2f}"
        )
        assert (changed["price"], changed["origQty"]) == (f"{price * 0.96:.2f}", "0.200")
        await client.futures_cancel_order(symbol="ETHUSDT", orderId=limit["orderId"])
        batch = await client.futures_place_batch_order(batchOrders=[
            {"symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1",
             "price": f"{price * share:.2f}"} for share in (0.95, 0.94)
        ])  # fmt: skip
        assert [row["status"] for row in batch] == ["NEW", "NEW"]
        await client.futures_cancel_all_open_orders(symbol="ETHUSDT")
        assert await client.futures_get_open_orders() == []

        over_socket = await client.ws_futures_create_order(
            symbol="ETHUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.1", price=f"{price * 0.95:.2f}"
        )
        asked = {"symbol": "ETHUSDT", "orderId": over_socket["orderId"]}
        assert (await client.ws_futures_get_order(**asked))["status"] == "NEW"
        assert (await client.ws_futures_cancel_order(**asked))["status"] == "CANCELED"

        await client.futures_cancel_algo_order(algoId=take["algoId"])
        peer.price("ETHUSDT", f"{price * 0.949:.2f}")  # the stop strikes
        await until(private.recv, {"TRIGGERING", "TRIGGERED", "FINISHED"}, _what_happened)
        await comes_true(
            client.futures_position_information, lambda rows: not any(float(r["positionAmt"]) for r in rows)
        )
        income = await client.futures_income_history(symbol="ETHUSDT")
        balance = next(r for r in await client.futures_account_balance() if r["asset"] == "USDT")
        assert float(balance["balance"]) == pytest.approx(10_000 + sum(float(row["income"]) for row in income))
        assert {"COMMISSION", "REALIZED_PNL"} <= {row["incomeType"] for row in income}
        assert float((await client.futures_account())["totalPositionInitialMargin"]) == 0


async def test_refusals_have_their_codes(peer: Peer) -> None:
    from binance.exceptions import BinanceAPIException

    async def code(request: Any) -> int:
        with pytest.raises(BinanceAPIException) as refusal:
            await request
        return int(refusal.value.code)

    async with python_binance(peer) as (client, _), asyncio.timeout(30):
        order = {"symbol": "SOLUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
        assert await code(client.futures_create_order(**(order | {"quantity": "4900"}))) == -2019
        assert await code(client.futures_create_order(**(order | {"symbol": "NOPEUSDT"}))) == -1121
        assert await code(client.futures_create_order(**(order | {"quantity": "0.0001"}))) in (-1111, -4003)
        assert await code(client.futures_create_order(**(order | {"side": "SELL", "reduceOnly": "true"}))) == -2022
        assert await code(client.futures_cancel_order(symbol="SOLUSDT", orderId=1)) == -2011
        assert await code(client.futures_get_order(symbol="SOLUSDT", orderId=1)) == -2013
        assert await code(client.futures_change_position_mode(dualSidePosition="false")) == -4059
        peer.fault("server_error", seconds=1.0, path="/fapi/v1/openOrders")
        assert await code(client.futures_get_open_orders()) == -1000
        async with python_binance(peer, api_key="x" * 10) as (stranger, _):
            assert await code(stranger.futures_account()) == -2014
        peer.fault("region_refused", seconds=0.5)
        assert await code(client.futures_ping()) == 0


def _what_happened(event: dict[str, Any]) -> str:
    """The state of an order, or the kind of any other event."""
    return event["o"]["X"] if event["e"] in ("ORDER_TRADE_UPDATE", "ALGO_UPDATE") else event["e"]
