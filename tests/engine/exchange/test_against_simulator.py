"""The client against an exchange served by another process: a whole trade, the streams, and the trouble in between."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest

from config.schema import ExchangeSettings, Secrets
from engine.clock import SystemClock
from engine.errors import OutcomeUnknown, Rejected, Throttled
from engine.exchange import account
from engine.exchange.client import ExchangeClient
from engine.exchange.limits import Lane
from engine.exchange.orders import (
    AccountEvent,
    ConditionalChanged,
    ConditionalRequest,
    OrderChanged,
    OrderRequest,
    OrderStatus,
    PositionChanged,
    PrivateStreamLost,
    PrivateStreamReady,
)
from engine.exchange.venue import Venue
from engine.exchange.wire_market import AggTrade, DepthDiff, KlineEvent, MarketEvent, MarkPrice, MiniTicker
from engine.money import Instrument
from tests.support import simulator

pytestmark = pytest.mark.skipif(not simulator.available(), reason="there is no simulator to start in this checkout")
T = TypeVar("T", bound=AccountEvent)
SYMBOL = "BTCUSDT"
OTHER = "ETHUSDT"  # where tests trade that share an exchange


class Desk:
    """A client on a served exchange, with everything it heard."""

    def __init__(self, ready: dict[str, Any], secrets: Secrets) -> None:
        self.ready = ready
        self.clock = SystemClock()
        venue = Venue("sim", ready["rest"], ready["ws"], ready["ws_api"])
        self.market_events: list[MarketEvent] = []
        self.bans: list[int] = []
        self.client = ExchangeClient(
            venue, secrets, ExchangeSettings(), self.clock, random.Random(5), on_ban=self._remember,
            on_event=self._take,
        )  # fmt: skip
        self.account_events: list[AccountEvent] = []
        self._heard = asyncio.Event()

    def _take(self, event: MarketEvent, _received_mono_ms: float) -> None:
        self.market_events.append(event)
        self._heard.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for market or account events to bring this about."""
        async with asyncio.timeout(20):
            while not condition():
                self._heard.clear()
                await self._heard.wait()

    async def _remember(self, until_ms: int, _reason: str) -> None:
        self.bans.append(until_ms)

    async def listen(self) -> None:
        async for event in self.client.gateway.events():
            self.account_events.append(event)
            self._heard.set()

    async def hear(self, kind: type[T], where: Callable[[T], bool] = lambda _event: True, after: int = 0) -> T:
        """The first account event of a kind that satisfies `where`, waiting for it if it has not come yet."""
        async with asyncio.timeout(15):
            while True:
                self._heard.clear()
                for event in self.account_events[after:]:
                    if isinstance(event, kind) and where(event):
                        return event
                await self._heard.wait()

    async def control(self, what: str, **body: Any) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.ready['rest']}/sim/{what}", json=body) as response,
        ):
            assert response.status == 200, await response.text()

    async def instrument(self) -> Instrument:
        return (await self.client.market.exchange_info()).instruments[SYMBOL]

    async def price(self) -> float:
        return (await self.client.market.klines(SYMBOL, "15m", limit=1, lane=Lane.LIVE))[-1].close


@pytest.fixture(scope="module")
def served() -> Iterator[dict[str, Any]]:
    """One exchange for all tests that leave it as they found it, or trade under client ids of their own."""
    with simulator.simulator("--control") as ready:
        yield ready


@pytest.fixture
def fresh() -> Iterator[dict[str, Any]]:
    """An exchange for a test that leaves traces."""
    with simulator.simulator("--control") as ready:
        yield ready


def key_of(ready: dict[str, Any]) -> Secrets:
    return Secrets(api_key=ready["api_key"], api_secret=ready["api_secret"])


@asynccontextmanager
async def desk(ready: dict[str, Any], secrets: Secrets | None = None) -> AsyncIterator[Desk]:
    d = Desk(ready, secrets or key_of(ready))
    await d.client.start()
    tasks = [asyncio.create_task(run()) for _, run in d.client.services()]
    tasks.append(asyncio.create_task(d.listen()))
    try:
        await d.hear(PrivateStreamReady)
        yield d
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await d.client.close()


