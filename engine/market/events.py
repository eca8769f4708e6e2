"""What the market rooms tell the rest of the engine, in the past tense."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BarsClosed:
    """One close, gathered: these symbols have their closed bars and may be evaluated.

    `timeframes` are those that ended at `close_ms`. `first` is False for stragglers of a close already told.
    """

    close_ms: int
    timeframes: tuple[str, ...]
    symbols: tuple[str, ...]
    first: bool = True


@dataclass(frozen=True, slots=True)
class BarsMissed:
    """Symbols whose bar did not come by the deadline: no signal for this bar, the hole is queued for repair."""

    close_ms: int
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SymbolsSuspended:
    """Symbols that have this bar but miss one of the last 300: kept, not judged, until the hole is mended."""

    close_ms: int
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CandleRevised:
    """A closed bar changed its values; everything computed from the series is out of date.

    `change_pct` is by how much its prices changed at most; 0 where a bar was put into a hole.
    """

    symbol: str
    tf: str
    open_ms: int
    change_pct: float = 0.0


@dataclass(frozen=True, slots=True)
class BookLost:
    """A book dropped out of step; nothing reads it until it is synced again."""

    symbol: str
    reason: str
    gaps_recent: int


@dataclass(frozen=True, slots=True)
class BookSynced:
    symbol: str
    resyncs: int


@dataclass(frozen=True, slots=True)
class SymbolLoaded:
    """A symbol's history is in memory; from now on closes own it.

    `completeness_pct` is that of its worst timeframe, after everything that could be fetched was.
    """

    symbol: str
    complete: bool
    completeness_pct: float = 100.0


@dataclass(frozen=True, slots=True)
class SymbolFailed:
    symbol: str
    reason: str
    attempts: int


@dataclass(frozen=True, slots=True)
class GapsRepaired:
    symbol: str
    tf: str
    bars: int


@dataclass(frozen=True, slots=True)
class UniverseChanged:
    added: tuple[str, ...]
    removed: tuple[str, ...]
    members: int
    candidates: int


@dataclass(frozen=True, slots=True)
class BarRefused:
    """The exchange delivered a bar that breaks the rules of bars; its place is a hole."""

    symbol: str
    tf: str
    open_ms: int
    what: str
