"""What travels over the port's socket: length-prefixed msgpack of the same structs the port speaks.

A frame is four bytes of length (big endian) and one struct. The first frame of a client is `Hello` with the version of
the port; each request carries a number that its answers repeat.
"""

from __future__ import annotations

import asyncio
import struct

import msgspec

from engine.port.commands import AnyCommand, Reply
from engine.port.notices import AnyNotice
from engine.port.views import AnyView

MAX_FRAME = 8 * 1024 * 1024
_LENGTH = struct.Struct(">I")


class Hello(msgspec.Struct, frozen=True, tag=True):
    version: int
    actor: str
    read_only: bool = False


class Submit(msgspec.Struct, frozen=True, tag=True):
    n: int
    command: AnyCommand


class Watch(msgspec.Struct, frozen=True, tag=True):
    n: int
    topic: str
    max_hz: float
    args: dict[str, str]


class Follow(msgspec.Struct, frozen=True, tag=True):
    """Notices after a number."""

    n: int
    after: int


class Leave(msgspec.Struct, frozen=True, tag=True):
    """Ends a watch or a follow."""

    n: int


class Welcome(msgspec.Struct, frozen=True, tag=True):
    version: int
    pid: int


class Answer(msgspec.Struct, frozen=True, tag=True):
    n: int
    reply: Reply


class Shown(msgspec.Struct, frozen=True, tag=True):
    n: int
    view: AnyView


class Told(msgspec.Struct, frozen=True, tag=True):
    n: int
    notice: AnyNotice


class Goodbye(msgspec.Struct, frozen=True, tag=True):
    """The server ends the conversation and says why (version, uid, engine stopping)."""

    reason: str


FromSeat = Hello | Submit | Watch | Follow | Leave
FromEngine = Welcome | Answer | Shown | Told | Goodbye

_encoder = msgspec.msgpack.Encoder()
from_seat = msgspec.msgpack.Decoder(FromSeat)
from_engine = msgspec.msgpack.Decoder(FromEngine)


def pack(frame: FromSeat | FromEngine) -> bytes:
    """One frame with its length in front."""
    body = _encoder.encode(frame)
    return _LENGTH.pack(len(body)) + body


async def read_body(reader: asyncio.StreamReader) -> bytes:
    """Bytes of the next frame; raises ConnectionError at the end of the stream or on an oversized frame."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(4))
        if length > MAX_FRAME:
            raise ConnectionError(f"frame of {length} bytes")
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, OSError) as error:
        raise ConnectionError("the other side is gone") from error