async def test_a_whole_trade(fresh: dict[str, Any]) -> None:
    async with desk(fresh) as d:
        gateway, rules = d.client.gateway, await d.instrument()
        assert await gateway.positions() == []
        assert await gateway.set_leverage(SYMBOL, 20) == 20
        brackets = await gateway.brackets(SYMBOL)
        assert brackets[0].notional_cap == brackets[1].notional_floor
        maker, taker = await gateway.commission(SYMBOL)
        assert 0 < maker < taker

        # The entry, at market: known from its answer, priced by its event and by asking.
        entry = await gateway.place(OrderRequest(SYMBOL, "pd-abc-e-1", "BUY", "MARKET", Decimal("0.010")))
        assert (entry.status, entry.filled, entry.average) == (OrderStatus.FILLED, Decimal("0.010"), None)
        event = await d.hear(OrderChanged, lambda e: e.order.status is OrderStatus.FILLED)
        assert event.fill is not None
        assert event.fill.fee > 0
        asked = await gateway.find(SYMBOL, "pd-abc-e-1")
        assert asked is not None
        assert asked.average == event.order.average
        opened = await d.hear(PositionChanged)
        assert (opened.quantity, opened.reason) == (Decimal("0.010"), "ORDER")

        # The stop for the whole position rests with the exchange, once.
        price = await d.price()
        low = rules.price(price * 0.97)
        stop = ConditionalRequest(SYMBOL, "pd-abc-s-1", "SELL", "STOP_MARKET", low, close_position=True)
        assert (await gateway.place_conditional(stop)).status is OrderStatus.NEW
        await d.hear(ConditionalChanged, lambda e: e.order.client_id == "pd-abc-s-1")
        assert [order.client_id for order in await gateway.open_conditionals()] == ["pd-abc-s-1"]
        again = ConditionalRequest(SYMBOL, "pd-abc-s-2", "SELL", "STOP_MARKET", low, close_position=True)
        with pytest.raises(Rejected) as refused:
            await gateway.place_conditional(again)
        assert refused.value.code == -4130

        # Two tiers rest; one is taken back.
        for leg, at in (("t1", 1.02), ("t2", 1.03)):
            await gateway.place(
                OrderRequest(SYMBOL, f"pd-abc-{leg}-1", "SELL", "LIMIT", Decimal("0.003"), rules.price(price * at),
                             reduce_only=True)
            )  # fmt: skip
        assert {order.client_id for order in await gateway.open_orders()} == {"pd-abc-t1-1", "pd-abc-t2-1"}
        assert (await gateway.cancel(SYMBOL, "pd-abc-t2-1")).status is OrderStatus.CANCELED
        await d.hear(OrderChanged, lambda e: e.order.status is OrderStatus.CANCELED)
        (position,) = await gateway.positions()
        assert (position.quantity, position.leverage) == (Decimal("0.010"), 20)

        # The market reaches the first tier, then falls through the stop.
        await d.control("price", symbol=SYMBOL, price=str(rules.price(price * 1.021)))
        tier = await d.hear(OrderChanged, lambda e: e.order.client_id == "pd-abc-t1-1" and e.fill is not None)
        assert tier.fill is not None
        assert tier.fill.realized > 0
        await d.control("price", symbol=SYMBOL, price=str(rules.price(price * 0.96)))
        closed = await d.hear(PositionChanged, lambda e: e.quantity == 0)
        assert closed.symbol == SYMBOL
        finished = await d.hear(ConditionalChanged, lambda e: e.order.status is OrderStatus.FINISHED)
        exit_fill = await d.hear(OrderChanged, lambda e: e.order.client_id == "pd-abc-s-1" and e.fill is not None)
        assert finished.order.actual_order_id == exit_fill.order.order_id

        # Looked up afterwards, the exchange tells the same as the events did.
        known = await gateway.find_conditional(SYMBOL, "pd-abc-s-1")
        assert known is not None
        assert known.status in (OrderStatus.FINISHED, OrderStatus.FILLED)
        told = {e.fill.trade_id: e.fill for e in d.account_events if isinstance(e, OrderChanged) and e.fill}
        read = {fill.trade_id: fill for fill in await gateway.fills(SYMBOL, d.ready["server_time"])}
        assert read.keys() == told.keys()
        for number, fill in read.items():
            assert (fill.price, fill.quantity, fill.fee) == (
                told[number].price,
                told[number].quantity,
                told[number].fee,
            )
        wallet = Decimal(10_000) + sum(fill.realized - fill.fee for fill in told.values())
        assert (await gateway.account()).wallet == pytest.approx(wallet, abs=Decimal("0.0001"))
        assert await gateway.positions() == []
        assert await gateway.open_conditionals() == []
        assert d.client.decode_errors == 0


