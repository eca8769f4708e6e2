"""The exchange's own SDK has a full trading day on the exchange."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.peers import Peer, comes_true, official_sdk

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(60)]
BAR_MS = 900_000


def test_markets_history_and_statistics(peer: Peer) -> None:
    rest = official_sdk(peer).rest_api
    assert {row.symbol for row in rest.exchange_information().data().symbols} >= {"BTCUSDT", "ETHUSDT", "SOLUSDT"}
    answer = rest.kline_candlestick_data(symbol="BTCUSDT", interval="15m", limit=499)
    opens = [int(bar[0]) for bar in answer.data()]
    assert [later - earlier for earlier, later in itertools.pairwise(opens)] == [BAR_MS] * 498
    assert {limit.rateLimitType for limit in answer.rate_limits} == {"REQUEST_WEIGHT"}
    book = rest.order_book(symbol="BTCUSDT", limit=50).data()
    assert float(book.bids[0][0]) < float(book.asks[0][0])
    assert len(rest.compressed_aggregate_trades_list(symbol="BTCUSDT", limit=5).data()) == 5
    assert len(rest.get_funding_rate_history(symbol="BTCUSDT", limit=5).data()) == 5
    assert len(rest.open_interest_statistics(symbol="BTCUSDT", period="15m", limit=5).data()) == 5
    assert rest.check_server_time().data().server_time > opens[-1]


async def test_a_trading_day(peer: Peer) -> None:
    client = official_sdk(peer)
    rest = client.rest_api
    assert rest.change_initial_leverage(symbol="SOLUSDT", leverage=5).data().leverage == 5
    assert rest.get_current_position_mode().data().dual_side_position is False
    async with _listening(client, rest.start_user_data_stream().data().listen_key) as heard:
        bought = rest.new_order(symbol="SOLUSDT", side="BUY", type="MARKET", quantity=3.0)
        assert {limit.rateLimitType for limit in bought.rate_limits} == {"REQUEST_WEIGHT", "ORDERS"}
        order_id = bought.data().order_id
        known = rest.query_order(symbol="SOLUSDT", order_id=order_id).data()
        fills = [fill for fill in rest.account_trade_list(symbol="SOLUSDT").data() if fill.order_id == order_id]
        paid = sum(float(fill.price) * float(fill.qty) for fill in fills) / 3.0
        assert known.status == "FILLED"
        assert float(known.avg_price) == pytest.approx(paid, rel=1e-6)
        (held,) = rest.position_information_v3(symbol="SOLUSDT").data()
        assert (held.position_amt, float(held.entry_price)) == ("3.00", pytest.approx(paid, rel=1e-6))

        low, high = round(paid * 0.95, 2), round(paid * 1.05, 2)
        stop = rest.new_algo_order(
            algo_type="CONDITIONAL", symbol="SOLUSDT", side="SELL", type="STOP_MARKET", trigger_price=low,
            close_position="true", working_type="MARK_PRICE",
        ).data()  # fmt: skip
        take = rest.new_algo_order(
            algo_type="CONDITIONAL", symbol="SOLUSDT", side="SELL", type="TAKE_PROFIT_MARKET", trigger_price=high,
            quantity=1.0, reduce_only="true",
        ).data()  # fmt: skip
        assert {row.algo_id for row in rest.current_all_algo_open_orders(symbol="SOLUSDT").data()} == {
            stop.algo_id, take.algo_id,
        }  # fmt: skip
        assert rest.query_algo_order(algo_id=stop.algo_id).data().algo_status == "NEW"
        assert rest.current_all_open_orders(symbol="SOLUSDT").data() == []

        limit = rest.new_order(
            symbol="SOLUSDT", side="BUY", type="LIMIT", quantity=1.0, price=round(paid * 0.97, 2), time_in_force="GTC"
        ).data()
        changed = rest.modify_order(
            symbol="SOLUSDT", side="BUY", quantity=2.0, price=round(paid * 0.96, 2), order_id=limit.order_id
        ).data()
        assert float(changed.orig_qty) == 2.0
        (amendment,) = rest.get_order_modify_history(symbol="SOLUSDT", order_id=limit.order_id).data()
        assert float(amendment.amendment.orig_qty.after) == 2.0
        rest.cancel_order(symbol="SOLUSDT", order_id=limit.order_id)
        rest.cancel_all_open_orders(symbol="SOLUSDT")
        rest.cancel_algo_order(algo_id=take.algo_id)

        await _over_the_socket(client, round(paid * 0.95, 2))

        peer.price("SOLUSDT", round(low * 0.999, 2))  # the stop strikes

        async def flat() -> bool:
            return all(float(row.position_amt) == 0 for row in rest.position_information_v3(symbol="SOLUSDT").data())

        await comes_true(flat, bool)
        wanted = {
            "AggregateTradeStreamsResponse", "DiffBookDepthStreamsResponse", "MarkPriceStreamResponse",
            "OrderTradeUpdate", "AccountUpdate", "TradeLite", "AlgoUpdate",
        }  # fmt: skip
        await comes_true(lambda: _copy(heard), lambda kinds: kinds >= wanted)
    income = rest.get_income_history(symbol="SOLUSDT").data()
    wallet = next(row for row in rest.futures_account_balance_v3().data() if row.asset == "USDT")
    assert float(wallet.balance) == pytest.approx(10_000 + sum(float(row.income) for row in income))


def test_refusals_have_their_types(peer: Peer) -> None:
    from binance_common.errors import BadRequestError, ServerError, TooManyRequestsError, UnauthorizedError

    rest = official_sdk(peer).rest_api
    with pytest.raises(BadRequestError, match="insufficient"):
        rest.new_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=50.0)
    with pytest.raises(BadRequestError, match="Algo Order API"):
        rest.new_order(symbol="BTCUSDT", side="SELL", type="STOP_MARKET", quantity=1.0)
    with pytest.raises(BadRequestError, match="does not exist"):
        rest.query_order(symbol="BTCUSDT", order_id=1)
    with pytest.raises(UnauthorizedError):
        official_sdk(peer, api_key="x").rest_api.account_information_v3()
    peer.fault("overload", seconds=1.0)
    with pytest.raises(ServerError):
        rest.new_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=0.01)
    peer.fault("rate_limited")
    with pytest.raises(TooManyRequestsError) as refusal:
        rest.check_server_time()
    assert 0 < float(refusal.value.retry_after) <= 60


@contextlib.asynccontextmanager
async def _listening(client: Any, listen_key: str) -> AsyncIterator[set[str]]:
    """Names of the kinds of messages that came, on all three routes, while the block runs."""
    heard: set[str] = set()

    def hear(payload: Any) -> None:
        heard.add(type(getattr(payload, "actual_instance", None) or payload).__name__)

    connection = await client.websocket_streams.create_connection()
    try:
        for opening in (
            connection.aggregate_trade_streams(symbol="btcusdt"),
            connection.diff_book_depth_streams(symbol="btcusdt"),
            connection.mark_price_stream(symbol="btcusdt"),
            connection.user_data(listen_key),
        ):
            stream = await opening
            stream.on("message", hear)
        await comes_true(lambda: _copy(heard), lambda kinds: "DiffBookDepthStreamsResponse" in kinds)
        yield heard
    finally:
        await connection.close_connection(close_session=True)


async def _over_the_socket(client: Any, price: float) -> None:
    """An order placed, read and cancelled over the socket API."""
    socket = await client.websocket_api.create_connection()
    try:
        placed = await socket.new_order(
            symbol="SOLUSDT", side="BUY", type="LIMIT", quantity=1.0, price=price, time_in_force="GTC"
        )
        order_id = placed.data().result.order_id
        read = await socket.query_order(symbol="SOLUSDT", order_id=order_id)
        assert read.data().result.status == "NEW"
        cancelled = await socket.cancel_order(symbol="SOLUSDT", order_id=order_id)
        assert cancelled.data().result.status == "CANCELED"
    finally:
        await socket.close_connection(close_session=True)


async def _copy(heard: set[str]) -> set[str]:
    return set(heard)
