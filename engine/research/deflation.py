"""The best of many trials looks good by chance: how likely is that?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from engine.research.sweep import CellResult

WIDE: Final = 2 * 1.959964  # standard errors between the ends of a 95 % interval


def deflated(cells: Sequence[CellResult]) -> dict[str, Any] | None:
    """Chance that the best of so many independent trials without any edge would have done as well as the best here.

    Its expectancy is measured in standard errors of its day-cluster interval, and the chance is that of the largest
    of `trials` normal draws (Šidák). Trials of one grid are alike, so the true chance lies between this one and that
    of a single trial. None without an interval.
    """
    able = [one for one in cells if one.expectancy_ci95 is not None and one.expectancy_r is not None]
    if not able:
        return None
    best = max(able, key=lambda one: one.expectancy_r or 0.0)
    low, high = best.expectancy_ci95 or (0.0, 0.0)
    error = (high - low) / WIDE
    if error <= 0 or best.expectancy_r is None:
        return None
    z = best.expectancy_r / error
    single = 0.5 * math.erfc(z / math.sqrt(2))
    return {
        "id": best.id, "cell": best.cell, "expectancy_r": best.expectancy_r, "z": z, "chance_single": single,
        "chance": 1.0 - (1.0 - single) ** len(cells), "trials": len(cells),
    }  # fmt: skip
