"""Commands about this chat alone: what it does not want to hear. They touch no order, so readers may give them too."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from console.telegram import cards
from console.telegram.mutes import EVENT_TYPES, Mutes

MINUTE_MS = 60_000
LONGEST_MIN = 7 * 1440
HUSH: Mapping[str, str] = {
    "snooze": "symbol minutes: no signals and no news of a symbol here",
    "mute": "[event]: do not tell an event type here; alone lists them",
    "unmute": "event: tell it again",
}


def hush(mutes: Mutes, chat: int, name: str, args: list[str], now_ms: int) -> str:
    """Carry out one of them; what is said to it."""
    if name == "snooze":
        return _snooze(mutes, chat, args, now_ms)
    word = args[0].lower() if args else ""
    if not word:
        return _listed(mutes, chat, now_ms)
    known = mutes.mute(chat, word) if name == "mute" else mutes.unmute(chat, word)
    if not known:
        return f"no event type {escape(word)}; trades and safety are always told. {', '.join(EVENT_TYPES)}"
    return f"{word} is {'muted' if word in mutes.types(chat) else 'told'} here"


def _snooze(mutes: Mutes, chat: int, args: list[str], now_ms: int) -> str:
    if len(args) != 2 or not args[1].isascii() or not args[1].isdigit() or not 0 < int(args[1]) <= LONGEST_MIN:
        return f"/snooze SYMBOL MINUTES, up to {LONGEST_MIN}"
    symbol, until_ms = args[0].upper(), now_ms + int(args[1]) * MINUTE_MS
    mutes.snooze(chat, symbol, until_ms)
    return f"{escape(symbol)} is silent here until {cards.clock(until_ms)} UTC; its trades are told all the same"


def _listed(mutes: Mutes, chat: int, now_ms: int) -> str:
    silent = mutes.types(chat)
    rows = [(word, "muted" if word in silent else "told", meaning) for word, meaning in EVENT_TYPES.items()]
    symbols = "".join(
        f"\n{escape(symbol)} silent until {cards.clock(until)} UTC"
        for symbol, until in mutes.symbols(chat, now_ms).items()
    )
    return f"{cards.table(rows)}{symbols}\ntrades and safety are always told"
