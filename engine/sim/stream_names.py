"""Names of market streams: what each asks for, on which route it is pushed, and how often (section 1.3 and 4)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.sim.candles import INTERVALS, SECOND

BEAT_MS = 50
PUBLIC, MARKET, PRIVATE = "public", "market", "private"
_SPEED = re.compile(r"^(?P<head>.+)@(?P<speed>0ms|100ms|250ms|500ms|1s|3s)$")
_ROUTES = {
    "depth": (PUBLIC,), "partial": (PUBLIC,), "rpiDepth": (PUBLIC,), "bookTicker": (PUBLIC,),
    "allBookTicker": (PUBLIC,), "trade": (PUBLIC, MARKET),
}  # fmt: skip
_BEATS = {"0ms": 1, "100ms": 2, "250ms": 5, "500ms": 10, "1s": 20, "3s": 60}
_EVERY = {
    "aggTrade": 2, "trade": 1, "kline": 1, "continuousKline": 1, "miniTicker": 40, "ticker": 40, "allMiniTicker": 20,
    "allTicker": 20, "bookTicker": 2, "allBookTicker": 100, "forceOrder": 20, "allForceOrder": 20, "contractInfo": 20,
    "assetIndex": 20, "compositeIndex": 20, "tradingSession": 20, "markPrice": 60, "allMarkPrice": 60, "depth": 5,
    "partial": 5, "rpiDepth": 10,
}  # fmt: skip
_SPEEDS = {
    "depth": ("0ms", "100ms", "250ms", "500ms"), "partial": ("0ms", "100ms", "250ms", "500ms"),
    "markPrice": ("1s", "3s"), "allMarkPrice": ("1s", "3s"), "rpiDepth": ("500ms",),
}  # fmt: skip
_ALL = {
    "!bookTicker": "allBookTicker", "!miniTicker@arr": "allMiniTicker", "!ticker@arr": "allTicker",
    "!markPrice@arr": "allMarkPrice", "!forceOrder@arr": "allForceOrder", "!contractInfo": "contractInfo",
    "!assetIndex@arr": "assetIndex", "tradingSession": "tradingSession",
}  # fmt: skip
_PLAIN = ("aggTrade", "trade", "markPrice", "miniTicker", "ticker", "bookTicker", "forceOrder", "depth", "rpiDepth",
          "compositeIndex")  # fmt: skip


@dataclass(frozen=True, slots=True)
class StreamName:
    """One stream; `symbol` in upper case or empty, `every` in beats of 50 ms."""

    name: str
    kind: str
    symbol: str = ""
    interval: str = ""
    levels: int = 0
    every: int = 20

    @property
    def routes(self) -> tuple[str, ...]:
        return _ROUTES.get(self.kind, (MARKET,))


def parse_stream(name: str) -> StreamName | None:
    """What a name asks for; None for a name that pushes nothing (also one in the wrong case)."""
    head, speed = name, ""
    match = _SPEED.match(name)
    if match is not None:
        head, speed = match["head"], match["speed"]
    if head in _ALL:
        return _with_speed(name, _ALL[head], "", speed)
    symbol, mark, rest = head.partition("@")
    if not mark or symbol != symbol.lower():
        return None
    if rest in _PLAIN:
        return _with_speed(name, rest, symbol.upper(), speed)
    if speed:
        return _partial(name, rest, symbol.upper(), speed)
    if rest.startswith("kline_") and rest[6:] in INTERVALS:
        return StreamName(name, "kline", symbol.upper(), rest[6:], every=_EVERY["kline"])
    if rest.startswith("continuousKline_") and rest[16:] in (INTERVALS | SECOND):
        pair, _, contract = symbol.partition("_")
        if contract in ("perpetual", "current_quarter", "next_quarter", "tradifi_perpetual"):
            return StreamName(name, "continuousKline", pair.upper(), rest[16:], every=_EVERY["kline"])
        return None
    return _partial(name, rest, symbol.upper(), "")


def _with_speed(name: str, kind: str, symbol: str, speed: str) -> StreamName | None:
    if speed and speed not in _SPEEDS.get(kind, ()):
        return None
    if kind == "rpiDepth" and not speed:
        return None
    return StreamName(name, kind, symbol, every=_BEATS[speed] if speed else _EVERY[kind])


def _partial(name: str, rest: str, symbol: str, speed: str) -> StreamName | None:
    if rest not in ("depth5", "depth10", "depth20"):
        return None
    if speed and speed not in _SPEEDS["partial"]:
        return None
    return StreamName(
        name, "partial", symbol, levels=int(rest[5:]), every=_BEATS[speed] if speed else _EVERY["partial"]
    )
