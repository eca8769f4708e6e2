"""Rows of the trading database as the rest of the engine sees them: frozen values, nothing of the ORM.

Each struct has the fields of its table, under the same names; `tables.py` maps them. Times are exchange time in UTC
milliseconds (`_ms`), prices and quantities of orders are Decimal, measurements are float. `bytes` fields hold JSON
written by the owner of the row. Rows whose `id` is None are numbered by the database and cannot be overwritten.
"""

from __future__ import annotations

from engine.store.desk_rows import (
    IncidentRow,
    MarketStateRow,
    MetricRow,
    NoticeRow,
    OperatorLogRow,
    OutboxRow,
    SymbolRow,
    ZoneEventRow,
    ZoneRow,
)
from engine.store.row import Deleted, Row
from engine.store.trade_rows import (
    ActionPriceRow,
    BlockRow,
    CooldownRow,
    EpochRow,
    FillRow,
    IntentRow,
    KvRow,
    OrderRow,
    PositionRow,
    ProcessedBarRow,
    SignalEventRow,
    SignalRow,
)

__all__ = [
    "ActionPriceRow",
    "BlockRow",
    "CooldownRow",
    "Deleted",
    "EpochRow",
    "FillRow",
    "IncidentRow",
    "IntentRow",
    "KvRow",
    "MarketStateRow",
    "MetricRow",
    "NoticeRow",
    "OperatorLogRow",
    "OrderRow",
    "OutboxRow",
    "PositionRow",
    "ProcessedBarRow",
    "Row",
    "SignalEventRow",
    "SignalRow",
    "SymbolRow",
    "ZoneEventRow",
    "ZoneRow",
]
