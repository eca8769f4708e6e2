"""The desk's story line by line, for a pipe or a build machine: what a person at the screen would have seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

from engine.port.commands import Done, Query
from engine.port.contract import EnginePort
from engine.port.notices import AnyNotice, SignalRaised

LABELS = {
    "EngineStarted": "desk", "RegimeChanged": "regime", "SignalRaised": "signal", "SignalDecided": "decision",
    "EntryFilled": "entry", "StopPlaced": "stop", "StopMoved": "stop", "TierPlaced": "tier", "TierTaken": "tier",
    "TradeClosed": "result", "OrderRefused": "refused", "DeskStateChanged": "desk", "Degraded": "warning",
    "Recovered": "recovered", "GapRepaired": "data", "Forgotten": "log",
}  # fmt: skip


async def tell_story(port: EnginePort, say: Callable[[str], None]) -> None:
    """Print notices as they come, signals with their components; ends by cancellation."""
    async for notice in port.notices(after=0):
        say(line(notice))
        if isinstance(notice, SignalRaised):
            for detail in await _components(port, notice.signal_id):
                say(f"{'':>29}{detail}")


def line(notice: AnyNotice) -> str:
    """One notice as a line: exchange time, kind, sentence."""
    at = datetime.fromtimestamp(notice.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{at}  {LABELS.get(type(notice).__name__, 'note'):<9} {notice.text}"


async def _components(port: EnginePort, signal_id: str) -> list[str]:
    reply = await port.submit(Query(id=f"story-{signal_id}", actor="story", what="signal", args={"id": signal_id}))
    if not isinstance(reply, Done):
        return []
    signal = json.loads(reply.data)
    terms = [*signal["components"], *(term for term in signal["modifiers"] if term["points"])]
    return [f"{term['name']:<20} {_input(term['input']):>9}  {term['points']:+g}" for term in terms]


def _input(value: float | None) -> str:
    return "absent" if value is None else f"{value:.2f}"
