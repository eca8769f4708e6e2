"""A key that may withdraw does not trade here: asked before a live desk starts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from config import Secrets
from engine.clock import SystemClock
from engine.exchange.key_rights import RIGHTS, SPOT, read_rights, refuse_withdrawals, spot_of
from engine.exchange.signing import KeyUnusable
from engine.exchange.venue import Venue
from tests.support.home import PERPDECK, clean_environment

SECRETS = Secrets(api_key="k" * 64, api_secret="s" * 64)


@asynccontextmanager
async def telling(body: str, status: int = 200) -> AsyncIterator[str]:
    """An exchange that tells the rights of a key and nothing else."""

    async def rights(request: web.Request) -> web.Response:
        assert request.headers["X-MBX-APIKEY"] == SECRETS.api_key
        assert request.query["signature"]
        return web.Response(status=status, text=body)

    app = web.Application()
    app.router.add_get(RIGHTS, rights)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def live(url: str) -> Venue:
    return Venue("live", url, url.replace("http", "ws"), "")


@pytest.mark.parametrize(
    ("body", "status", "known"),
    [
        ('{"enableWithdrawals": false, "enableFutures": true}', 200, True),
        ('{"code": -2015, "msg": "Invalid API-key"}', 401, False),
        ("<html>", 200, False),
    ],
)
async def test_harmless_or_untold_rights_do_not_stand_in_the_way(body: str, status: int, known: bool) -> None:
    async with telling(body, status) as url:
        assert await refuse_withdrawals(SECRETS, live(url), SystemClock()) is known


async def test_silent_exchange_and_missing_key_tell_nothing() -> None:
    assert await read_rights(SECRETS, live("http://127.0.0.1:9"), SystemClock()) is None
    assert await read_rights(Secrets(), live("http://127.0.0.1:9"), SystemClock()) is None


async def test_right_to_withdraw_is_refused_by_name() -> None:
    async with telling('{"enableWithdrawals": true, "enableFutures": true}') as url:
        with pytest.raises(KeyUnusable, match="may withdraw"):
            await refuse_withdrawals(SECRETS, live(url), SystemClock())


def test_rights_are_asked_where_they_are_told() -> None:
    assert spot_of(live("https://fapi.example")) == SPOT
    assert spot_of(live("http://127.0.0.1:1")) == "http://127.0.0.1:1"
    assert spot_of(Venue("testnet", "https://demo.example", "", "")) == "https://demo.example"


@pytest.mark.walk
async def test_live_desk_with_such_a_key_does_not_start(tmp_path: Path) -> None:
    async with telling('{"enableWithdrawals": true}') as url:
        environment = clean_environment(
            tmp_path / "home", PERPDECK__VENUES__LIVE__REST=url, PERPDECK_API_KEY=SECRETS.api_key,
            PERPDECK_API_SECRET=SECRETS.api_secret,
        )  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            *PERPDECK, "run", "--venue", "live", "--headless", "--confirm", "main", "--json", env=environment,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(30):
            out, err = await process.communicate()
    assert process.returncode == 4, err
    assert "may withdraw" in json.dumps(json.loads(out))
    assert SECRETS.api_key not in out.decode() + err.decode()
    assert not list((tmp_path / "home").rglob("*.sqlite")), "nothing was opened"
