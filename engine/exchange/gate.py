"""The gate all requests pass: what a refusal by the exchange means for everyone else, decided without I/O.

OPEN     normal
COOLING  429: the refused pool stops until the exchange's time; the background lane a minute longer
BANNED   418: everything stops until the time the exchange named
PROBING  the ban is over: exactly one ping, the others wait for its answer
BLOCKED  403: a firewall said no; five minutes, then fifteen, then a person decides
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from engine.exchange.limits import MINUTE_MS, Lane, Pool

FIRST_BAN_MS = 2 * MINUTE_MS
LONGEST_BAN_MS = 72 * 60 * MINUTE_MS
HALF_AFTER_BAN_MS = 5 * MINUTE_MS
REFUSAL_MEMORY_MS = 10 * MINUTE_MS
REFUSALS_TOLERATED = 3
BACKGROUND_OFF_MS = 15 * MINUTE_MS
BACKGROUND_AFTER_COOLING_MS = MINUTE_MS
BLOCK_STEPS_MS = (5 * MINUTE_MS, 15 * MINUTE_MS)
BLOCK_MEMORY_MS = 60 * MINUTE_MS
PROBE_RETRY_MS = 10_000
UNTIL_OPERATOR = 2**62

_BANNED_UNTIL = re.compile(r"banned until (\d{10,16})")


class GateState(StrEnum):
    OPEN = "open"
    COOLING = "cooling"
    BANNED = "banned"
    PROBING = "probing"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Gate:
    """Everything the refusals so far have left behind."""

    closed: GateState = GateState.OPEN  # BANNED, PROBING, BLOCKED; else OPEN
    until_ms: int = 0
    cooling: Mapping[Pool, int] = field(default_factory=dict)
    half_until_ms: int = 0
    background_off_until_ms: int = 0
    refused_ms: tuple[int, ...] = ()
    guessed_bans: int = 0
    blocked_ms: tuple[int, ...] = ()

    def state(self, now_ms: int) -> GateState:
        """How the gate stands at `now_ms`."""
        if self.closed is GateState.BLOCKED and now_ms >= self.until_ms:
            return GateState.COOLING if self.cooling.get(Pool.WEIGHT, 0) > now_ms else GateState.OPEN
        if self.closed is not GateState.OPEN:
            return self.closed
        return GateState.COOLING if self.cooling.get(Pool.WEIGHT, 0) > now_ms else GateState.OPEN

    def share(self, now_ms: int) -> float:
        """The part of every ceiling that may be used: half of it for a while after a ban."""
        return 0.5 if now_ms < self.half_until_ms else 1.0


def opens_ms(gate: Gate, pools: tuple[Pool, ...], lane: str, now_ms: int) -> int:
    """Exchange time from which a request may be sent; `now_ms` or earlier when it may be sent at once."""
    if gate.closed is GateState.BANNED:
        return max(gate.until_ms, now_ms + 1)
    if gate.closed is GateState.PROBING:
        return now_ms + PROBE_RETRY_MS
    until_ms = gate.until_ms if gate.closed is GateState.BLOCKED else 0
    # A refused request pool stops everybody: whatever is sent into it counts towards a ban.
    until_ms = max(until_ms, gate.cooling.get(Pool.WEIGHT, 0), *(gate.cooling.get(pool, 0) for pool in pools))
    if lane == Lane.BACKGROUND:
        until_ms = max(until_ms, gate.background_off_until_ms)
    return until_ms


def probe_due(gate: Gate, now_ms: int) -> bool:
    """Whether a ban is over and somebody must ask whether it really is."""
    return gate.closed is GateState.BANNED and now_ms >= gate.until_ms


def on_too_many(gate: Gate, pool: Pool, retry_after_ms: int | None, now_ms: int) -> Gate:
    """429: the pool cools as long as the exchange says, else to the next full window."""
    window_ms = 10_000 if pool is Pool.ORDERS_10S else MINUTE_MS
    until_ms = now_ms + retry_after_ms if retry_after_ms is not None else (now_ms // window_ms + 1) * window_ms
    refused = tuple(at for at in gate.refused_ms if now_ms - at <= REFUSAL_MEMORY_MS)
    if gate.cooling.get(pool, 0) <= now_ms:  # answers to requests that were on the wire already are one refusal
        refused = (*refused, now_ms)
    off_until_ms = until_ms + BACKGROUND_AFTER_COOLING_MS
    if len(refused) > REFUSALS_TOLERATED:
        off_until_ms = max(off_until_ms, now_ms + BACKGROUND_OFF_MS)
    cools = (Pool.ORDERS_10S, Pool.ORDERS_1M) if pool in (Pool.ORDERS_10S, Pool.ORDERS_1M) else (pool,)
    return replace(
        gate,
        cooling={**gate.cooling, **{name: max(until_ms, gate.cooling.get(name, 0)) for name in cools}},
        refused_ms=refused,
        background_off_until_ms=max(gate.background_off_until_ms, off_until_ms),
    )


def on_banned(gate: Gate, message: str, retry_after_ms: int | None, now_ms: int) -> Gate:
    """418: until the time in the text, else Retry-After, else two minutes doubling up to three days."""
    found = _BANNED_UNTIL.search(message)
    guessed = gate.guessed_bans
    if found and int(found.group(1)) > now_ms:
        until_ms = int(found.group(1))
    elif retry_after_ms is not None:
        until_ms = now_ms + retry_after_ms
    elif gate.closed is GateState.BANNED and gate.until_ms > now_ms:
        until_ms = gate.until_ms
    else:
        until_ms = now_ms + min(FIRST_BAN_MS * 2**guessed, LONGEST_BAN_MS)
        guessed += 1
    return restore_ban(replace(gate, guessed_bans=guessed), until_ms)


def restore_ban(gate: Gate, until_ms: int) -> Gate:
    """A ban in force until `until_ms`, told now or remembered from before a restart."""
    if gate.closed is GateState.BANNED:
        until_ms = max(until_ms, gate.until_ms)
    return replace(gate, closed=GateState.BANNED, until_ms=until_ms)


def on_probing(gate: Gate) -> Gate:
    """The one ping after a ban is on its way."""
    return replace(gate, closed=GateState.PROBING)


def on_probe_passed(gate: Gate, now_ms: int) -> Gate:
    """The ping was answered: open, at half speed for a while."""
    return replace(gate, closed=GateState.OPEN, until_ms=0, guessed_bans=0, half_until_ms=now_ms + HALF_AFTER_BAN_MS)


def on_probe_lost(gate: Gate, now_ms: int) -> Gate:
    """The ping found no way to the exchange, which proves nothing: stay shut and ask again shortly."""
    return replace(gate, closed=GateState.BANNED, until_ms=now_ms + PROBE_RETRY_MS)


def on_blocked(gate: Gate, now_ms: int) -> Gate:
    """403: five minutes, fifteen the second time within the hour, then until a person says so."""
    blocked = (*(at for at in gate.blocked_ms if now_ms - at <= BLOCK_MEMORY_MS), now_ms)
    step = len(blocked) - 1
    until_ms = now_ms + BLOCK_STEPS_MS[step] if step < len(BLOCK_STEPS_MS) else UNTIL_OPERATOR
    if gate.closed is GateState.BANNED:
        return replace(gate, blocked_ms=blocked)
    return replace(gate, closed=GateState.BLOCKED, until_ms=until_ms, blocked_ms=blocked)


def unblock(gate: Gate) -> Gate:
    """A person lifts a block."""
    return replace(gate, closed=GateState.OPEN, until_ms=0, blocked_ms=()) if gate.closed is GateState.BLOCKED else gate
