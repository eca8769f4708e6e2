"""Latest views in: one task per watched topic, the newest view of each, and whether the engine is there at all.

Ages are counted from reception on the machine's clock; exchange time runs on between two views at the speed the
engine reports, so a countdown never waits for a message.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import TypeVar

from console.beat import rate_hz
from engine.port.contract import EnginePort
from engine.port.notices import AnyNotice
from engine.port.views import AnyView, HealthView, subject_of

V = TypeVar("V", bound=AnyView)

URGENT = frozenset({"signals"})
_BACK_OFF_S = (0.25, 0.5, 1.0, 2.0, 5.0)

Args = Mapping[str, str] | None


class Feed:
    """The screen's picture of the engine.

    `state` is connecting, up, reconnecting or gone (lost, with nobody to bring it back). `changed` holds the topics
    that got a new view since somebody cleared it; `stir` is set when one of them should not wait for the beat, and
    `fresh` when a topic has a view that had none.
    """

    def __init__(
        self,
        port: EnginePort,
        mono_s: Callable[[], float],
        link: str = "fast",
        reconnect: Callable[[], Awaitable[EnginePort]] | None = None,
    ) -> None:
        self.port = port
        self.state = "connecting"
        self.changed: set[str] = set()
        self.stir = asyncio.Event()
        self.fresh = False
        self.views: dict[str, AnyView] = {}
        self.on_notice: Callable[[AnyNotice], None] = lambda notice: None
        self.last_seq = 0
        self._mono_s = mono_s
        self._link = link
        self._reconnect = reconnect
        self._wanted: dict[str, Args] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._received_s: dict[str, float] = {}
        self._life_s: float | None = None
        self._anchor: tuple[float, float] | None = None  # exchange ms, machine s
        self._lost = asyncio.Event()
        self._failure: BaseException | None = None

    async def run(self) -> None:
        """Follow the wanted topics and the notices until cancelled; come back after each loss."""
        attempt = 0
        try:
            while True:
                self._lost.clear()
                self._start_all()
                await self._lost.wait()
                self._stop_all()
                if self._failure is not None:
                    raise self._failure
                attempt = 0 if self.state == "up" else attempt
                self.state = "reconnecting"
                self.stir.set()
                attempt = await self._return(attempt)
        finally:
            self._stop_all()

    async def _return(self, attempt: int) -> int:
        """Wait for an engine to talk to, longer each time."""
        while True:
            await asyncio.sleep(_BACK_OFF_S[min(attempt, len(_BACK_OFF_S) - 1)])
            attempt += 1
            if self._reconnect is None:
                return attempt
            with contextlib.suppress(ConnectionError):
                self.port = await self._reconnect()
                return attempt

    def watch(self, topic: str, args: Args = None) -> None:
        """Follow a topic, or follow it with other arguments; what was shown of another subject is dropped."""
        if topic in self._wanted and dict(self._wanted[topic] or {}) == dict(args or {}):
            return
        self._wanted[topic] = args
        view = self.views.get(topic)
        if view is None or not args or subject_of(view) != dict(args):
            self._forget(topic)
        if not self._lost.is_set() and self._tasks:
            self._start(topic)

    def unwatch(self, topic: str) -> None:
        """Stop following: an unwatched topic is not built by the engine."""
        self._wanted.pop(topic, None)
        self._forget(topic)
        if (task := self._tasks.pop(topic, None)) is not None:
            task.cancel()

    def set_link(self, link: str) -> None:
        """Another link class: other rates."""
        self._link = link
        if self._tasks:
            for topic in self._wanted:
                self._start(topic)

    def view(self, topic: str, kind: type[V]) -> V | None:
        """The newest view of a topic."""
        view = self.views.get(topic)
        return view if isinstance(view, kind) else None

    @property
    def health(self) -> HealthView | None:
        return self.view("health", HealthView)

    def now_ms(self) -> int:
        """Exchange time."""
        if self._anchor is None:
            return 0
        at_ms, at_s = self._anchor
        return int(at_ms + (self._mono_s() - at_s) * 1_000 * self._speed())

    def age_ms(self, topic: str) -> float | None:
        """Age of a topic's picture.

        A book counts from its own last view. Others change seldom and are only sent then, so a sign of life of the
        engine confirms them.
        """
        received = self._received_s.get(topic)
        if received is None or self._life_s is None:
            return None
        seen = received if topic in ("book", "health") else max(received, self._life_s)
        return (self._mono_s() - seen) * 1_000

    def _speed(self) -> float:
        health = self.health
        return 1.0 if health is None else health.speed

    def _take(self, topic: str, view: AnyView) -> None:
        now_s = self._mono_s()
        self._anchor_to(view.as_of_ms, now_s)
        if isinstance(view, HealthView) and view.speed != self._speed():
            # What has passed so far passed at the old speed.
            self._anchor = (float(max(self.now_ms(), view.as_of_ms)), now_s)
        if topic not in self.views:
            self.fresh = True
            self.stir.set()
        self.views[topic] = view
        self._received_s[topic] = self._life_s = now_s
        self.changed.add(topic)
        if self.state != "up":
            self.state = "up"
            self.stir.set()
        if topic in URGENT:
            self.stir.set()

    def _anchor_to(self, as_of_ms: int, now_s: float) -> None:
        """Forward always, back only by a real jump: a countdown does not flicker with the network."""
        behind_ms = self.now_ms() - as_of_ms
        if self._anchor is None or behind_ms < 0 or behind_ms > 1_500 * max(self._speed(), 1.0) or self._speed() == 0.0:
            self._anchor = (float(as_of_ms), now_s)

    def _forget(self, topic: str) -> None:
        self.views.pop(topic, None)
        self._received_s.pop(topic, None)
        self.changed.add(topic)

    def _start_all(self) -> None:
        for topic in self._wanted:
            self._start(topic)
        self._tasks["notices"] = self._spawn(self._listen(), "notices")

    def _start(self, topic: str) -> None:
        if (old := self._tasks.get(topic)) is not None:
            old.cancel()
        self._tasks[topic] = self._spawn(self._follow(topic, self._wanted[topic]), f"watch {topic}")

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A failure that is not a lost engine is a bug: it goes to whoever runs the feed."""
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._failure = failure
            self._lost.set()

    def _stop_all(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    async def _follow(self, topic: str, args: Args) -> None:
        with contextlib.suppress(ConnectionError):
            async for view in self.port.watch(topic, rate_hz(topic, self._link), args):
                self._take(topic, view)
        self._lost.set()

    async def _listen(self) -> None:
        with contextlib.suppress(ConnectionError):
            async for notice in self.port.notices(self.last_seq):
                self.last_seq = max(self.last_seq, notice.seq)
                self.on_notice(notice)
                self.stir.set()
        self._lost.set()
