"""What the composition root decides about a screen; fixed for the life of the screen."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from console.look import Look
from engine.port.contract import EnginePort


def _new_id() -> str:
    return uuid.uuid4().hex


class ConsoleOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of one seat.

    `link` is fast, slow or auto. `keys` remaps actions by id to one key or several, separated by blanks.
    `reconnect` gives a fresh port after the engine was lost, raising `ConnectionError` while it is away; without
    it the same port is asked again. `mono_s` is machine time in seconds (the loop's own by default), `next_id`
    makes command ids. `notices_after` is the number of the last notice this person has seen: what came since is
    told in the digest; None tells nothing. `seen` is called with each number shown, to be remembered for the
    next time. `history` holds the lines of the command bar across screens.
    """

    theme: str = "classic"
    ascii: bool = False
    link: str = "auto"
    red_up: bool = False
    keys: Mapping[str, str] = {}
    read_only: bool = False
    demo: bool = False
    tour: bool = False
    actor: str = "console"
    reconnect: Callable[[], Awaitable[EnginePort]] | None = None
    mono_s: Callable[[], float] | None = None
    next_id: Callable[[], str] = _new_id
    notices_after: int | None = None
    seen: Callable[[int], None] | None = None
    history: list[str] = []
    jump: Callable[[int], int] | None = None
    guard_ms: float = 300.0
    bell: bool = True
    no_color: bool = False

    @property
    def look(self) -> Look:
        return Look("mono" if self.no_color else self.theme, self.ascii, self.red_up)
