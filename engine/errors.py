"""What may go wrong, as one tree.

    DeskError
      ExchangeError
        Transient(reason)                a read failed and may be tried again
        Throttled(until_ms, banned)      budget used up, cooling or ban; the lane waits
        Rejected(code, message)          the exchange proved it said no
        OutcomeUnknown(client_id)        a write nobody can judge yet; ask, never resend
        ClockSkew(offset_ms)             measure the clock again, then sign again
      DataError
        BookGap(symbol)
        CandleGap(symbol, from_ms, to_ms)
        BadBar(symbol, tf, open_ms, what)
        BadPayload(excerpt)
      StoreError(what)                   vital: nothing may be acknowledged that is not stored
      InvariantBroken(what)              a bug; the engine goes into safe mode

Failures carry facts as attributes and build their text when asked for it. Refusals, holds and waits are
return values, never exceptions. What is wrong with the settings is `config.ConfigError`, one floor below. Foreign
exceptions are translated once, at the transport and the store.
"""

from __future__ import annotations


class DeskError(Exception):
    """Base of everything the desk itself raises."""


class ExchangeError(DeskError):
    """The exchange, or the way to it, did not do what was asked."""


class Transient(ExchangeError):
    """A read failed in a way that may pass: timeout, reset, 5xx."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason, status)
        self.reason = reason
        self.status = status

    def __str__(self) -> str:
        return self.reason if self.status is None else f"{self.reason} (HTTP {self.status})"


class Throttled(ExchangeError):
    """The budget is used up (429) or the address is banned (418) until an exchange time."""

    def __init__(self, until_ms: int, banned: bool, reason: str = "") -> None:
        super().__init__(until_ms, banned, reason)
        self.until_ms = until_ms
        self.banned = banned
        self.reason = reason

    def __str__(self) -> str:
        what = "banned" if self.banned else "throttled"
        return f"{what} until {self.until_ms}" + (f": {self.reason}" if self.reason else "")


class Rejected(ExchangeError):
    """The exchange answered and said no; the request had no effect."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(code, message, status)
        self.code = code
        self.message = message
        self.status = status

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class OutcomeUnknown(ExchangeError):
    """A write was sent and nobody knows whether it took effect; ask by client id."""

    def __init__(self, client_id: str, reason: str, sent_ms: int) -> None:
        super().__init__(client_id, reason, sent_ms)
        self.client_id = client_id
        self.reason = reason
        self.sent_ms = sent_ms

    def __str__(self) -> str:
        return f"outcome of {self.client_id} unknown: {self.reason}"


class ClockSkew(ExchangeError):
    """The measured offset to the exchange's clock is unknown or jumped; nothing is signed until it is measured."""

    def __init__(self, offset_ms: int | None) -> None:
        super().__init__(offset_ms)
        self.offset_ms = offset_ms

    def __str__(self) -> str:
        if self.offset_ms is None:
            return "the offset to the exchange's clock is not known"
        return f"the offset to the exchange's clock jumped to {self.offset_ms} ms"


class DataError(DeskError):
    """Market data that cannot be used as it is."""


class BookGap(DataError):
    """A depth event does not continue the one before it."""

    def __init__(self, symbol: str, expected: int, got: int) -> None:
        super().__init__(symbol, expected, got)
        self.symbol = symbol
        self.expected = expected
        self.got = got

    def __str__(self) -> str:
        return f"{self.symbol}: gap in the book, expected pu={self.expected}, got {self.got}"


class CandleGap(DataError):
    """Closed bars are missing in a half-open range of open times."""

    def __init__(self, symbol: str, from_ms: int, to_ms: int) -> None:
        super().__init__(symbol, from_ms, to_ms)
        self.symbol = symbol
        self.from_ms = from_ms
        self.to_ms = to_ms

    def __str__(self) -> str:
        return f"{self.symbol}: bars missing from {self.from_ms} to {self.to_ms}"


class BadBar(DataError):
    """A bar that breaks the rules of bars: an incident of data integrity, never a value."""

    def __init__(self, symbol: str, tf: str, open_ms: int, what: str) -> None:
        super().__init__(symbol, tf, open_ms, what)
        self.symbol = symbol
        self.tf = tf
        self.open_ms = open_ms
        self.what = what

    def __str__(self) -> str:
        return f"{self.symbol} {self.tf}: bar of {self.open_ms} is invalid, {self.what}"


class BadPayload(DataError):
    """Bytes that are not what the exchange documents; counted, sampled to the log, isolated to their symbol."""

    def __init__(self, excerpt: str, reason: str) -> None:
        super().__init__(excerpt, reason)
        self.excerpt = excerpt
        self.reason = reason

    def __str__(self) -> str:
        return f"bad payload ({self.reason}): {self.excerpt}"


class StoreError(DeskError):
    """The store refused or lost a write; vital."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return self.what


class InvariantBroken(DeskError):
    """Something that cannot be happened: a bug. Never caught on the way up."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"invariant broken: {self.what}"
