"""Funding of a history: what was recorded counts, what was not is assumed, and never both."""

from __future__ import annotations

import numpy as np
import pytest

from engine.research.data import FundingRates
from engine.research.features import FundingHistory, funding_history
from engine.research.settlements import PERIOD_MS, settlements_of

T0 = 1_767_225_600_000  # a settlement
HOUR = 3_600_000


def recorded(*at_ms: int) -> FundingHistory:
    return funding_history(FundingRates(np.array(at_ms, dtype=np.int64), np.full(len(at_ms), 0.0003)))


def test_nothing_recorded_and_nothing_assumed_charges_nothing() -> None:
    found = settlements_of(None, T0, T0 + 3 * PERIOD_MS, 0.0)
    assert (found.rows, found.recorded) == ((), 0.0)


def test_the_assumed_rate_stands_in_for_every_period() -> None:
    found = settlements_of(None, T0 + HOUR, T0 + 2 * PERIOD_MS + HOUR, 0.0001)
    assert found.rows == ((T0 + PERIOD_MS, 0.0001), (T0 + 2 * PERIOD_MS, 0.0001))


def test_only_periods_without_a_recorded_settlement_are_assumed() -> None:
    known = recorded(T0, T0 + 4 * HOUR, T0 + PERIOD_MS, T0 + 3 * PERIOD_MS)
    found = settlements_of(known, T0, T0 + 5 * PERIOD_MS, 0.0001)
    assert found.rows == (
        (T0, 0.0003), (T0 + 4 * HOUR, 0.0003), (T0 + PERIOD_MS, 0.0003), (T0 + 2 * PERIOD_MS, 0.0001),
        (T0 + 3 * PERIOD_MS, 0.0003), (T0 + 4 * PERIOD_MS, 0.0001),
    )  # fmt: skip
    assert found.recorded == pytest.approx(3 / 5)


def test_settlements_outside_the_stretch_are_left_out() -> None:
    known = recorded(T0 - PERIOD_MS, T0, T0 + PERIOD_MS)
    found = settlements_of(known, T0, T0 + PERIOD_MS, 0.0001)
    assert found.rows == ((T0, 0.0003),)
    assert found.recorded == 1.0
