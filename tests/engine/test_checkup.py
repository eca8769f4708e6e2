"""What the check of the exchange finds, against a served exchange with one thing wrong at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from config.schema import ExchangeSettings, Secrets, Settings
from engine.checkup import Checkup, Finding, Mark
from engine.exchange.venue import Venue
from tests.support.exchange import Client, served

RIGHTS = {"enableWithdrawals": False, "enableFutures": True, "ipRestrict": True}
SETTINGS = Settings(venue="sim", exchange=ExchangeSettings(request_timeout_s=5.0, read_attempts=1))


def checkup(client: Client, spot: str = "", **changed: str) -> Checkup:
    ready = client.ready
    secrets = Secrets(**({"api_key": ready["api_key"], "api_secret": ready["api_secret"]} | changed))
    venue = Venue("sim", ready["rest"], ready["ws"], ready["ws_api"])
    return Checkup(SETTINGS, secrets, venue, spot=spot)


async def found(check: Checkup, canary: bool = False) -> dict[str, Finding]:
    return {one.name: one for one in await check.run(canary)}


@asynccontextmanager
async def spot(answer: dict[str, Any]) -> AsyncIterator[str]:
    """The side of the exchange that tells the rights of a key."""

    async def rights(request: web.Request) -> web.Response:
        assert request.query["signature"]
        assert request.headers["X-MBX-APIKEY"]
        return web.json_response(answer)

    app = web.Application()
    app.router.add_get("/sapi/v1/account/apiRestrictions", rights)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_sound_account_is_green_and_the_canary_leaves_nothing_behind() -> None:
    async with served(symbols=("BTCUSDT",)) as client:
        lines = await found(checkup(client), canary=True)
        assert [one for one in lines.values() if one.mark in (Mark.BAD, Mark.WARN)] == []
        checked = {
            "endpoint",
            "region",
            "clock",
            "public stream",
            "market stream",
            "key",
            "position mode",
            "assets mode",
        }
        assert {name for name, one in lines.items() if one.mark is Mark.OK} == checked | {"margin mode", "canary"}
        assert lines["withdrawals"].mark is Mark.SKIPPED  # nobody here can tell
        _, open_stops, _ = await client.signed("GET", "/fapi/v1/openAlgoOrders")
        assert open_stops == []
        _, all_stops, _ = await client.signed("GET", "/fapi/v1/allAlgoOrders", symbol="BTCUSDT")
        assert [stop["algoStatus"] for stop in all_stops] == ["CANCELED"]


async def test_without_being_asked_no_order_is_sent() -> None:
    async with served(symbols=("BTCUSDT",)) as client:
        lines = await found(checkup(client))
        assert lines["canary"].mark is Mark.SKIPPED
        _, all_stops, _ = await client.signed("GET", "/fapi/v1/allAlgoOrders", symbol="BTCUSDT")
        assert all_stops == []


@pytest.mark.parametrize(
    ("rights", "bad", "warned"),
    [
        (RIGHTS, set(), set()),
        (RIGHTS | {"enableWithdrawals": True}, {"withdrawals"}, set()),
        (RIGHTS | {"enableFutures": False}, {"futures right"}, set()),
        (RIGHTS | {"ipRestrict": False}, set(), {"addresses"}),
    ],
)
async def test_a_key_that_may_withdraw_is_an_error(rights: dict[str, Any], bad: set[str], warned: set[str]) -> None:
    async with served(symbols=("BTCUSDT",)) as client, spot(rights) as url:
        lines = await found(checkup(client, url))
        assert {name for name, one in lines.items() if one.mark is Mark.BAD} == bad
        assert {name for name, one in lines.items() if one.mark is Mark.WARN} == warned
        assert all(one.mend and one.area == "key" for one in lines.values() if one.name in bad)


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"api_key": "short"}, "whole key"), ({"api_secret": "0" * 64}, "secret"), ({"api_key": "x" * 64}, "futures")],
)
async def test_a_refused_key_says_what_to_mend_and_ends_the_questions(changed: dict[str, str], words: str) -> None:
    async with served(symbols=("BTCUSDT",)) as client:
        lines = await found(checkup(client, **changed))
        assert (lines["key"].mark, lines["key"].area) == (Mark.BAD, "key")
        assert words in lines["key"].mend
        assert lines["position mode"].mark is Mark.SKIPPED


async def test_hedge_mode_and_a_refused_region_are_errors() -> None:
    async with served(symbols=("BTCUSDT",), control=True) as client:
        await client.signed("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
        lines = await found(checkup(client))
        assert lines["position mode"].mark is Mark.BAD
        assert "one-way" in lines["position mode"].mend
        await client.control("fault", kind="region_refused", seconds=30)
        lines = await found(checkup(client))
        assert lines["region"].mark is Mark.BAD
        assert "451" in lines["region"].detail
        assert lines["key"].mark is Mark.SKIPPED


async def test_an_exchange_that_is_not_there_is_named_with_the_setting_to_look_at() -> None:
    venue = Venue("testnet", "http://127.0.0.1:9", "ws://127.0.0.1:9", "")
    lines = await found(Checkup(SETTINGS, Secrets(), venue))
    assert lines["endpoint"].mark is Mark.BAD
    assert "venues.testnet.rest" in lines["endpoint"].mend


async def test_without_a_key_the_public_side_is_checked_all_the_same() -> None:
    async with served(symbols=("BTCUSDT",)) as client:
        lines = await found(checkup(client, api_key="", api_secret=""))
        assert (lines["endpoint"].mark, lines["public stream"].mark) == (Mark.OK, Mark.OK)
        assert lines["key"].mark is Mark.SKIPPED
