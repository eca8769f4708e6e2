"""News that comes in swarms - holes filled, books lost and found - as one message for a moment's worth of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from console.telegram.outbox import INFO, Message, Outbox
from engine.port.notices import AnyNotice, Degraded, GapRepaired, Recovered

GATHER_MS = 5_000
MOST_LINES = 8


def is_swarm(notice: AnyNotice) -> bool:
    """Whether a bad moment brings hundreds of these."""
    return isinstance(notice, GapRepaired) or (isinstance(notice, Degraded | Recovered) and notice.what == "book")


@dataclass
class _Bundle:
    """A message that still waits for more."""

    key: str
    due_ms: int
    lines: list[str] = field(default_factory=list)
    count: int = 0


class News:
    """Fills the outbox; each chat has one bundle at a time."""

    def __init__(self, outbox: Outbox, now_ms: Callable[[], int]) -> None:
        self._outbox = outbox
        self._now_ms = now_ms
        self._bundles: dict[int, _Bundle] = {}

    async def tell(self, key: str, chat: int, line: str) -> None:
        """One more line for a chat; `key` names the message where this is its first."""
        bundle = self._bundles.get(chat)
        if bundle is None or self._now_ms() >= bundle.due_ms:
            bundle = self._bundles[chat] = _Bundle(key, self._now_ms() + GATHER_MS)
            if not await self._outbox.add(self._message(bundle, chat, line)):
                del self._bundles[chat]  # told before a restart
                return
        bundle.count += 1
        bundle.lines = [*bundle.lines, line][:MOST_LINES]
        more = bundle.count - len(bundle.lines)
        text = "\n".join([*bundle.lines, *([f"… and {more} more like these"] if more else [])])
        await self._outbox.replace(self._message(bundle, chat, text))

    @staticmethod
    def _message(bundle: _Bundle, chat: int, text: str) -> Message:
        return Message(bundle.key, chat, text, INFO, next_ms=bundle.due_ms, edition=bundle.count)
