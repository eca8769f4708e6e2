"""What one of the six strategies found: a setup with every condition it asked, passed or not.

A strategy only says what it saw and where its structure ends; stop, confirmation, score and filters come afterwards
and are the same for all.
"""

from __future__ import annotations

import msgspec

from strategies.absent import reason_of
from strategies.model import Condition, Family, Sign, State


class Setup(msgspec.Struct, frozen=True):
    """A candidate of one variant and side on the newest bar. `reason` is empty when all that is required holds."""

    variant: str
    family: Family
    side: Sign
    reason: str
    detail: str
    conditions: tuple[Condition, ...]
    base: float  # the strategy's own score, before the regime weight
    atr: float
    structural: float | None = None  # stop price the structure asks for
    tp_r: tuple[float, float] = (1.0, 2.0)  # tiers one and two, in R of the fill
    tp2_price: float | None = None
    tp2_reach_r: tuple[float, float] = (1.0, 3.0)  # the level replaces tier two when it lies between these
    room_to: float | None = None  # a level that must be at least 1 R away
    volume_vr: float | None = None  # volume ratio of the bar the volume modifier looks at
    evidence: dict[str, float | str | None] = {}


class Checks:
    """Collects the conditions of a setup in the order asked; the first required one that fails is the reason."""

    def __init__(self) -> None:
        self._asked: list[Condition] = []
        self._first: Condition | None = None

    def need(self, name: str, value: float | None, holds: bool, need: str) -> bool:
        """A required condition on a number; an absent number never satisfies it."""
        state = State.ABSENT if value is None else State.PASSED if holds else State.FAILED
        return self._add(Condition(name, state, value, need), required=True)

    def require(self, name: str, holds: bool | None, need: str) -> bool:
        """A required condition that is a plain answer; None is absent."""
        state = State.ABSENT if holds is None else State.PASSED if holds else State.FAILED
        return self._add(Condition(name, state, None, need), required=True)

    def unless(self, name: str, value: float | None, opposed: bool, need: str) -> bool:
        """A veto on a number: absent lets pass and is listed."""
        state = State.ABSENT if value is None else State.FAILED if opposed else State.PASSED
        return self._add(Condition(name, state, value, need), required=state is State.FAILED)

    def _add(self, condition: Condition, *, required: bool) -> bool:
        self._asked.append(condition)
        holds = condition.state is State.PASSED or not required
        if not holds and self._first is None:
            self._first = condition
        return holds

    @property
    def asked(self) -> tuple[Condition, ...]:
        """All conditions so far."""
        return tuple(self._asked)

    @property
    def reason(self) -> str:
        """Machine-readable reason of the first failure, or an empty string."""
        return "" if self._first is None else reason_of(self._first)

    @property
    def detail(self) -> str:
        """The same for people, with the number."""
        first = self._first
        if first is None:
            return ""
        if first.state is State.ABSENT:
            return f"{first.name} is absent, {first.need} needed"
        shown = "" if first.value is None else f" {first.value:.4g}"
        return f"{first.name}{shown}, {first.need} needed"
