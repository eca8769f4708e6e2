"""The port over a real unix socket is the port."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import msgspec
import pytest

from engine.port import commands, notices, views
from engine.port.client import PortClient
from engine.port.commands import AnyCommand, Done, Pause, Query, Refused, Reply
from engine.port.frames import FromEngine, FromSeat, Hello, pack, read_body
from engine.port.notices import AnyNotice, EngineStarted
from engine.port.server import PortServer
from engine.port.views import AnyView, LimitsView


class CountingPort:
    """Answers by echo; its view topic counts up as quickly as it is read."""

    def __init__(self) -> None:
        self.asked: list[AnyCommand] = []
        self.built = 0

    async def submit(self, command: AnyCommand) -> Reply:
        self.asked.append(command)
        return Done(text=command.id)

    async def watch(
        self, topic: str, max_hz: float = 4.0, args: Mapping[str, str] | None = None
    ) -> AsyncIterator[AnyView]:
        while True:
            self.built += 1
            yield LimitsView(revision=self.built, as_of_ms=0, pools=(), gate="open", banned_until_ms=0)
            await asyncio.sleep(0)

    async def notices(self, after: int = 0) -> AsyncIterator[AnyNotice]:
        for seq in range(after + 1, after + 4):
            yield EngineStarted(seq=seq, at_ms=0, severity="info", text="up")
        await asyncio.Event().wait()


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[CountingPort, Path, PortServer]]:
    port, path = CountingPort(), tmp_path / "run" / "port.sock"
    server = PortServer(port, path)
    await server.start()
    yield port, path, server
    await server.close()


async def test_command_reaches_the_port_and_its_reply_comes_back(served: tuple[CountingPort, Path, PortServer]) -> None:
    port, path, _ = served
    client = await PortClient.connect(path, "test")
    assert await client.submit(Pause(id="p1", actor="test", for_s=3.0)) == Done(text="p1")
    assert port.asked == [Pause(id="p1", actor="test", for_s=3.0)]
    await client.close()


async def test_slow_reader_gets_the_newest_view_and_never_an_old_one(
    served: tuple[CountingPort, Path, PortServer],
) -> None:
    _, path, _ = served
    client = await PortClient.connect(path, "test")
    seen: list[int] = []
    async for view in client.watch("limits"):
        seen.append(view.revision)
        if len(seen) == 5:
            break
        await asyncio.sleep(0.02)
    assert seen == sorted(set(seen))
    assert seen[-1] > 5, "views the reader was too slow for are skipped"
    await client.close()


async def test_notices_resume_after_the_last_number_seen(served: tuple[CountingPort, Path, PortServer]) -> None:
    _, path, _ = served
    client = await PortClient.connect(path, "test")
    seqs = []
    async for notice in client.notices(after=41):
        seqs.append(notice.seq)
        if len(seqs) == 3:
            break
    assert seqs == [42, 43, 44]
    await client.close()


async def test_socket_is_owner_only(served: tuple[CountingPort, Path, PortServer]) -> None:
    _, path, _ = served
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_other_version_is_told_why_it_is_declined(served: tuple[CountingPort, Path, PortServer]) -> None:
    _, path, _ = served
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(pack(Hello(99, "old")))
    assert b"port version" in await read_body(reader)
    writer.close()


async def test_garbage_ends_only_its_own_connection(served: tuple[CountingPort, Path, PortServer]) -> None:
    _, path, _ = served
    good = await PortClient.connect(path, "test")
    _, writer = await asyncio.open_unix_connection(str(path))
    writer.write(b"\x00\x00\x00\x04junk")
    await writer.drain()
    assert isinstance(await good.submit(Pause(id="p", actor="t")), Done)
    writer.close()
    await good.close()


async def test_read_only_seat_may_look_but_not_touch(served: tuple[CountingPort, Path, PortServer]) -> None:
    port, path, _ = served
    client = await PortClient.connect(path, "watcher", read_only=True)
    reply = await client.submit(Pause(id="p", actor="watcher"))
    assert isinstance(reply, Refused)
    assert reply.reason == "read_only"
    assert isinstance(await client.submit(Query(id="q", actor="watcher", what="signals")), Done)
    assert [type(command) for command in port.asked] == [Query]
    await client.close()


async def test_engine_that_goes_away_ends_every_wait_with_a_connection_error(
    served: tuple[CountingPort, Path, PortServer],
) -> None:
    _, path, server = served
    client = await PortClient.connect(path, "test")
    stream = client.notices(after=3)
    assert (await anext(stream)).seq == 4
    await server.close("stopped for the test")
    with pytest.raises(ConnectionError, match="stopped for the test"):
        async for _ in stream:
            pass
    with pytest.raises(ConnectionError):
        await client.submit(Pause(id="x", actor="t"))
    await client.close()


async def test_no_engine_is_a_connection_error(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError, match="no engine"):
        await PortClient.connect(tmp_path / "none.sock", "test")


def _sample(kind: object) -> object:
    """A value of any type the port carries, built from its declared fields."""
    info = msgspec.inspect.type_info(kind)  # type: ignore[arg-type]
    return _value(info)


def _value(info: msgspec.inspect.Type) -> object:
    match info:
        case msgspec.inspect.StructType(cls=cls, fields=fields):
            return cls(**{field.name: _value(field.type) for field in fields})
        case msgspec.inspect.UnionType(types=types):
            return _value(types[0])
        case msgspec.inspect.VarTupleType(item_type=item):
            return (_value(item),)
        case msgspec.inspect.TupleType(item_types=items):
            return tuple(_value(item) for item in items)
        case msgspec.inspect.DictType(key_type=key, value_type=value):
            return {_value(key): _value(value)}
        case msgspec.inspect.StrType():
            return "x"
        case msgspec.inspect.BoolType():
            return True
        case msgspec.inspect.IntType():
            return 3
        case msgspec.inspect.FloatType():
            return 1.5
        case msgspec.inspect.BytesType():
            return b"{}"
        case msgspec.inspect.NoneType():
            return None
    raise AssertionError(info)


CARRIED = [
    *commands.AnyCommand.__args__, *views.AnyView.__args__, *notices.AnyNotice.__args__,
    *FromSeat.__args__, *FromEngine.__args__, commands.Done, commands.Refused,
]  # fmt: skip


@pytest.mark.parametrize("kind", CARRIED, ids=lambda kind: kind.__name__)
def test_every_struct_of_the_port_survives_the_wire(kind: type[msgspec.Struct]) -> None:
    sample = _sample(kind)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(sample), type=kind) == sample
