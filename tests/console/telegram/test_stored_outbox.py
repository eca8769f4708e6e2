"""The outbox in the real database: once, in order, and as it was after a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console.pocket import REMEMBERED, StoredOutbox
from console.telegram.outbox import INFO, SAFETY, TRADE, Message, Shut
from engine.store.migrate import migrate
from engine.store.queries import TradingQueries
from tests.support.stored import opened

PNG = b"\x89PNG\x00\xff" * 50


@pytest.fixture
def url(tmp_path: Path) -> str:
    place = f"sqlite:///{tmp_path / 'trading.sqlite'}"
    migrate(place, "trading")
    return place


class Room:
    def __init__(self, outbox: StoredOutbox, again: StoredOutbox) -> None:
        self.outbox, self.again = outbox, again


@pytest.fixture
async def room(url: str) -> AsyncIterator[Room]:
    """An outbox, and what a program started later makes of the same database."""
    async with opened(url) as (journal, reader):
        queries = TradingQueries(reader)
        yield Room(StoredOutbox(journal, queries), StoredOutbox(journal, queries))


async def keys(outbox: StoredOutbox, now_ms: int = 0) -> list[str]:
    return [message.key for message in await outbox.due(now_ms, 99)]


async def test_same_key_is_taken_once_also_after_a_restart(room: Room) -> None:
    assert await room.outbox.add(Message("a", 1, "one"))
    assert not await room.outbox.add(Message("a", 1, "two"))
    assert not await room.again.add(Message("a", 1, "three"))
    (kept,) = await room.again.due(0, 9)
    assert kept.text == "one"


async def test_urgent_ones_first_then_in_the_order_they_came(room: Room) -> None:
    for key, priority in (("i1", INFO), ("t1", TRADE), ("i2", INFO), ("s1", SAFETY), ("t2", TRADE)):
        await room.outbox.add(Message(key, 1, key, priority))
    assert await keys(room.again) == ["s1", "t1", "t2", "i1", "i2"]


async def test_what_a_chat_does_not_take_now_is_left_out(room: Room) -> None:
    for key, chat, priority in (("a", 1, INFO), ("b", 1, TRADE), ("c", 1, SAFETY), ("d", 2, INFO), ("e", 1, TRADE)):
        await room.outbox.add(Message(key, chat, key, priority))
    shut = [Shut(1, SAFETY, "e"), Shut(3, SAFETY)]
    assert [message.key for message in await room.again.due(0, 9, shut)] == ["c", "e", "d"]
    assert [message.key for message in await room.again.due(0, 9, [*shut, Shut(1, SAFETY + 1)])] == ["d"]


async def test_newer_texts_that_wait_are_known_also_after_a_restart(room: Room) -> None:
    await room.outbox.add(Message("a", 1, "one"))
    await room.outbox.add(Message("a:edit", 1, "two", edits="a"))
    assert [one.key for one in await room.outbox.edits()] == ["a:edit"]
    (newer,) = await room.again.edits()
    assert newer.text == "two"
    await room.again.add(Message("b:edit", 1, "three", edits="b"))
    await room.again.sent(newer, 5, 0)
    assert [one.key for one in await room.again.edits()] == ["b:edit"]


async def test_what_was_sent_is_known_by_its_number_and_its_picture_is_let_go(room: Room) -> None:
    message = Message("p", 1, "caption", photo=PNG, buttons=((("why", "w:1"),),), answers="a")
    await room.outbox.add(message)
    assert await room.again.due(0, 9) == [message]
    await room.outbox.sent(message, 5, 77)
    assert await keys(room.again, 1 << 40) == []
    assert await room.again.message_id("p") == 77
    assert await room.again.unsent("p") is None
    assert await room.again.message_id("nobody") is None


async def test_failed_one_waits_and_a_later_text_is_not_lost_to_an_earlier_send(room: Room) -> None:
    first = Message("e", 1, "one", edition=1)
    await room.outbox.replace(first)
    await room.outbox.retry(first, 3, 500)
    assert await keys(room.again, 499) == []
    assert await keys(room.again, 500) == ["e"]
    await room.outbox.replace(Message("e", 1, "two", edition=2))
    await room.outbox.sent(first, 6, 88)
    await room.outbox.retry(first, 9, 9_000)
    (kept,) = await room.again.due(0, 9)
    assert (kept.text, kept.attempts) == ("two", 0)


async def test_memory_is_bounded_and_the_database_remembers_the_rest(room: Room) -> None:
    for number in range(3):
        await room.outbox.add(Message(f"k{number}", 1, "x", photo=PNG))
    known = room.outbox._known
    assert all(not message.photo for message, _ in known.values())
    known.update({f"fill{number}": (Message("f", 1, "x"), 1) for number in range(REMEMBERED)})
    await room.outbox.add(Message("last", 1, "x"))
    assert len(known) == REMEMBERED
    assert "k0" not in known
    assert not await room.outbox.add(Message("k0", 1, "again"))
