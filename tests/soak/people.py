"""Who sits at the desk: one who approves at random, two screens that come and go, one who writes to the bot."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from engine.port.client import PortClient
from engine.port.commands import AnyCommand, ApproveSignal, ClosePosition, FocusSymbol, RejectSignal, Resume
from engine.port.views import HealthView, PositionsView, SignalsView
from tests.support.bot_api import BotApi

TOPICS = ("health", "signals", "positions", "limits", "book", "regime")  # what the screen of the desk follows
WORDS = ("/status", "/positions", "/performance", "/closed", "/help", "nonsense")
GIVE_UP_S = 20.0
TAKEN, REJECTED = 0.75, 0.15  # the rest expires
NOT_YET = ("BookNotSynced", "Unpriced", "Reducing", "NotReconciled", "ExchangeUnread")
AGAIN_S, MOST_TRIES = 0.15, 60


@dataclass
class Approver:
    """Looks at every waiting signal once: takes most, rejects some, lets some expire; closes a position now and then.

    `answers_ms` is how long an approval took to be answered, on the machine's clock.
    """

    socket: Path
    rng: Random
    closes: float = 0.02  # chance to close a position at each look
    asked: Counter[str] = field(default_factory=Counter)
    answers_ms: list[float] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def run(self) -> None:
        client = await PortClient.connect(self.socket, "console:soak")
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._decide(client, tasks))
                tasks.create_task(self._look_after(client))
                tasks.create_task(self._keep_open(client))
        finally:
            await client.close()

    async def _decide(self, client: PortClient, tasks: asyncio.TaskGroup) -> None:
        async for view in client.watch("signals", max_hz=20.0):
            assert isinstance(view, SignalsView)
            for signal in view.rows:
                if signal.state != "pending" or signal.id in self._seen:
                    continue
                self._seen.add(signal.id)
                lot = self.rng.random()
                if lot < TAKEN:
                    tasks.create_task(self._approve(client, signal.id))
                elif lot < TAKEN + REJECTED:
                    command = RejectSignal(id=self._name(), actor="console:soak", signal_id=signal.id)
                    self.asked[f"reject: {await self._ask(client, command)}"] += 1

    async def _approve(self, client: PortClient, signal_id: str) -> None:
        """Ask again while the desk gets ready, which it does in machine time while the signal ages at speed."""
        answer = ""
        for _ in range(MOST_TRIES):
            began = time.monotonic()
            command = ApproveSignal(id=self._name(), actor="console:soak", signal_id=signal_id)
            answer = await self._ask(client, command)
            self.answers_ms.append((time.monotonic() - began) * 1000)
            if answer not in NOT_YET:
                break
            await asyncio.sleep(AGAIN_S)
        self.asked[f"approve: {answer}"] += 1

    async def _look_after(self, client: PortClient) -> None:
        async for view in client.watch("positions", max_hz=4.0):
            assert isinstance(view, PositionsView)
            own = [row for row in view.rows if not row.shadow and not row.foreign]
            if own and self.rng.random() < self.closes:
                row = self.rng.choice(own)
                part = self.rng.choice([30.0, 100.0])
                command = ClosePosition(id=self._name(), actor="console:soak", position_id=row.id, pct=part)
                self.asked[f"close: {await self._ask(client, command)}"] += 1

    async def _keep_open(self, client: PortClient) -> None:
        """A desk that stopped taking entries is opened again, as somebody would who wants the run to go on."""
        async for view in client.watch("health", max_hz=1.0):
            assert isinstance(view, HealthView)
            if view.desk != "running" and view.state == "RUNNING":
                command = Resume(id=self._name(), actor="console:soak", confirm=view.account)
                self.asked[f"resume: {await self._ask(client, command)}"] += 1

    async def _ask(self, client: PortClient, command: AnyCommand) -> str:
        try:
            async with asyncio.timeout(GIVE_UP_S):
                reply = await client.submit(command)
        except TimeoutError:
            return "no answer"
        return getattr(reply, "reason", "done")

    def _name(self) -> str:
        return f"soak-{next(self._numbers)}"


@dataclass
class Screen:
    """Attaches as the console does, follows what the desk screen shows, looks at symbols, and goes: with or without
    a farewell."""

    socket: Path
    rng: Random
    symbols: list[str]
    attached: int = 0
    views: Counter[str] = field(default_factory=Counter)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self.rng.uniform(0.2, 3.0))
            client = await PortClient.connect(self.socket, "console:screen")
            self.attached += 1
            try:
                async with asyncio.timeout(self.rng.uniform(1.0, 12.0)):
                    await self._watch(client)
            except TimeoutError:
                pass
            finally:
                await client.close()

    async def _watch(self, client: PortClient) -> None:
        async with asyncio.TaskGroup() as tasks:
            for topic in TOPICS:
                tasks.create_task(self._follow(client, topic))
            tasks.create_task(self._listen(client))
            for number in itertools.count():
                command = FocusSymbol(
                    id=f"look-{id(self)}-{self.attached}-{number}", actor="console:screen",
                    symbol=self.rng.choice(self.symbols),
                )  # fmt: skip
                await client.submit(command)
                await asyncio.sleep(self.rng.uniform(0.5, 3.0))

    async def _follow(self, client: PortClient, topic: str) -> None:
        async for _view in client.watch(topic, max_hz=10.0 if topic == "book" else 4.0):
            self.views[topic] += 1

    async def _listen(self, client: PortClient) -> None:
        async for _notice in client.notices():
            self.views["notices"] += 1


@dataclass
class Chatter:
    """Writes to the bot and presses the newest button; the bot has trouble of its own now and then."""

    api: BotApi
    rng: Random
    every_s: float = 4.0
    written: int = 0

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self.rng.uniform(0.5, 1.5) * self.every_s)
            self.api.down = self.rng.random() < 0.1
            self.api.says(self.rng.choice(WORDS))
            self.written += 1
            with contextlib.suppress(LookupError):
                if self.rng.random() < 0.3:
                    self.api.presses(self.api.button(self.rng.choice(("approve", "reject", "why"))))
