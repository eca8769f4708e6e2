"""A scripted engine: views are put in, commands are recorded, the link can be cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from engine.port import commands as ask
from engine.port.notices import AnyNotice
from engine.port.views import AnyView

Answer = ask.Reply | Callable[[Any], ask.Reply]


class FakePort:
    """`EnginePort` by hand.

    `put(view)` makes a view the newest of its topic for every subject; `answer(type, reply)` scripts the replies to
    a type of command; `sent` and `watched` hold what the seat asked for; `cut()` drops the link, `mend()` brings it
    back.
    """

    def __init__(self) -> None:
        self.sent: list[ask.AnyCommand] = []
        self.watched: dict[str, dict[str, str]] = {}
        self.held: asyncio.Event | None = None
        self._views: dict[str, AnyView] = {}
        self._versions: dict[str, int] = {}
        self._answers: dict[type, Answer] = {}
        self._notices: list[AnyNotice] = []
        self._news = asyncio.Condition()
        self._cut = False

    def acted(self) -> list[ask.AnyCommand]:
        """Commands that would change something."""
        return [each for each in self.sent if not isinstance(each, ask.FocusSymbol | ask.Query | ask.PreviewTicket)]

    def answer(self, kind: type, reply: Answer) -> None:
        self._answers[kind] = reply

    async def put(self, topic: str, view: AnyView) -> None:
        async with self._news:
            self._views[topic] = view
            self._versions[topic] = self._versions.get(topic, 0) + 1
            self._news.notify_all()

    async def tell(self, notice: AnyNotice) -> None:
        async with self._news:
            self._notices.append(notice)
            self._news.notify_all()

    async def cut(self) -> None:
        async with self._news:
            self._cut = True
            self._news.notify_all()

    async def mend(self) -> None:
        async with self._news:
            self._cut = False
            self._news.notify_all()

    def _check(self) -> None:
        if self._cut:
            raise ConnectionError("the engine is gone")

    async def submit(self, command: ask.AnyCommand) -> ask.Reply:
        self._check()
        self.sent.append(command)
        if self.held is not None:
            await self.held.wait()
        reply = self._answers.get(type(command), ask.Done())
        return reply(command) if callable(reply) else reply

    async def watch(
        self, topic: str, max_hz: float = 4.0, args: Mapping[str, str] | None = None
    ) -> AsyncIterator[AnyView]:
        self._check()
        self.watched[topic] = dict(args or {})
        seen = 0
        while True:
            async with self._news:
                while not self._cut and self._versions.get(topic, 0) <= seen:
                    await self._news.wait()
                self._check()
                seen = self._versions[topic]
                view = self._views[topic]
            yield view

    async def notices(self, after: int = 0) -> AsyncIterator[AnyNotice]:
        self._check()
        seen = after
        while True:
            async with self._news:
                while not self._cut and not any(notice.seq > seen for notice in self._notices):
                    await self._news.wait()
                self._check()
                fresh = [notice for notice in self._notices if notice.seq > seen]
            for notice in fresh:
                seen = notice.seq
                yield notice
