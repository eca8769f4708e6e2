"""What holds entries back is lifted once it has passed, and only then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import pytest

from engine.clock import SystemClock
from engine.desk.holds import Holds
from engine.exchange.client import ExchangeClient
from engine.store.journal import Journal
from engine.trading.standing_desk import StandingDesk


@dataclass
class Cause:
    """The three things looked at, set by hand."""

    gate_state: str = "open"
    banned_until_ms: int = 0
    usable: bool = True
    latency_p95_ms: float = 3.0

    @property
    def ledger(self) -> Cause:
        return self

    @property
    def clock_sync(self) -> Cause:
        return self


@dataclass
class Board:
    """A standing that keeps its holds and counts how often it was told."""

    holds: tuple[tuple[str, str], ...] = ()
    told: int = 0
    looks: int = 0

    def look(self) -> None:
        self.looks += 1

    def names(self) -> list[str]:
        return [cause for cause, _ in self.holds]

    @property
    def value(self) -> Board:
        return self

    def hold(self, cause: str, detail: str = "") -> None:
        self.holds = (*(row for row in self.holds if row[0] != cause), (cause, detail))
        self.told += 1

    def lift(self, cause: str) -> None:
        self.holds = tuple(row for row in self.holds if row[0] != cause)


def _made(cause: Cause, board: Board) -> Holds:
    client, journal = cast(ExchangeClient, cause), cast(Journal, cause)
    return Holds(client, journal, cast(StandingDesk, board), SystemClock())


@pytest.mark.parametrize(
    ("name", "sick", "well"),
    [
        ("ban", {"gate_state": "banned", "banned_until_ms": 9_999_999_999_999}, {"gate_state": "open"}),
        ("ban", {"gate_state": "probing"}, {"gate_state": "open"}),
        ("clock", {"usable": False}, {"usable": True}),
        ("database", {"latency_p95_ms": 501.0}, {"latency_p95_ms": 500.0}),
    ],
)
def test_a_cause_holds_while_it_lasts(name: str, sick: dict[str, object], well: dict[str, object]) -> None:
    cause, board = Cause(), Board()
    holds = _made(cause, board)
    holds.look()
    assert board.names() == []
    for key, value in sick.items():
        setattr(cause, key, value)
    holds.look()
    holds.look()
    assert board.names() == [name]
    assert board.told == 1
    for key, value in well.items():
        setattr(cause, key, value)
    holds.look()
    assert board.names() == []


def test_a_cooling_gate_is_a_wait_not_a_hold() -> None:
    cause, board = Cause(gate_state="cooling"), Board()
    _made(cause, board).look()
    assert board.names() == []
