"""The engine's process is killed at each journal point; the exchange, a process of its own, tells what was left.

A few points in every run, all of them with `CRASH_POINTS=all`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import time
import urllib.parse
import urllib.request
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from console.cli.drills import DRILL_SPEED, INTO_BAR_S, START_BAR
from engine.trading.executor import JOURNAL_POINTS
from tests.support.home import Home

pytestmark = pytest.mark.walk

FEW = ("e.answered", "s.journaled")
POINTS = JOURNAL_POINTS if os.environ.get("CRASH_POINTS") == "all" else FEW


@pytest.mark.timeout(180)
@pytest.mark.parametrize("point", POINTS)
def test_nothing_is_doubled_naked_or_left_behind_after_the_engine_was_killed(home: Home, point: str) -> None:
    process = home.start(
        "run", "--venue", "sim", "--headless", "--mode", "auto", PERPDECK__SIM__CRASH_AT=point,
        PERPDECK__SIM__SPEED=str(DRILL_SPEED), PERPDECK__SIM__START_BAR=str(START_BAR),
        PERPDECK__SIM__INTO_BAR_S=str(INTO_BAR_S), PERPDECK__APPROVAL__UNATTENDED="true",
    )  # fmt: skip
    if point.startswith("x."):
        home.running()
        held = home.wait("a protected position", lambda: [p for p in home.json("positions") if p["protected"]], 60)
        home.run("close", held[0]["id"])
    assert process.wait(timeout=90) == -signal.SIGKILL
    home.set_speed(1.0)  # what is open stays open while the next one comes up

    home.start("run", "--venue", "sim", "--headless", "--mode", "auto")
    home.running()
    home.wait("a stop under every position", lambda: not _bare(home), 10)
    home.wait("nothing of a position that is gone", lambda: not _orphans(home), 20)
    home.wait("agreement", lambda: _agreement(home), 30)
    entries = Counter(
        order["clientOrderId"].rsplit("-", 1)[0]
        for symbol in (home.exchange or {})["symbols"]
        for order in _signed(home, "/fapi/v1/allOrders", symbol=symbol)
        if "-e-" in order["clientOrderId"] and float(order["executedQty"])
    )
    assert all(count == 1 for count in entries.values()), entries
    assert entries or point == "e.journaled"
    theirs = {row["symbol"]: Decimal(row["positionAmt"]) for row in _held(home)}
    sign = {"long": 1, "short": -1}
    assert {row["symbol"]: Decimal(row["quantity"]) * sign[row["side"]] for row in home.json("positions")} == theirs


def _signed(home: Home, path: str, **params: Any) -> Any:
    """Ask the exchange itself, with the keys of this home and nothing of ours in between."""
    exchange = home.exchange
    assert exchange is not None
    with urllib.request.urlopen(f"{exchange['rest']}/fapi/v1/time", timeout=5) as answer:
        now_ms = json.load(answer)["serverTime"]
    query = urllib.parse.urlencode({**params, "timestamp": now_ms, "recvWindow": 60_000})
    signature = hmac.new(exchange["api_secret"].encode(), query.encode(), hashlib.sha256).hexdigest()
    request = urllib.request.Request(f"{exchange['rest']}{path}?{query}&signature={signature}")
    request.add_header("X-MBX-APIKEY", exchange["api_key"])
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def _agreement(home: Home) -> bool:
    """Whether we and the exchange agree; what differs is printed, for the reader of a failure.

    Gently: whoever looks from the same address spends the engine's weight.
    """
    time.sleep(1.0)
    done = home.run("reconcile", "--json")
    print(done.returncode, done.stdout)
    return done.returncode == 0


def _held(home: Home) -> list[dict[str, Any]]:
    return [row for row in _signed(home, "/fapi/v3/positionRisk") if float(row["positionAmt"])]


def _bare(home: Home) -> list[str]:
    """Positions no stop would end whole."""
    stops = _signed(home, "/fapi/v1/openAlgoOrders")
    return [
        row["symbol"]
        for row in _held(home)
        if not any(
            stop["symbol"] == row["symbol"]
            and (stop["side"] == "SELL") == (float(row["positionAmt"]) > 0)
            and (stop["closePosition"] or float(stop["quantity"]) >= abs(float(row["positionAmt"])))
            for stop in stops
        )
    ]


def _orphans(home: Home) -> list[str]:
    """Orders that rest where nothing is held."""
    held = {row["symbol"] for row in _held(home)}
    resting = _signed(home, "/fapi/v1/openOrders") + _signed(home, "/fapi/v1/openAlgoOrders")
    return [order["symbol"] for order in resting if order["symbol"] not in held]