async def test_what_does_not_exist_is_not_found_and_what_is_refused_says_why(served: dict[str, Any]) -> None:
    async with desk(served) as d:
        gateway, rules = d.client.gateway, await d.instrument()
        assert await gateway.find(SYMBOL, "never-was") is None
        assert await gateway.find_conditional(SYMBOL, "never-was") is None
        await gateway.cancel_conditional(SYMBOL, "never-was")
        price = await d.price()
        for order, code in (
            (OrderRequest(SYMBOL, "x-1", "SELL", "MARKET", Decimal("0.010"), reduce_only=True), -2022),
            (OrderRequest(SYMBOL, "x-2", "BUY", "MARKET", Decimal("0.0105")), -1111),
            (OrderRequest(SYMBOL, "x-3", "BUY", "MARKET", Decimal("100")), -2019),
            (OrderRequest("NOSUCHUSDT", "x-4", "BUY", "MARKET", Decimal("1")), -1121),
        ):
            with pytest.raises(Rejected) as refused:
                await gateway.place(order)
            assert refused.value.code == code, order.client_id
        through = ConditionalRequest(
            SYMBOL, "x-5", "SELL", "STOP_MARKET", rules.price(price * 1.05), quantity=Decimal("0.010"), reduce_only=True
        )
        with pytest.raises(Rejected) as refused:
            await gateway.place_conditional(through)
        assert refused.value.code == -2021


async def test_streams_carry_what_rest_tells(served: dict[str, Any]) -> None:
    async with desk(served) as d:
        names = {f"btcusdt@{kind}" for kind in ("depth@100ms", "aggTrade", "kline_15m", "markPrice@1s")}
        d.client.streams.set_streams(names | {"!miniTicker@arr"})
        kinds = (DepthDiff, AggTrade, KlineEvent, MarkPrice, MiniTicker)
        await d.until(lambda: all(any(isinstance(event, kind) for event in d.market_events) for kind in kinds))
        await d.until(lambda: sum(isinstance(event, DepthDiff) for event in d.market_events) >= 10)
        snapshot = await d.client.market.depth(SYMBOL)
        diffs = [event for event in d.market_events if isinstance(event, DepthDiff)]
        assert all(later.prev_id == earlier.final_id for earlier, later in pairwise(diffs))
        assert snapshot.last_id >= diffs[0].first_id
        assert snapshot.bids[0][0] < snapshot.asks[0][0]
        assert all(event.symbol.endswith("USDT") for event in d.market_events if isinstance(event, MiniTicker))
        assert d.client.links() == {"public": "ok", "market": "ok", "private": "ok", "rest": "ok"}
        assert d.client.decode_errors == 0


async def test_the_pace_of_the_exchange_is_followed_and_signed_calls_go_on() -> None:
    with simulator.simulator("--speed", "60") as ready:
        async with desk(ready) as d:
            assert d.clock.rate == pytest.approx(60, rel=0.02)
            for _ in range(5):
                await d.client.gateway.account()
            assert abs(await d.client.market.time() - d.clock.now_ms()) / 60 < 500
            assert d.client.clock_offset_ms is None


