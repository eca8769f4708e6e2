"""Section 7.5: both sides of one strategy, opposite strategies, confluence."""

from __future__ import annotations

import pytest

from strategies.conflicts import resolve
from strategies.model import Sign, Signal
from strategies.scoring import ScoringParams
from tests.support.analysis import signal

PARAMS = ScoringParams()


def names(signals: tuple[Signal, ...]) -> list[str]:
    return [found.strategy for found in signals]


def test_a_strategy_that_speaks_for_both_sides_is_dropped() -> None:
    kept, lost = resolve((signal("a", 1), signal("a", -1), signal("b", 1)), PARAMS)
    assert names(kept) == ["b"]
    assert {(r.strategy, r.side, r.reason) for r in lost} == {
        ("a", 1, "block:both_sides"), ("a", -1, "block:both_sides")
    }  # fmt: skip


@pytest.mark.parametrize(("lead", "kept_sides"), [(1.0, {1}), (0.99, set())])
def test_opposite_sides_need_a_clear_lead(lead: float, kept_sides: set[int]) -> None:
    kept, lost = resolve((signal("a", -1, score=4.0), signal("b", 1, score=4.0 + lead)), PARAMS)
    assert {found.side for found in kept} == kept_sides
    assert len(kept) + len(lost) == 2
    assert all(r.reason == "block:opposite_side" for r in lost)


def test_losers_keep_all_that_was_known() -> None:
    _, lost = resolve((signal("a", -1, score=3.0), signal("b", 1, score=6.0)), PARAMS)
    assert (lost[0].score, lost[0].ref_close, lost[0].stop) == (3.0, 100.0, 101.0)


def test_company_is_counted_and_rewards_the_lead_only() -> None:
    members = (signal("c", score=3.5), signal("a", score=5.0), signal("b", score=4.0, ref_close=100.2))
    kept, lost = resolve(members, PARAMS)
    assert names(kept) == ["a", "b", "c"]
    assert [found.score for found in kept] == [6.0, 4.0, 3.5]
    assert {found.group_id for found in kept} == {kept[0].id}
    assert {found.confluence_count for found in kept} == {3}
    assert kept[0].modifiers[-1].name == "confluence"
    assert kept[0].modifiers[-1].points == 1.0
    assert lost == ()


def test_reward_for_company_is_at_most_one_point() -> None:
    kept, _ = resolve(tuple(signal(name, score=4.0) for name in "abcde"), PARAMS)
    assert kept[0].score == 5.0


def test_far_entries_are_no_company() -> None:
    kept, _ = resolve((signal("a", score=5.0), signal("b", score=4.0, ref_close=100.31)), PARAMS)
    assert [found.score for found in kept] == [5.0, 4.0]
    assert [found.group_id for found in kept] == ["", ""]


@pytest.mark.parametrize("side", [1, -1])
def test_stops_and_targets_of_a_group_are_never_merged(side: Sign) -> None:
    members = (signal("a", side, score=5.0, stop=98.0), signal("b", side, score=4.0, stop=99.0))
    kept, _ = resolve(members, PARAMS)
    assert [found.stop for found in kept] == [98.0, 99.0]


def test_ties_go_to_the_higher_base_then_to_the_name() -> None:
    kept, _ = resolve((signal("b", score=4.0), signal("a", score=4.0)), PARAMS)
    assert names(kept) == ["a", "b"]


def test_two_strategies_on_one_symbol_do_not_collide() -> None:
    kept, lost = resolve((signal("a", score=4.0), signal("b", score=4.5)), PARAMS)
    assert len(kept) == 2
    assert not lost
