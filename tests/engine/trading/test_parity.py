"""What the desk keeps in memory decides as the whole history does: signals, refusals, scores, stops and zones."""

from __future__ import annotations

import pytest

from strategies.settings import StrategySettings
from tests.support.bundled import bundled
from tests.support.parity import Parity, compare
from tests.support.replay import with_flow

TWO_WEEKS = 14 * 96


@pytest.mark.parametrize("symbol", ["SOLUSDT", "LINKUSDT"])
def test_two_weeks_on_the_stored_window_decide_as_on_the_whole_history(symbol: str) -> None:
    settings = with_flow(StrategySettings(), estimate=True)
    found: Parity = compare(symbol, bundled(symbol), bundled("BTCUSDT"), settings, TWO_WEEKS)
    assert found.closes == TWO_WEEKS
    assert found.verdicts > 200
    assert found.signals >= 5
    assert (found.decisions, found.reasons, found.scores) == ([], [], [])
    assert found.zones > 500
    assert found.zone_differences == []
    assert found.worst_price < 1e-9
    assert found.worst_strength < 1e-6