async def test_an_ed25519_key_signs_as_well(served: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(served["ed25519_private_key"])
    key = Secrets(api_key=served["ed25519_api_key"], ed25519_file=str(tmp_path / "key.pem"))
    async with desk(served, key) as d:
        assert (await d.client.gateway.account()).wallet > 0


async def test_an_expired_listen_key_is_replaced_and_nothing_is_missed(served: dict[str, Any]) -> None:
    async with desk(served) as d:
        await d.control("fault", kind="listen_key_expired")
        await d.hear(PrivateStreamLost)
        await d.hear(PrivateStreamReady, lambda e: e.resumed)
        await d.client.gateway.place(OrderRequest(OTHER, "pd-k-e-1", "BUY", "MARKET", Decimal("0.100")))
        await d.hear(OrderChanged, lambda e: e.order.client_id == "pd-k-e-1")


async def test_our_own_count_of_the_weight_is_the_exchanges(fresh: dict[str, Any]) -> None:
    async with desk(fresh) as d:
        for limit in (99, 499, 1000, 1500):
            await d.client.market.klines(SYMBOL, "15m", limit=limit, lane=Lane.TRADING)
        await d.client.gateway.open_orders()
        await d.client.gateway.account()
        window = d.client.ledger._windows[next(iter(d.client.ledger._windows))]
        assert window.header_max > 0
        assert window.local_sent >= window.header_max - 1


async def test_a_ban_is_remembered_and_nothing_more_is_sent(fresh: dict[str, Any]) -> None:
    async with desk(fresh) as d:
        await d.control("fault", kind="banned", seconds=30)
        with pytest.raises(Throttled) as banned:
            await d.client.gateway.account()
        assert banned.value.banned
        assert d.bans == [banned.value.until_ms]
        with pytest.raises(Throttled):
            await d.client.gateway.place(OrderRequest(SYMBOL, "pd-b-e-1", "BUY", "MARKET", Decimal("0.010")))
        assert d.client.links()["rest"] == "down"


async def test_a_lost_acknowledgement_is_found_by_asking(served: dict[str, Any]) -> None:
    async with desk(served) as d:
        for fault, placed in (("submit_timeout_accepted", True), ("unknown_lost", False), ("unknown_accepted", True)):
            await d.control("fault", kind=fault)
            client_id = f"pd-{fault}-1"[-36:]
            with pytest.raises(OutcomeUnknown) as unknown:
                await d.client.gateway.place(OrderRequest(OTHER, client_id, "BUY", "MARKET", Decimal("0.100")))
            assert unknown.value.client_id == client_id
            found = await d.client.gateway.find(OTHER, client_id)
            assert (found is not None) == placed, fault
            if found is not None:
                assert found.status is OrderStatus.FILLED
                assert found.average is not None


async def test_a_private_stream_gone_silent_is_noticed_by_the_order_it_does_not_mention(
    served: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "MENTION_WITHIN_MS", 500.0)
    async with desk(served) as d:
        d.client.streams.set_streams({"btcusdt@depth@100ms"})
        await d.control("fault", kind="private_stream_dead", seconds=2)
        await d.until(lambda: len(d.market_events) > 5)  # by then the trouble is in force
        await d.client.gateway.place(OrderRequest(OTHER, "pd-q-e-1", "BUY", "MARKET", Decimal("0.100")))
        lost = await d.hear(PrivateStreamLost)
        assert lost.reason == "silent about pd-q-e-1"
        await d.hear(PrivateStreamReady, lambda e: e.resumed)
        assert [position.symbol for position in await d.client.gateway.positions()] == [OTHER]


async def test_when_the_exchanges_clock_jumps_it_is_measured_and_the_order_goes_out(fresh: dict[str, Any]) -> None:
    async with desk(fresh) as d:
        await d.control("fault", kind="clock_skew", ms=60_000)
        await d.client.gateway.place(OrderRequest(SYMBOL, "pd-j-e-1", "BUY", "MARKET", Decimal("0.010")))
        assert abs(await d.client.market.time() - d.clock.now_ms()) < 500


async def test_after_a_cut_everything_is_subscribed_again(served: dict[str, Any]) -> None:
    async with desk(served) as d:
        d.client.streams.set_streams({"btcusdt@depth@100ms", "btcusdt@markPrice@1s"})
        await d.until(lambda: len(d.market_events) > 5)
        await d.control("fault", kind="disconnect")
        await d.hear(PrivateStreamLost)
        await d.hear(PrivateStreamReady, lambda e: e.resumed)
        heard = len(d.market_events)
        await d.until(lambda: any(isinstance(event, DepthDiff) for event in d.market_events[heard + 5 :]))
        await d.until(lambda: any(isinstance(event, MarkPrice) for event in d.market_events[heard + 5 :]))
        assert d.client.streams.reconnects >= 2
