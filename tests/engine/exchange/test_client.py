"""The client in one piece: what it starts with, what it says of itself, what it does without a key."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from config.schema import ExchangeSettings, Secrets
from engine.clock import SystemClock, wall_ms
from engine.errors import ClockSkew, Rejected, Throttled
from engine.exchange.client import ExchangeClient
from engine.exchange.limits import Lane
from engine.exchange.signing import KeyUnusable
from engine.exchange.transport import HttpAnswer
from engine.exchange.venue import Venue
from tests.support.scripted_http import Asked, ScriptedHttp, answer, refusal

TIME = "/fapi/v1/time"
VENUE = Venue("sim", "http://127.0.0.1:1", "ws://127.0.0.1:1", "")
KEY = Secrets(api_key="KEY", api_secret="SECRET")


def served() -> ScriptedHttp:
    """An exchange ahead of the machine, twenty seconds into one of its minutes."""
    ahead_ms = 80_000 - wall_ms() % 60_000

    async def tell(_asked: Asked) -> HttpAnswer:
        return answer({"serverTime": wall_ms() + ahead_ms}, x_mbx_used_weight_1m="12")

    return ScriptedHttp().on("GET", TIME, tell)


def client(http: ScriptedHttp, secrets: Secrets = KEY) -> ExchangeClient:
    return ExchangeClient(VENUE, secrets, ExchangeSettings(), SystemClock(), random.Random(1), http)


async def test_nothing_is_signed_before_the_clock_is_measured() -> None:
    http = served().on("GET", "/fapi/v1/openOrders", answer([]))
    desk = client(http)
    with pytest.raises(ClockSkew):
        await desk.gateway.open_orders()
    await desk.start()
    assert desk.clock_offset_ms is not None
    assert 20_000 < desk.clock_offset_ms <= 80_000
    await desk.gateway.open_orders()
    stamp = int(http.to("/fapi/v1/openOrders")[0].params["timestamp"])
    assert stamp == pytest.approx(wall_ms() + desk.clock_offset_ms, abs=500)
    await desk.close()
    assert http.closed


async def test_a_refused_timestamp_is_measured_by_the_client_itself() -> None:
    http = served().on("GET", "/fapi/v1/openOrders", refusal(-1021, "outside of the recvWindow"), answer([]))
    desk = client(http)
    await desk.start()
    before = len(http.to(TIME))
    assert await desk.gateway.open_orders() == []
    assert len(http.to(TIME)) > before


async def test_it_says_how_it_is() -> None:
    http = served()
    desk = client(http)
    await desk.start()
    assert desk.links() == {"public": "ok", "market": "ok", "private": "ok", "rest": "ok"}
    await desk.market.time()
    assert desk.weight_used == 12
    assert desk.order_counts == (0, 0)
    assert [pool.name for pool in desk.pools()] == ["weight", "orders_10s", "orders_1m", "funding", "statistics"]
    assert desk.decode_errors == 0
    assert [name for name, _ in desk.services()] == ["clock", "streams", "account"]


async def test_without_a_key_it_watches_and_the_account_loop_has_nothing_to_do() -> None:
    desk = client(served(), Secrets())
    await desk.start()
    assert not desk.can_trade
    async with asyncio.timeout(5):
        await dict(desk.services())["account"]()
    with pytest.raises(Rejected, match="no API key"):
        await desk.gateway.account()


async def test_a_key_file_that_cannot_serve_is_found_at_once(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable):
        client(served(), Secrets(api_key="K", ed25519_file=str(tmp_path / "none.pem")))


async def test_a_ban_from_before_the_restart_is_still_a_ban() -> None:
    http = served()
    desk = client(http)
    desk.ledger.restore_ban(wall_ms() + 600_000)
    start = asyncio.create_task(desk.start())
    await asyncio.sleep(0)
    assert desk.links()["rest"] == "down"
    mono = SystemClock().mono_ms()
    with pytest.raises(Throttled) as refused:
        await desk.market.klines("BTCUSDT", "15m", lane=Lane.LIVE, deadline_mono_ms=mono + 100)
    assert refused.value.banned
    assert http.asked == []
    start.cancel()
    await asyncio.gather(start, return_exceptions=True)
