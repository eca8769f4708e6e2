"""Which table holds which row, in the trading and in the history database.

A table has the columns of its row struct, under the same names (a test holds them together). ORM classes do not
leave the store: rows go in and come out.
"""

from __future__ import annotations

from engine.store import desk_tables as desk
from engine.store import history_rows, history_tables, rows
from engine.store import trade_tables as trade
from engine.store.base import HistoryBase, TradingBase

TRADING_TABLES: dict[type[rows.Row], type[TradingBase]] = {
    rows.IntentRow: trade.Intents,
    rows.OrderRow: trade.Orders,
    rows.FillRow: trade.Fills,
    rows.PositionRow: trade.Positions,
    rows.SignalRow: trade.Signals,
    rows.ActionPriceRow: trade.ActionPrices,
    rows.SignalEventRow: trade.SignalEvents,
    rows.BlockRow: trade.Blocks,
    rows.CooldownRow: trade.Cooldowns,
    rows.ProcessedBarRow: trade.ProcessedBars,
    rows.KvRow: trade.KvState,
    rows.EpochRow: trade.Epochs,
    rows.SymbolRow: desk.Symbols,
    rows.MarketStateRow: desk.MarketStates,
    rows.ZoneRow: desk.Zones,
    rows.ZoneEventRow: desk.ZoneEvents,
    rows.MetricRow: desk.Metrics,
    rows.NoticeRow: desk.Notices,
    rows.IncidentRow: desk.Incidents,
    rows.OperatorLogRow: desk.OperatorLog,
    rows.OutboxRow: desk.Outbox,
}

HISTORY_TABLES: dict[type[rows.Row], type[HistoryBase]] = {history_rows.GapRow: history_tables.Gaps}
