"""A writer is killed in mid-commit: nothing it acknowledged is lost, nothing is half there."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.store.database import Which
from engine.store.history_queries import HistoryQueries
from engine.store.migrate import HEAD, current, migrate
from engine.store.queries import TradingQueries
from engine.store.rows import FillRow
from tests.support.stored import opened

WRITER = """
import asyncio, sys
from engine.clock import SystemClock
from engine.store.database import Database
from engine.store.journal import Journal
from tests.support.stored import fill, intent

async def main():
    journal = Journal(Database(sys.argv[1], "trading"), SystemClock())
    await journal.open()
    n = 0
    while True:
        n += 1
        await journal.commit(intent(str(n)), *(fill(1000 * n + i, client_id=str(n)) for i in range(20)))
        print(n, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("seed", [1, 2])
def test_kill_in_mid_commit_loses_nothing_acknowledged(trading_url: str, seed: int) -> None:
    root = Path(__file__).parents[3]
    acknowledged = 0
    for _ in range(2):
        until = acknowledged + random.Random(seed).randint(5, 40)
        with subprocess.Popen([sys.executable, "-c", WRITER, trading_url], stdout=subprocess.PIPE, cwd=root) as writer:
            assert writer.stdout is not None
            told = 0
            while told < until - acknowledged and (line := writer.stdout.readline()):
                told = int(line)
            writer.send_signal(signal.SIGKILL)
            # What was printed before the kill was acknowledged too.
            rest = [int(line) for line in writer.stdout.read().split()]
        acknowledged = max([told, *rest, acknowledged])
        stored, fills = asyncio.run(held(trading_url))
        assert {str(n) for n in range(1, acknowledged + 1)} <= stored
        assert {row.client_id for row in fills} == stored
        assert len(fills) == 20 * len(stored)


async def held(url: str) -> tuple[set[str], list[FillRow]]:
    async with opened(url) as (_, reader):
        ask = TradingQueries(reader)
        return {row.client_id for row in await ask.intents()}, await ask.fills()


LOADER = """
import asyncio, sys
from engine.clock import SystemClock
from engine.store.database import Database
from engine.store.history_rows import CandleRow
from engine.store.history_writer import HistoryWriter
from engine.store.journal import Journal

async def main():
    journal = Journal(Database(sys.argv[1], "history"), SystemClock())
    await journal.open()
    writer = HistoryWriter(journal)
    for page in range(200):
        opens = range(page * 99 * 900_000, (page + 1) * 99 * 900_000, 900_000)
        bars = [CandleRow("BTCUSDT", "15m", at, 1.0, 2.0, 0.5, 1.5, 10.0) for at in opens]
        await writer.upsert_candles("BTCUSDT", "15m", bars)
        print(page, flush=True)

asyncio.run(main())
"""


def test_kill_in_mid_upsert_leaves_whole_pages_and_doing_it_again_adds_nothing_twice(history_url: str) -> None:
    root = Path(__file__).parents[3]
    for until in (3, 17, 40):
        with subprocess.Popen([sys.executable, "-c", LOADER, history_url], stdout=subprocess.PIPE, cwd=root) as loader:
            assert loader.stdout is not None
            while (line := loader.stdout.readline()) and int(line) < until:
                pass
            loader.send_signal(signal.SIGKILL)
            told = [int(line) for line in loader.stdout.read().split()]
        acknowledged = max([until, *told]) + 1
        times = asyncio.run(stored_times(history_url))
        assert len(times) % 99 == 0
        assert len(times) >= 99 * acknowledged
        assert times == [at * 900_000 for at in range(len(times))]
        assert asyncio.run(revisions(history_url)) == {0}


async def stored_times(url: str) -> list[int]:
    async with opened(url, "history") as (_, reader):
        return [int(at) for at in await HistoryQueries(reader).open_times("BTCUSDT", "15m")]


async def revisions(url: str) -> set[int]:
    async with opened(url, "history") as (_, reader):
        return await reader.run(
            lambda connection: set(connection.exec_driver_sql("SELECT DISTINCT revision FROM candles").scalars())
        )


MIGRATION = """
import sys
from engine.store import migrate as module
print("begun", flush=True)
module.migrate(sys.argv[1], sys.argv[2])
print("done", flush=True)
"""


@pytest.mark.parametrize("which", ["trading", "history"])
def test_kill_in_mid_migration_and_the_next_start_completes_it(empty_url: str, which: Which) -> None:
    root = Path(__file__).parents[3]
    for statements in (1, 2, 3):
        # Killed after so many statements: between the tables of one version.
        code = KILLED_AFTER.format(statements=statements) + MIGRATION
        started = subprocess.run(
            [sys.executable, "-c", code, empty_url, which], capture_output=True, cwd=root, check=False
        )
        assert started.returncode == -signal.SIGKILL, started.stderr
        assert b"done" not in started.stdout
    assert migrate(empty_url, which) == HEAD[which]
    assert current(empty_url, which) == HEAD[which]


KILLED_AFTER = """
import os, signal
from sqlalchemy import event
from sqlalchemy.engine import Engine
seen = 0
@event.listens_for(Engine, "after_cursor_execute")
def count(connection, cursor, statement, parameters, context, executemany):
    global seen
    seen += "CREATE TABLE" in statement
    if seen >= {statements}:
        os.kill(os.getpid(), signal.SIGKILL)
"""
