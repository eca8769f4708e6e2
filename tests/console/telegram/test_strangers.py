"""A stranger's messages, replayed callbacks, expired buttons, oversized and malformed updates change nothing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from console.telegram import inbox
from console.telegram.wire import readable
from engine.port.commands import Done, Refused
from tests.console.telegram.test_bot import Stage
from tests.support.bot_api import BotApi

PERSON = {"id": 1, "is_bot": False, "first_name": "user1"}
CHAT = {"id": 1, "type": "private"}
MALFORMED: list[dict[str, Any]] = [
    {},
    {"message": {}},
    {"message": None},
    {"message": "text"},
    {"message": {"message_id": 1, "date": "today", "chat": CHAT, "from": PERSON, "text": "/kill main"}},
    {"message": {"message_id": 1, "date": 1, "chat": {"id": 1}, "from": PERSON, "text": "/kill main"}},
    {"message": {"message_id": 1, "date": 10**18, "chat": CHAT, "from": PERSON, "text": "/kill main"}},
    {"callback_query": {"id": "x"}},
    {"callback_query": {"id": "x", "chat_instance": "1", "from": PERSON, "data": "c:00000000"}},
    {"callback_query": {"id": "x", "chat_instance": "1", "from": PERSON, "data": None}},
    {"edited_message": {"message_id": 1, "date": 1, "chat": CHAT, "from": PERSON, "text": "/kill main"}},
    {"channel_post": {"message_id": 1, "date": 1, "chat": {"id": -1, "type": "channel"}, "text": "/kill main"}},
]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    api = BotApi()
    await api.start()
    made = Stage(api)
    running = asyncio.create_task(made.seat.run())
    yield made
    assert not running.done(), "the seat fell over"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await api.close()


async def alive(stage: Stage) -> None:
    """The bot has read everything before this and still answers."""
    before = len(stage.api.texts(2))
    stage.api.says("/help", user=2)
    await stage.until(lambda: len(stage.api.texts(2)) > before)


async def test_malformed_updates_are_read_over(stage: Stage) -> None:
    for update in MALFORMED:
        stage.api.push_raw(update)
    await alive(stage)
    assert stage.port.asked == []
    assert stage.api.texts(1) == []


def test_unreadable_updates_keep_their_number_and_nothing_else() -> None:
    body = json.dumps({"ok": True, "result": [{"update_id": 5, "message": {}}, {"no": "number"}, "text", 7]})
    assert json.loads(readable(body.encode())) == {"ok": True, "result": [{"update_id": 5}]}
    for odd in (b"<html>", b"[]", b'{"ok": true, "result": true}', b'{"ok": false}'):
        assert readable(odd) == odd


@pytest.mark.parametrize(
    "text",
    ["/" + "x" * 5000, "/pause " + "9" * 4000, "/pause nan", "/pause -5", "/pause 1e999", "\x00\x01", "/", "/@bot"],
)
async def test_oversized_and_odd_texts_do_nothing_but_ask_back(stage: Stage, text: str) -> None:
    stage.api.says(text, user=1)
    await alive(stage)
    assert stage.port.asked == []


@pytest.mark.parametrize("data", ["", ":", "c:", "a:::", "a:s1", "z" * 5000, "c:é", "a:s1:é"])
async def test_odd_callback_data_presses_nothing(stage: Stage, data: str) -> None:
    await stage.raise_signal()
    stage.api.presses(data)
    await stage.until(lambda: len(stage.api.answers) == 1)
    assert stage.port.asked == []


async def test_stranger_is_counted_and_heard_by_nobody(stage: Stage) -> None:
    await stage.raise_signal()
    approve = stage.api.button("approve")
    for text in ("/status", "/halt", "/flatten main", "/kill main", "/snooze BTCUSDT 5", "/pair", "/pair 12345678"):
        stage.api.says(text, user=66)
    stage.api.presses(approve, user=66)
    await stage.until(lambda: stage.guests.strangers == 8)
    assert stage.api.texts(66) == []
    assert stage.api.answers == []
    assert stage.port.asked == []
    await stage.until(lambda: any("8 strangers" in state for state in stage.states))


async def test_operator_is_not_heard_where_others_read_along(stage: Stage) -> None:
    stage.api.says("/status", user=1, chat=-500)
    stage.api.says("/kill main", user=1, chat=-500)
    await stage.until(lambda: stage.guests.strangers == 2)
    assert stage.api.texts(-500) == []
    assert stage.port.asked == []


async def test_order_that_waited_while_nobody_listened_is_not_carried_out(stage: Stage) -> None:
    object.__setattr__(stage.seat._inbox, "_wall_ms", lambda: round(time.time() * 1000))
    stage.api.says("/kill main", user=1, age_s=3600)
    await stage.until(lambda: len(stage.api.texts(1)) == 1)
    assert "too long ago" in stage.api.texts(1)[0]
    assert stage.port.asked == []


async def test_confirmation_dies_after_twenty_seconds(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    assert inbox.CONFIRM_S == 20
    monkeypatch.setattr(inbox, "CONFIRM_S", -1.0)
    stage.api.says("/halt", user=1)
    await stage.until(lambda: len(stage.api.texts(1)) == 1)
    stage.api.presses(stage.api.button("yes, halt"))
    await stage.until(lambda: len(stage.api.answers) == 1)
    assert stage.api.answers == ["too late; ask again"]
    assert stage.port.asked == []


async def test_revoked_person_is_a_stranger_again(stage: Stage) -> None:
    stage.api.says(f"/pair {stage.guests.new_code('operator')}", user=50)
    await stage.until(lambda: len(stage.api.texts(50)) == 1)
    stage.api.says("/halt", user=50)
    await stage.until(lambda: len(stage.api.texts(50)) == 2)
    yes = stage.api.button("yes, halt")
    stage.guests.revoke(50)
    stage.api.presses(yes, user=50)
    stage.api.says("/status", user=50)
    await stage.until(lambda: stage.guests.strangers == 2)
    assert len(stage.api.texts(50)) == 2
    assert stage.port.asked == []


async def test_answer_that_hangs_keeps_nobody_else_waiting(stage: Stage) -> None:
    stage.api.hanging = 1
    stage.api.says("/status", user=2)
    await stage.until(lambda: stage.api.hanging == 0)
    stage.port.reply = Done("halted")
    stage.api.says("/kill main", user=1)
    await stage.until(lambda: bool(stage.port.asked))


async def test_fault_in_one_answer_ends_that_answer_alone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(inbox.COMMANDS, "latency", inbox.COMMANDS["status"].__class__("latency", "x", "x", _broken))
    stage.api.says("/latency", user=2)
    await stage.until(lambda: stage.seat.faults == 1)
    await alive(stage)


async def _broken(*_: object) -> str:
    raise ZeroDivisionError


async def test_odd_updates_change_nothing(stage: Stage) -> None:
    stage.api.push_raw({})
    stage.api.push_raw({"message": {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}}})
    stage.api.says("/" + "x" * 5000, user=1)
    stage.api.says("/status", user=1)
    await stage.until(lambda: len(stage.api.texts(1)) >= 2)
    assert stage.port.asked == []


async def test_what_a_person_wrote_comes_back_as_written(stage: Stage) -> None:
    stage.port.reply = Refused("unknown", "no account <b>main")
    stage.api.says("/flatten main")
    await stage.until(lambda: stage.api.texts(1) == ["refused: no account &lt;b&gt;main"])
    stage.api.says("/validate <b>x")
    await stage.until(lambda: stage.api.texts(1)[1:] == ["nothing to validate for &lt;B&gt;X"])
