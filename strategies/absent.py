"""The third answer: a value that is not there is neither zero nor false (section 1.3 of the rules).

Arrays carry NaN where a value is absent, scalars carry None; this is the only place where the one becomes the other.
"""

from __future__ import annotations

import math

from strategies.model import F64, Condition, State


def at(values: F64, index: int) -> float | None:
    """The element, or None where it is outside the array or not finite."""
    if index < 0 or index >= len(values):
        return None
    value = float(values[index])
    return value if math.isfinite(value) else None


def ratio(part: float | None, whole: float | None) -> float | None:
    """`part / whole`; None where either is absent or the denominator is zero."""
    if part is None or whole is None or whole == 0:
        return None
    return part / whole


def judged(name: str, value: float | None, holds: bool, need: str) -> Condition:
    """A condition on one number: absent without it, else passed or failed."""
    if value is None:
        return Condition(name, State.ABSENT, None, need)
    return Condition(name, State.PASSED if holds else State.FAILED, value, need)


def reason_of(condition: Condition) -> str:
    """The machine-readable reason of a condition that did not pass."""
    return f"{'absent' if condition.state is State.ABSENT else 'fail'}:{condition.name}"
