"""The command bar's language: words to actions and commands, with completion. Pure.

It can say nothing the keys cannot; what a key asks before doing, a line asks too.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from console import render
from console.actions import TABLE, Situation
from engine.port import commands as ask

MODES = ("signals", "approve", "auto")
SIDES = ("long", "short")
TIMEFRAMES = ("15m", "1h", "4h", "1d")


class Word(msgspec.Struct, frozen=True):
    """A verb of the bar, what may follow it, and what it does."""

    name: str
    args: tuple[str, ...]  # symbol, side, strategy, mode, span, number, text
    help: str


WORDS = (
    Word("pause", ("span", "text"), "no new entries, for a while or until resumed: pause 30m lunch"),
    Word("resume", (), "allow entries again"),
    Word("halt", ("text",), "exits and trailing only"),
    Word("mode", ("mode",), "signals, approve or auto"),
    Word("block", ("symbol", "side", "strategy", "span"), "no entries: block SOLUSDT short 4h"),
    Word("unblock", ("symbol", "side", "strategy"), "allow entries in a symbol again"),
    Word("find", ("symbol",), "put a symbol in focus"),
    Word("chart", ("symbol",), "candles of a symbol"),
    Word("speed", ("number",), "speed of the demo or replay, 0 holds it"),
    Word("reconcile", (), "compare with the exchange now"),
)
_VERBS = {word.name: word for word in WORDS}
_PLAIN = {
    action.id: action
    for action in TABLE
    if action.id in {
        "approve", "reject", "edit", "explain", "snooze", "close", "stop", "flatten", "kill", "undo", "history",
        "log", "digest", "help", "quit", "redraw", "palette",
    }
}  # fmt: skip


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """What a line means: an action of the table, or a command, or a place to go."""

    action: str = ""
    command: ask.AnyCommand | None = None
    mode: str = ""
    resume: bool = False
    focus: str = ""
    chart: bool = False
    ask: str = ""  # a question to be answered with Enter first
    done: str = ""


def names() -> list[tuple[str, str]]:
    """Every first word with its help."""
    return [(word.name, word.help) for word in WORDS] + [(a.id, a.help) for a in _PLAIN.values()]


def complete(line: str, symbols: Sequence[str]) -> list[str]:
    """Lines that continue this one, best first."""
    words = line.split()
    if not words or (len(words) == 1 and not line.endswith(" ")):
        start = words[0].lower() if words else ""
        found = [name for name, _ in names() if name.startswith(start)]
        found += [symbol for symbol in symbols if start and symbol.lower().startswith(start)]
        return found[:50]
    word = _VERBS.get(words[0].lower())
    if word is None:
        return []
    tail = "" if line.endswith(" ") else words[-1].lower()
    given = words if line.endswith(" ") else words[:-1]
    kinds = {kind for kind in word.args if not any(_is(kind, each, symbols) for each in given[1:])}
    pool: list[str] = []
    for kind in word.args:
        if kind in kinds:
            pool += _pool(kind, symbols)
    return [" ".join([*given, each]) for each in pool if each.lower().startswith(tail)][:50]


def _pool(kind: str, symbols: Sequence[str]) -> Sequence[str]:
    pools: dict[str, Sequence[str]] = {
        "symbol": symbols,
        "side": SIDES,
        "strategy": tuple(render.STRATEGY_SHORT),
        "mode": MODES,
        "span": ("30m", "4h", "1d"),
    }
    return pools.get(kind, ())


def _is(kind: str, word: str, symbols: Sequence[str]) -> bool:
    if kind == "symbol":
        return word.upper() in symbols
    return word.lower() in _pool(kind, symbols)


def parse(line: str, now: Situation, symbols: Sequence[str]) -> Parsed | str:
    """The meaning of a line, or what is wrong with it."""
    words = line.split()
    if not words:
        return ""
    verb, rest = words[0].lower(), words[1:]
    if verb in _PLAIN:
        return Parsed(action=verb) if not rest else f"{verb} takes nothing after it"
    if verb not in _VERBS:
        if words[0].upper() in symbols:
            return Parsed(focus=words[0].upper())
        return f"no such command: {words[0]}; Tab shows what there is"
    try:
        return _meaning(verb, rest, now, symbols)
    except ValueError as error:
        return str(error)


def _meaning(verb: str, rest: list[str], now: Situation, symbols: Sequence[str]) -> Parsed | str:
    ids = {"id": now.id, "actor": now.actor}
    match verb:
        case "pause":
            for_s = _span_of(rest[0]) if rest else None
            reason = " ".join(rest[1:] if for_s is not None else rest)
            until = f" for {render.span(for_s * 1_000)}" if for_s else ""
            return Parsed(command=ask.Pause(**ids, for_s=for_s, reason=reason), done=f"paused{until}: no new entries")
        case "resume":
            return Parsed(resume=True)
        case "halt":
            return Parsed(command=ask.Halt(**ids, reason=" ".join(rest)), done="reducing: exits and trailing only")
        case "mode":
            return Parsed(mode=rest[0]) if rest and rest[0] in MODES else "mode signals, approve or auto"
        case "block" | "unblock":
            return _block(verb, rest, now, symbols)
        case "find" | "chart":
            symbol = _symbol(rest[0], symbols) if rest else now.symbol
            return Parsed(focus=symbol, chart=verb == "chart") if symbol else f"{verb} which symbol?"
        case "speed":
            speed = float(rest[0]) if rest else -1.0
            if not 0 <= speed <= 10_000:
                return "speed 0 to 10000"
            return Parsed(command=ask.SetSpeed(**ids, speed=speed), done=f"speed {speed:g}x" if speed else "held")
        case _:
            return Parsed(command=ask.Reconcile(id=now.id, actor=now.actor), done="compared with the exchange")


def _block(verb: str, rest: list[str], now: Situation, symbols: Sequence[str]) -> Parsed:
    symbol, side, strategy, for_s = now.symbol, None, None, None
    for word in rest:
        if word.lower() in SIDES:
            side = word.lower()
        elif word.lower() in render.STRATEGY_SHORT:
            strategy = word.lower()
        elif (seconds := _span_of(word)) is not None and verb == "block":
            for_s = seconds
        else:
            symbol = _symbol(word, symbols)
    if not symbol:
        raise ValueError(f"{verb} which symbol?")
    what = " ".join(filter(None, (symbol, side, strategy)))
    ids = {"id": now.id, "actor": now.actor}
    if verb == "block":
        command: ask.AnyCommand = ask.BlockSymbol(**ids, symbol=symbol, side=side, strategy=strategy, for_s=for_s)
        return Parsed(command=command, done=f"{what} blocked")
    command = ask.UnblockSymbol(**ids, symbol=symbol, side=side, strategy=strategy)
    return Parsed(command=command, done=f"{what} unblocked", ask=f"Entries in {what} are allowed again.")


def _symbol(word: str, symbols: Sequence[str]) -> str:
    """A symbol as typed, or with the usual quote added. Raises `ValueError` when there is none."""
    for name in (word.upper(), f"{word.upper()}USDT"):
        if name in symbols or not symbols:
            return name
    raise ValueError(f"no such symbol: {word}")


def _span_of(word: str) -> float | None:
    try:
        return render.parse_span(word)
    except ValueError:
        return None
