"""What is wrong with market data, told once and in digests: the rules of who hears of what how often.

Every accepted alert is an incident in the store. People get one sentence per five minutes at most, with the symbols it
is about; whatever happens more often than its throttle allows is not told again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from engine.bus import Bus
from engine.clock import Clock
from engine.desk.notice_log import NoticeLog
from engine.market.events import (
    BarRefused,
    BarsMissed,
    CandleRevised,
    SymbolFailed,
    SymbolLoaded,
    SymbolsSuspended,
)
from engine.market.integrity import OK_PCT
from engine.port import notices
from engine.store.rows import IncidentRow, Row

HOUR_MS = 3_600_000
DIGEST_MS = 300_000
GATHER_MS = 5_000  # a close that goes wrong does so for many symbols within a moment
NAMED = 10
CORRUPT_PER_HOUR = 10
REVISED_PCT = 0.1
# kind -> (how long a symbol is not told again, what a digest says)
RULES: dict[str, tuple[int, str]] = {
    "stale": (DIGEST_MS, "without their bar"),
    "gap": (HOUR_MS, "with a hole in the last 300 bars"),
    "incomplete": (6 * HOUR_MS, "below 99 % of their history"),
    "failed": (HOUR_MS, "could not be loaded"),
    "corruption": (0, "with bad bars"),
}


@dataclass
class AlertBook:
    """Which alerts are told, pure: times come in as exchange milliseconds."""

    waiting: dict[str, dict[str, str]] = field(default_factory=dict)  # kind -> symbol -> detail
    _told_ms: dict[tuple[str, str], int] = field(default_factory=dict)
    _corrupt_ms: deque[int] = field(default_factory=deque)
    _digest_ms: int = -DIGEST_MS

    def admit(self, kind: str, symbol: str, detail: str, now_ms: int) -> bool:
        """Whether an alert is told; it then waits for the next digest."""
        if kind == "corruption":
            while self._corrupt_ms and self._corrupt_ms[0] <= now_ms - HOUR_MS:
                self._corrupt_ms.popleft()
            if len(self._corrupt_ms) >= CORRUPT_PER_HOUR:
                return False
            self._corrupt_ms.append(now_ms)
        else:
            quiet_ms, _ = RULES[kind]
            if now_ms - self._told_ms.get((kind, symbol), -quiet_ms) < quiet_ms:
                return False
            self._told_ms[kind, symbol] = now_ms
        self.waiting.setdefault(kind, {})[symbol] = detail
        return True

    def due_ms(self, now_ms: int) -> int | None:
        """When the next digest is to be told; None while there is nothing to tell."""
        return max(self._digest_ms + DIGEST_MS, now_ms + GATHER_MS) if self.waiting else None

    def digest(self, now_ms: int) -> str:
        """One sentence about everything that waits, which then waits no longer."""
        waiting, self.waiting, self._digest_ms = self.waiting, {}, now_ms
        return "; ".join(_clause(kind, waiting[kind]) for kind in RULES if kind in waiting)

    def forget(self, symbol: str) -> None:
        """A symbol left the universe."""
        for key in [key for key in self._told_ms if key[1] == symbol]:
            del self._told_ms[key]


class DataAlerts:
    """Listens on the bus for as long as the engine lives. Keep `run` running."""

    def __init__(self, bus: Bus, clock: Clock, log: NoticeLog, store: Callable[[Row], None]) -> None:
        self._clock = clock
        self._log = log
        self._store = store
        self._news = asyncio.Event()
        self.book = AlertBook()
        bus.subscribe(BarsMissed, lambda event: self._all("stale", event.symbols, "no bar at its deadline"))
        bus.subscribe(SymbolsSuspended, lambda event: self._all("gap", event.symbols, "not judged until it is mended"))
        bus.subscribe(SymbolLoaded, self._loaded)
        bus.subscribe(SymbolFailed, lambda event: self._alert("failed", event.symbol, event.reason))
        bus.subscribe(BarRefused, lambda event: self._alert("corruption", event.symbol, f"{event.tf}: {event.what}"))
        bus.subscribe(CandleRevised, self._revised)

    async def run(self) -> None:
        """Tell a digest when one is due; ends by cancellation."""
        while True:
            due_ms = self.book.due_ms(self._clock.now_ms())
            if due_ms is None:
                self._news.clear()
                await self._news.wait()
                continue
            await self._clock.sleep_until(due_ms)
            text = self.book.digest(self._clock.now_ms())
            self._log.tell(notices.Degraded, f"data: {text}", severity="warn", what="data")

    def _loaded(self, event: SymbolLoaded) -> None:
        if event.completeness_pct < OK_PCT:
            self._alert("incomplete", event.symbol, f"{event.completeness_pct:.1f} %")

    def _revised(self, event: CandleRevised) -> None:
        if event.change_pct > REVISED_PCT:
            self._alert("corruption", event.symbol, f"{event.tf}: a closed bar changed by {event.change_pct:.2f} %")

    def _all(self, kind: str, symbols: tuple[str, ...], detail: str) -> None:
        for symbol in symbols:
            self._alert(kind, symbol, detail)

    def _alert(self, kind: str, symbol: str, detail: str) -> None:
        now_ms = self._clock.now_ms()
        if not self.book.admit(kind, symbol, detail, now_ms):
            return
        payload = msgspec.json.encode({"detail": detail})
        self._store(IncidentRow(at_ms=now_ms, kind=f"data_{kind}", severity="warn", text=f"{symbol} {detail}",
                                symbol=symbol, payload=payload))  # fmt: skip
        self._news.set()


def _clause(kind: str, found: dict[str, str]) -> str:
    names = sorted(found)
    if kind in ("corruption", "failed") and len(names) == 1:
        return f"{names[0]} {RULES[kind][1]} ({found[names[0]]})"
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{len(names)} {RULES[kind][1]} ({', '.join(names[:NAMED])}{more})"
