"""Sends commands and says what came of them. A read-only seat is stopped here, before the wire."""

from __future__ import annotations

from collections.abc import Callable

from console.feed import Feed
from engine.port.commands import AnyCommand, Done, FocusSymbol, PreviewTicket, Query, Refused, Reply

_HARMLESS = (PreviewTicket, Query, FocusSymbol)
UNDO_S = 10.0
_SAY_S = 6.0


class Submitter:
    """The one way from this screen to the engine.

    `say(text, role, seconds)` shows a line in the footer. `undo` holds what takes the last thing back, for ten
    seconds.
    """

    def __init__(
        self, feed: Feed, say: Callable[[str, str, float], None], mono_s: Callable[[], float], *, read_only: bool
    ) -> None:
        self._feed = feed
        self._say = say
        self._mono_s = mono_s
        self._read_only = read_only
        self._undo: tuple[AnyCommand, float] | None = None

    async def send(
        self, command: AnyCommand, done: str = "", undo: AnyCommand | None = None, undo_key: str = "U"
    ) -> Reply:
        """Submit, show the answer, and offer the way back where there is one."""
        reply = await self.ask(command)
        match reply:
            case Done(text=text):
                text = done or text or "done"
                if undo is not None:
                    self._undo = (undo, self._mono_s() + UNDO_S)
                    self._say(f"{text} · {undo_key} undoes", "good", UNDO_S)
                else:
                    self._say(text, "good", _SAY_S)
            case Refused(reason=reason, detail=detail):
                self._say(f"refused: {detail or reason}", "danger", 2 * _SAY_S)
        return reply

    async def ask(self, command: AnyCommand) -> Reply:
        """Submit without showing; a lost engine is a refusal whose outcome is not known."""
        if self._read_only and not isinstance(command, _HARMLESS):
            return Refused("read_only", "this screen is read-only")
        try:
            return await self._feed.port.submit(command)
        except ConnectionError:
            return Refused("engine_gone", "engine gone: whether it was done shows when it is back", 3)

    def take_undo(self) -> AnyCommand | None:
        """The command that takes the last thing back, once, while the offer stands."""
        undo, self._undo = self._undo, None
        return undo[0] if undo is not None and self._mono_s() <= undo[1] else None
