from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.integrity import (
    DAY_MS,
    Gap,
    Grade,
    after_attempt,
    expected_span,
    find_gaps,
    grade,
    repair_plan,
    track,
)
from engine.store.history_rows import GapRow

M15 = 900_000
H10 = 10 * 3_600_000
H12 = 12 * 3_600_000


def at(*clock: str) -> list[int]:
    return [int(text[:2]) * 3_600_000 + int(text[3:]) * 60_000 for text in clock]


def span(start: str, end: str, missing: int) -> Gap:
    return Gap(*at(start, end), missing)


ALL = ["10:00", "10:15", "10:30", "10:45", "11:00", "11:15", "11:30", "11:45"]


@pytest.mark.parametrize(
    ("present", "gaps", "corrupt", "completeness"),
    [
        (["10:00", "10:15", "11:00", "11:45"], [span("10:30", "11:00", 2), span("11:15", "11:45", 2)], [], 50.0),
        ([], [span("10:00", "12:00", 8)], [], 0.0),
        (ALL, [], [], 100.0),
        ([*ALL, "10:07"], [], ["10:07"], 100.0),
        ([*ALL, "10:15"], [], ["10:15"], 100.0),
        (ALL[1:], [span("10:00", "10:15", 1)], [], 87.5),
        (ALL[:-1], [span("11:45", "12:00", 1)], [], 87.5),
        (["09:45", *ALL, "12:00"], [], [], 100.0),
        (["11:45", "10:15", "10:00", "11:00"], [span("10:30", "11:00", 2), span("11:15", "11:45", 2)], [], 50.0),
    ],
)
def test_find_gaps(present: list[str], gaps: list[Gap], corrupt: list[str], completeness: float) -> None:
    scan = find_gaps(at(*present), M15, H10, H12)
    assert list(scan.gaps) == gaps
    assert list(scan.corrupt) == at(*corrupt)
    assert scan.completeness_pct == completeness


def test_where_nothing_is_expected_completeness_is_absent() -> None:
    scan = find_gaps([], M15, H10, H10)
    assert (scan.gaps, scan.completeness_pct, grade(scan, M15, H10)) == ((), None, Grade.ABSENT)


@given(st.sets(st.integers(0, 60)), st.integers(0, 20), st.integers(0, 60))
def test_bars_and_holes_together_are_the_grid(present: set[int], start: int, length: int) -> None:
    end = start + length
    scan = find_gaps([n * M15 for n in present], M15, start * M15, end * M15)
    missing = [at for gap in scan.gaps for at in range(gap.from_ms, gap.to_ms, M15)]
    assert sorted(missing + [n * M15 for n in present if start <= n < end]) == [n * M15 for n in range(start, end)]
    assert scan.missing == len(missing) == scan.expected - scan.present
    assert all(earlier.to_ms < later.from_ms for earlier, later in zip(scan.gaps, scan.gaps[1:], strict=False))


@pytest.mark.parametrize(
    ("now_ms", "listed_ms", "expected"),
    [
        (H12 + 7, 0, (H12 - 8 * M15, H12)),
        (H12, 0, (H12 - 8 * M15, H12)),
        (H12, H12 - M15 - 60_000, (H12 - M15, H12)),  # listed within a bar: its next one is the first
        (H12, H12 + DAY_MS, (H12, H12)),
    ],
)
def test_a_young_symbol_is_judged_from_its_listing_on(now_ms: int, listed_ms: int, expected: tuple[int, int]) -> None:
    assert expected_span(now_ms, M15, 8 * M15, listed_ms) == expected


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ([], Grade.OK),
        (range(10), Grade.OK),
        (range(20), Grade.DEGRADED),
        (range(51), Grade.SUSPENDED),
        ([999], Grade.SUSPENDED),
        ([700], Grade.SUSPENDED),
        ([699], Grade.OK),
        (range(1000), Grade.ABSENT),
    ],
)
def test_grades_by_completeness_and_by_recent_holes(missing: list[int], expected: Grade) -> None:
    gone = set(missing)
    scan = find_gaps([n * M15 for n in range(1000) if n not in gone], M15, 0, 1000 * M15)
    assert grade(scan, M15, 1000 * M15) is expected


def hole(**changes: object) -> GapRow:
    given = {"symbol": "BTCUSDT", "tf": "15m", "from_ms": 0, "to_ms": 4 * M15, "missing": 4}
    return GapRow(**{**given, **changes})


def test_a_hole_is_closed_only_by_bars_in_the_store() -> None:
    tried = after_attempt(hole(), 4, 1_000)
    assert (tried.state, tried.attempts, tried.first_try_ms) == ("open", 1, 1_000)
    assert after_attempt(tried, 0, 2_000).state == "closed"


def test_a_hole_is_given_up_after_three_tries_over_half_an_hour_until_the_next_day() -> None:
    gap = hole()
    for now_ms in (0, 60_000, 120_000, 1_799_999):
        gap = after_attempt(gap, 4, now_ms)
        assert gap.state == "open"
    gap = after_attempt(gap, 4, 1_800_000)
    assert (gap.state, gap.next_try_ms) == ("unfillable", DAY_MS)
    assert repair_plan([gap], DAY_MS - 1) == []
    assert repair_plan([gap], DAY_MS) == [gap]


def test_repairs_go_newest_first_and_leave_closed_holes_alone() -> None:
    old, new, done = hole(to_ms=10), hole(from_ms=20, to_ms=30), hole(from_ms=40, to_ms=50, state="closed")
    assert repair_plan([old, done, new], 0) == [new, old]


def test_a_found_hole_is_remembered_as_it_was_found() -> None:
    assert track("BTCUSDT", "15m", Gap(0, 4 * M15, 4)) == hole()
