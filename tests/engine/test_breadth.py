"""A part of the market on one engine, from nothing to a restart: the short form of `tests.bench.breadth`."""

from __future__ import annotations

from pathlib import Path

from tests.support.served_desk import ServedDesk

SYMBOLS = (
    "BTCUSDT,ETHUSDT,SOLUSDT,BNBUSDT,XRPUSDT,ADAUSDT,LINKUSDT,AAVEUSDT,DOTUSDT,DOGEUSDT,AVAXUSDT,LTCUSDT,"
    "UNIUSDT,ATOMUSDT,NEARUSDT,APTUSDT"
)
BAR_MS, HOUR_MS = 900_000, 3_600_000
SPEED = 120.0


def loads(desk: ServedDesk) -> int:
    return sum(event.get("event") == "load_done" for event in desk.events("market"))


def test_everything_goes_live_survives_a_kill_and_an_hours_stop_and_loses_no_bar(tmp_path: Path) -> None:
    with ServedDesk(tmp_path, SYMBOLS, SPEED) as desk:
        count = len(desk.ready["symbols"])
        desk.start()
        foretold = desk.logged("load_forecast", 60)
        assert foretold["symbols"] == count
        assert foretold["text"].startswith(f"{count} symbols: {52 * count:,} weight, ")
        first = desk.logged("load_done", 120)
        assert (first["symbols"], first["failed"]) == (count, 0)
        since_ms = first["ts_ms"] // BAR_MS * BAR_MS
        desk.kill()
        stopped_ms = desk.server_ms()
        desk.set_speed(1200.0)
        desk.await_ms(stopped_ms + HOUR_MS)
        desk.set_speed(SPEED)
        desk.start()
        again = desk.logged("load_done", 120, count=2)
        assert (again["symbols"], again["failed"]) == (count, 0)
        # The same exchange, the same history: only the hour was fetched.
        second = desk.logged("load_forecast", 1, count=2)
        assert second["weight"] <= 2 * count
        desk.logged("cycle", 60, "strategies", sum(e.get("event") == "cycle" for e in desk.events("strategies")) + 2)
        until_ms = desk.server_ms() // BAR_MS * BAR_MS - BAR_MS
        assert desk.stop() == 0
        assert until_ms - since_ms > HOUR_MS
        assert desk.holes(since_ms, until_ms) == {}
        assert desk.rss_mb_at_stop < 1024
