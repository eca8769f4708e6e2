from __future__ import annotations

import asyncio
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.clock import InlineExecutor, VirtualClock, run_virtual
from engine.errors import InvariantBroken, StoreError
from engine.store.database import Database
from engine.store.journal import Journal
from engine.store.migrate import migrate
from engine.store.queries import TradingQueries
from engine.store.reader import Reader
from engine.store.rows import (
    CooldownRow,
    Deleted,
    KvRow,
    OutboxRow,
    Row,
    SignalEventRow,
)
from tests.support.stored import fill, intent, opened, order, signal


async def test_a_committed_row_is_read_back_as_it_was(trading_url: str) -> None:
    rows = [
        intent(outcome="é -2019"),
        order(price=Decimal("0.000012340"), average=None, conditional=True, order_id=2**53 + 1),
        fill(fee=Decimal("-0.00000001"), maker=True),
        signal(entry=Decimal("61000.50"), r0=Decimal("730.00"), final_score=3.25, evidence=b'{"a":1.0}'),
    ]
    async with opened(trading_url) as (journal, reader):
        await journal.commit(*rows)
        ask = TradingQueries(reader)
        assert await ask.intents() == [rows[0]]
        assert await ask.orders() == [rows[1]]
        assert await ask.fills() == [rows[2]]
        assert await ask.signal("s1") == rows[3]


async def test_decimals_keep_their_digits(trading_url: str) -> None:
    async with opened(trading_url) as (journal, reader):
        await journal.commit(order(price=Decimal("1E+3"), filled=Decimal("1.50"), trigger_price=Decimal("1E-12")))
        found = await TradingQueries(reader).order("c")
        assert found is not None
        assert (str(found.price), str(found.filled)) == ("1000", "1.50")
        assert found.trigger_price == Decimal("0.000000000001")


async def test_the_same_key_overwrites_and_a_deletion_removes(trading_url: str) -> None:
    async with opened(trading_url) as (journal, reader):
        ask = TradingQueries(reader)
        await journal.commit(intent(), intent("other"))
        await journal.commit(intent(state="accepted"), Deleted(intent("other")))
        assert await ask.intents(["pending", "accepted"]) == [intent(state="accepted")]


async def test_rows_of_one_commit_are_applied_in_their_order(trading_url: str) -> None:
    async with opened(trading_url) as (journal, reader):
        await journal.commit(
            intent(state="pending"), Deleted(intent()), intent(state="done"), fill(), intent(state="unknown")
        )
        assert [row.state for row in await TradingQueries(reader).intents(["pending", "done", "unknown"])] == [
            "unknown"
        ]


async def test_a_commit_is_whole_or_not_at_all(trading_url: str) -> None:
    async with opened(trading_url) as (journal, reader):
        await journal.commit(signal("s1", status="open"))
        with pytest.raises(StoreError):
            await journal.commit(intent(), signal("s2", status="open"))
        assert await TradingQueries(reader).intents() == []
        await journal.commit(intent())
        assert await TradingQueries(reader).intents() == [intent()]


async def test_one_strategy_has_one_open_signal_on_a_symbol_and_blocks_nobody_else(trading_url: str) -> None:
    async with opened(trading_url) as (journal, reader):
        await journal.commit(
            signal("a", status="open"),
            signal("b", status="beside"),
            signal("c", status="open", strategy_id="action_price"),
            signal("d", status="open", symbol="ETHUSDT"),
        )
        with pytest.raises(StoreError):
            await journal.commit(signal("e", status="open"))
        await journal.commit(signal("a", status="closed", closed_ms=1), signal("e", status="open"))
        held = await TradingQueries(reader).signals(["open"], strategy_id="order_flow", symbol="BTCUSDT")
        assert [row.signal_id for row in held] == ["e"]


async def test_lazy_rows_arrive_with_the_next_batch(trading_url: str) -> None:
    async with opened(trading_url) as (journal, reader):
        journal.put(CooldownRow(strategy_id="x", symbol="BTCUSDT", side="long", until_ms=9))
        journal.put(CooldownRow(strategy_id="x", symbol="BTCUSDT", side="long", until_ms=10))
        assert journal.waiting == 1
        keeping = asyncio.create_task(journal.run())
        async with asyncio.timeout(10):
            while not (held := await TradingQueries(reader).cooldowns()):  # noqa: ASYNC110 - no event marks it
                await asyncio.sleep(0.01)
        keeping.cancel()
        assert [row.until_ms for row in held] == [10]


async def test_a_lazy_row_never_overwrites_a_newer_durable_one(trading_url: str) -> None:
    async with opened(trading_url) as (journal, reader):
        journal.put(KvRow(key="desk", value=b'"old"'))
        await journal.commit(KvRow(key="desk", value=b'"new"'))
        await journal.flush()
        found = await TradingQueries(reader).kv("desk")
        assert found is not None
        assert found.value == b'"new"'


async def test_closing_writes_what_still_waits(trading_url: str) -> None:
    async with opened(trading_url) as (journal, _):
        journal.put(KvRow(key="a", value=b"1"))
        await journal.close()
        with pytest.raises(StoreError):
            await journal.commit(intent())
    async with opened(trading_url) as (_, reader):
        assert [row.key for row in await TradingQueries(reader).kvs()] == ["a"]


