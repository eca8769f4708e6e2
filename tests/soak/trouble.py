"""Faults at random moments, by the controls of the served exchange, and when each of them stood in somebody's way."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp

from engine.sim.faults import KINDS
from tests.support.trouble import parameters

LASTING = ("server_error", "region_refused", "overload")  # refuse orders for their own time
NEXT = (
    "submit_timeout_accepted", "submit_timeout_lost", "unknown_accepted", "unknown_lost", "stop_rejected",
    "would_trigger", "reduce_only_rejected", "fill_before_ack",
)  # fmt: skip
WAITING_S = 5.0  # a fault that waits for the next order has met one by then, or meets none that matters
AFTER_S = 3.0  # tries pause a little once the way is free
BAN_S = 120.0  # on the exchange's clock; a ban of its own choice doubles to days


@dataclass
class Trouble:
    """Begins one fault after another until cancelled; `obstructed` asks whether one stood against orders."""

    rest: str
    session: aiohttp.ClientSession
    rng: Random
    every_s: float
    speed: float
    symbols: list[str]
    begun: Counter[str] = field(default_factory=Counter)
    _spans: list[tuple[float, float]] = field(default_factory=list)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self.rng.uniform(0.5, 1.5) * self.every_s)
            kind, params = self.draw()
            async with self.session.post(f"{self.rest}/sim/fault", json={"kind": kind, **params}) as answer:
                assert answer.status == 200, await answer.text()
            self.begun[kind] += 1
            now, lasts_s = time.monotonic(), self._stands_s(kind, params)
            if lasts_s:
                self._spans.append((now, now + lasts_s + AFTER_S))

    def draw(self) -> tuple[str, dict[str, Any]]:
        """One fault of any kind, over before the next few."""
        rng = self.rng
        kind = rng.choice(sorted(KINDS))
        params: dict[str, Any] = {}
        known = KINDS[kind].params
        if "seconds" in known:
            params["seconds"] = BAN_S if kind == "banned" else rng.uniform(0.5, 4.0)
        params |= parameters(rng, kind, self.symbols, 3.0)
        return kind, params

    def obstructed(self, from_s: float, to_s: float) -> bool:
        """Whether orders may have been refused or lost at any moment of a span of machine time."""
        return any(began < to_s and from_s < ended for began, ended in self._spans)

    def free_share(self, from_s: float, to_s: float) -> float:
        """The part of a span of machine time in which nothing stood against orders."""
        stood, upto = 0.0, from_s
        for began, ended in sorted(self._spans):
            first, last = max(began, upto), min(ended, to_s)
            if last > first:
                stood, upto = stood + last - first, last
        return 1.0 - stood / (to_s - from_s)

    def _stands_s(self, kind: str, params: dict[str, Any]) -> float:
        if kind in LASTING:
            return float(params["seconds"])
        if kind == "rate_limited":
            return 120.0 / self.speed  # the minute, and one more for background work
        if kind == "banned":
            return BAN_S / self.speed
        return WAITING_S + float(params.get("seconds", 0.0)) if kind in NEXT else 0.0
