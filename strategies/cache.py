"""Keeps the newest bundle of each series, so that a close computes it once (section 2.16 of the rules).

The key names the last closed bar by its open time and carries the revision of the series, which its owner raises with
every write to bars up to that one: neither a new bar nor a corrected one can ever be answered with an old bundle.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from hashlib import blake2b
from typing import Any, Generic, TypeVar

import msgspec

from strategies.params import Params

Value = TypeVar("Value")
Series = tuple[str, str, str]


class CacheKey(msgspec.Struct, frozen=True):
    """One bundle: the series, its newest bar, and what it was computed with."""

    symbol: str
    tf: str
    last_open_ms: int
    revision: int
    params_hash: str = ""

    @property
    def series(self) -> Series:
        """What a newer bar replaces."""
        return self.symbol, self.tf, self.params_hash

    @property
    def age(self) -> tuple[int, int]:
        """Orders the keys of one series from old to new."""
        return self.last_open_ms, self.revision


class CacheStats(msgspec.Struct, frozen=True):
    """Counts since the start or the last `clear_all`."""

    hits: int
    misses: int
    size: int
    evictions: int


def params_hash(*params: Params) -> str:
    """A short name of a set of parameters: equal for equal values, on every machine."""
    return blake2b(msgspec.json.encode(params), digest_size=8).hexdigest()


def capacity_for(symbols: int, timeframes: int) -> int:
    """Room for two parameter sets of every series."""
    return symbols * timeframes * 2


class IndicatorCache(Generic[Value]):
    """Least recently used entries go first. `new_lock` makes the locks of the caller's kind of concurrency.

    Values are handed out as they are: put only what nobody changes.
    """

    def __init__(self, capacity: int, new_lock: Callable[[], AbstractContextManager[Any]]) -> None:
        if capacity < 1:
            raise ValueError("capacity must be at least 1")
        self._capacity = capacity
        self._new_lock = new_lock
        self._lock = new_lock()
        self._entries: OrderedDict[Series, tuple[CacheKey, Value]] = OrderedDict()
        self._computing: dict[Series, AbstractContextManager[Any]] = {}
        self._hits = self._misses = self._evictions = 0

    def get(self, key: CacheKey) -> Value | None:
        """The bundle of exactly this key, or None."""
        with self._lock:
            found = self._peek(key)
            if found is None:
                self._misses += 1
            else:
                self._hits += 1
            return found

    def put(self, key: CacheKey, value: Value) -> None:
        """Keep a bundle in place of older ones of its series; one that is itself older changes nothing."""
        with self._lock:
            entry = self._entries.get(key.series)
            if entry is not None and entry[0].age > key.age:
                return
            self._entries[key.series] = (key, value)
            self._entries.move_to_end(key.series)
            while len(self._entries) > self._capacity:
                series, _ = self._entries.popitem(last=False)
                self._computing.pop(series, None)
                self._evictions += 1

    def drop_older(self, key: CacheKey) -> None:
        """Forget the bundle that this key has outdated; nobody can ask for it any more."""
        with self._lock:
            entry = self._entries.get(key.series)
            if entry is not None and entry[0].age < key.age:
                del self._entries[key.series]

    def get_or_compute(self, key: CacheKey, compute: Callable[[], Value]) -> Value:
        """The bundle of this key; of several callers that miss at the same moment one computes, the others wait."""
        found = self.get(key)
        if found is not None:
            return found
        with self._lock:
            turn = self._computing.setdefault(key.series, self._new_lock())
        with turn:
            with self._lock:
                found = self._peek(key)
            if found is None:
                found = compute()
                self.put(key, found)
            return found

    def clear(self, symbol: str) -> None:
        """Forget a symbol on all timeframes."""
        with self._lock:
            for series in [series for series in self._entries if series[0] == symbol]:
                del self._entries[series]
                self._computing.pop(series, None)

    def clear_all(self) -> None:
        """Forget everything, the counts too."""
        with self._lock:
            self._entries.clear()
            self._computing.clear()
            self._hits = self._misses = self._evictions = 0

    def stats(self) -> CacheStats:
        """How well it serves."""
        with self._lock:
            return CacheStats(self._hits, self._misses, len(self._entries), self._evictions)

    def _peek(self, key: CacheKey) -> Value | None:
        entry = self._entries.get(key.series)
        if entry is None or entry[0] != key:
            return None
        self._entries.move_to_end(key.series)
        return entry[1]
