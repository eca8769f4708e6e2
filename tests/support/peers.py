"""Programs nobody here wrote, pointed at a served exchange: unmodified but for their base addresses.

ccxt maps the exact error codes of the linear market only for the exchange's own host names, so its table of exceptions
is completed by hand; nothing else is touched.
"""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

WAIT_S = 15.0


class Peer:
    """A served exchange as seen by its guests, with the controls of `--control`."""

    def __init__(self, ready: dict[str, Any]) -> None:
        self.ready = ready

    def __getitem__(self, name: str) -> Any:
        return self.ready[name]

    def price(self, symbol: str, price: float | str) -> None:
        """Move a market now."""
        self._control("price", {"symbol": symbol, "price": str(price)})

    def fault(self, kind: str, **params: object) -> None:
        """Let something go wrong now."""
        self._control("fault", {"kind": kind, **params})

    def _control(self, name: str, fields: dict[str, Any]) -> None:
        body = json.dumps(fields).encode()
        request = urllib.request.Request(f"{self['rest']}/sim/{name}", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()


@asynccontextmanager
async def ccxt_pro(peer: Peer, **options: Any) -> AsyncIterator[Any]:
    """ccxt's `binanceusdm` with REST and streams."""
    ccxt = pytest.importorskip("ccxt.pro", reason="ccxt is a development dependency")
    exchange = ccxt.binanceusdm({"apiKey": peer["api_key"], "secret": peer["api_secret"], **options})
    api = exchange.urls["api"]
    for name in [name for name in api if isinstance(api[name], str)]:
        version = f"v{name[-1]}" if name[-2] == "V" else "v1"
        if name == "fapiData":
            api[name] = f"{peer['rest']}/futures/data"
        elif name.startswith("fapi"):
            api[name] = f"{peer['rest']}/fapi/{version}"
        elif name.startswith("sapi"):
            api[name] = f"{peer['rest']}/sapi/{version}"
        elif name in ("public", "private"):
            api[name] = f"{peer['rest']}/api/v3"
    api["ws"]["linear"], api["ws"]["ws-api"]["linear"] = f"{peer['ws']}/ws", peer["ws_api"]
    exchange.exceptions["exact"].update(exchange.exceptions["linear"]["exact"])
    try:
        await exchange.load_markets()
        yield exchange
    finally:
        await exchange.close()


@contextmanager
def python_binance_addresses(peer: Peer) -> Iterator[tuple[Any, Any]]:
    """python-binance's client and socket classes with the addresses of a served exchange."""
    binance = pytest.importorskip("binance", reason="python-binance is a development dependency")
    with pytest.MonkeyPatch.context() as patch:
        client, sockets = binance.AsyncClient, binance.BinanceSocketManager
        patch.setattr(client, "FUTURES_URL", f"{peer['rest']}/fapi")
        patch.setattr(client, "FUTURES_DATA_URL", f"{peer['rest']}/futures/data")
        patch.setattr(client, "API_URL", f"{peer['rest']}/api")
        patch.setattr(client, "WS_FUTURES_URL", peer["ws_api"])
        patch.setattr(sockets, "FSTREAM_URL", f"{peer['ws']}/")
        yield client, sockets


@asynccontextmanager
async def python_binance(peer: Peer, **keys: str) -> AsyncIterator[tuple[Any, Any]]:
    """python-binance: (client, socket manager)."""
    with python_binance_addresses(peer) as (client_class, sockets):
        given = {"api_key": peer["api_key"], "api_secret": peer["api_secret"]} | keys
        client = await client_class.create(**given)
        try:
            yield client, sockets(client)
        finally:
            await client.close_connection()


def official_sdk(peer: Peer, **keys: Any) -> Any:
    """The exchange's own SDK, on this exchange."""
    pytest.importorskip("binance_sdk_derivatives_trading_usds_futures", reason="a development dependency")
    from binance_common.configuration import (
        ConfigurationRestAPI,
        ConfigurationWebSocketAPI,
        ConfigurationWebSocketStreams,
    )
    from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import (
        DerivativesTradingUsdsFutures,
    )

    given = {"api_key": peer["api_key"], "api_secret": peer["api_secret"]} | keys
    return DerivativesTradingUsdsFutures(
        config_rest_api=ConfigurationRestAPI(**given, base_path=peer["rest"], timeout=5000),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=peer["ws"]),
        config_ws_api=ConfigurationWebSocketAPI(**given, stream_url=peer["ws_api"], timeout=5000),
    )


def by_event(message: dict[str, Any]) -> str:
    """Kind of a bare event."""
    return str(message.get("e"))


def by_stream(message: dict[str, Any]) -> str:
    """Stream of a wrapped event."""
    return str(message.get("stream"))


async def until(
    read: Callable[[], Awaitable[Any]], wanted: set[str], name: Callable[[Any], str] = by_event
) -> list[dict[str, Any]]:
    """Read events until each wanted kind has come; all that was read."""
    missing, heard = set(wanted), []
    try:
        async with asyncio.timeout(WAIT_S):
            while missing:
                event = await read()
                heard.append(event)
                missing.discard(name(event))
    except TimeoutError:
        raise AssertionError(f"{sorted(missing)} did not come; heard {[name(one) for one in heard]}") from None
    return heard


async def comes_true(read: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool]) -> Any:
    """What `read` answers as soon as it is what is wanted."""
    seen: Any = None
    try:
        async with asyncio.timeout(WAIT_S):
            while not wanted(seen := await read()):  # noqa: ASYNC110 - another process is waited for
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"it never came; the last was {seen!r}") from None
    return seen
