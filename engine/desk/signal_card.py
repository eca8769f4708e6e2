"""Everything one message about a signal holds: the signal, its tiers, its price, its like, and the zones beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from config import Settings
from engine.desk.answers import Answers
from engine.desk.pictures import Pictures
from engine.desk.reports import Reports
from engine.port.views import Ticket


class SignalCard:
    """Answers `card`: the shape of `signal` with `shares`, `ticket`, `measured`, `zone_below` and `zone_above`.

    What is not there is None: a ticket needs a live book, and lives as long as the signal waits.
    """

    def __init__(self, answers: Answers, reports: Reports, pictures: Pictures, settings: Settings) -> None:
        self._answers = answers
        self._reports = reports
        self._pictures = pictures
        self._exits = settings.exits

    def table(self) -> dict[str, Callable[[Mapping[str, str]], Any]]:
        """Name -> answer."""
        return {"card": self._card}

    async def _card(self, args: Mapping[str, str]) -> dict[str, Any]:
        value = await self._answers.signal(args)
        shown = self._pictures.breakdown({"signal_id": str(value["id"])})
        zones = (await self._reports.zones({"symbol": value["symbol"]}))["zones"]
        below, above = nearest(zones, float(value["entry"] or 0))
        return {
            **value, "measured": shown.measured, "shares": [self._exits.tp1_share, self._exits.tp2_share],
            "ticket": _priced(shown.ticket), "zone_below": below, "zone_above": above,
        }  # fmt: skip


def _priced(ticket: Ticket | None) -> dict[str, Any] | None:
    if ticket is None:
        return None
    return {
        "quantity": ticket.quantity, "risk_usdt": ticket.risk_usdt, "risk_pct": ticket.risk_pct,
        "worst_case_usdt": ticket.worst_case_usdt, "refusals": list(ticket.refusals),
    }  # fmt: skip


def nearest(zones: list[dict[str, Any]], price: float) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The zones a price meets first on its way down and up; one it stands in is met both ways."""
    below = [zone for zone in zones if float(zone["low"]) <= price]
    above = [zone for zone in zones if float(zone["high"]) >= price]
    return (
        max(below, key=lambda zone: float(zone["high"]), default=None),
        min(above, key=lambda zone: float(zone["low"]), default=None),
    )
