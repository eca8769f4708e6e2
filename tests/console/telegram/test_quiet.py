"""What a chat may silence, and what it cannot."""

from __future__ import annotations

import pytest

from console.telegram.mutes import EVENT_TYPES, Mutes, event_type, is_safety
from console.telegram.quiet import HUSH, hush
from engine.port import notices
from engine.port.notices import AnyNotice

NOW_MS = 1_767_268_800_000
BASE = {"seq": 1, "at_ms": NOW_MS, "severity": "info", "text": "t", "symbol": "BTCUSDT"}


def told(kind: type, **facts: object) -> AnyNotice:
    made: AnyNotice = kind(**{**BASE, **facts})
    return made


TRADES = [
    told(notices.SignalDecided, signal_id="s", state="approved", actor="a"),
    told(notices.EntryFilled, signal_id="s", price="1", quantity="1"),
    told(notices.StopPlaced, signal_id="s", price="1", naked_ms=1.0),
    told(notices.StopMoved, signal_id="s", price="1", why="trail"),
    told(notices.TierTaken, signal_id="s", tier=1, price="1", r=1.0),
    told(notices.TradeClosed, signal_id="s", net_r=1.0, net_usdt=1.0, reason="tp1"),
    told(notices.OrderRefused, signal_id="s", reason="r"),
]
SAFETY = [
    told(notices.Degraded, severity="danger", what="stop"),
    told(notices.Degraded, severity="danger", what="link"),
    told(notices.Degraded, severity="warn", what="quantity"),
    told(notices.DeskStateChanged, desk="reducing", mode="auto", actor="desk"),
    told(notices.Degraded, severity="warn", what="pipeline"),
]
RELIEF = [told(notices.Recovered, what="link"), told(notices.EngineStarted, severity="warn")]
OTHERS = {
    "signal": told(notices.SignalRaised, signal_id="s", score=1.0, expires_ms=0),
    "regime": told(notices.RegimeChanged, state="TREND"),
    "target": told(notices.TierPlaced, signal_id="s", tier=1, price="1"),
    "data": told(notices.Degraded, severity="warn", what="data"),
    "book": told(notices.Degraded, severity="warn", what="book"),
    "repair": told(notices.GapRepaired),
    "desk": told(notices.EngineStarted),
}
ALSO = {"book": told(notices.Recovered, what="book"), "desk": told(notices.Degraded, severity="warn", what="recorder")}


@pytest.mark.parametrize("notice", [*TRADES, *SAFETY, *RELIEF], ids=lambda one: type(one).__name__)
def test_trades_and_safety_are_told_whatever_is_muted(notice: AnyNotice) -> None:
    mutes = Mutes(frozenset({*EVENT_TYPES, type(notice).__name__}), b"", lambda _: None)
    for word in EVENT_TYPES:
        mutes.mute(1, word)
    mutes.snooze(1, "BTCUSDT", NOW_MS + 1)
    assert not mutes.silent(1, notice, NOW_MS)
    assert is_safety(notice) is (notice in SAFETY)


def test_every_event_type_can_be_muted_in_one_chat_and_told_in_another() -> None:
    assert {*OTHERS, "digest"} == set(EVENT_TYPES)
    for word, notice in (*OTHERS.items(), *ALSO.items()):
        mutes = Mutes(frozenset(), b"", lambda _: None)
        assert event_type(notice) == word
        assert "muted" in hush(mutes, 1, "mute", [word], NOW_MS)
        assert mutes.silent(1, notice, NOW_MS)
        assert not mutes.silent(2, notice, NOW_MS)
        hush(mutes, 1, "unmute", [word], NOW_MS)
        assert not mutes.silent(1, notice, NOW_MS)


def test_snoozed_symbol_is_silent_for_its_minutes_and_over_a_restart() -> None:
    shelf: list[bytes] = []
    mutes = Mutes(frozenset(), b"", shelf.append)
    assert "BTCUSDT is silent" in hush(mutes, 1, "snooze", ["btcusdt", "30"], NOW_MS)
    again = Mutes(frozenset(), shelf[-1], shelf.append)
    assert again.silent(1, OTHERS["signal"], NOW_MS + 29 * 60_000)
    assert not again.silent(1, OTHERS["signal"], NOW_MS + 30 * 60_000)
    assert "BTCUSDT silent until" in hush(again, 1, "mute", [], NOW_MS)


@pytest.mark.parametrize(
    ("name", "args", "said"),
    [
        ("snooze", [], "/snooze SYMBOL MINUTES"),
        ("snooze", ["BTCUSDT", "soon"], "/snooze SYMBOL MINUTES"),
        ("snooze", ["BTCUSDT", "0"], "/snooze SYMBOL MINUTES"),
        ("snooze", ["BTCUSDT", "9" * 30], "/snooze SYMBOL MINUTES"),
        ("mute", ["<b>"], "no event type &lt;b&gt;"),
        ("mute", ["trade"], "always told"),
        ("unmute", ["nothing"], "no event type"),
    ],
)
def test_what_makes_no_sense_is_told_and_changes_nothing(name: str, args: list[str], said: str) -> None:
    kept: list[bytes] = []
    assert said in hush(Mutes(frozenset(), b"", kept.append), 1, name, args, NOW_MS)
    assert kept == []
    assert name in HUSH
