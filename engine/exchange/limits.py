"""Budgets of the exchange's fixed windows: who may send how much, decided without I/O.

A window counts what we sent and what the exchange says was used, and believes the higher of the two. It is never
lowered by an answer: a lower header may be older than a request still on the wire. Lanes share one window and differ
only in how full it may be before they must wait, so background work stops first and closing a position last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

MINUTE_MS = 60_000
TURN_MS = 1_000  # so long after a window began by our clock, the exchange's may still be in the one before


class Lane(StrEnum):
    """For whom a request is made; the later the name, the sooner it waits."""

    TRADING = "trading"
    INTERACTIVE = "interactive"
    LIVE = "live"
    BACKGROUND = "background"


class Pool(StrEnum):
    """Budgets the exchange keeps apart."""

    WEIGHT = "weight"
    ORDERS_10S = "orders_10s"
    ORDERS_1M = "orders_1m"
    FUNDING = "funding"
    STATISTICS = "statistics"


@dataclass(frozen=True, slots=True)
class Ticket:
    """A permission to send, valid for the window it was granted in."""

    number: int
    cost: int
    window: int
    at_turn: bool = False  # granted so shortly after the window began that the exchange may count it to the one before


@dataclass(frozen=True, slots=True)
class Granted:
    ticket: Ticket


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Not now; ask again at this exchange time."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Window:
    """One budget of `limit` per `window_ms`, aligned to the exchange's clock."""

    limit: int
    window_ms: int = MINUTE_MS
    index: int = 0
    local_sent: int = 0
    header_max: int = 0
    open: Mapping[int, int] = field(default_factory=dict)  # ticket number -> cost, not answered yet
    by_lane: Mapping[str, int] = field(default_factory=dict)
    next_number: int = 1
    header_before: int = 0  # the highest of the window before this one

    @property
    def in_flight(self) -> int:
        return sum(self.open.values())

    @property
    def used(self) -> int:
        """What must be assumed used: our own count, or the exchange's plus what it cannot have counted yet."""
        return max(self.local_sent, self.header_max + self.in_flight)

    def resets_ms(self) -> int:
        """Exchange time at which the present window ends."""
        return (self.index + 1) * self.window_ms


def roll(window: Window, now_ms: int) -> Window:
    """The window at `now_ms`; a new one starts with the requests still in flight, which it may yet be charged for.

    A clock that is set back does not reopen a window that is over. Set back by more than a window it is another
    clock (the exchange's, once it is known): what was used stays used, and the window ends on the new clock.
    """
    index = now_ms // window.window_ms
    if index < window.index - 1:
        return replace(window, index=index)
    if index <= window.index:
        return window
    before = window.header_max if index == window.index + 1 else 0
    return replace(window, index=index, local_sent=window.in_flight, header_max=0, by_lane={}, header_before=before)


def reserve(
    window: Window, cost: int, lane: str, now_ms: int, ceiling: int | None = None
) -> tuple[Window, Granted | WaitUntil]:
    """Take `cost` out of the window unless that would lift its use above `ceiling` (default: the whole limit).

    Raises ValueError for a cost no window could ever grant.
    """
    top = window.limit if ceiling is None else min(ceiling, window.limit)
    if cost > window.limit or cost < 0:
        raise ValueError(f"a cost of {cost} does not fit a window of {window.limit}")
    window = roll(window, now_ms)
    if window.used + cost > top:
        return window, WaitUntil(window.resets_ms())
    at_turn = now_ms - window.index * window.window_ms < TURN_MS
    ticket = Ticket(window.next_number, cost, window.index, at_turn)
    return (
        replace(
            window,
            local_sent=window.local_sent + cost,
            open={**window.open, ticket.number: cost},
            by_lane={**window.by_lane, lane: window.by_lane.get(lane, 0) + cost},
            next_number=window.next_number + 1,
        ),
        Granted(ticket),
    )


def settle(window: Window, ticket: Ticket, header: int | None, now_ms: int) -> Window:
    """The request of `ticket` was answered, or given up on; `header` is the use the exchange reported, if it did.

    The header of a ticket from an earlier window says nothing about this one and is left out. So is one that goes on
    where the window before ended, on a ticket granted at the turn: by the exchange's clock that window was not over,
    and believing it would close this one to background work for a whole minute.
    """
    window = roll(window, now_ms)
    rest = {number: cost for number, cost in window.open.items() if number != ticket.number}
    seen = window.header_max
    goes_on = header is not None and ticket.at_turn and 0 < window.header_before <= header
    if header is not None and ticket.window == window.index and not goes_on:
        seen = max(seen, header)
    return replace(window, open=rest, header_max=seen)


def reserve_all(
    windows: Mapping[Pool, Window], costs: Mapping[Pool, int], lane: str, now_ms: int, ceilings: Mapping[Pool, int]
) -> tuple[dict[Pool, Window], dict[Pool, Ticket] | WaitUntil]:
    """Take from several windows at once, or from none: the latest of their waits is the answer then."""
    after, tickets, until_ms = dict(windows), {}, 0
    for pool, cost in costs.items():
        after[pool], answer = reserve(windows[pool], cost, lane, now_ms, ceilings[pool])
        if isinstance(answer, WaitUntil):
            until_ms = max(until_ms, answer.at_ms)
        else:
            tickets[pool] = answer.ticket
    if until_ms:
        return {pool: roll(window, now_ms) for pool, window in windows.items()}, WaitUntil(until_ms)
    return after, tickets


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a batch of requests will cost in time at a ceiling."""

    weight: int
    fits_now: int  # of that weight, what the present window still takes
    done_ms: int  # exchange time at which the last request may go
    minutes: float  # the whole batch at full use of the ceiling


def forecast(weights: Iterable[int], window: Window, ceiling: int, now_ms: int) -> Forecast:
    """Plan a batch in order: what still fits the present window, and when the last request may go.

    Raises ValueError when a single request exceeds the ceiling.
    """
    window = roll(window, now_ms)
    room = max(0, ceiling - window.used)
    total = fits = later = 0
    for weight in weights:
        if weight > ceiling:
            raise ValueError(f"a request of weight {weight} never fits a ceiling of {ceiling}")
        total += weight
        if weight > room:
            later, room = later + 1, ceiling
        room -= weight
        fits += weight if later == 0 else 0
    done_ms = (window.index + later) * window.window_ms if later else now_ms
    return Forecast(total, fits, done_ms, total / ceiling * window.window_ms / MINUTE_MS)


def pace(window: Window, now_ms: int) -> int:
    """Use at the end of the window if it goes on as it went so far."""
    window = roll(window, now_ms)
    elapsed_ms = now_ms - window.index * window.window_ms
    return round(window.used * window.window_ms / max(elapsed_ms, window.window_ms // 20))
