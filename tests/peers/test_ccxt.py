"""ccxt, REST and pro, has a full trading day on the exchange."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from tests.support.peers import Peer, ccxt_pro, comes_true

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(90)]
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
BAR_MS = 900_000


async def test_markets_history_and_statistics(peer: Peer) -> None:
    async with ccxt_pro(peer) as ccxt:
        assert {BTC, ETH, "SOL/USDT:USDT"} <= set(ccxt.symbols)
        assert ccxt.markets[BTC]["linear"]
        assert ccxt.markets[BTC]["precision"]["price"] == 0.1
        assert (await ccxt.fetch_status())["status"] == "ok"
        now = await ccxt.fetch_time()

        bars = await ccxt.fetch_ohlcv(
            BTC, "15m", since=now // BAR_MS * BAR_MS - 700 * BAR_MS, limit=1200, params={"paginate": False}
        )
        assert len(bars) >= 701
        assert {later[0] - earlier[0] for earlier, later in itertools.pairwise(bars)} == {BAR_MS}
        assert all(
            low <= min(opened, closed) <= max(opened, closed) <= high for _, opened, high, low, closed, _ in bars
        )
        for kind in ("fetch_mark_ohlcv", "fetch_index_ohlcv"):
            assert len(await getattr(ccxt, kind)(BTC, "1h", limit=50)) == 50
        for tf in ("1m", "5m", "1h", "4h", "1d"):
            assert len(await ccxt.fetch_ohlcv(ETH, tf, limit=10)) == 10

        book = await ccxt.fetch_order_book(BTC, 100)
        assert book["bids"][0][0] < book["asks"][0][0]
        ticker = await ccxt.fetch_ticker(BTC)
        assert ticker["low"] <= ticker["last"] <= ticker["high"]
        assert set(await ccxt.fetch_tickers([BTC, ETH])) == {BTC, ETH}
        assert (await ccxt.fetch_bids_asks([BTC]))[BTC]["bid"] > 0
        assert (await ccxt.fetch_last_prices([BTC]))[BTC]["price"] > 0
        trades = await ccxt.fetch_trades(BTC, limit=20)
        assert [trade["timestamp"] for trade in trades] == sorted(trade["timestamp"] for trade in trades)

        assert (await ccxt.fetch_funding_rate(BTC))["markPrice"] > 0
        assert len(await ccxt.fetch_funding_rate_history(BTC, limit=10)) == 10
        assert (await ccxt.fetch_open_interest(BTC))["openInterestAmount"] > 0
        assert len(await ccxt.fetch_open_interest_history(BTC, "15m", limit=10)) == 10
        tiers = (await ccxt.fetch_leverage_tiers([BTC]))[BTC]
        assert tiers[0]["maxLeverage"] > tiers[-1]["maxLeverage"]
        assert (await ccxt.fetch_trading_fee(BTC))["taker"] == 0.0005


async def test_every_stream_speaks_and_the_local_book_is_the_exchanges(peer: Peer) -> None:
    async with ccxt_pro(peer) as ccxt, asyncio.timeout(45):
        books: dict[int, Any] = {}
        bests: dict[int, Any] = {}
        watching = [asyncio.create_task(_keep_book(ccxt, books)), asyncio.create_task(_keep_best(ccxt, bests))]
        await comes_true(lambda: _shared(books, bests), lambda shared: len(shared) >= 20)
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        assert {update: books[update] for update in books.keys() & bests.keys()} == {
            update: bests[update] for update in books.keys() & bests.keys()
        }

        trades, bars, ticker, mark, best = await asyncio.gather(
            ccxt.watch_trades(BTC), ccxt.watch_ohlcv(BTC, "1m"), ccxt.watch_ticker(BTC),
            ccxt.watch_mark_price(BTC), ccxt.watch_bids_asks([BTC]),
        )  # fmt: skip
        assert trades[0]["amount"] > 0
        assert bars[-1][4] > 0
        assert ticker["last"] > 0
        assert mark["markPrice"] > 0
        assert best[BTC]["bid"] < best[BTC]["ask"]
        assert set(await ccxt.watch_tickers([BTC, ETH])) <= {BTC, ETH}


async def test_a_trading_day(peer: Peer) -> None:
    async with ccxt_pro(peer) as ccxt, asyncio.timeout(60):
        await ccxt.set_leverage(10, BTC)
        await ccxt.set_margin_mode("isolated", BTC)
        await ccxt.set_margin_mode("cross", BTC)
        assert not (await ccxt.fetch_position_mode(BTC))["hedged"]
        assert (await ccxt.fetch_leverages([BTC]))[BTC]["longLeverage"] == 10
        assert (await ccxt.fetch_balance())["USDT"]["total"] == 10_000

        events = _Events(ccxt)
        async with events:
            bought = await ccxt.create_order(BTC, "market", "buy", 0.03)
            assert bought["status"] == "closed"
            fills = await comes_true(lambda: _mine(ccxt, BTC, bought["id"]), bool)
            paid = sum(fill["cost"] for fill in fills) / sum(fill["amount"] for fill in fills)
            known = await ccxt.fetch_order(bought["id"], BTC)
            assert known["average"] == pytest.approx(paid, rel=1e-6)
            (held,) = await ccxt.fetch_positions([BTC])
            assert (held["contracts"], held["side"]) == (0.03, "long")
            assert held["entryPrice"] == pytest.approx(paid, rel=1e-6)
            await events.heard("orders", lambda order: order["id"] == bought["id"] and order["status"] == "closed")
            await events.heard("trades", lambda trade: trade["order"] == bought["id"])
            await events.heard("positions", lambda position: position["contracts"] == 0.03)
            await events.heard("balance", lambda balance: balance["USDT"]["total"] < 10_000)

            low, high = round(paid * 0.95, 1), round(paid * 1.05, 1)
            stop = await ccxt.create_order(
                BTC, "market", "sell", 0.03, None, {"stopLossPrice": low, "reduceOnly": True}
            )
            take = await ccxt.create_order(
                BTC, "market", "sell", 0.01, None, {"takeProfitPrice": high, "reduceOnly": True}
            )
            waiting = await ccxt.fetch_open_orders(BTC, params={"trigger": True})
            assert {order["id"] for order in waiting} == {stop["id"], take["id"]}
            assert await ccxt.fetch_open_orders(BTC) == []

            limit = await ccxt.create_order(BTC, "limit", "buy", 0.01, round(paid * 0.97, 1), {"postOnly": True})
            edited = await ccxt.edit_order(limit["id"], BTC, "limit", "buy", 0.02, round(paid * 0.96, 1))
            assert (edited["price"], edited["amount"]) == (round(paid * 0.96, 1), 0.02)
            (resting,) = await ccxt.fetch_open_orders(BTC)
            assert resting["id"] == limit["id"]
            await ccxt.cancel_order(limit["id"], BTC)
            assert (await ccxt.fetch_order(limit["id"], BTC))["status"] == "canceled"

            batch = await ccxt.create_orders([
                {"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.01, "price": round(paid * share, 1)}
                for share in (0.94, 0.93)
            ])  # fmt: skip
            assert len(batch) == len(await ccxt.fetch_open_orders(BTC)) == 2
            await ccxt.cancel_orders([order["id"] for order in batch], BTC)
            await ccxt.create_order(BTC, "limit", "buy", 0.01, round(paid * 0.95, 1))
            await ccxt.cancel_all_orders(BTC)
            assert await ccxt.fetch_open_orders(BTC) == []
            assert len(await ccxt.fetch_open_orders(BTC, params={"trigger": True})) == 2

            placed = await ccxt.create_order_ws(BTC, "limit", "buy", 0.01, round(paid * 0.95, 1))
            amended = await ccxt.edit_order_ws(placed["id"], BTC, "limit", "buy", 0.01, round(paid * 0.94, 1))
            assert amended["price"] == round(paid * 0.94, 1)
            await ccxt.cancel_order_ws(placed["id"], BTC)

            await ccxt.cancel_order(take["id"], BTC, {"trigger": True})
            peer.price("BTCUSDT", round(low * 0.999, 1))  # the stop strikes
            await comes_true(
                lambda: ccxt.fetch_positions([BTC]), lambda rows: all(not row["contracts"] for row in rows)
            )
            await events.heard("trades", lambda trade: trade["side"] == "sell")
            assert await ccxt.fetch_open_orders(BTC, params={"trigger": True}) == []
            orders = await ccxt.fetch_orders(BTC)
            assert sum(order["filled"] * (1 if order["side"] == "buy" else -1) for order in orders) == 0
            lost = (await ccxt.fetch_balance())["USDT"]["total"]
            booked = await ccxt.fetch_ledger("USDT")  # the first line is the money the account began with
            assert lost == pytest.approx(sum(_signed(row) for row in booked), abs=1e-6)


async def test_refusals_have_their_names(peer: Peer) -> None:
    import ccxt.pro as names

    async with ccxt_pro(peer) as ccxt, asyncio.timeout(30):
        last = (await ccxt.fetch_ticker(ETH))["last"]
        with pytest.raises(names.InsufficientFunds):
            await ccxt.create_order(ETH, "market", "buy", 900)
        with pytest.raises(names.OrderNotFound):
            await ccxt.cancel_order("12345", ETH)
        with pytest.raises(names.OrderNotFound):
            await ccxt.fetch_order("12345", ETH)
        with pytest.raises(names.OrderImmediatelyFillable):
            await ccxt.create_order(ETH, "market", "sell", 1, None, {"stopLossPrice": last * 1.1})
        with pytest.raises(names.InvalidOrder):
            await ccxt.create_order(ETH, "market", "sell", 1, None, {"reduceOnly": True})
        with pytest.raises(names.BadRequest):
            await ccxt.fapiPrivatePostOrder({"symbol": "ETHUSDT", "side": "BUY", "type": "MARKET"})
        with pytest.raises(names.InvalidOrder, match="-4120"):  # conditional orders live at their own address
            await ccxt.fapiPrivatePostOrder(
                {"symbol": "ETHUSDT", "side": "SELL", "type": "STOP_MARKET", "stopPrice": "1000", "quantity": "1"}
            )
        peer.fault("overload", seconds=1.0)
        with pytest.raises(names.OperationFailed, match="-1008"):
            await ccxt.create_order(ETH, "market", "buy", 0.1)
    async with ccxt_pro(peer, secret="0" * 64, options={"fetchCurrencies": False}) as stranger:
        with pytest.raises(names.AuthenticationError):
            await stranger.fetch_balance()


async def test_an_exhausted_budget_is_told_and_ends(peer: Peer) -> None:
    import ccxt.pro as names

    async with ccxt_pro(peer, enableRateLimit=False) as ccxt, asyncio.timeout(30):
        peer.fault("rate_limited")
        with pytest.raises(names.DDoSProtection):
            await ccxt.fetch_time()


class _Events:
    """Watches everything of an account, all the time."""

    def __init__(self, ccxt: Any) -> None:
        self._watches = {
            "orders": ccxt.watch_orders, "trades": ccxt.watch_my_trades,
            "positions": ccxt.watch_positions, "balance": ccxt.watch_balance,
        }  # fmt: skip
        self._heard: dict[str, list[Any]] = {name: [] for name in self._watches}
        self._tasks: list[asyncio.Task[None]] = []
        self._ccxt = ccxt

    async def __aenter__(self) -> None:
        self._tasks = [asyncio.create_task(self._listen(name)) for name in self._watches]
        await comes_true(self._connected, bool)

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def heard(self, name: str, wanted: Any) -> None:
        """Returns when an event of a kind has come."""

        async def look() -> bool:
            return any(wanted(event) for event in self._heard[name])

        await comes_true(look, bool)

    async def _listen(self, name: str) -> None:
        while True:
            told = await self._watches[name]()
            self._heard[name] += list(told) if isinstance(told, list) else [dict(told)]

    async def _connected(self) -> bool:
        open_sockets = [url for url, client in self._ccxt.clients.items() if client.connected.done()]
        return any("/private/" in url for url in open_sockets)


async def _keep_book(ccxt: Any, kept: dict[int, Any]) -> None:
    """Best prices of the book ccxt builds, by the id of its last event."""
    while True:
        book = await ccxt.watch_order_book(BTC)
        assert book["bids"][0][0] < book["asks"][0][0]
        kept[book["nonce"]] = (list(book["bids"][0]), list(book["asks"][0]))


async def _keep_best(ccxt: Any, kept: dict[int, Any]) -> None:
    """Best prices as the exchange tells them, by the id of the event that caused them."""
    while True:
        told = (await ccxt.watch_bids_asks([BTC]))[BTC]
        kept[told["info"]["u"]] = ([told["bid"], told["bidVolume"]], [told["ask"], told["askVolume"]])


async def _shared(books: dict[int, Any], bests: dict[int, Any]) -> set[int]:
    return books.keys() & bests.keys()


async def _mine(ccxt: Any, market: str, order_id: str) -> list[dict[str, Any]]:
    return [trade for trade in await ccxt.fetch_my_trades(market) if trade["order"] == order_id]


def _signed(row: dict[str, Any]) -> float:
    return row["amount"] if row["direction"] == "in" else -row["amount"]
