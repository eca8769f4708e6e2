"""The queue of signals that wait for a decision: one winner, one end, whoever asks and however often. Pure.

    pending -> approved -> closed          a trade came of it and ended
            |           -> refused         the entry failed
            -> rejected | expired | refused

An approval first claims the signal; while one seat's approval is being priced no other can win it. A claim that
leads to nothing passing is given back, and the signal waits on until it expires.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from engine.trading.refusals import RiskRefusal
from strategies.model import Signal

BAR_MS = 900_000
KEPT_DECIDED = 200
DECIDED = ("approved", "rejected", "expired", "refused", "closed")


class Waiting(msgspec.Struct, frozen=True):
    """A signal and where its decision stands."""

    signal: Signal
    raised_ms: int
    expires_ms: int
    not_before_mono_ms: float  # it also lives at least until this moment of machine time
    state: str = "pending"
    revision: int = 1
    snoozed_until_ms: int = 0
    claimed_by: str = ""
    actor: str = ""
    reason: str = ""
    decided_ms: int = 0

    @property
    def pending(self) -> bool:
        return self.state == "pending"


class Queue(msgspec.Struct, frozen=True):
    """Waiting and recently decided signals, by id, oldest first."""

    entries: dict[str, Waiting] = {}


def expiry_ms(decided_ms: int) -> int:
    """Close of the next 15m bar after a decision (ruling 27)."""
    return (decided_ms // BAR_MS + 1) * BAR_MS


def offer(
    queue: Queue, signal: Signal, now_ms: int, mono_ms: float, min_wall_s: float = 0.0, rate: float = 1.0
) -> Queue:
    """A new signal waits; offered again it changes nothing unless it differs, and then it is another revision.

    In quick demo time it lives at least `min_wall_s` on the wall, whatever the bars do.
    """
    known = queue.entries.get(signal.id)
    if known is not None:
        if not known.pending or known.signal == signal:
            return queue
        return _with(queue, replace(known, signal=signal, revision=known.revision + 1))
    expires_ms = max(expiry_ms(signal.bar_time_ms), now_ms + round(min_wall_s * 1000 * rate))
    waiting = Waiting(signal, now_ms, expires_ms, mono_ms + min_wall_s * 1000)
    return _with(_trimmed(queue), waiting)


def restore(queue: Queue, waiting: Waiting) -> Queue:
    """Put back what a former process had."""
    return _with(queue, replace(waiting, claimed_by="", not_before_mono_ms=0.0))


def claim(
    queue: Queue, signal_id: str, revision: int | None, actor: str, now_ms: int, mono_ms: float
) -> tuple[Queue, Waiting] | RiskRefusal:
    """Take a signal for pricing; from here on nobody else can."""
    entry = queue.entries.get(signal_id)
    if entry is None:
        return RiskRefusal("UnknownSignal", f"no signal {signal_id}")
    if entry.pending and is_expired(entry, now_ms, mono_ms):
        return RiskRefusal("Expired", f"{signal_id} expired")
    if not entry.pending:
        by = f" by {entry.actor}" if entry.actor else ""
        name = "Expired" if entry.state == "expired" else "AlreadyDecided"
        return RiskRefusal(name, f"{signal_id} is {entry.state}{by}")
    if revision is not None and revision != entry.revision:
        return RiskRefusal("Changed", f"{signal_id} changed: seen at revision {revision}, now {entry.revision}")
    if entry.claimed_by:
        return RiskRefusal("AlreadyDecided", f"{signal_id} is being approved by {entry.claimed_by}")
    entry = replace(entry, claimed_by=actor)
    return _with(queue, entry), entry


def give_back(queue: Queue, signal_id: str, reason: str) -> Queue:
    """The claim led to nothing that lasts: the signal waits on, with the reason shown."""
    entry = queue.entries[signal_id]
    return _with(queue, replace(entry, claimed_by="", reason=reason))


def decide(queue: Queue, signal_id: str, state: str, actor: str, reason: str, now_ms: int) -> Queue:
    """Move a signal on. The end of its waiting happens once; afterwards only approved may become closed or refused."""
    entry = queue.entries[signal_id]
    allowed = entry.pending or (entry.state == "approved" and state in ("closed", "refused"))
    if not allowed:
        return queue
    return _with(
        queue,
        replace(
            entry,
            state=state,
            actor=actor or entry.actor,
            reason=reason,
            decided_ms=now_ms,
            claimed_by="",
            revision=entry.revision + 1,
        ),
    )


def reject(queue: Queue, signal_id: str, actor: str, reason: str, now_ms: int, mono_ms: float) -> Queue | RiskRefusal:
    """A person says no. Rejected twice is rejected once."""
    entry = queue.entries.get(signal_id)
    if entry is not None and entry.state == "rejected":
        return queue
    claimed = claim(queue, signal_id, None, actor, now_ms, mono_ms)
    if isinstance(claimed, RiskRefusal):
        return claimed
    return decide(claimed[0], signal_id, "rejected", actor, reason, now_ms)


def snooze(queue: Queue, signal_id: str, until_ms: int) -> Queue | RiskRefusal:
    """Out of sight for a while; it still expires."""
    entry = queue.entries.get(signal_id)
    if entry is None:
        return RiskRefusal("UnknownSignal", f"no signal {signal_id}")
    if not entry.pending:
        return RiskRefusal("AlreadyDecided", f"{signal_id} is {entry.state}")
    return _with(queue, replace(entry, snoozed_until_ms=until_ms))


def expire(queue: Queue, now_ms: int, mono_ms: float) -> tuple[Queue, list[Waiting]]:
    """End the waiting of those whose time is up; one being priced at this moment is left to its approval."""
    due = [
        entry
        for entry in queue.entries.values()
        if entry.pending and not entry.claimed_by and is_expired(entry, now_ms, mono_ms)
    ]
    for entry in due:
        queue = decide(queue, entry.signal.id, "expired", "", entry.reason or "not approved in time", now_ms)
    return queue, [queue.entries[entry.signal.id] for entry in due]


def is_expired(entry: Waiting, now_ms: int, mono_ms: float) -> bool:
    return now_ms >= entry.expires_ms and mono_ms >= entry.not_before_mono_ms


def pending(queue: Queue) -> list[Waiting]:
    return [entry for entry in queue.entries.values() if entry.pending]


def _with(queue: Queue, entry: Waiting) -> Queue:
    return Queue({**queue.entries, entry.signal.id: entry})


def _trimmed(queue: Queue) -> Queue:
    """Forget the oldest rejected, expired, refused and closed ones beyond the number shown."""
    over = [key for key, entry in queue.entries.items() if entry.state in DECIDED and entry.state != "approved"]
    excess = set(over[: max(0, len(over) - KEPT_DECIDED)])
    return Queue({key: entry for key, entry in queue.entries.items() if key not in excess}) if excess else queue
