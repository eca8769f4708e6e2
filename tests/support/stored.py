"""Rows with the fields a test does not care about filled in, and an open journal with its reader."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from engine.clock import SystemClock
from engine.store.database import Database, Which
from engine.store.journal import Journal
from engine.store.reader import Reader
from engine.store.rows import FillRow, IntentRow, OrderRow, SignalRow


def intent(client_id: str = "pd-1-e-1", **changes: Any) -> IntentRow:
    given: dict[str, Any] = {
        "client_id": client_id, "signal_id": "s1", "symbol": "BTCUSDT", "leg": "entry", "kind": "order",
        "payload": b'{"side":"BUY"}', "created_ms": 1_000, "updated_ms": 1_000,
    }  # fmt: skip
    return IntentRow(**{**given, **changes})


def signal(signal_id: str = "s1", **changes: Any) -> SignalRow:
    given: dict[str, Any] = {
        "signal_id": signal_id, "strategy_id": "order_flow", "symbol": "BTCUSDT", "tf": "15m", "side": "long",
        "status": "pending", "bar_ms": 0, "decided_ms": 900_000,
    }  # fmt: skip
    return SignalRow(**{**given, **changes})


def fill(trade_id: int = 1, **changes: Any) -> FillRow:
    given: dict[str, Any] = {
        "symbol": "BTCUSDT", "trade_id": trade_id, "order_id": 7, "client_id": "c", "side": "BUY",
        "price": Decimal("60000.10"), "quantity": Decimal("0.002"), "at_ms": 5_000,
    }  # fmt: skip
    return FillRow(**{**given, **changes})


def order(client_id: str = "c", **changes: Any) -> OrderRow:
    given: dict[str, Any] = {
        "client_id": client_id, "symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "state": "NEW",
        "quantity": Decimal("0.002"),
    }  # fmt: skip
    return OrderRow(**{**given, **changes})


@asynccontextmanager
async def opened(url: str, which: Which = "trading", **patience: Any) -> AsyncIterator[tuple[Journal, Reader]]:
    """A journal and a reader of a migrated database; closed at the end."""
    database = Database(url, which, **patience)
    journal, reader = Journal(database, SystemClock()), Reader(database)
    await journal.open()
    try:
        yield journal, reader
    finally:
        await reader.close()
        await journal.close()
