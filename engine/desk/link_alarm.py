"""Says when a link to the exchange has been gone for a minute, once, and when it is back.

A socket that was opened anew counts as fresh although nothing has come yet: a link is back when it has been well for
longer than such a socket may keep silent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from engine.clock import Clock
from engine.desk.notice_log import NoticeLog
from engine.port import notices

EVERY_S = 1.0
GONE_MS = 60_000.0
WELL_MS = 7_000.0


class LinkAlarm:
    """Looks at `links` (name -> ok, late or down) on machine time. Keep `run` running."""

    def __init__(self, links: Callable[[], Mapping[str, str]], clock: Clock, log: NoticeLog) -> None:
        self._links = links
        self._clock = clock
        self._log = log
        self._since_mono_ms: dict[str, float] = {}
        self._well_mono_ms: dict[str, float] = {}
        self._told: set[str] = set()

    async def run(self) -> None:
        """Ends only by cancellation."""
        while True:
            self.look()
            await self._clock.sleep(EVERY_S)

    def look(self) -> None:
        """Compare each link with what was told of it."""
        mono_ms = self._clock.mono_ms()
        for name, state in self._links().items():
            if state == "ok":
                if mono_ms - self._well_mono_ms.setdefault(name, mono_ms) > WELL_MS:
                    self._back(name)
                continue
            self._well_mono_ms.pop(name, None)
            gone_ms = mono_ms - self._since_mono_ms.setdefault(name, mono_ms)
            if gone_ms > GONE_MS and name not in self._told:
                self._told.add(name)
                text = f"{name} link {state} for more than {GONE_MS / 1000:.0f} s; stops rest on the exchange"
                self._log.tell(notices.Degraded, text, severity="danger", what="link")

    def _back(self, name: str) -> None:
        self._since_mono_ms.pop(name, None)
        if name in self._told:
            self._told.discard(name)
            self._log.tell(notices.Recovered, f"{name} link is back", what="link")
