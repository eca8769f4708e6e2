"""Every symbol with how it stands."""

from __future__ import annotations

from engine.desk.directory import Directory
from engine.market.coordinator import SymbolLoadCoordinator
from strategies.model import Regime, RegimeState
from tests.bench.bench_close import instrument

NAMES = ("AUSDT", "BUSDT", "CUSDT", "DUSDT")


async def test_each_symbol_says_whether_it_is_live_on_its_way_or_halted() -> None:
    coordinator = SymbolLoadCoordinator(lambda: 0.0)
    coordinator.add(NAMES[:3])
    taken = await coordinator.take()
    assert taken == "AUSDT"
    regimes = {"AUSDT": Regime(RegimeState.TREND, 1, 0.7), "DUSDT": Regime(RegimeState.RANGE, 0, 0.7)}
    directory = Directory(coordinator, {name: instrument(name) for name in NAMES}, regimes, {"DUSDT": 1.25})
    rows = await directory.table()["directory"]({})
    assert [(row["symbol"], row["state"]) for row in rows] == [
        ("AUSDT", "loading history"), ("BUSDT", "waits for history"), ("CUSDT", "waits for history"),
        ("DUSDT", "halted"),
    ]  # fmt: skip
    assert rows[3]["last"] == "1.250000"
    assert rows[0]["about"] == "loading history"
    assert await coordinator.loaded("AUSDT")
    assert await coordinator.next() == "AUSDT"
    assert coordinator.mark_active("AUSDT")
    (row, *_) = await directory.table()["directory"]({})
    assert (row["state"], row["about"]) == ("live", "live  trend up")
    await coordinator.take()
    coordinator.fail("BUSDT", "too young")
    rows = await directory.table()["directory"]({})
    assert rows[1]["about"] == "no history  too young"
