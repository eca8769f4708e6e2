"""How a snapshot and a stream of differences become a book: the futures protocol as a state machine without I/O.

    EMPTY ──first diff──▶ BUFFERING ──snapshot bridges──▶ SYNCED
                              ▲                             │ gap, crossed, disconnect
                              └──────────── BROKEN ◀────────┘

A snapshot with id L is bridged by the diff with `first <= L <= final` (or `prev == L`); diffs with `final < L` are
older and dropped; after that each diff must name the one before it. Ids are not dense, so nothing else can be checked.
STALE is SYNCED without news and is judged by the clock's owner, not here.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum

import msgspec

from engine.exchange.wire_market import Depth, DepthDiff

MAX_BUFFERED = 5000


class SyncState(StrEnum):
    EMPTY = "empty"
    BUFFERING = "buffering"
    SYNCED = "synced"
    STALE = "stale"
    BROKEN = "broken"


class Hold(msgspec.Struct, frozen=True):
    """Nothing to do: a snapshot is awaited, or the diff is old news."""


class Apply(msgspec.Struct, frozen=True):
    """Apply these diffs in order; when `snapshot` is given, load it first."""

    diffs: tuple[DepthDiff, ...]
    snapshot: Depth | None = None


class NeedSnapshot(msgspec.Struct, frozen=True):
    """Drop the levels and ask for a snapshot; `gap` says whether a sequence broke to get here."""

    reason: str
    gap: bool = False


Answer = Hold | Apply | NeedSnapshot
_HOLD = Hold()


class DepthSync:
    """Sequence of one book. Feed it diffs and snapshots; do what it answers."""

    __slots__ = ("_buffer", "_last_id", "_snapshot", "reason", "state")

    def __init__(self) -> None:
        self.state = SyncState.EMPTY
        self.reason = "waiting for the first event"
        self._buffer: deque[DepthDiff] = deque(maxlen=MAX_BUFFERED)
        self._last_id = 0
        self._snapshot: Depth | None = None

    @property
    def last_id(self) -> int:
        """Id of the newest event in the book; 0 before it is synced."""
        return self._last_id

    def on_diff(self, diff: DepthDiff) -> Answer:
        """The next event of the stream."""
        if self.state is not SyncState.SYNCED:
            return self._buffered(diff)
        if diff.prev_id == self._last_id:
            self._last_id = diff.final_id
            return Apply((diff,))
        if diff.final_id <= self._last_id:
            return _HOLD  # delivered twice
        expected = self._last_id
        self._restart(SyncState.BROKEN, f"gap: expected pu={expected}, got {diff.prev_id}")
        self._buffer.append(diff)
        return NeedSnapshot(self.reason, gap=True)

    def on_snapshot(self, snapshot: Depth) -> Answer:
        """A snapshot arrived; one that nobody waits for is ignored."""
        if self.state in (SyncState.SYNCED, SyncState.EMPTY):
            return _HOLD
        self._snapshot = snapshot
        return self._bridge()

    def on_unsound(self, reason: str) -> Answer:
        """The book is crossed, empty on one side or off its grid after a full event: it cannot be trusted."""
        self._restart(SyncState.BROKEN, reason)
        return NeedSnapshot(reason)

    def reset(self, reason: str) -> None:
        """The stream starts anew (connection, subscription or speed changed): wait for its first event."""
        self._restart(SyncState.EMPTY, reason)

    def _restart(self, state: SyncState, reason: str) -> None:
        self.state, self.reason = state, reason
        self._buffer.clear()
        self._snapshot = None
        self._last_id = 0

    def _buffered(self, diff: DepthDiff) -> Answer:
        newest = self._buffer[-1] if self._buffer else None
        if newest is not None and diff.final_id <= newest.final_id:
            return _HOLD
        broken = newest is not None and diff.prev_id != newest.final_id
        if broken:
            # What came before the hole can never be joined to what comes after it.
            self._buffer.clear()
        first_event = self.state is SyncState.EMPTY
        self._buffer.append(diff)
        if first_event:
            self.state, self.reason = SyncState.BUFFERING, "waiting for a snapshot"
            return NeedSnapshot(self.reason)
        return self._bridge()

    def _bridge(self) -> Answer:
        """Join the snapshot to the buffered events, if there is one and they meet."""
        snapshot = self._snapshot
        if snapshot is None:
            return _HOLD
        last_id = snapshot.last_id
        while self._buffer and self._buffer[0].final_id < last_id:
            self._buffer.popleft()
        if not self._buffer:
            self.state, self.reason = SyncState.BUFFERING, "waiting for an event that meets the snapshot"
            return _HOLD
        first = self._buffer[0]
        if first.first_id > last_id and first.prev_id != last_id:
            self._snapshot = None
            self.state, self.reason = SyncState.BUFFERING, f"snapshot {last_id} is older than U={first.first_id}"
            return NeedSnapshot(self.reason)
        diffs = tuple(self._buffer)
        self._buffer.clear()
        self._snapshot = None
        self._last_id = diffs[-1].final_id
        self.state, self.reason = SyncState.SYNCED, ""
        return Apply(diffs, snapshot)
