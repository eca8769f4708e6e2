"""Paper: the same client, an account in memory, prices of the live market."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest

from config.schema import ExchangeSettings, Secrets
from engine.clock import SystemClock
from engine.errors import Rejected
from engine.exchange.client import ExchangeClient
from engine.exchange.orders import (
    ConditionalChanged,
    ConditionalRequest,
    OrderChanged,
    OrderRequest,
    OrderStatus,
    PrivateStreamReady,
)
from engine.exchange.venue import Venue
from engine.paper_client import PaperTransport
from engine.sim.paper import HOST, LiveMarket, LiveSymbol, PaperExchange

D = Decimal
BTC = LiveSymbol(
    tick=D("0.1"), step=D("0.001"), min_qty=D("0.001"), max_qty=D("1000"), market_min_qty=D("0.001"),
    market_max_qty=D("120"), min_notional=D("50"), min_price=D("0.1"), max_price=D("1000000"), price_up=D("1.05"),
    price_down=D("0.95"), status="TRADING", last=D("60000"), mark=D("60000"),
    bids=((D("59999.9"), D("2")), (D("59999.0"), D("5"))), asks=((D("60000.1"), D("0.5")), (D("60001.0"), D("5"))),
)  # fmt: skip


class Seen:
    def __init__(self) -> None:
        self.symbol = BTC

    def look(self, _symbol: str) -> LiveSymbol:
        return self.symbol


@pytest.fixture
async def paper() -> AsyncIterator[tuple[ExchangeClient, PaperExchange, Seen]]:
    clock, seen = SystemClock(), Seen()
    exchange = PaperExchange(LiveMarket(lambda: ["BTCUSDT"], seen.look), D(10_000), 7, clock.now_ms)
    transport = PaperTransport(exchange)
    venue = Venue("paper", HOST, HOST, HOST)
    client = ExchangeClient(
        venue, Secrets("paper", "paper"), ExchangeSettings(), clock, random.Random(1), transport=transport, ws=transport
    )
    await client.start()
    stream = asyncio.create_task(client.private.run())
    ready = client.gateway.events()
    assert isinstance(await anext(ready), PrivateStreamReady)
    yield client, exchange, seen
    stream.cancel()
    await client.close()


def market(side: str, quantity: str, name: str, reduce_only: bool = False) -> OrderRequest:
    return OrderRequest("BTCUSDT", name, side, "MARKET", D(quantity), reduce_only=reduce_only)


async def test_market_order_walks_the_live_book(paper: tuple[ExchangeClient, PaperExchange, Seen]) -> None:
    client, _, _ = paper
    await client.gateway.place(market("BUY", "1", "pd-aaaaaaaaaaaa-e-1"))
    filled = await client.gateway.find("BTCUSDT", "pd-aaaaaaaaaaaa-e-1")
    assert filled is not None
    assert filled.status is OrderStatus.FILLED
    assert filled.average == D("60000.55"), "half at 60000.1, half at 60001.0"
    (position,) = await client.gateway.positions()
    assert position.quantity == D(1)


async def test_stop_rests_and_fires_when_the_live_mark_reaches_it(
    paper: tuple[ExchangeClient, PaperExchange, Seen],
) -> None:
    client, exchange, seen = paper
    await client.gateway.place(market("BUY", "0.1", "pd-aaaaaaaaaaaa-e-1"))
    stop = ConditionalRequest("BTCUSDT", "pd-aaaaaaaaaaaa-s-1", "SELL", "STOP_MARKET", D("59400"), close_position=True)
    await client.gateway.place_conditional(stop)
    seen.symbol = replace(
        BTC, last=D("59500"), mark=D("59500"), bids=((D("59499.9"), D(5)),), asks=((D("59500"), D(5)),)
    )
    exchange.on_price("BTCUSDT", D("59500"), D("59500"))
    assert len(await client.gateway.positions()) == 1
    seen.symbol = replace(
        BTC, last=D("59390"), mark=D("59390"), bids=((D("59389.9"), D(5)),), asks=((D("59390"), D(5)),)
    )
    exchange.on_price("BTCUSDT", D("59390"), D("59390"))
    assert [p for p in await client.gateway.positions() if p.quantity] == []
    assert await client.gateway.open_conditionals() == []


async def test_account_events_arrive_on_the_private_stream(
    paper: tuple[ExchangeClient, PaperExchange, Seen],
) -> None:
    client, _, _ = paper
    events = client.gateway.events()
    await client.gateway.place(market("BUY", "0.1", "pd-aaaaaaaaaaaa-e-1"))
    async with asyncio.timeout(5):
        async for event in events:
            if isinstance(event, OrderChanged) and event.order.status is OrderStatus.FILLED:
                break
    assert not isinstance(event, ConditionalChanged)
    assert event.fill is not None
    assert event.fill.fee > 0


async def test_refusals_of_the_account_are_refusals_of_the_gateway(
    paper: tuple[ExchangeClient, PaperExchange, Seen],
) -> None:
    client, _, _ = paper
    with pytest.raises(Rejected, match="-2022"):
        await client.gateway.place(market("SELL", "0.1", "pd-aaaaaaaaaaaa-x-1", reduce_only=True))
    with pytest.raises(Rejected, match="-2019"):
        await client.gateway.place(market("BUY", "9", "pd-aaaaaaaaaaaa-e-2"))
