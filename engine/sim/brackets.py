"""Leverage brackets: how much may be held at which leverage, and what must be kept for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from engine.sim.figures import ZERO


@dataclass(frozen=True, slots=True)
class Bracket:
    """One rung; `cap` is exclusive."""

    leverage: int
    floor: Decimal
    cap: Decimal
    maintenance: Decimal
    cum: Decimal


@dataclass(frozen=True, slots=True)
class Ladder:
    """All brackets of a symbol, by notional."""

    rungs: tuple[Bracket, ...]

    @classmethod
    def of(cls, rows: Sequence[dict[str, Any]]) -> Ladder:
        """From rows as GET leverageBracket serves them."""
        return cls(
            tuple(
                Bracket(
                    int(row["initialLeverage"]),
                    Decimal(str(row["notionalFloor"])),
                    Decimal(str(row["notionalCap"])),
                    Decimal(str(row["maintMarginRatio"])),
                    Decimal(str(row["cum"])),
                )
                for row in rows
            )
        )

    def at(self, notional: Decimal) -> Bracket:
        """The rung that contains a notional; beyond the last cap the last one."""
        size = abs(notional)
        return next((rung for rung in self.rungs if size < rung.cap), self.rungs[-1])

    @property
    def max_leverage(self) -> int:
        return max(rung.leverage for rung in self.rungs)

    def max_notional(self, leverage: int) -> Decimal:
        """The largest position allowed at `leverage`: the widest cap of a rung that still offers it."""
        return max((rung.cap for rung in self.rungs if rung.leverage >= leverage), default=ZERO)

    def maintenance(self, notional: Decimal) -> Decimal:
        """What a position of this notional must keep: N x ratio - cum."""
        rung = self.at(notional)
        return abs(notional) * rung.maintenance - rung.cum
