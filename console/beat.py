"""How often the screen may be painted: measured, not assumed.

Two measures decide: what a beat costs this machine, and what the terminal at the other end takes. `Metered` sits
between the driver's writer thread and the terminal and knows the bytes written, how long a write took, and since
when one has been hanging; `Governor` turns that into the pause between two beats.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any

import msgspec
from textual.driver import Driver

BUDGET_KIB_S = {"fast": 6.0, "slow": 1.5}
_SHORTEST_S = {"fast": 0.1, "slow": 0.5}
_LONGEST_S = {"fast": 1.0, "slow": 4.0}
PAINT_BUDGET_MS = 20.0
_SLOW_WRITE_MS = 120.0
_HANG_MS = 400.0
_CALM_S = 30.0

# Highest rate per topic. Signals and positions are few and urgent; the book is large and restless.
RATES_HZ = {
    "fast": {"book": 5.0, "positions": 4.0, "signals": 10.0, "breakdown": 2.0, "health": 2.0, "chart": 1.0},
    "slow": {"book": 1.0, "positions": 1.0, "signals": 4.0, "breakdown": 0.5, "health": 1.0, "chart": 0.25},
}
_OTHER_HZ = {"fast": 1.0, "slow": 0.25}


def rate_hz(topic: str, link: str) -> float:
    """Highest rate at which a topic is watched over a link of this class."""
    return RATES_HZ[link].get(topic, _OTHER_HZ[link])


class Metered:
    """A terminal file that counts. Written to by the driver's thread, read by the screen's loop.

    `gone` once the terminal is no more. The thread goes on then and writes nothing: if it ended, the screen would wait
    for ever for room in its queue.
    """

    def __init__(self, file: IO[str], mono_s: Callable[[], float]) -> None:
        self._file = file
        self._mono_s = mono_s
        self._since: float | None = None
        self.written = 0
        self.slowest_ms = 0.0
        self.gone = False

    def write(self, text: str) -> int:
        self._enter()
        try:
            self.written += len(text.encode(errors="replace"))
            return self._file.write(text)
        except OSError:
            self.gone = True
            return len(text)
        finally:
            self._leave()

    def flush(self) -> None:
        self._enter()
        try:
            self._file.flush()
        except OSError:
            self.gone = True
        finally:
            self._leave()

    def hanging_ms(self) -> float:
        """For how long the present write has not come back."""
        since = self._since
        return 0.0 if since is None else (self._mono_s() - since) * 1_000

    def take_slowest_ms(self) -> float:
        """The slowest write since the last question."""
        slowest, self.slowest_ms = self.slowest_ms, 0.0
        return slowest

    def _enter(self) -> None:
        self._since = self._mono_s()

    def _leave(self) -> None:
        if self._since is not None:
            self.slowest_ms = max(self.slowest_ms, (self._mono_s() - self._since) * 1_000)
        self._since = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def metered(driver_class: type[Driver], mono_s: Callable[[], float]) -> type[Driver]:
    """The driver of a terminal with a meter in it; one that writes to no file stays as it is."""

    class MeteredDriver(driver_class):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            # Before the writer thread starts: it keeps the file it was given.
            mono_s()  # the first reading is taken on the loop's own thread
            if (file := getattr(self, "_file", None)) is not None:
                self._file = Metered(file, mono_s)

    return MeteredDriver


class Reading(msgspec.Struct, frozen=True):
    """One look at the meter, taken at each beat."""

    at_s: float
    written: int
    write_ms: float = 0.0
    hanging_ms: float = 0.0
    paint_ms: float = 0.0


class Governor:
    """Chooses link class and pause between beats from readings; pure but for its own memory."""

    def __init__(self, link: str = "auto") -> None:
        self.wanted = link
        self.link = "fast" if link == "auto" else link
        self.pause_s = _SHORTEST_S[self.link]
        self.kib_s = 0.0
        self._last: Reading | None = None
        self._calm_since_s: float | None = None

    def read(self, reading: Reading) -> bool:
        """Take a reading; True when the link class changed."""
        last = self._last
        if last is not None and reading.at_s <= last.at_s:
            return False
        self._last = reading
        if last is None:
            return False
        elapsed_s = reading.at_s - last.at_s
        now_kib_s = (reading.written - last.written) / 1_024 / elapsed_s
        weight = min(elapsed_s / 2.0, 1.0)  # an average over about two seconds
        self.kib_s += (now_kib_s - self.kib_s) * weight
        changed = self._classify(reading)
        self._pace(reading)
        return changed

    def may_paint(self, hanging_ms: float) -> bool:
        """Not into a terminal that has stopped reading: the queue before it must not fill up."""
        return hanging_ms < _HANG_MS

    def _pace(self, reading: Reading) -> None:
        low, high = _SHORTEST_S[self.link], _LONGEST_S[self.link]
        if reading.paint_ms > PAINT_BUDGET_MS:
            self.pause_s *= 2.0
        elif self.kib_s > BUDGET_KIB_S[self.link] * 0.8:
            self.pause_s *= 1.3
        elif self.kib_s < BUDGET_KIB_S[self.link] * 0.55:
            self.pause_s *= 0.9
        self.pause_s = max(low, min(self.pause_s, high))

    def _classify(self, reading: Reading) -> bool:
        if self.wanted != "auto":
            return False
        if reading.write_ms > _SLOW_WRITE_MS or reading.hanging_ms > _SLOW_WRITE_MS:
            self._calm_since_s = None
            changed, self.link = self.link != "slow", "slow"
            return changed
        if self.link == "slow":
            if self._calm_since_s is None:
                self._calm_since_s = reading.at_s
            elif reading.at_s - self._calm_since_s > _CALM_S:
                self.link, self._calm_since_s = "fast", None
                return True
        return False
