"""A writer is killed in mid-commit: nothing it acknowledged is lost, nothing is half there."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

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
