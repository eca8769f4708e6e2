"""Keeps a session for replay: what a screen would have seen, at a screen's pace, and everything that was told.

One file a run below `recordings/` of the home, readable by its owner only, secrets masked as in the logs. It ends at a
size rather than fill the disk, and says so.
"""

from __future__ import annotations

import asyncio
import gzip
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from engine.clock import Clock
from engine.desk.notice_log import NoticeLog
from engine.port.notices import Degraded
from engine.port.recording import FORMAT, Heard, Key, Opening, Seen, encode, key_of
from engine.port.views import AnyView, HealthView, PositionsView, SignalsView

LOOK_EVERY_S = 0.5
# Milliseconds between two looks at a topic; a view that did not change is not written again.
PACE_MS = {
    "health": 1_000.0, "signals": 500.0, "positions": 500.0, "book": 500.0, "regime": 2_000.0, "breakdown": 2_000.0,
    "limits": 2_000.0, "performance": 5_000.0,
}  # fmt: skip
CHARTS_MS = {"15m": 5_000.0, "1h": 60_000.0, "4h": 60_000.0, "1d": 300_000.0}
MOST_CLOSE, MOST_SYMBOLS = 4, 8  # the focus, waiting signals, positions; and then those of other signals
SELDOM = 12  # how much rarer the latter are looked at
MOST_SIGNALS = 12
EARLIER_NOTICES = 200
LARGEST_BYTES = 256 * 1024 * 1024  # packed; about half a day

Look = Callable[[str, Mapping[str, str]], AnyView]


class Recorder:
    """Writes one session. `look` gives the present view of a topic, `focus` the symbol on screen."""

    def __init__(
        self,
        clock: Clock,
        look: Look,
        notices: NoticeLog,
        focus: Callable[[], str],
        symbols: Callable[[], list[str]],
        folder: Path,
        clean: Callable[[Any], Any] = lambda value: value,
        largest_bytes: int = LARGEST_BYTES,
    ) -> None:
        self._clock = clock
        self._look = look
        self._notices = notices
        self._focus = focus
        self._symbols = symbols
        self._folder = folder
        self._clean = clean
        self._largest = largest_bytes
        self._written: dict[Key, tuple[int, float]] = {}  # revision, machine time
        self._states: dict[str, str] = {}  # of signals
        self._told = 0
        self._began_mono_ms = 0.0
        self.file: Path | None = None

    async def run(self) -> None:
        """Record until cancelled, until the file is full or cannot be written."""
        try:
            with self._open() as file, gzip.GzipFile(fileobj=file, mode="wb") as out:
                out.write(self._opening())
                while True:
                    for line in self._lines():
                        out.write(line)
                        await asyncio.sleep(0)  # a chart costs milliseconds; an order must not wait for all of them
                    out.flush()  # what was seen until now can be read, whatever comes
                    file.flush()
                    if file.tell() >= self._largest:
                        self._end(f"the recording is full at {self._largest // 1024**2} MiB")
                        return
                    await self._clock.sleep(LOOK_EVERY_S)
        except OSError as error:
            self._end(f"the recording cannot be written: {error.strerror or error}")

    def _open(self) -> BinaryIO:
        """A new file of our own; a second one of the same second gets a number."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._began_mono_ms = self._clock.mono_ms()
        self._told = max(0, self._notices.last_seq - EARLIER_NOTICES)
        self._written.clear()
        self._states.clear()
        started = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).strftime("%Y%m%d-%H%M%S")
        number = 1
        while True:
            name = started + (f"-{number}" if number > 1 else "")
            self.file = self._folder / f"{name}.jsonl.gz"
            try:
                handle = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                number += 1
                continue
            break
        return os.fdopen(handle, "wb")

    def _opening(self) -> bytes:
        health = self._look("health", {})
        venue, account = (health.venue, health.account) if isinstance(health, HealthView) else ("", "")
        opening = Opening(FORMAT, self._clock.now_ms(), venue, account, tuple(sorted(self._symbols())))
        return encode(self._clean_of(opening))

    def _lines(self) -> Iterator[bytes]:
        """What is new since the last look."""
        for notice in self._notices.kept:
            if notice.seq > self._told:
                self._told = notice.seq
                yield encode(self._clean_of(Heard(self._clock.now_ms(), self._mono_ms(), notice)))
        signals, positions = self._look("signals", {}), self._look("positions", {})
        for topic, view in (
            ("health", None), ("signals", signals), ("positions", positions), ("limits", None), ("performance", None),
        ):  # fmt: skip
            yield from self._seen(topic, {}, PACE_MS[topic], view)
        close, more = _followed(self._focus(), signals, positions)
        for symbol in (*close, *more):
            rarer = 1 if symbol in close else SELDOM
            for topic in ("book", "regime"):
                yield from self._seen(topic, {"symbol": symbol}, PACE_MS[topic] * rarer)
            for timeframe, pace_ms in CHARTS_MS.items():
                yield from self._seen("chart", {"symbol": symbol, "tf": timeframe}, pace_ms * rarer)
        for row in signals.rows[:MOST_SIGNALS] if isinstance(signals, SignalsView) else ():
            # What was decided changes little more; that it was is seen at once.
            pace_ms = PACE_MS["breakdown"] if row.state == "pending" else 60_000.0
            if self._states.get(row.id) != row.state:
                self._states[row.id], pace_ms = row.state, 0.0
            yield from self._seen("breakdown", {"signal_id": row.id}, pace_ms)

    def _seen(self, topic: str, args: dict[str, str], pace_ms: float, looked: AnyView | None = None) -> Iterator[bytes]:
        """The view of a topic where it is time to look and it changed; `looked` is one that is at hand already."""
        key, mono_ms = key_of(topic, args), self._mono_ms()
        revision, at_mono_ms = self._written.get(key, (-1, -1e12))
        # Looks are half a second apart and never quite on time.
        if mono_ms - at_mono_ms < pace_ms - LOOK_EVERY_S * 500:
            return
        view = looked if looked is not None else self._look(topic, args)
        if view.revision == revision:
            return
        self._written[key] = (view.revision, mono_ms)
        yield encode(self._clean_of(Seen(self._clock.now_ms(), mono_ms, topic, view)))

    def _mono_ms(self) -> float:
        return round(self._clock.mono_ms() - self._began_mono_ms, 1)

    def _clean_of(self, line: Opening | Seen | Heard) -> Any:
        return self._clean(msgspec.to_builtins(line))

    def _end(self, why: str) -> None:
        self._notices.tell(Degraded, f"{why}; nothing more is recorded", severity="warn", what="recorder")


def _followed(focus: str, signals: AnyView, positions: AnyView) -> tuple[list[str], list[str]]:
    """Symbols a screen is likely to stand on, and those it may go to."""
    close, more = {focus: None}, {}
    if isinstance(signals, SignalsView):
        close |= {row.symbol: None for row in signals.rows if row.state == "pending"}
        more = {row.symbol: None for row in signals.rows}
    if isinstance(positions, PositionsView):
        close |= {row.symbol: None for row in positions.rows}
    first = [symbol for symbol in close if symbol][:MOST_CLOSE]
    return first, [symbol for symbol in {**close, **more} if symbol and symbol not in first][
        : MOST_SYMBOLS - len(first)
    ]
