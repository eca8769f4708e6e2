"""Serving: the ready line, options that make no sense, the WebSocket API, ends of the process."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from engine.sim.serve import InvalidOption, ServeOptions
from tests.support.exchange import FIXTURES, Client, difference, fixture, hear, served

ROOT = Path(__file__).parents[3]
READY = {
    "rest", "ws", "ws_api", "api_key", "api_secret", "symbols", "speed", "server_time", "ed25519_api_key",
    "ed25519_private_key",
}  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        {"scenario": "nothing"}, {"speed": 0.0}, {"speed": 20_000.0}, {"port": 70_000}, {"balance": 0.0},
        {"ban_seconds": 0.0}, {"lenient": ("nothing",)}, {"start_bar": -1},
    ],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused_before_anything_starts(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption):
        ServeOptions(**options)


async def test_symbols_that_do_not_exist_and_ports_that_are_taken_are_refused() -> None:
    with pytest.raises(InvalidOption, match="unknown symbol 'NOPEUSDT'"):
        async with served(symbols=("NOPEUSDT",)):
            pass
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    from engine.sim.serve import serve

    with pytest.raises(InvalidOption, match="cannot listen"):
        await serve(ServeOptions(port=port, symbols=("BTCUSDT",)), lambda line: None, asyncio.Event())
    server.close()
    await server.wait_closed()


async def test_the_ready_line_tells_all_a_client_needs() -> None:
    async with served(speed=3.0) as client:
        ready = client.ready
        assert set(ready) == READY
        assert len(ready["symbols"]) >= 8
        assert ready["speed"] == 3.0
        assert json.loads(json.dumps(ready)) == ready
        _, now, _ = await client.get("/fapi/v1/time")
        assert 0 <= now["serverTime"] - ready["server_time"] < 30_000


async def process(*options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "engine.sim.serve", "--port", "0", *options,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def test_a_process_prints_one_line_and_ends_with_zero_on_sigterm() -> None:
    running = await process("--symbols", "BTCUSDT", "--seed", "11")
    assert running.stdout is not None
    ready = json.loads(await asyncio.wait_for(running.stdout.readline(), 20))
    assert set(ready) == READY
    running.send_signal(signal.SIGTERM)
    out, error = await asyncio.wait_for(running.communicate(), 10)
    assert (running.returncode, out, error) == (0, b"", b"")


async def test_a_process_ends_by_itself_when_nobody_comes() -> None:
    running = await process("--symbols", "BTCUSDT", "--idle-exit", "0.3", "--embedded")
    await asyncio.wait_for(running.communicate(), 20)
    assert running.returncode == 0


async def test_a_process_refuses_nonsense_with_two() -> None:
    running = await process("--scenario", "nothing")
    out, error = await asyncio.wait_for(running.communicate(), 20)
    assert (running.returncode, out) == (2, b"")
    assert b"unknown scenario 'nothing'" in error


def request(client: Client, method: str, params: dict[str, Any], now: int) -> dict[str, Any]:
    fields = params | {"apiKey": client.ready["api_key"], "timestamp": now}
    payload = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
    signature = hmac.new(client.ready["api_secret"].encode(), payload.encode(), hashlib.sha256).hexdigest()
    return {"id": f"id {method}", "method": method, "params": fields | {"signature": signature}}


LIMIT = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.010",
    "price": "66000.00",
}
STOP = {"algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET",
        "triggerPrice": "50000.00", "quantity": "0.010", "clientAlgoId": "stop-1"}  # fmt: skip


async def test_the_socket_api_trades_like_rest() -> None:
    async with served(symbols=("BTCUSDT",)) as client, client.session.ws_connect(client.ready["ws_api"]) as ws:
        now = (await client.get("/fapi/v1/time"))[1]["serverTime"]

        async def ask(method: str, **params: Any) -> dict[str, Any]:
            await ws.send_json(request(client, method, params, now))
            return dict(await hear(ws, lambda message: message["id"] == f"id {method}"))

        placed = await ask("order.place", **LIMIT)
        assert placed["status"] == 200
        order = {"symbol": "BTCUSDT", "orderId": placed["result"]["orderId"]}
        modified = await ask("order.modify", **order, side="BUY", quantity="0.010", price="65900.00")
        assert modified["result"]["price"] == "65900.00"
        assert (await ask("order.status", **order))["result"]["status"] == "NEW"
        assert (await ask("order.cancel", **order))["result"]["status"] == "CANCELED"
        assert (await ask("order.status", symbol="BTCUSDT", orderId=1))["error"]["code"] == -2013
        stop = await ask("algoOrder.place", **STOP)
        assert stop["result"]["algoStatus"] == "NEW"
        assert (await ask("algoOrder.cancel", clientAlgoId="stop-1"))["result"]["code"] == "200"
        assert (await ask("v2/account.balance"))["result"][0]["asset"] == "USDT"
        assert "totalWalletBalance" in (await ask("v2/account.status"))["result"]
        assert isinstance((await ask("v2/account.position"))["result"], list)
        started = await ask("userDataStream.start")
        assert len(started["result"]["listenKey"]) == 64
        assert (await ask("userDataStream.ping"))["status"] == (await ask("userDataStream.stop"))["status"] == 200
        assert (await ask("depth", symbol="BTCUSDT", limit=5))["result"]["bids"]
        assert (await ask("ticker.book", symbol="BTCUSDT"))["result"]["symbol"] == "BTCUSDT"
        assert (await ask("no.such"))["status"] == 400
        bad = request(client, "order.place", LIMIT, now)
        bad["params"]["quantity"] = "0.020"
        await ws.send_json(bad)
        assert (await hear(ws, lambda message: True))["error"]["code"] == -1022
        await ws.send_str("{")
        assert (await hear(ws, lambda message: True))["status"] == 400
        if FIXTURES.is_dir():
            for name, ours in (("order_place", placed), ("algoOrder_place", stop), ("userDataStream_start", started)):
                assert difference(fixture(f"ws_api/{name}.response.json"), ours) == []


async def test_a_session_logs_on_with_the_ed25519_key_only() -> None:
    async with served(symbols=("BTCUSDT",)) as client:
        url = f"{client.ready['ws_api']}?returnRateLimits=false"
        async with client.session.ws_connect(url) as ws:
            now = (await client.get("/fapi/v1/time"))[1]["serverTime"]
            await ws.send_json(request(client, "session.logon", {}, now))
            assert (await hear(ws, lambda message: True))["status"] == 400
            key = load_pem_private_key(client.ready["ed25519_private_key"].encode(), None)
            assert isinstance(key, Ed25519PrivateKey)
            payload = f"apiKey={client.ready['ed25519_api_key']}&timestamp={now}"
            params = {
                "apiKey": client.ready["ed25519_api_key"], "timestamp": now,
                "signature": base64.b64encode(key.sign(payload.encode())).decode(),
            }  # fmt: skip
            await ws.send_json({"id": "1", "method": "session.logon", "params": params})
            logged_on = await hear(ws, lambda message: True)
            assert logged_on["result"]["apiKey"] == client.ready["ed25519_api_key"]
            if FIXTURES.is_dir():
                assert difference(fixture("ws_api/session_logon.response.json"), logged_on) == []
            await ws.send_json({"id": 2, "method": "account.balance", "params": {"timestamp": now}})
            answer = await hear(ws, lambda message: True)
            assert (answer["status"], "rateLimits" in answer) == (200, False)
            await ws.send_json({"id": 3, "method": "session.logout"})
            assert (await hear(ws, lambda message: True))["result"]["apiKey"] is None


async def test_a_user_may_play_candles_of_their_own(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet needs the extra 'research'")
    from pyarrow import parquet

    rows = 400
    closes = [30_000.0 + (number % 17) * 10 for number in range(rows)]
    opens = [closes[0], *closes[:-1]]
    table = pyarrow.table(
        {
            "open_time": [1_700_000_100_000 + number * 900_000 for number in range(rows)],
            "open": opens,
            "high": [max(a, b) + 5 for a, b in zip(opens, closes, strict=True)],
            "low": [min(a, b) - 5 for a, b in zip(opens, closes, strict=True)],
            "close": closes,
            "volume": [100.0 + number for number in range(rows)],
            "taker_buy_volume": pyarrow.array([None] * rows, pyarrow.float64()),
        }
    )
    (tmp_path / "15m").mkdir()
    parquet.write_table(table, tmp_path / "15m" / "BTCUSDT.parquet")
    async with served(data=tmp_path) as client:
        assert client.ready["symbols"] == ["BTCUSDT"]
        _, klines, _ = await client.get("/fapi/v1/klines", symbol="BTCUSDT", interval="15m", limit=1500)
        assert len(klines) == 321
        assert [float(cell) for cell in klines[0][1:6]] == [30_000.0, 30_005.0, 29_995.0, 30_000.0, 100.0]


async def test_recordings_that_share_time_are_played_together(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet needs the extra 'research'")
    from pyarrow import parquet

    from engine.sim.tape_files import read_recordings

    start = 1_700_000_100_000
    for symbol, skipped in (("BTCUSDT", 0), ("ETHUSDT", 250)):
        numbers = list(range(skipped, 4000))
        prices = [1000.0 + number for number in numbers]
        columns = {"open_time": [start + number * 900_000 for number in numbers]}
        columns |= dict.fromkeys(("open", "high", "low", "close", "volume"), prices)
        parquet.write_table(pyarrow.table(columns), tmp_path / f"{symbol}.parquet")
    recordings = read_recordings(tmp_path)
    assert {symbol: len(recording) for symbol, recording in recordings.items()} == {"BTCUSDT": 3750, "ETHUSDT": 3750}
    assert recordings["BTCUSDT"].open[0] == recordings["ETHUSDT"].open[0] == 1250.0


def test_minutes_beside_the_candles_are_played(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet needs the extra 'research'")
    from pyarrow import parquet

    from engine.sim.direct import DirectExchange
    from engine.sim.tape_files import read_recordings

    start, minutes = 1_700_000_100_000, 60 * 15
    close = [2000.0 + (number * 7 % 31) for number in range(minutes)]
    fine = {
        "open_time": [start + number * 60_000 for number in range(minutes)],
        "open": [close[0], *close[:-1]],
        "high": [price + 40.0 for price in close],
        "low": [price - 40.0 for price in close],
        "close": close,
        "volume": [float(number % 5 + 1) for number in range(minutes)],
    }
    bars = range(0, minutes, 15)
    coarse = {
        "open_time": [fine["open_time"][at] for at in bars],
        "open": [fine["open"][at] for at in bars],
        "high": [max(fine["high"][at : at + 15]) for at in bars],
        "low": [min(fine["low"][at : at + 15]) for at in bars],
        "close": [close[at + 14] for at in bars],
        "volume": [sum(fine["volume"][at : at + 15]) for at in bars],
    }
    for folder, columns in (("15m", coarse), ("1m", fine)):
        (tmp_path / folder).mkdir()
        parquet.write_table(pyarrow.table(columns), tmp_path / folder / "ETHUSDT.parquet")
    exchange = DirectExchange.open(1_767_225_600_000, ("ETHUSDT",), recordings=read_recordings(tmp_path), start_bar=50)
    _, rows = exchange.request("GET", "/fapi/v1/klines", {"symbol": "ETHUSDT", "interval": "1m", "limit": "31"})
    told = [[float(cell) for cell in cells[1:6]] for cells in rows[:-1]]
    first = 50 * 15 - 30
    names = ("open", "high", "low", "close", "volume")
    assert told == [[fine[name][first + number] for name in names] for number in range(30)]


def ones(rows: int) -> dict[str, list[float]]:
    return {name: [1.0] * rows for name in ("open", "high", "low", "close", "volume")}


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({}, "no SYMBOL.parquet file"),
        ({"open_time": [1]}, "column 'open' is missing"),
        ({"open_time": [1_700_000_000], **ones(1)}, "in seconds"),
        ({"open_time": [1_700_000_100_000] * 2, **ones(2)}, "row 1: times are not strictly increasing"),
    ],
)  # fmt: skip
async def test_data_that_cannot_be_played_is_named(tmp_path: Path, columns: dict[str, list[Any]], says: str) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet needs the extra 'research'")
    from pyarrow import parquet

    if columns:
        parquet.write_table(pyarrow.table(columns), tmp_path / "BTCUSDT.parquet")
    with pytest.raises(InvalidOption, match=says):
        async with served(data=tmp_path):
            pass
