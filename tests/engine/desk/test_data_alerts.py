from __future__ import annotations

import asyncio

import pytest

from engine.bus import Bus
from engine.clock import VirtualClock, run_virtual
from engine.desk.data_alerts import DIGEST_MS, HOUR_MS, AlertBook, DataAlerts
from engine.desk.notice_log import NoticeLog
from engine.market.events import BarRefused, BarsMissed, CandleRevised, SymbolLoaded, SymbolsSuspended
from engine.store.rows import IncidentRow

T0 = 1_767_225_600_000


@pytest.mark.parametrize(
    ("kind", "quiet_ms"), [("stale", DIGEST_MS), ("gap", HOUR_MS), ("incomplete", 6 * HOUR_MS), ("failed", HOUR_MS)]
)
def test_a_symbol_is_told_once_within_its_throttle(kind: str, quiet_ms: int) -> None:
    book = AlertBook()
    assert book.admit(kind, "A", "x", T0)
    assert not book.admit(kind, "A", "x", T0 + quiet_ms - 1)
    assert book.admit(kind, "B", "x", T0 + 1)
    assert book.admit(kind, "A", "x", T0 + quiet_ms)


def test_each_corruption_is_told_but_at_most_ten_an_hour() -> None:
    book = AlertBook()
    assert [book.admit("corruption", "A", "x", T0 + i) for i in range(12)] == [True] * 10 + [False] * 2
    assert book.admit("corruption", "A", "x", T0 + HOUR_MS)


def test_a_digest_names_ten_symbols_and_counts_the_rest() -> None:
    book = AlertBook()
    for n in range(13):
        book.admit("stale", f"S{n:02}", "x", T0)
    book.admit("corruption", "X", "15m: its low is -1.0", T0)
    text = book.digest(T0)
    assert text.startswith("13 without their bar (S00, S01,")
    assert "S09 and 3 more)" in text
    assert text.endswith("X with bad bars (15m: its low is -1.0)")
    assert book.due_ms(T0) is None


def test_digests_are_five_minutes_apart_and_every_alert_is_an_incident() -> None:
    async def main(clock: VirtualClock) -> None:
        bus, log, rows = Bus(), NoticeLog(clock), []
        alerts = DataAlerts(bus, clock, log, rows.append)
        running = asyncio.create_task(alerts.run())
        bus.publish(BarsMissed(T0, ("A", "B")))
        bus.publish(SymbolsSuspended(T0, ("C",)))
        await clock.sleep(10)
        bus.publish(BarRefused("D", "15m", T0, "its low is 0"))
        bus.publish(SymbolLoaded("E", False, 97.0))
        bus.publish(SymbolLoaded("F", False, 99.5))
        bus.publish(CandleRevised("G", "15m", T0, 0.05))
        bus.publish(CandleRevised("H", "15m", T0, 0.2))
        await clock.sleep(250)
        assert [notice.text for notice in log.kept] == [
            "data: 2 without their bar (A, B); 1 with a hole in the last 300 bars (C)"
        ]
        await clock.sleep(60)
        (_, second) = log.kept
        assert second.text == "data: 1 below 99 % of their history (E); 2 with bad bars (D, H)"
        assert second.at_ms - log.kept[0].at_ms == DIGEST_MS
        assert all(isinstance(row, IncidentRow) for row in rows)
        assert [(row.kind, row.symbol) for row in rows] == [
            ("data_stale", "A"), ("data_stale", "B"), ("data_gap", "C"), ("data_corruption", "D"),
            ("data_incomplete", "E"), ("data_corruption", "H"),
        ]  # fmt: skip
        running.cancel()

    run_virtual(main, T0)
