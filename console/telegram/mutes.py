"""What a chat does not want to hear: event types for good, symbols for a while. Trades and safety are always told."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from engine.port import notices
from engine.port.notices import AnyNotice

EVENT_TYPES: Mapping[str, str] = {
    "signal": "a signal waits for a decision",
    "regime": "the regime changed",
    "target": "a target rests",
    "data": "digests of what is wrong with market data",
    "book": "a book fell out of step, or is back",
    "repair": "holes filled, symbols listed or gone",
    "desk": "the engine started or stopped, its recording ended",
    "digest": "the daily digest",
}
DATA_NEWS = ("data", "book")  # what a notice of trouble is about when it is about market data
_WORDS = {
    "SignalRaised": "signal", "RegimeChanged": "regime", "TierPlaced": "target", "GapRepaired": "repair",
    "EngineStarted": "desk", "Forgotten": "desk", "Recovered": "book",
}  # fmt: skip


def event_type(notice: AnyNotice) -> str:
    """The word a notice is muted by; empty for what is always told."""
    if always_told(notice):
        return ""
    if isinstance(notice, notices.Degraded) and notice.what in DATA_NEWS:
        return notice.what
    return _WORDS.get(type(notice).__name__, "desk")


def is_safety(notice: AnyNotice) -> bool:
    """Bans, halts, lost links, positions without a stop, disagreement with the exchange, limits reached."""
    if isinstance(notice, notices.Degraded):
        return notice.severity == "danger" or notice.what not in (*DATA_NEWS, "recorder")
    return notice.severity == "danger" or isinstance(notice, notices.DeskStateChanged)


def is_trade(notice: AnyNotice) -> bool:
    """About money that is at work."""
    return isinstance(
        notice,
        notices.EntryFilled | notices.StopPlaced | notices.StopMoved | notices.TierTaken | notices.TradeClosed
        | notices.OrderRefused | notices.SignalDecided,
    )  # fmt: skip


def always_told(notice: AnyNotice) -> bool:
    """Cannot be muted; who heard an alarm hears its end too."""
    ends_alarm = isinstance(notice, notices.Recovered) and notice.what not in DATA_NEWS
    leaves_open = isinstance(notice, notices.EngineStarted) and notice.severity == "warn"
    return is_safety(notice) or is_trade(notice) or ends_alarm or leaves_open


class _Chat(msgspec.Struct):
    types: set[str] = set()
    symbols: dict[str, int] = {}  # symbol -> until when, exchange time


class Mutes:
    """Per chat; `save` is called on every change. `everywhere` are the event types muted in the settings."""

    def __init__(self, everywhere: frozenset[str], stored: bytes, save: Callable[[bytes], None]) -> None:
        self._everywhere = everywhere
        self._save = save
        self._chats = msgspec.json.decode(stored, type=dict[str, _Chat]) if stored else {}

    def mute(self, chat: int, word: str) -> bool:
        """Silence an event type; False for one that does not exist."""
        return self._change(chat, word, True)

    def unmute(self, chat: int, word: str) -> bool:
        """Hear of it again; False for an event type that does not exist."""
        return self._change(chat, word, False)

    def snooze(self, chat: int, symbol: str, until_ms: int) -> None:
        """No signals and no news of a symbol until then."""
        self._chat(chat).symbols[symbol] = until_ms
        self._keep()

    def types(self, chat: int) -> set[str]:
        """Event types that are silent here."""
        return self._chat(chat).types | (self._everywhere & EVENT_TYPES.keys())

    def symbols(self, chat: int, now_ms: int) -> dict[str, int]:
        """Symbols that are silent here, and until when."""
        return {name: until for name, until in self._chat(chat).symbols.items() if until > now_ms}

    def silent(self, chat: int, notice: AnyNotice, now_ms: int) -> bool:
        """Whether this chat is not told."""
        if always_told(notice):
            return False
        if type(notice).__name__ in self._everywhere or event_type(notice) in self.types(chat):
            return True
        return notice.symbol in self.symbols(chat, now_ms)

    def _change(self, chat: int, word: str, on: bool) -> bool:
        if word not in EVENT_TYPES:
            return False
        types = self._chat(chat).types
        if on:
            types.add(word)
        else:
            types.discard(word)
        self._keep()
        return True

    def _chat(self, chat: int) -> _Chat:
        return self._chats.setdefault(str(chat), _Chat())

    def _keep(self) -> None:
        self._save(msgspec.json.encode(self._chats))
