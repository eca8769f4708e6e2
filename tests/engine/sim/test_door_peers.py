"""Programs nobody here wrote trade on the exchange, unmodified but for its address."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.simulator import simulator

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(90)]
SYMBOLS = ("--symbols", "BTCUSDT,ETHUSDT,SOLUSDT")


async def until(read: Any, wanted: set[str], field: str = "e") -> None:
    """Read events until each wanted kind has come."""
    async with asyncio.timeout(15):
        while wanted:
            wanted.discard((await read()).get(field))


async def test_ccxt_pro_trades_and_watches() -> None:
    ccxt = pytest.importorskip("ccxt.pro", reason="ccxt is a development dependency")
    with simulator(*SYMBOLS) as ready:
        exchange = ccxt.binanceusdm({"apiKey": ready["api_key"], "secret": ready["api_secret"]})
        api = exchange.urls["api"]
        for name in [name for name in api if isinstance(api[name], str)]:
            version = f"v{name[-1]}" if name[-2] == "V" else "v1"
            if name == "fapiData":
                api[name] = f"{ready['rest']}/futures/data"
            elif name.startswith("fapi"):
                api[name] = f"{ready['rest']}/fapi/{version}"
            elif name.startswith("sapi"):
                api[name] = f"{ready['rest']}/sapi/{version}"
            elif name in ("public", "private"):
                api[name] = f"{ready['rest']}/api/v3"
        api["ws"]["linear"], api["ws"]["ws-api"]["linear"] = f"{ready['ws']}/ws", ready["ws_api"]
        exchange.exceptions["exact"].update(exchange.exceptions["linear"]["exact"])
        market = "BTC/USDT:USDT"
        try:
            async with asyncio.timeout(60):
                await exchange.load_markets()
                assert (await exchange.fetch_balance())["USDT"]["total"] == 10_000
                assert len(await exchange.fetch_ohlcv(market, "15m", limit=100)) == 100
                for _ in range(10):
                    book = await exchange.watch_order_book(market)
                    assert book["bids"][0][0] < book["asks"][0][0]
                assert await exchange.watch_trades(market)
                assert await exchange.watch_ohlcv(market, "1m")
                assert (await exchange.watch_ticker(market))["last"] > 0
                watching = asyncio.create_task(exchange.watch_orders(market))
                await asyncio.sleep(0.5)
                bought = await exchange.create_order(market, "market", "buy", 0.01)
                assert bought["status"] == "closed"
                assert await watching
                stop = {"stopLossPrice": 50_000, "reduceOnly": True}
                stopped = await exchange.create_order(market, "market", "sell", 0.01, None, stop)
                assert len(await exchange.fetch_open_orders(market, params={"trigger": True})) == 1
                assert (await exchange.fetch_positions([market]))[0]["contracts"] == 0.01
                await exchange.cancel_order(stopped["id"], market, {"trigger": True})
                limit = await exchange.create_order(market, "limit", "buy", 0.01, 60_000)
                edited = await exchange.edit_order(limit["id"], market, "limit", "buy", 0.01, 60_100)
                assert edited["price"] == 60_100
                placed = await exchange.create_order_ws(market, "limit", "buy", 0.01, 60_000)
                await exchange.cancel_order_ws(placed["id"], market)
                await exchange.cancel_all_orders(market)
                with pytest.raises(ccxt.InsufficientFunds):
                    await exchange.create_order(market, "market", "buy", 100)
                assert len(await exchange.fetch_my_trades(market)) >= 1
        finally:
            await exchange.close()


async def test_python_binance_trades_and_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    binance = pytest.importorskip("binance", reason="python-binance is a development dependency")
    with simulator(*SYMBOLS) as ready:
        client_class, sockets = binance.AsyncClient, binance.BinanceSocketManager
        monkeypatch.setattr(client_class, "FUTURES_URL", f"{ready['rest']}/fapi")
        monkeypatch.setattr(client_class, "FUTURES_DATA_URL", f"{ready['rest']}/futures/data")
        monkeypatch.setattr(client_class, "API_URL", f"{ready['rest']}/api")
        monkeypatch.setattr(client_class, "WS_FUTURES_URL", ready["ws_api"])
        monkeypatch.setattr(sockets, "FSTREAM_URL", f"{ready['ws']}/")
        client = await client_class.create(ready["api_key"], ready["api_secret"])
        try:
            assert len((await client.futures_exchange_info())["symbols"]) == 3
            manager = sockets(client)
            names = {"btcusdt@aggTrade", "ethusdt@markPrice@1s", "btcusdt_perpetual@continuousKline_1m"}
            async with manager.futures_multiplex_socket(sorted(names)) as stream:
                await until(stream.recv, names, "stream")
            async with manager.futures_user_socket() as private:
                await asyncio.sleep(0.5)
                order = {"symbol": "ETHUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}
                await client.futures_create_order(**order)
                await until(private.recv, {"ORDER_TRADE_UPDATE", "TRADE_LITE", "ACCOUNT_UPDATE"})
                stop = await client.futures_create_order(
                    symbol="ETHUSDT", side="SELL", type="STOP_MARKET", stopPrice="1000", closePosition="true"
                )
                assert stop["algoId"] > 0
                await until(private.recv, {"ALGO_UPDATE"})
                await client.futures_create_order(**(order | {"side": "SELL", "reduceOnly": "true"}))
                await until(private.recv, {"ALGO_UPDATE"})
            positions = await client.futures_position_information()
            assert all(float(position["positionAmt"]) == 0 for position in positions)
        finally:
            await client.close_connection()


async def test_the_official_sdk_trades_and_listens() -> None:
    pytest.importorskip("binance_sdk_derivatives_trading_usds_futures", reason="a development dependency")
    from binance_common.configuration import (
        ConfigurationRestAPI,
        ConfigurationWebSocketAPI,
        ConfigurationWebSocketStreams,
    )
    from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import (
        DerivativesTradingUsdsFutures,
    )

    with simulator(*SYMBOLS) as ready:
        keys = {"api_key": ready["api_key"], "api_secret": ready["api_secret"]}
        client = DerivativesTradingUsdsFutures(
            config_rest_api=ConfigurationRestAPI(**keys, base_path=ready["rest"], timeout=5000),
            config_ws_streams=ConfigurationWebSocketStreams(stream_url=ready["ws"]),
            config_ws_api=ConfigurationWebSocketAPI(**keys, stream_url=ready["ws_api"], timeout=5000),
        )
        rest = client.rest_api
        assert len(rest.exchange_information().data().symbols) == 3
        answer = rest.new_order(symbol="SOLUSDT", side="BUY", type="MARKET", quantity=1.0)
        assert answer.data().status == "NEW"
        assert {limit.rateLimitType for limit in answer.rate_limits} == {"REQUEST_WEIGHT", "ORDERS"}
        assert rest.position_information_v3().data()[0].position_amt == "1.00"
        wanted = {"AggregateTradeStreamsResponse", "DiffBookDepthStreamsResponse", "OrderTradeUpdate", "AccountUpdate"}
        complete = asyncio.Event()

        def hear(payload: Any) -> None:
            wanted.discard(type(getattr(payload, "actual_instance", None) or payload).__name__)
            if not wanted:
                complete.set()

        connection = await client.websocket_streams.create_connection()
        for opening in (
            connection.aggregate_trade_streams(symbol="btcusdt"),
            connection.diff_book_depth_streams(symbol="btcusdt"),
            connection.user_data(rest.start_user_data_stream().data().listen_key),
        ):
            stream = await opening
            stream.on("message", hear)
        await asyncio.sleep(1.0)
        rest.new_order(symbol="SOLUSDT", side="SELL", type="MARKET", quantity=1.0)
        async with asyncio.timeout(15):
            await complete.wait()
        await connection.close_connection(close_session=True)
        socket = await client.websocket_api.create_connection()
        placed = await socket.new_order(
            symbol="SOLUSDT", side="BUY", type="LIMIT", quantity=1.0, price=50.0, time_in_force="GTC"
        )
        assert placed.data().result.status == "NEW"
        await socket.close_connection(close_session=True)
