"""What a book out of step says about itself, and the events that come while it waits for a snapshot."""

from __future__ import annotations

from engine.exchange.wire_market import Depth, DepthDiff
from engine.market.depth_sync import MAX_BUFFERED, Apply, DepthSync, Hold, NeedSnapshot, SyncState


def diff(first: int, final: int, prev: int) -> DepthDiff:
    return DepthDiff("BTCUSDT", 0, first, final, prev, [], [])


def snapshot(last: int) -> Depth:
    return Depth(last, [], [])


def told(sync: DepthSync) -> tuple[SyncState, str, int]:
    return sync.state, sync.reason, sync.last_id


def test_the_way_to_a_book_in_step_is_told_at_each_turn() -> None:
    sync = DepthSync()
    assert told(sync) == (SyncState.EMPTY, "waiting for the first event", 0)
    assert sync.on_diff(diff(50, 60, 40)) == NeedSnapshot("waiting for a snapshot")
    assert told(sync) == (SyncState.BUFFERING, "waiting for a snapshot", 0)
    assert sync.on_snapshot(snapshot(30)) == NeedSnapshot("snapshot 30 is older than U=50")
    assert told(sync) == (SyncState.BUFFERING, "snapshot 30 is older than U=50", 0)
    assert sync.on_snapshot(snapshot(70)) == Hold()
    assert told(sync) == (SyncState.BUFFERING, "waiting for an event that meets the snapshot", 0)
    assert sync.on_diff(diff(61, 75, 60)) == Apply((diff(61, 75, 60),), snapshot(70))
    assert told(sync) == (SyncState.SYNCED, "", 75)


def test_each_way_out_of_step_names_its_reason() -> None:
    def synced() -> DepthSync:
        sync = DepthSync()
        sync.on_diff(diff(90, 110, 80))
        sync.on_snapshot(snapshot(100))
        return sync

    sync = synced()
    assert sync.on_diff(diff(130, 150, 120)) == NeedSnapshot("gap: expected pu=110, got 120", gap=True)
    assert told(sync) == (SyncState.BROKEN, "gap: expected pu=110, got 120", 0)
    sync = synced()
    assert sync.on_unsound("crossed") == NeedSnapshot("crossed", gap=False)
    assert told(sync) == (SyncState.BROKEN, "crossed", 0)
    sync = synced()
    sync.reset("reconnected")
    assert told(sync) == (SyncState.EMPTY, "reconnected", 0)


def test_a_snapshot_found_too_old_is_dropped_and_the_events_are_kept() -> None:
    sync = DepthSync()
    sync.on_diff(diff(50, 60, 40))
    sync.on_snapshot(snapshot(30))
    assert sync.on_diff(diff(61, 65, 60)) == Hold()  # another snapshot is awaited
    assert sync.on_snapshot(snapshot(55)) == Apply((diff(50, 60, 40), diff(61, 65, 60)), snapshot(55))


def test_an_event_delivered_twice_while_waiting_is_kept_once() -> None:
    sync = DepthSync()
    first, second = diff(1, 5, 0), diff(6, 9, 5)
    for event in (first, second, second, first):
        sync.on_diff(event)
    assert sync.on_snapshot(snapshot(3)) == Apply((first, second), snapshot(3))


def test_a_snapshot_that_never_comes_does_not_fill_the_memory() -> None:
    sync = DepthSync()
    for n in range(MAX_BUFFERED + 10):
        sync.on_diff(diff(n + 1, n + 1, n))
    # The oldest ten were let go, so a snapshot among them is too old.
    assert sync.on_snapshot(snapshot(5)) == NeedSnapshot("snapshot 5 is older than U=11")
    answer = sync.on_snapshot(snapshot(11))
    assert isinstance(answer, Apply)
    assert len(answer.diffs) == MAX_BUFFERED
