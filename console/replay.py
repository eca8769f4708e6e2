"""A recorded session behind the port: the screen asks as it asks an engine, and gets what stood there at that time.

The replay has one clock, exchange time of the recording, which runs at a chosen speed, may be held, and jumps. Nothing
can be sent from here: every command that would change something is refused.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from engine.port.commands import AnyCommand, Done, FocusSymbol, Query, Refused, Reply, SetSpeed
from engine.port.notices import AnyNotice
from engine.port.recording import Recording, key_of
from engine.port.views import (
    TOPICS,
    AnyView,
    BookView,
    BreakdownView,
    ChartView,
    HealthView,
    PositionsView,
    RegimeView,
    SignalsView,
)

LAST_WORD = Refused("recording", "a recording: nothing can be sent")
NOT_RECORDED = "not in the recording"
POLL_S = 0.05
REPEAT_S = 1.0
# A jump is a minute, and at high speed as long as the screen needs to see that it was one.
JUMP_S = 60.0
JUMP_WALL_S = 3.0


class ReplayPort:
    """An `EnginePort` of the past. `mono_s` is machine time; `speed` is recorded seconds a second, 0 holds."""

    def __init__(
        self,
        recording: Recording,
        name: str,
        mono_s: Callable[[], float],
        speed: float = 1.0,
        from_ms: int | None = None,
    ) -> None:
        self._recording = recording
        self._name = name
        self._mono_s = mono_s
        self.speed = speed
        self._jumps = 0
        self._at_ms = float(self._clamped(recording.start_ms if from_ms is None else from_ms))
        self._at_s: float | None = None  # the clock starts when somebody looks

    # --- time -----------------------------------------------------------------------------------------------------

    def now_ms(self) -> int:
        """The moment that is shown; the last one stands still."""
        if self._at_s is None:
            self._at_s = self._mono_s()
        passed_ms = (self._mono_s() - self._at_s) * 1_000 * self.speed
        return self._clamped(int(self._at_ms + passed_ms))

    def jump(self, steps: int) -> int:
        """So many steps on, or back; the moment that is shown now."""
        step_ms = max(JUMP_S, JUMP_WALL_S * self.speed) * 1_000
        self._anchor(self.now_ms() + steps * step_ms)
        self._jumps += 1
        return self.now_ms()

    def _anchor(self, at_ms: float) -> None:
        self._at_ms, self._at_s = float(self._clamped(int(at_ms))), self._mono_s()

    def _clamped(self, at_ms: int) -> int:
        return max(self._recording.start_ms, min(at_ms, self._recording.end_ms))

    def _pace(self, at_ms: int) -> float:
        """How fast the shown time runs: not at all at the end."""
        return 0.0 if at_ms >= self._recording.end_ms else self.speed

    def _set_speed(self, speed: float) -> Reply:
        self._anchor(self.now_ms())
        self.speed = speed
        return Done(f"speed {speed:g}x" if speed else "held")

    # --- the port -------------------------------------------------------------------------------------------------

    async def submit(self, command: AnyCommand) -> Reply:
        """The pace is ours; questions are answered from the views of the moment; everything else is refused."""
        match command:
            case SetSpeed(speed=speed):
                return self._set_speed(speed)
            case FocusSymbol(symbol=symbol):
                return Done(symbol)
            case Query(what=what):
                return self._answer(what)
        return LAST_WORD

    async def watch(
        self, topic: str, max_hz: float = 4.0, args: Mapping[str, str] | None = None
    ) -> AsyncIterator[AnyView]:
        """What stood there, again after each change, each jump, and each second."""
        if topic not in TOPICS:
            raise ConnectionError(f"nobody shows {topic!r}")
        key, sent, sent_s = key_of(topic, args), None, 0.0
        while True:
            at_ms = self.now_ms()
            mark = (self._recording.index(key, at_ms), self._jumps, self._pace(at_ms))
            if mark != sent or self._mono_s() - sent_s >= REPEAT_S:
                sent, sent_s = mark, self._mono_s()
                view = self._seen(topic, args or {}, mark[0], at_ms)
                if view is not None:
                    yield view
            await asyncio.sleep(max(1.0 / max_hz, POLL_S))

    async def notices(self, after: int = 0) -> AsyncIterator[AnyNotice]:
        """What had been told by then, and what comes; after a jump back it is told again."""
        heard = self._recording.heard
        times = [each.at_ms for each in heard]
        told = sum(each.notice.seq <= after for each in heard)
        jumps = self._jumps
        while True:
            reached = bisect_right(times, self.now_ms())
            if jumps != self._jumps:
                jumps, told = self._jumps, min(told, reached)
            while told < reached:
                told += 1
                yield heard[told - 1].notice
            await asyncio.sleep(POLL_S)

    # --- what was seen --------------------------------------------------------------------------------------------

    def _seen(self, topic: str, args: Mapping[str, str], index: int, at_ms: int) -> AnyView | None:
        view = self._recording.view(key_of(topic, args), index) if index >= 0 else self._instead(topic, args, at_ms)
        if view is None:
            return None
        if isinstance(view, HealthView):
            banner = self._banner(view, at_ms)
            view = msgspec.structs.replace(view, venue="replay", speed=self._pace(at_ms), banner=banner)
        return msgspec.structs.replace(view, as_of_ms=at_ms)

    def _instead(self, topic: str, args: Mapping[str, str], at_ms: int) -> AnyView | None:
        """What to show of a subject that was not recorded."""
        none: dict[str, Any] = {"revision": 0, "as_of_ms": at_ms}
        symbol = args.get("symbol", "")
        match topic:
            case "book":
                return BookView(symbol=symbol, state="empty", reason=NOT_RECORDED, **none)
            case "breakdown":
                return BreakdownView(signal=None, why_empty=NOT_RECORDED, **none)
            case "chart":
                return ChartView(symbol=symbol, timeframe=args.get("tf", "15m"), tick="0.1", bars=(), **none)
            case "regime":
                # BTC and the breadth are the same whoever is in focus.
                other = self._recording.newest("regime", at_ms)
                if isinstance(other, RegimeView):
                    return msgspec.structs.replace(other, focus=None, closes=())
        return None

    def _banner(self, view: HealthView, at_ms: int) -> str:
        clock = datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%H:%M:%S")
        end = " · end" if at_ms >= self._recording.end_ms else ""
        return f"REPLAY · {self._name} · {view.venue} · {clock}{end}"

    def _answer(self, what: str) -> Reply:
        at_ms = self.now_ms()
        if what in ("directory", "symbols"):
            return Done(data=msgspec.json.encode(self._recording.opening.symbols))
        if what in ("signals", "positions"):
            view = self._recording.newest(what, at_ms)
            rows = view.rows if isinstance(view, SignalsView | PositionsView) else ()
            return Done(data=msgspec.json.encode(rows))
        if what == "notices":
            told = [each.notice for each in self._recording.heard if each.at_ms <= at_ms]
            return Done(data=msgspec.json.encode(told))
        return Refused("recording", f"{what} is {NOT_RECORDED}", code=2)
