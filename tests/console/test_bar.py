"""The command bar's language."""

from __future__ import annotations

import pytest

from console.actions import Situation
from console.bar import Parsed, complete, parse
from engine.port import commands as ask

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "1000PEPEUSDT")
NOW = Situation(id="c1", actor="console:ann", symbol="BTCUSDT", mode="approve", desk="running")
ID = {"id": "c1", "actor": "console:ann"}


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("pause", ask.Pause(**ID)),
        ("pause 30m", ask.Pause(**ID, for_s=1_800.0)),
        ("pause 30m lunch break", ask.Pause(**ID, for_s=1_800.0, reason="lunch break")),
        ("pause lunch", ask.Pause(**ID, reason="lunch")),
        ("halt", ask.Halt(**ID)),
        ("block", ask.BlockSymbol(**ID, symbol="BTCUSDT")),
        ("block sol short 4h", ask.BlockSymbol(**ID, symbol="SOLUSDT", side="short", for_s=14_400.0)),
        ("block 1000PEPEUSDT pullback", ask.BlockSymbol(**ID, symbol="1000PEPEUSDT", strategy="pullback")),
        ("unblock eth", ask.UnblockSymbol(**ID, symbol="ETHUSDT")),
        ("speed 50", ask.SetSpeed(**ID, speed=50.0)),
        ("reconcile", ask.Reconcile(**ID)),
    ],
)
def test_line_becomes_a_command(line: str, command: ask.AnyCommand) -> None:
    parsed = parse(line, NOW, SYMBOLS)
    assert isinstance(parsed, Parsed)
    assert parsed.command == command


def test_what_allows_risk_asks_first() -> None:
    parsed = parse("unblock sol", NOW, SYMBOLS)
    assert isinstance(parsed, Parsed)
    assert parsed.ask


@pytest.mark.parametrize("line", ["approve", "flatten", "kill", "close", "reject", "history", "quit"])
def test_word_of_a_key_is_the_key(line: str) -> None:
    assert parse(line, NOW, SYMBOLS) == Parsed(action=line)


def test_symbol_alone_goes_into_focus() -> None:
    assert parse("ethusdt", NOW, SYMBOLS) == Parsed(focus="ETHUSDT")
    assert parse("chart sol", NOW, SYMBOLS) == Parsed(focus="SOLUSDT", chart=True)


@pytest.mark.parametrize(
    ("line", "word"),
    [("frobnicate", "no such command"), ("mode fast", "mode signals"), ("block nosuch", "no such symbol"),
     ("speed -1", "speed 0"), ("speed x", "could not convert"), ("kill now", "takes nothing")],
)  # fmt: skip
def test_nonsense_is_told_and_does_nothing(line: str, word: str) -> None:
    answer = parse(line, NOW, SYMBOLS)
    assert isinstance(answer, str)
    assert word in answer


@pytest.mark.parametrize(
    ("line", "first"),
    [("pa", "pause"), ("block so", "block SOLUSDT"), ("block SOLUSDT ", "block SOLUSDT long"),
     ("mode a", "mode approve"), ("eth", "ETHUSDT"), ("block SOLUSDT short 4", "block SOLUSDT short 4h")],
)  # fmt: skip
def test_completion(line: str, first: str) -> None:
    assert complete(line, SYMBOLS)[0] == first
