"""Everything one message about a signal holds: the signal, what its like have earned, and the zones on either side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.desk.answers import Answers
from engine.desk.measured import Measured
from engine.desk.pictures import Pictures
from engine.desk.reports import Reports


class SignalCard:
    """`card`: the shape of `signal` with `measured`, `zone_below` and `zone_above`, None where there is none."""

    def __init__(self, answers: Answers, reports: Reports, pictures: Pictures, measured: Measured) -> None:
        self._answers = answers
        self._reports = reports
        self._pictures = pictures
        self._measured = measured

    def table(self) -> dict[str, Callable[[Mapping[str, str]], Any]]:
        """Name -> answer."""
        return {"card": self._card}

    async def _card(self, args: Mapping[str, str]) -> dict[str, Any]:
        value = await self._answers.signal(args)
        found = self._pictures.find(args.get("id", ""))
        zones = (await self._reports.zones({"symbol": value["symbol"]}))["zones"]
        below, above = nearest(zones, float(value["entry"] or 0))
        return {
            **value, "measured": self._measured.text(found[0]) if found is not None else "unmeasured",
            "zone_below": below, "zone_above": above,
        }  # fmt: skip


def nearest(zones: list[dict[str, Any]], price: float) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The zones a price meets first on its way down and up; one it stands in is met both ways."""
    below = [zone for zone in zones if float(zone["low"]) <= price]
    above = [zone for zone in zones if float(zone["high"]) >= price]
    return (
        max(below, key=lambda zone: float(zone["high"]), default=None),
        min(above, key=lambda zone: float(zone["low"]), default=None),
    )
