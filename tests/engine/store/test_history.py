from __future__ import annotations

import math

import numpy as np
import pytest

from engine.store.history_queries import HistoryQueries, SeriesSpan
from engine.store.history_rows import CandleRow, GapRow, TradeRow
from engine.store.history_writer import HistoryWriter
from tests.support.stored import opened

TF_MS = 900_000


def bar(n: int, close: float = 1.5, **changes: object) -> CandleRow:
    return CandleRow("BTCUSDT", "15m", n * TF_MS, 1.0, 2.0, 0.5, close, 10.0, 15.0, 7, 6.0, 9.0)._replace(**changes)


async def test_bars_come_back_as_arrays_oldest_first(history_url: str) -> None:
    async with opened(history_url, "history") as (journal, reader):
        done = await HistoryWriter(journal).upsert_candles(
            "BTCUSDT", "15m", [bar(2), bar(1), bar(3, taker_buy=math.nan)]
        )
        assert done == (3, {})
        ask = HistoryQueries(reader)
        found = await ask.candles("BTCUSDT", "15m")
        assert found.open_time.tolist() == [TF_MS, 2 * TF_MS, 3 * TF_MS]
        assert found.high.tolist() == [2.0, 2.0, 2.0]
        assert np.isnan(found.taker_buy).tolist() == [False, False, True]
        assert (await ask.candles("BTCUSDT", "15m", newest=2)).open_time.tolist() == [2 * TF_MS, 3 * TF_MS]
        assert (await ask.candles("BTCUSDT", "15m", 2 * TF_MS, 3 * TF_MS)).open_time.tolist() == [2 * TF_MS]
        assert (await ask.open_times("BTCUSDT", "15m", 2 * TF_MS)).tolist() == [2 * TF_MS, 3 * TF_MS]
        assert len((await ask.candles("ETHUSDT", "15m")).open_time) == 0
        assert await ask.last_open("BTCUSDT", "15m") == 3 * TF_MS
        assert await ask.spans() == [SeriesSpan("BTCUSDT", "15m", TF_MS, 3 * TF_MS, 3)]


async def test_a_changed_closed_bar_is_told_and_revised_an_equal_one_is_not(history_url: str) -> None:
    async with opened(history_url, "history") as (journal, reader):
        writer = HistoryWriter(journal)
        await writer.upsert_candles("BTCUSDT", "15m", [bar(1), bar(2)])
        assert (await writer.upsert_candles("BTCUSDT", "15m", [bar(1), bar(2), bar(3)])).revised == {}
        revised = (await writer.upsert_candles("BTCUSDT", "15m", [bar(1), bar(2, 1.6)])).revised
        assert revised == {2 * TF_MS: pytest.approx(abs(1.6 / bar(2).close - 1) * 100)}
        revisions = await reader.run(
            lambda c: c.exec_driver_sql("SELECT revision FROM candles ORDER BY open_time").scalars().all()
        )
        assert revisions == [0, 1, 0]
        assert (await HistoryQueries(reader).candles("BTCUSDT", "15m")).close.tolist() == [1.5, 1.6, 1.5]


async def test_a_source_without_taker_volume_does_not_erase_it(history_url: str) -> None:
    async with opened(history_url, "history") as (journal, reader):
        writer = HistoryWriter(journal)
        await writer.upsert_candles("BTCUSDT", "15m", [bar(1)])
        await writer.upsert_candles("BTCUSDT", "15m", [bar(1, taker_buy=None, quote_volume=None)])
        found = await HistoryQueries(reader).candles("BTCUSDT", "15m")
        assert (found.taker_buy.tolist(), found.quote_volume.tolist()) == ([6.0], [15.0])


async def test_retention_drops_old_bars_of_its_timeframe_only(history_url: str) -> None:
    async with opened(history_url, "history") as (journal, reader):
        writer = HistoryWriter(journal)
        await writer.upsert_candles("BTCUSDT", "15m", [bar(1), bar(2)])
        await writer.upsert_candles("BTCUSDT", "1h", [bar(1)._replace(tf="1h")])
        assert await writer.prune_candles("15m", 2 * TF_MS) == 1
        assert {(s.tf, s.bars) for s in await HistoryQueries(reader).spans()} == {("15m", 1), ("1h", 1)}


async def test_the_tape_keeps_each_print_once(history_url: str) -> None:
    prints = [TradeRow("BTCUSDT", n, 10 * n, 60_000.5, 0.1, n % 2 == 0) for n in (1, 2)]
    async with opened(history_url, "history") as (journal, reader):
        writer = HistoryWriter(journal)
        await writer.insert_trades(prints)
        await writer.insert_trades(prints)
        assert await HistoryQueries(reader).trades("BTCUSDT") == prints
        assert await writer.prune_trades(20) == 1
        assert await HistoryQueries(reader).trades("BTCUSDT") == prints[1:]


async def test_holes_are_remembered_newest_first(history_url: str) -> None:
    async with opened(history_url, "history") as (journal, reader):
        old, new = (GapRow(symbol="BTCUSDT", tf="15m", from_ms=n, to_ms=n + 1, missing=1) for n in (1, 5))
        await journal.commit(old, new)
        await journal.commit(
            GapRow(symbol="BTCUSDT", tf="15m", from_ms=1, to_ms=2, missing=1, state="unfillable", attempts=3)
        )
        ask = HistoryQueries(reader)
        assert [gap.from_ms for gap in await ask.gaps()] == [5, 1]
        assert await ask.gaps(["open"]) == [new]


async def test_ends_and_symbols_are_found_without_looking_at_every_bar(history_url: str) -> None:
    async with opened(history_url, "history") as (journal, reader):
        writer, ask = HistoryWriter(journal), HistoryQueries(reader)
        assert await ask.symbols() == []
        await writer.upsert_candles("BTCUSDT", "15m", [bar(1), bar(2), bar(5)])
        await writer.upsert_candles("ADAUSDT", "15m", [bar(3)._replace(symbol="ADAUSDT")])
        assert await ask.symbols() == ["ADAUSDT", "BTCUSDT"]
        assert await ask.ends(["BTCUSDT", "ADAUSDT", "XRPUSDT"], "15m") == {
            "BTCUSDT": (TF_MS, 5 * TF_MS), "ADAUSDT": (3 * TF_MS, 3 * TF_MS),
        }  # fmt: skip


@pytest.mark.parametrize("opens", [[1, 2, 3, 4], [1, 2, 4], [4], []])
async def test_open_times_are_those_that_are_stored_with_and_without_holes(history_url: str, opens: list[int]) -> None:
    async with opened(history_url, "history") as (journal, reader):
        await HistoryWriter(journal).upsert_candles("BTCUSDT", "15m", [bar(n) for n in opens])
        found = await HistoryQueries(reader).open_times("BTCUSDT", "15m")
        assert found.tolist() == [n * TF_MS for n in opens]


async def test_a_bar_off_the_grid_is_among_the_open_times(history_url: str) -> None:
    async with opened(history_url, "history") as (journal, reader):
        odd = bar(2)._replace(open_time=2 * TF_MS + 60_000)
        await HistoryWriter(journal).upsert_candles("BTCUSDT", "15m", [bar(1), odd, bar(3)])
        found = await HistoryQueries(reader).open_times("BTCUSDT", "15m")
        assert found.tolist() == [TF_MS, 2 * TF_MS + 60_000, 3 * TF_MS]