async def test_a_failed_batch_keeps_its_rows(trading_url: str) -> None:
    async with opened(trading_url) as (journal, reader):
        await journal.commit(signal("s1", status="open"))
        journal.put(signal("s2", status="open"))
        with pytest.raises(StoreError):
            await journal.flush()
        assert journal.waiting == 1
        await journal.commit(signal("s1", status="closed", closed_ms=2))
        await journal.flush()
        assert {row.signal_id for row in await TradingQueries(reader).signals(["open"])} == {"s2"}


async def test_a_message_with_a_known_dedupe_key_is_the_same_message(trading_url: str) -> None:
    async with opened(trading_url) as (journal, reader):
        await journal.commit(
            OutboxRow(dedupe_key="k", chat="1", body="first"), OutboxRow(dedupe_key="l", chat="1", body="x")
        )
        await journal.commit(OutboxRow(dedupe_key="k", chat="1", body="first", attempts=1, next_ms=50))
        due = await TradingQueries(reader).outbox(100)
        assert [(row.dedupe_key, row.attempts) for row in due] == [("k", 1), ("l", 0)]
        assert [row.dedupe_key for row in await TradingQueries(reader).outbox(49)] == ["l"]


async def test_events_are_numbered_by_the_database(trading_url: str) -> None:
    async with opened(trading_url) as (journal, reader):
        events = [SignalEventRow(signal_id="s1", at_ms=i, kind="stage") for i in (1, 2)]
        await journal.commit(*events)
        found = await TradingQueries(reader).signal_events("s1")
        assert [row.at_ms for row in found] == [1, 2]
        assert len({row.id for row in found}) == 2


async def test_latency_of_commits_is_measured(trading_url: str) -> None:
    async with opened(trading_url) as (journal, _):
        assert journal.latency_p95_ms == 0.0
        await journal.commit(intent())
        assert 0.0 < journal.latency_p95_ms < 60_000.0


async def test_a_reader_cannot_write(trading_url: str) -> None:
    async with opened(trading_url) as (_, reader):
        with pytest.raises(StoreError):
            await reader.run(lambda connection: connection.exec_driver_sql("DELETE FROM intents"))


async def test_a_row_without_a_table_is_a_bug(trading_url: str) -> None:
    async with opened(trading_url) as (journal, _):
        with pytest.raises(InvariantBroken):
            await journal.commit(Row())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["pending", "accepted", "rejected"]), st.integers(1, 3)),
        max_size=8,
    )
)
def test_committing_again_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, int]]
) -> None:
    url = str(tmp_path_factory.mktemp("idempotent") / "desk.db")
    migrate(url, "trading")

    async def play() -> None:
        async with opened(url, durable=False) as (journal, reader):
            expected: dict[str, str] = {}
            for name, state, times in steps:
                for _ in range(times):
                    await journal.commit(intent(name, state=state))
                expected[name] = state
            held = await TradingQueries(reader).intents(["pending", "accepted", "rejected"])
            assert {row.client_id: row.state for row in held} == expected

    asyncio.run(play())


def test_on_virtual_time_the_lanes_keep_their_order_without_a_thread(tmp_path: Path) -> None:
    url = str(tmp_path / "desk.db")
    migrate(url, "trading")

    async def main(clock: VirtualClock) -> list[str]:
        database = Database(url, "trading", durable=False)
        inline = InlineExecutor()
        journal, reader = Journal(database, clock, inline), Reader(database, inline)
        await journal.open()
        keeping = asyncio.create_task(journal.run())
        journal.put(KvRow(key="lazy", value=b"1"))
        await journal.commit(KvRow(key="durable", value=b"1"))
        before = [row.key for row in await TradingQueries(reader).kvs()]
        await clock.sleep(1.0)
        after = [row.key for row in await TradingQueries(reader).kvs()]
        keeping.cancel()
        await reader.close()
        await journal.close()
        return [*before, "|", *after]

    assert run_virtual(main, 0) == ["durable", "|", "durable", "lazy"]


async def test_a_full_disk_is_a_store_error_and_nothing_is_acknowledged(tmp_path: Path) -> None:
    url = str(tmp_path / "desk.db")
    migrate(url, "trading")
    async with opened(url) as (journal, reader):
        await journal.transact(lambda c: c.exec_driver_sql(f"PRAGMA max_page_count = {_pages(c) + 2}"))
        with pytest.raises(StoreError, match="no room"):
            await journal.commit(*(KvRow(key=str(n), value=b'"' + b"x" * 4000 + b'"') for n in range(50)))
        assert await TradingQueries(reader).kvs() == []


def _pages(connection: object) -> int:
    return int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())  # type: ignore[attr-defined]


async def test_a_locked_database_is_a_store_error_that_passes(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    migrate(str(path), "trading")
    async with opened(str(path), busy_timeout_ms=30) as (journal, reader):
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked by another program"):
            await journal.commit(intent())
        other.execute("ROLLBACK")
        other.close()
        await journal.commit(intent())
        assert await TradingQueries(reader).intents() == [intent()]
