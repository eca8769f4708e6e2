from __future__ import annotations

from decimal import Decimal

import pytest

from engine.errors import StoreError
from engine.store.database import Database
from engine.store.queries import TradingQueries
from engine.store.reader import Reader
from engine.store.rows import (
    ActionPriceRow,
    BlockRow,
    EpochRow,
    IncidentRow,
    KvRow,
    MarketStateRow,
    MetricRow,
    NoticeRow,
    PositionRow,
    ProcessedBarRow,
    SymbolRow,
    ZoneEventRow,
    ZoneRow,
)
from tests.support.stored import fill, intent, opened, order, signal


def position(position_id: str, **changes: object) -> PositionRow:
    given = {
        "position_id": position_id,
        "signal_id": "s1",
        "symbol": "BTCUSDT",
        "side": "long",
        "state": "open",
        "quantity": Decimal(1),
    }
    return PositionRow(**{**given, **changes})


async def test_recovery_finds_what_was_under_way(trading_url: str) -> None:
    async with opened(trading_url) as (journal, reader):
        await journal.commit(
            intent("a", state="pending"),
            intent("b", state="done"),
            intent("c", state="unknown"),
            position("p1", payload=b'{"tiers":[0.3]}'),
            position("p2", closed_ms=5),
            order("o1", state="NEW"),
            order("o2", state="FILLED", signal_id="s9"),
            fill(1, signal_id="s1"),
            fill(2, signal_id="s2", at_ms=9_000),
            ProcessedBarRow(consumer="pipeline", symbol="BTCUSDT", tf="15m", open_ms=900_000),
        )
        ask = TradingQueries(reader)
        assert [row.client_id for row in await ask.intents()] == ["a", "c"]
        assert (await ask.intent("b")) == intent("b", state="done")
        assert [row.position_id for row in await ask.open_positions()] == ["p1"]
        assert (await ask.position("p1")) == position("p1", payload=b'{"tiers":[0.3]}')
        assert [row.position_id for row in await ask.positions("s1")] == ["p1", "p2"]
        assert [row.client_id for row in await ask.orders(["NEW"])] == ["o1"]
        assert [row.client_id for row in await ask.orders(signal_id="s9")] == ["o2"]
        assert [row.trade_id for row in await ask.fills("s1")] == [1]
        assert [row.trade_id for row in await ask.fills(since_ms=9_000)] == [2]
        assert [row.open_ms for row in await ask.processed_bars("pipeline")] == [900_000]
        assert await ask.processed_bars("other") == []
        assert await ask.intent("nobody") is None


async def test_blocks_hold_until_their_time(trading_url: str) -> None:
    async with opened(trading_url) as (journal, reader):
        await journal.commit(
            BlockRow(block_id="1", symbol="BTCUSDT"),
            BlockRow(block_id="2", symbol="ETHUSDT", until_ms=100, created_ms=1),
        )
        ask = TradingQueries(reader)
        assert [row.symbol for row in await ask.blocks(99)] == ["BTCUSDT", "ETHUSDT"]
        assert [row.symbol for row in await ask.blocks(100)] == ["BTCUSDT"]


async def test_closed_trades_are_filtered_newest_first(trading_url: str) -> None:
    async with opened(trading_url) as (journal, reader):
        await journal.commit(
            signal("a", status="closed", closed_ms=10, taken=True),
            signal("b", status="closed", closed_ms=20, taken=False, strategy_id="pullback"),
            signal("c", status="closed", closed_ms=30, taken=True, epoch=2),
            signal("d", status="open"),
            EpochRow(epoch=2, started_ms=25),
        )
        ask = TradingQueries(reader)
        assert [row.signal_id for row in await ask.closed()] == ["c", "b", "a"]
        assert [row.signal_id for row in await ask.closed(since_ms=20, limit=1)] == ["c"]
        assert [row.signal_id for row in await ask.closed(taken=True, epoch=1)] == ["a"]
        assert [row.signal_id for row in await ask.closed(strategy_id="pullback")] == ["b"]
        assert await ask.epoch() == 2


async def test_action_price_scores_come_with_their_signal(trading_url: str) -> None:
    async with opened(trading_url) as (journal, reader):
        scored = signal("a", strategy_id="action_price", decided_ms=5)
        score = ActionPriceRow(signal_id="a", mode="STANDARD", score_total=7.0, ema_fan=-2.0)
        await journal.commit(scored, score)
        assert await TradingQueries(reader).action_price() == [(score, scored)]
        with pytest.raises(StoreError):
            await journal.commit(ActionPriceRow(signal_id="nobody", mode="SKIP", score_total=0.0))


async def test_notices_resume_after_a_number(trading_url: str) -> None:
    notices = [NoticeRow(seq=n, at_ms=n, kind="EntryFilled", severity="good", text=f"n{n}") for n in (1, 2, 3)]
    async with opened(trading_url) as (journal, reader):
        ask = TradingQueries(reader)
        assert await ask.last_notice_seq() == 0
        await journal.commit(*notices)
        assert await ask.notices(after=1) == notices[1:]
        assert await ask.notices(after=0, limit=1) == notices[:1]
        assert await ask.last_notices(2) == notices[1:]
        assert await ask.last_notice_seq() == 3


async def test_the_rest_is_found_again(trading_url: str) -> None:
    zone = ZoneRow(
        zone_id="z", symbol="BTCUSDT", tf="4h", origin="v3", kind="S", low=1.0, high=2.0, strength=70.0, grade="strong",
        state="normal", lifecycle="active",
    )  # fmt: skip
    listed = SymbolRow(symbol="BTCUSDT", status="TRADING", volume_24h=1e9, filters=b'{"tick":"0.1"}')
    state = MarketStateRow(symbol="BTCUSDT", tf="4h", at_ms=7, regime="TREND", direction=1, adx=None)
    async with opened(trading_url) as (journal, reader):
        await journal.commit(
            zone,
            ZoneEventRow(zone_id="z", symbol="BTCUSDT", bar_ms=1, kind="touch"),
            listed,
            state,
            MetricRow(at_ms=3, kind="cycle", value=1.5),
            IncidentRow(at_ms=4, kind="ban", severity="danger", text="banned"),
            KvRow(key="ban_until", value=b"99"),
            KvRow(key="ban%", value=b"1"),
        )
        ask = TradingQueries(reader)
        assert await ask.zones("BTCUSDT") == [zone]
        assert await ask.zones("ETHUSDT") == []
        assert await ask.symbols() == [listed]
        assert await ask.market_states("BTCUSDT", "4h") == [state]
        assert [row.value for row in await ask.metrics("cycle")] == [1.5]
        assert [row.text for row in await ask.incidents(kind="ban")] == ["banned"]
        assert [row.key for row in await ask.kvs("ban%")] == ["ban%"]


async def test_a_reader_of_a_missing_file_says_so_and_creates_nothing(tmp_path: object) -> None:
    path = f"{tmp_path}/none.db"
    reader = Reader(Database(path, "trading"))
    with pytest.raises(StoreError, match="cannot be opened"):
        await TradingQueries(reader).kvs()
    await reader.close()
    await reader.close()
    with pytest.raises(StoreError, match="closed"):
        await TradingQueries(reader).kvs()
