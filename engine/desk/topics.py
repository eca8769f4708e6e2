"""Views on demand: built only while somebody watches, one build shared by all who watch the same thing."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from typing import Any

import msgspec

from engine.clock import Clock
from engine.port.views import AnyView, View

# A view that did not change is sent again this often, so that its age on screen stays true.
REPEAT_MS = 1_000.0
SHARE_MS = 40.0
UNASKED_MS = 60_000.0

Builder = Callable[[Mapping[str, str]], View]


class Topics:
    """Named view builders; each answers the present picture, revisions are counted here."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._builders: dict[str, Builder] = {}
        self._slots: dict[tuple[str, tuple[tuple[str, str], ...]], _Slot] = {}
        self._revisions = itertools.count(1)  # of all views: one that was forgotten never comes back with a smaller one

    @property
    def kept(self) -> int:
        """Views in memory."""
        return len(self._slots)

    def add(self, topic: str, builder: Builder) -> None:
        self._builders[topic] = builder

    def __contains__(self, topic: str) -> bool:
        return topic in self._builders

    def now(self, topic: str, args: Mapping[str, str] | None = None) -> Any:
        """The present view of a topic. Raises KeyError for an unknown one."""
        given = dict(args or {})
        key = (topic, tuple(sorted(given.items())))
        mono_ms = self._clock.mono_ms()
        slot = self._slots.get(key)
        if slot is None:
            self._forget(mono_ms - UNASKED_MS)
            slot = self._slots[key] = _Slot()
        if slot.view is None or mono_ms - slot.built_mono_ms >= SHARE_MS:
            slot.take(self._builders[topic](given), mono_ms, self._revisions)
        return slot.view

    def _forget(self, before_mono_ms: float) -> None:
        """Views nobody asked for since; each symbol somebody once looked at would stay otherwise."""
        for key in [key for key, slot in self._slots.items() if slot.built_mono_ms < before_mono_ms]:
            del self._slots[key]

    async def watch(
        self, topic: str, max_hz: float, args: Mapping[str, str] | None = None
    ) -> AsyncGenerator[AnyView, None]:
        """Newest views, at most `max_hz` a second, when changed or a second old."""
        pause_s = 1.0 / min(max(max_hz, 0.1), 50.0)
        sent_revision, sent_mono_ms = -1, 0.0
        while True:
            view = self.now(topic, args)
            mono_ms = self._clock.mono_ms()
            if view.revision != sent_revision or mono_ms - sent_mono_ms >= REPEAT_MS:
                sent_revision, sent_mono_ms = view.revision, mono_ms
                yield view
            await self._clock.sleep(pause_s)


class _Slot:
    """The newest view of one topic and arguments."""

    def __init__(self) -> None:
        self.view: Any = None
        self.built_mono_ms = 0.0

    def take(self, built: View, mono_ms: float, revisions: Iterator[int]) -> None:
        before = self.view
        revision = before.revision if before is not None and _same(before, built) else next(revisions)
        self.view = msgspec.structs.replace(built, revision=revision)
        self.built_mono_ms = mono_ms


def _same(before: View, after: View) -> bool:
    return bool(msgspec.structs.replace(after, revision=before.revision, as_of_ms=before.as_of_ms) == before)
