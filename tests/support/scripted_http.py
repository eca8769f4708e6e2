"""An HTTP transport that answers from a script, and says what it was asked."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from engine.exchange.transport import HttpAnswer


@dataclass
class Asked:
    """One request as it left."""

    method: str
    url: str
    headers: Mapping[str, str]
    timeout_s: float

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def query(self) -> str:
        return urlsplit(self.url).query

    @property
    def params(self) -> dict[str, str]:
        return dict(parse_qsl(self.query))


def answer(body: Any = None, status: int = 200, **headers: str) -> HttpAnswer:
    """A JSON answer; header names with underscores for dashes."""
    named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return HttpAnswer(status, named, json.dumps({} if body is None else body).encode())


def refusal(code: int, message: str = "no", status: int = 400, **headers: str) -> HttpAnswer:
    return answer({"code": code, "msg": message}, status, **headers)


Step = HttpAnswer | Exception | Callable[[Asked], Awaitable[HttpAnswer]]


@dataclass
class ScriptedHttp:
    """Answers per (method, path) in order, the last one for ever; unscripted calls fail the test."""

    script: dict[tuple[str, str], list[Step]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    closed: bool = False

    def on(self, method: str, path: str, *steps: Step) -> ScriptedHttp:
        self.script[method, path] = list(steps)
        return self

    def to(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == path]

    async def request(self, method: str, url: str, headers: Mapping[str, str], timeout_s: float) -> HttpAnswer:
        asked = Asked(method, url, headers, timeout_s)
        self.asked.append(asked)
        steps = self.script[method, asked.path]
        step = steps.pop(0) if len(steps) > 1 else steps[0]
        if isinstance(step, Exception):
            raise step
        return step if isinstance(step, HttpAnswer) else await step(asked)

    async def close(self) -> None:
        self.closed = True
