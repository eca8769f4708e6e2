"""Points as ladders: the thresholds of section 6.2 of the rules as data, so that scoring and explaining share them."""

from __future__ import annotations

from typing import Final, Literal

import msgspec


class Rung(msgspec.Struct, frozen=True):
    """One step: the points a measure earns that satisfies `measure op bound`."""

    op: Literal["<", "<=", ">", ">="]
    bound: float
    points: float

    def holds(self, measure: float) -> bool:
        """Whether the raw measure satisfies this step, as written."""
        match self.op:
            case "<":
                return measure < self.bound
            case "<=":
                return measure <= self.bound
            case ">":
                return measure > self.bound
            case ">=":
                return measure >= self.bound

    def __str__(self) -> str:
        return f"{self.op} {self.bound:g}"


class Ladder(msgspec.Struct, frozen=True):
    """Steps tried in order; the first that holds gives the points, none of them gives `otherwise`."""

    rungs: tuple[Rung, ...]
    otherwise: float

    def points(self, measure: float) -> float:
        """Points of a measure."""
        for rung in self.rungs:
            if rung.holds(measure):
                return rung.points
        return self.otherwise

    def changes(self, measure: float) -> tuple[tuple[str, float], ...]:
        """Neighbouring steps: what the measure would have to be, and the points it would earn then."""
        here = self._index(measure)
        found: list[tuple[str, float]] = []
        if here > 0:
            found.append((str(self.rungs[here - 1]), self.rungs[here - 1].points))
        if here < len(self.rungs):
            after = self.rungs[here + 1].points if here + 1 < len(self.rungs) else self.otherwise
            opposite: dict[str, str] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
            rung = self.rungs[here]
            found.append((f"{opposite[rung.op]} {rung.bound:g}", after))
        return tuple(found)

    def _index(self, measure: float) -> int:
        for index, rung in enumerate(self.rungs):
            if rung.holds(measure):
                return index
        return len(self.rungs)


def _below(*steps: tuple[float, float], otherwise: float) -> Ladder:
    return Ladder(tuple(Rung("<", bound, points) for bound, points in steps), otherwise)


def _at_least(*steps: tuple[float, float], otherwise: float) -> Ladder:
    return Ladder(tuple(Rung(">=", bound, points) for bound, points in steps), otherwise)


INITIATOR_SIZE: Final = _at_least((1.10, 2), (0.80, 1), otherwise=0)
CONFIRM_DEPTH: Final = _below((0.30, 2), (0.50, 1), (0.70, 0), (1.00, -1), otherwise=-2)
CONFIRM_DEPTH_LEGACY: Final = _at_least((0.40, 2), otherwise=-1)
CLOSE_POSITION: Final = Ladder((Rung("<=", 0.0, 1), Rung("<=", 0.40, 0), Rung("<=", 0.80, -1)), -2)
SLOPE200: Final = Ladder((Rung(">=", 0.20, 1), Rung(">", -0.20, 0)), -1)
FAN_COMPRESSION: Final = _below((0.25, 2), (0.50, 1), otherwise=0)
GAP_TO_ATR: Final = _below((0.20, -2), (0.40, -1), (0.80, 0), otherwise=1)
STICKINESS: Final = _at_least((3, -2), otherwise=0)
BREAK_AND_BASE: Final = _at_least((2, 2), otherwise=0)
RETEST_TAG: Final = _at_least((1, 2), otherwise=0)
INITIATOR_WICK: Final = _at_least((0.25, 2), otherwise=0)

SINGLE: Final[dict[str, Ladder]] = {
    "initiator_size": INITIATOR_SIZE,
    "confirm_depth": CONFIRM_DEPTH,
    "slope200": SLOPE200,
    "gap_to_atr": GAP_TO_ATR,
    "ema200_stickiness": STICKINESS,
    "break_and_base": BREAK_AND_BASE,
    "retest_tag": RETEST_TAG,
    "initiator_wick": INITIATOR_WICK,
}
"""Components whose points depend on their printed input alone."""
