from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.wire_market import Depth, DepthDiff
from engine.market.depth_sync import Apply, DepthSync, Hold, NeedSnapshot, SyncState


def diff(first: int, final: int, prev: int) -> DepthDiff:
    return DepthDiff("BTCUSDT", 0, first, final, prev, [], [])


def snapshot(last: int) -> Depth:
    return Depth(last, [], [])


def synced() -> DepthSync:
    sync = DepthSync()
    sync.on_diff(diff(90, 110, 80))
    sync.on_snapshot(snapshot(100))
    return sync


def test_the_first_event_asks_for_a_snapshot_and_the_rest_wait() -> None:
    sync = DepthSync()
    assert sync.state is SyncState.EMPTY
    assert isinstance(sync.on_diff(diff(1, 5, 0)), NeedSnapshot)
    assert sync.state is SyncState.BUFFERING
    assert isinstance(sync.on_diff(diff(6, 9, 5)), Hold)


@pytest.mark.parametrize(
    ("last", "applied"),
    [
        (7, [9, 12]),  # U <= L <= u: the event that contains L
        (9, [9, 12]),  # u == L is applied: futures, not spot
        (6, [9, 12]),  # U == L
        (10, [12]),  # u < L is dropped
        (5, [9, 12]),  # pu == L continues the snapshot directly
    ],
)
def test_a_snapshot_is_bridged_by_the_futures_rule(last: int, applied: list[int]) -> None:
    sync = DepthSync()
    for event in (diff(2, 4, 1), diff(6, 9, 5), diff(10, 12, 9)):
        sync.on_diff(event)
    # The first two are not neighbours, so only the later pair counts.
    answer = sync.on_snapshot(snapshot(last))
    assert isinstance(answer, Apply)
    assert answer.snapshot == snapshot(last)
    assert [event.final_id for event in answer.diffs] == applied
    assert (sync.state, sync.last_id) == (SyncState.SYNCED, 12)


def test_a_snapshot_older_than_the_buffer_is_fetched_again_and_the_buffer_kept() -> None:
    sync = DepthSync()
    sync.on_diff(diff(50, 60, 40))
    answer = sync.on_snapshot(snapshot(30))
    assert isinstance(answer, NeedSnapshot)
    assert not answer.gap
    assert isinstance(sync.on_snapshot(snapshot(55)), Apply)


def test_a_snapshot_newer_than_the_buffer_waits_for_its_event() -> None:
    sync = DepthSync()
    sync.on_diff(diff(1, 5, 0))
    assert isinstance(sync.on_snapshot(snapshot(8)), Hold)
    assert isinstance(sync.on_diff(diff(6, 7, 5)), Hold)
    answer = sync.on_diff(diff(8, 9, 7))
    assert isinstance(answer, Apply)
    assert answer.snapshot is not None
    assert [event.final_id for event in answer.diffs] == [9]


def test_an_event_that_jumps_over_the_waiting_snapshot_needs_another() -> None:
    sync = DepthSync()
    sync.on_diff(diff(1, 5, 0))
    sync.on_snapshot(snapshot(8))
    assert isinstance(sync.on_diff(diff(20, 22, 19)), NeedSnapshot)


def test_in_step_each_event_names_the_one_before() -> None:
    sync = synced()
    answer = sync.on_diff(diff(130, 150, 110))  # ids are not dense
    assert isinstance(answer, Apply)
    assert answer.snapshot is None
    assert sync.last_id == 150


def test_a_gap_breaks_the_book_and_its_event_starts_the_next_buffer() -> None:
    sync = synced()
    answer = sync.on_diff(diff(130, 150, 120))
    assert isinstance(answer, NeedSnapshot)
    assert answer.gap
    assert sync.state is SyncState.BROKEN
    assert "expected pu=110, got 120" in sync.reason
    assert isinstance(sync.on_diff(diff(151, 160, 150)), Hold)
    healed = sync.on_snapshot(snapshot(140))
    assert isinstance(healed, Apply)
    assert [event.final_id for event in healed.diffs] == [150, 160]
    assert sync.state is SyncState.SYNCED


def test_an_event_delivered_twice_changes_nothing() -> None:
    sync = synced()
    sync.on_diff(diff(111, 120, 110))
    assert isinstance(sync.on_diff(diff(111, 120, 110)), Hold)
    assert sync.state is SyncState.SYNCED


def test_an_unsound_book_is_broken_and_a_reset_waits_for_the_stream() -> None:
    sync = synced()
    assert isinstance(sync.on_unsound("crossed"), NeedSnapshot)
    assert (sync.state, sync.reason, sync.last_id) == (SyncState.BROKEN, "crossed", 0)
    sync.reset("reconnected")
    assert sync.state is SyncState.EMPTY
    assert isinstance(sync.on_snapshot(snapshot(5)), Hold)


def test_a_snapshot_nobody_waits_for_is_ignored() -> None:
    sync = synced()
    assert isinstance(sync.on_snapshot(snapshot(105)), Hold)
    assert sync.last_id == 110


@given(st.data())
def test_for_any_loss_and_lateness_what_is_applied_is_contiguous(data: st.DataObject) -> None:
    """The stream is a chain with holes; snapshots come whenever. Applied events never skip one of the chain."""
    ids = [0]
    for step in data.draw(st.lists(st.integers(1, 5), min_size=2, max_size=40)):
        ids.append(ids[-1] + step)
    chain = [diff(before + 1, after, before) for before, after in pairwise(ids)]
    sync, at = DepthSync(), None
    for n, event in enumerate(chain):
        answers = []
        if data.draw(st.integers(0, 5)) != 0:
            answers.append(sync.on_diff(event))
            if data.draw(st.integers(0, 5)) == 0:
                answers.append(sync.on_diff(event))
        if data.draw(st.integers(0, 3)) == 0:
            last = ids[data.draw(st.integers(max(0, n - 3), n + 1))]
            answers.append(sync.on_snapshot(snapshot(last)))
        for answer in answers:
            if isinstance(answer, NeedSnapshot):
                at = None
            elif isinstance(answer, Apply):
                if answer.snapshot is not None:
                    at = answer.snapshot.last_id
                    assert answer.diffs[0].prev_id <= at <= answer.diffs[0].final_id
                    at = answer.diffs[0].prev_id
                for applied in answer.diffs:
                    assert applied.prev_id == at
                    at = applied.final_id
