"""What both zone builders made of a signal is kept with it; of a refusal it is only logged."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import structlog

from engine.desk.verdicts import Verdicts
from engine.store.rows import SignalEventRow
from engine.trading.zone_arms import ArmView, Comparison
from strategies.conflicts import dropped
from tests.support.analysis import signal

OURS = ArmView("v2", True, stop=99.0, stop_source="zone", room_r=2.5)
THEIRS = ArmView("v3", False, "fail:stop_width")


@pytest.mark.parametrize("refused", [False, True])
def test_a_comparison_is_logged_and_kept_only_for_a_signal(refused: bool) -> None:
    rows: list[SignalEventRow] = []
    floor: Any = None
    verdicts = Verdicts(floor, lambda _verdict, _snapshot: None, rows.append)
    verdict = dropped(signal(), "fail:stop_width", "") if refused else signal()
    with structlog.testing.capture_logs() as logs:
        verdicts.compared(Comparison(verdict, OURS, THEIRS))
    assert [(line["event"], line["ours"]["stop"], line["theirs"]["reason"]) for line in logs] == [
        ("zone_arms", 99.0, "fail:stop_width")
    ]
    assert len(rows) == (0 if refused else 1)
    for row in rows:
        assert (row.signal_id, row.kind) == (verdict.id, "zone_arms")
        kept = msgspec.json.decode(row.payload)
        assert (kept["ours"]["arm"], kept["theirs"]["arm"], kept["theirs"]["would_signal"]) == ("v2", "v3", False)
