"""Frames that were damaged on the way: nothing falls over, and what concerns one symbol concerns no other.

Recorded frames, mutated by a seeded generator: FRAMES=100000 pytest tests/engine/exchange/test_mutated_frames.py
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import Any

import pytest

from engine.clock import VirtualClock, run_virtual
from engine.errors import BadPayload
from engine.exchange.instruments import read_exchange_info
from engine.exchange.orders import OrderChanged
from engine.exchange.refusals import judge
from engine.exchange.transport import HttpAnswer
from engine.exchange.wire_events import decode_user_event
from engine.market.depth_sync import SyncState
from tests.support.captures import capture
from tests.support.recorded_wire import Frame, Playback, frames

ALTS = "um_4alts_2021-07-22_depth100ms_aggTrade_kline_bookTicker.jsonl.zst"
FIXTURES = Path(__file__).parents[4] / "shared" / "spec" / "fixtures"
START_MS = 1_767_225_600_000
COUNT = int(os.environ.get("FRAMES", "10000"))
VICTIM = "SUSHIUSDT"
STRANGE: tuple[Any, ...] = (
    None, True, "", "abc", "NaN", "Infinity", "-1", "1e400", -1, 0, 2**63, 2**70, 1.5, [], {}, [[]],
    "\u0000", "💥" * 50,
)  # fmt: skip


def mutated(rng: Random, text: str, others: tuple[str, ...] = ()) -> str | bytes:
    """The text with one damage: bytes, a value, a name, a piece missing or doubled, or another symbol's name."""
    kind = rng.randrange(8)
    raw = text.encode()
    if kind == 0:
        at = rng.randrange(len(raw))
        return raw[:at] + bytes([rng.randrange(256)]) + raw[at + 1 :]
    if kind == 1:
        return raw[: rng.randrange(len(raw))]
    if kind == 2:
        at, size = rng.randrange(len(raw)), rng.randrange(1, 40)
        return raw[:at] + raw[at + size :]
    if kind == 3:
        at, size = rng.randrange(len(raw)), rng.randrange(1, 40)
        return raw[: at + size] + raw[at:]
    value = json.loads(text)
    holder, key = rng.choice(list(_places(value)))
    if kind == 4:
        holder[key] = rng.choice(STRANGE)
    elif kind == 5 and isinstance(holder, dict):
        del holder[key]
    elif kind == 6 and isinstance(holder, dict):
        holder[rng.choice(["e", "s", "u", "x", "stream", "🐟", ""])] = holder.pop(key)
    elif others and isinstance(value, dict) and isinstance(value.get("data"), dict):
        value["data"]["s"] = rng.choice(others)  # on its own stream, in another's name
    else:
        holder[key] = [holder[key]]
    return json.dumps(value, ensure_ascii=rng.random() < 0.5)


def _places(value: Any) -> Iterable[tuple[Any, Any]]:
    """Every (container, key) within a JSON value."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list) and value[key]:
            yield from _places(value[key])


def spoil(rng: Random, others: tuple[str, ...], copies: int) -> Callable[[Frame], Iterable[str | bytes]]:
    """Sends damaged copies around each frame of the victim, and now and then instead of it."""

    def alter(frame: Frame) -> Iterable[str | bytes]:
        if frame.symbol != VICTIM:
            return (frame.text,)
        damaged = [mutated(rng, frame.text, others) for _ in range(copies)]
        return damaged if rng.random() < 0.02 else [*damaged, frame.text]

    return alter


def test_damaged_frames_of_one_symbol_leave_the_others_alone() -> None:
    recording = list(frames(capture(ALTS), ("depth", "bookTicker", "kline", "aggTrade")))
    others = tuple(sorted({frame.symbol for frame in recording} - {VICTIM}))
    victims = sum(frame.symbol == VICTIM and frame.stream != "" for frame in recording)
    copies = -(-COUNT // victims)

    def play(clock: VirtualClock) -> Any:
        return Playback(clock, recording, spoil(Random(11), others, copies)).run()

    clean: Playback = run_virtual(lambda clock: Playback(clock, recording).run(), START_MS)
    played: Playback = run_virtual(play, START_MS)
    assert played.streams.decode_errors > COUNT / 3
    assert played.crossed == 0
    for symbol in others:
        assert played.books._kept[symbol].sync.state is SyncState.SYNCED
        assert played.snapshots[symbol] == 1
        assert played.shown[symbol] == clean.shown[symbol]
        assert played.told[symbol] == clean.told[symbol]


@pytest.mark.skipif(not FIXTURES.is_dir(), reason="the documented payloads are not beside this checkout")
def test_damaged_account_events_and_answers_are_bad_payloads_and_nothing_else() -> None:
    rng, bad, good = Random(12), 0, 0
    events = [file.read_text() for file in sorted((FIXTURES / "ws_user").glob("*.json"))]
    for text in islice(cycle(events), COUNT // 2):
        try:
            good += any(isinstance(event, OrderChanged) for event in decode_user_event(mutated(rng, text)))
        except BadPayload:
            bad += 1
    errors = [file.read_text() for file in sorted((FIXTURES / "errors").glob("*.json"))]
    for text in islice(cycle(errors), COUNT // 4):
        damaged = mutated(rng, text)
        body = damaged if isinstance(damaged, bytes) else damaged.encode()
        assert judge(HttpAnswer(rng.choice([400, 401, 403, 418, 429, 451, 500, 503]), {}, body)).kind.value != "ok"
    listing = json.loads((FIXTURES / "rest/exchangeInfo.json").read_text())
    for _ in range(COUNT // 20):
        damaged = mutated(rng, json.dumps(listing))
        try:
            read_exchange_info(damaged if isinstance(damaged, bytes) else damaged.encode())
        except BadPayload:
            bad += 1
    assert bad > COUNT / 10
    assert good > 0
