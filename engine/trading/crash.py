"""Dying on purpose: a drill ends the engine's process between two durable facts, as a power cut would."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Final

from engine.trading import client_ids
from engine.trading.executor import JOURNAL_POINTS

_LEGS: Final = {
    client_ids.ENTRY: "the entry", client_ids.STOP: "a stop", client_ids.TIER1: "the first target",
    client_ids.TIER2: "the second target", client_ids.EXIT: "a market exit",
}  # fmt: skip
_MOMENTS: Final = {
    "journaled": "was written down and before it is sent", "answered": "was answered and before anybody heard",
    "recorded": "was answered and handed to the journal",
}  # fmt: skip

CRASH_POINTS: Final = {
    point: f"the engine is killed after {_LEGS[leg]} {_MOMENTS[moment]}."
    for point in JOURNAL_POINTS
    for leg, moment in [point.split(".")]
}


def die_at(point: str) -> Callable[[str], None]:
    """Called at each journal point, it kills this process (SIGKILL: no farewell, no flush) when it comes to `point`."""

    def at(reached: str) -> None:
        if reached == point:
            os.kill(os.getpid(), signal.SIGKILL)

    return at
