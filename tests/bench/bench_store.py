"""A million candles into the store and a thousand out of it, beside what the bare driver takes. Prints ratios.

Run as `python -m tests.bench.bench_store [bars]`. The bare side writes with `executemany` into a table without our
upsert and reads with a plain SELECT into numpy. Times are processor time of all threads, which a busy machine does not
stretch; our reads run on a thread of their own, so their wall time is shown beside it.
"""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from engine.clock import SystemClock
from engine.store.database import Database
from engine.store.history_queries import HistoryQueries
from engine.store.history_rows import CandleRow
from engine.store.history_writer import HistoryWriter
from engine.store.journal import Journal
from engine.store.migrate import migrate
from engine.store.reader import Reader
from tests.bench.table import note

PAGE = 499
PER_SYMBOL = 10_000
STEP_MS = 900_000
READS = 30
READ_BARS = 1000
BARE_TABLE = (
    "CREATE TABLE candles (symbol TEXT, tf TEXT, open_time INTEGER, open REAL, high REAL, low REAL, close REAL, "
    "volume REAL, quote_volume REAL, trades INTEGER, taker_buy REAL, taker_buy_quote REAL, revision INTEGER, "
    "PRIMARY KEY (symbol, tf, open_time)) WITHOUT ROWID"
)


@dataclass(frozen=True)
class StoreFigures:
    """Processor seconds for the load and for one read, ours and bare."""

    bars: int
    load_s: float
    bare_load_s: float
    read_s: float
    bare_read_s: float
    read_wall_s: float

    @property
    def load_ratio(self) -> float:
        return self.load_s / self.bare_load_s

    @property
    def read_ratio(self) -> float:
        return self.read_s / self.bare_read_s


def pages(bars: int) -> list[list[CandleRow]]:
    """Bars of many symbols, page by page as they come from an exchange."""
    found = []
    for symbol in range(-(-bars // PER_SYMBOL)):
        name, count = f"S{symbol:04}USDT", min(PER_SYMBOL, bars - symbol * PER_SYMBOL)
        for first in range(0, count, PAGE):
            found.append([
                CandleRow(name, "15m", at * STEP_MS, 100.0, 101.5, 99.25, 100.75, 1234.5, 123456.5, 99, 600.25, 60012.5)
                for at in range(first, min(first + PAGE, count))
            ])  # fmt: skip
    return found


async def ours(file: Path, work: Sequence[list[CandleRow]]) -> tuple[float, float, float]:
    """Seconds of the whole load and the median of a read, through the store; and the wall time of a read."""
    url = f"sqlite:///{file}"
    migrate(url, "history")
    database = Database(url, "history")
    journal, reader = Journal(database, SystemClock()), Reader(database)
    writer, queries = HistoryWriter(journal), HistoryQueries(reader)
    await journal.open()
    try:
        began = process_time()
        for page in work:
            await writer.upsert_candles(page[0].symbol, "15m", page)
        load_s = process_time() - began
        reads, walls = [], []
        for number in range(READS):
            symbol = work[number * len(work) // READS][0].symbol
            began, wall = process_time(), perf_counter()
            columns = await queries.candles(symbol, "15m", newest=READ_BARS)
            reads.append(process_time() - began)
            walls.append(perf_counter() - wall)
            assert len(columns.open_time) == READ_BARS
    finally:
        await reader.close()
        await journal.close()
    return load_s, statistics.median(reads), statistics.median(walls)


def bare(file: Path, work: Sequence[list[CandleRow]]) -> tuple[float, float]:
    """The same with nothing but the driver: one transaction for each page, no look at what is there."""
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA cache_size = -65536")
        database.execute(BARE_TABLE)
        began = process_time()
        for page in work:
            database.execute("BEGIN IMMEDIATE")
            database.executemany("INSERT OR REPLACE INTO candles VALUES (?,?,?,?,?,?,?,?,?,?,?,?,0)", page)
            database.execute("COMMIT")
        load_s = process_time() - began
        query = (
            "SELECT open_time, open, high, low, close, volume, quote_volume, taker_buy FROM candles "
            "WHERE symbol = ? AND tf = '15m' ORDER BY open_time DESC LIMIT ?"
        )
        reads: list[float] = []
        for number in range(READS):
            symbol = work[number * len(work) // READS][0].symbol
            began = process_time()
            values = np.array(database.execute(query, (symbol, READ_BARS)).fetchall(), dtype=np.float64)[::-1]
            reads.append(process_time() - began)
            assert len(values) == READ_BARS
    return load_s, statistics.median(reads)


def measure(bars: int, told: Callable[[str], None] = lambda _text: None) -> StoreFigures:
    """Both sides over the same bars."""
    work = pages(bars)
    with tempfile.TemporaryDirectory(prefix="bench-store-") as folder:
        told(f"{bars:,} bars in {len(work):,} pages")
        bare_load_s, bare_read_s = bare(Path(folder) / "bare.sqlite", work)
        load_s, read_s, wall_s = asyncio.run(ours(Path(folder) / "ours.sqlite", work))
    return StoreFigures(bars, load_s, bare_load_s, read_s, bare_read_s, wall_s)


def main(argv: list[str]) -> int:
    """Print the figures."""
    figures = measure(int(argv[0]) if argv else 1_000_000, print)
    rate = figures.bars / figures.load_s
    print(f"load   {figures.load_s:8.2f} s   bare {figures.bare_load_s:8.2f} s   "
          f"ratio {figures.load_ratio:.2f}   {rate:,.0f} bars/s")  # fmt: skip
    print(f"read   {figures.read_s * 1e3:8.2f} ms  bare {figures.bare_read_s * 1e3:8.2f} ms  "
          f"ratio {figures.read_ratio:.2f}   {READ_BARS} bars, wall {figures.read_wall_s * 1e3:.2f} ms")  # fmt: skip
    note("bulk upsert, to raw sqlite3 executemany", figures.load_ratio, goal=1.25, detail=f"{rate:,.0f} bars/s")
    note("read of 1,000 bars, to a plain SELECT", figures.read_ratio)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
