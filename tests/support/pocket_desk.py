"""A real desk and a phone: an engine in a process of its own on the embedded exchange, the Bot API on loopback.

with PocketDesk(tmp_path) as desk:
    desk.phone(lambda api: api.says("/status"))
    desk.wait(lambda api: api.texts(1))
    desk.query("vitals")
"""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from console.telegram.cards import GLYPHS
from engine.port.address import socket_path
from engine.port.client import PortClient
from engine.port.commands import AnyCommand, Done, Query, Reply, SetSpeed
from tests.support.bot_api import TOKEN, BotApi
from tests.support.home import Home

T = TypeVar("T")
OPERATOR, READER = 1, 2
WAIT_S = 40.0
UNKNOWN = "unknown command; /help lists them"


class PocketDesk:
    """The Bot API and the port's client live on a loop in a thread, so that tests are plain functions."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.api = BotApi()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bot api", daemon=True)
        self._thread.start()
        self.run(self.api.start())
        self._ids = itertools.count(1)
        self._client: PortClient | None = None
        self.home = Home(
            folder, PERPDECK__TELEGRAM__ENABLED="true", PERPDECK__TELEGRAM__API_URL=self.api.url,
            PERPDECK__TELEGRAM__OPERATORS=f"[{OPERATOR}]", PERPDECK__TELEGRAM__READERS=f"[{READER}]",
            PERPDECK_TELEGRAM_TOKEN=TOKEN, **environment,
        )  # fmt: skip
        self._arguments = arguments or ("demo", "--headless", "--mode", "approve", "--speed", "60", "--json")

    def __enter__(self) -> PocketDesk:
        self.start()
        return self

    def start(self) -> None:
        """Start the engine and attach to its port."""
        self.home.start(*self._arguments)
        self.home.running()
        self._client = self.run(PortClient.connect(socket_path(self.home.folder), "test"))

    def restart(self, between: Callable[[], None] = lambda: None) -> None:
        """Stop the engine in good order and start it anew."""
        assert self._client is not None
        self.home.json("stop")
        between()
        self.run(self._client.close())
        self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            self.run(self._client.close())
        self.home.__exit__(kind, error, trace)
        self.run(self.api.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    # -- the phone -----------------------------------------------------------------------------------------------------

    def phone(self, use: Callable[[BotApi], T]) -> T:
        """Do something with the Bot API on its own loop."""

        async def on_loop() -> T:
            return use(self.api)

        return self.run(on_loop())

    def wait(self, ask: Callable[[BotApi], T], timeout_s: float = WAIT_S) -> T:
        """The first true answer; an error with what the phone shows otherwise."""
        deadline = time.monotonic() + timeout_s
        while not (answer := self.phone(ask)):
            assert time.monotonic() < deadline, "the phone shows:\n" + "\n--\n".join(
                self.phone(lambda a: a.texts())[-6:]
            )
            time.sleep(0.05)
        return answer

    def says(self, text: str, user: int = OPERATOR) -> str:
        """Everything the bot answers to a text, in one; what the desk tells meanwhile is left out.

        A person's texts are answered in their order: when nonsense said behind it was answered, so was the text.
        """
        before = self.phone(lambda api: len(api.sent))
        self.phone(lambda api: api.says(text, user))
        self.phone(lambda api: api.says("nonsense", user))

        def answered(api: BotApi) -> list[str]:
            told = [m for m in api.sent[before:] if int(m["chat_id"]) == user and not _pushed(m)]
            texts = [str(message["text"]) for message in told]
            return texts[: texts.index(UNKNOWN)] if UNKNOWN in texts else []

        return "\n".join(self.wait(answered))

    def presses(self, data: str, user: int = OPERATOR) -> str:
        """What pops up when a button is pressed."""
        before = self.phone(lambda api: len(api.answers))
        self.phone(lambda api: api.presses(data, user))
        return self.wait(lambda api: api.answers[before:])[0]

    # -- the port ------------------------------------------------------------------------------------------------------

    def query(self, what: str, **args: str) -> Any:
        """What the port answers."""
        reply = self.submit(Query(id=f"q{next(self._ids)}", actor="test", what=what, args=args))
        assert isinstance(reply, Done), reply
        return json.loads(reply.data)

    def speed(self, speed: float) -> None:
        """Exchange seconds per second; 0 holds the market."""
        assert isinstance(self.submit(SetSpeed(id=f"v{next(self._ids)}", actor="test", speed=speed)), Done)

    def submit(self, command: AnyCommand) -> Reply:
        assert self._client is not None
        return self.run(self._client.submit(command))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)


def _pushed(message: dict[str, Any]) -> bool:
    """Whether nobody asked for this message: a picture, a card, or a sentence with its sign before it."""
    return "photo" in message or '"w:' in (message.get("reply_markup") or "") or message["text"][:1] in GLYPHS.values()
